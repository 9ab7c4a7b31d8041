"""The network: one ERNIE encoder with the linear layers of a head on its pooled output and on every token.

The encoder is PaddleNLP's `ErnieModel`, so published ERNIE 3.0 checkpoints fit by name. What is changed around it:
heads and neurons may have been cut (their linear layers are smaller), and masks, positions and token types are
passed in explicitly, which trains faster and exports to graphs that Paddle Lite and FastDeploy can run.
"""

from __future__ import annotations

from typing import Any, Union

import numpy as np
import paddle
from paddle import nn

from slu.corpus.labels import Labels
from slu.inputs.flags import FlagColumns
from slu.inputs.ngrams import Ngrams
from slu.model.baselines import Baseline
from slu.model.checkpoint import Checkpoint, check_tensors
from slu.model.config import ADDED, ERNIE, ModelConfig
from slu.model.ernie import ErnieConfig, ErnieModel
from slu.model.neighbours import look_at_neighbours
from slu.model.quantization import INPUT_SCALE, LEVELS, OUTPUT_SCALE, dequantise, quantised_layers

MASKED = -1e4
"""Added to the attention scores of padding, as ERNIE does; float16 can hold it."""


class ErnieWithHead(nn.Layer):
    """``forward(ids)``: int ids ``[n, length]`` → the logits of the head's outputs, with ``n`` as their first axis.

    Models with flags take them as ``flags``, float32 ``[n, length, columns]`` (see `slu.inputs.flags`), or None for all
    0.
    """

    def __init__(self, config: ModelConfig, labels: Labels):
        super().__init__()
        self.config = config
        self.ernie = _encoder(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        init = paddle.ParamAttr(initializer=nn.initializer.TruncatedNormal(std=config.initializer_range))
        for output in config.task.outputs:
            setattr(self, output.layer, nn.Linear(config.hidden_size, output.width(labels), weight_attr=init))
        if not config.reads_whole_text:
            self.ernie.pooler = NoPooler()
        if config.flags:
            columns = FlagColumns.of(config.flags, labels).count
            self.ernie.embeddings.flag_embeddings = FlagEmbeddings(columns, config.hidden_size, init)
        self.ngrams: Ngrams | None = None  # finds their rows; `load_model` sets it
        if config.ngram_rows:
            # So that the sum begins with values as large as those of the characters.
            narrow = paddle.ParamAttr(initializer=nn.initializer.Normal(std=config.ngram_width**-0.5))
            embeddings = self.ernie.embeddings
            embeddings.ngram_embeddings = nn.Embedding(config.ngram_rows, config.ngram_width, weight_attr=init)
            embeddings.ngram_projection = FlagEmbeddings(config.ngram_width, config.hidden_size, narrow)

    def forward(
        self, ids: paddle.Tensor, flags: paddle.Tensor | None = None, padded: bool = True
    ) -> tuple[paddle.Tensor, ...]:
        """``padded=False`` says that no id is [PAD]: the mask is then left out."""
        return self.run(ids, flags, padded, hidden=False)[0]

    def run(
        self, ids: paddle.Tensor, flags: paddle.Tensor | None, padded: bool, hidden: bool
    ) -> tuple[tuple[paddle.Tensor, ...], list[paddle.Tensor]]:
        """What `forward` returns, and the hidden states ``[n, length, hidden_size]`` after each layer if ``hidden``."""
        length = ids.shape[1]
        zeros = paddle.zeros([1, length], "int64")
        embedded = None
        embeddings = self.ernie.embeddings
        if flags is not None or self.config.ngram_rows:
            embedded = embeddings.word_embeddings(ids)
        if flags is not None:
            embedded = embedded + embeddings.flag_embeddings(flags)
        if self.config.ngram_rows:
            embedded = embedded + embeddings.ngram_projection(embeddings.ngram_embeddings(self._ngram_rows(ids)))
        outputs = self.ernie(
            ids if embedded is None else None,
            inputs_embeds=embedded,
            token_type_ids=zeros,
            position_ids=paddle.arange(length).unsqueeze(0),
            attention_mask=self._mask(ids) if padded else paddle.zeros([1, 1, 1, 1]),
            task_type_ids=zeros + self.config.task_id if self.config.use_task_id else None,
            output_hidden_states=hidden,
        )
        sequence, pooled = outputs[0], outputs[1]
        states = list(outputs[2]) if hidden else []
        logits = tuple(
            getattr(self, output.layer)(self.dropout(sequence if output.per_token else pooled))
            for output in self.config.task.outputs
        )
        return logits, states

    def _ngram_rows(self, ids: paddle.Tensor) -> paddle.Tensor:
        """Rows of the table of n-grams, int64 ``[n, length]``. Training reads some n-grams as unknown ones."""
        assert self.ngrams is not None
        rows = paddle.to_tensor(self.ngrams.rows(ids.numpy()))
        if self.training and self.config.ngram_dropout_prob:
            rows = rows * (paddle.rand(rows.shape) >= self.config.ngram_dropout_prob).astype("int64")
        return rows

    def _mask(self, ids: paddle.Tensor) -> paddle.Tensor:
        """0 for tokens and `MASKED` for padding, ``[n, 1, 1, length]``.

        Made without a comparison: Paddle Lite aborts on the constant that one exports.
        """
        distance = (ids.astype("float32") - float(self.config.pad_token_id)).abs()
        return ((distance.clip(0.0, 1.0) - 1.0) * -MASKED).unsqueeze([1, 2])


class NoPooler(nn.Layer):
    """In place of the layer that makes the pooled output, where no output of the head reads it."""

    def forward(self, hidden: paddle.Tensor) -> paddle.Tensor:
        return hidden


class FlagEmbeddings(nn.Layer):
    """A row for each flag: the sum of the rows of those that are set. Not a linear layer: it is not to be quantised.

    And the projection of n-grams, which is not to be either: few bytes, and the range of its inputs is wide.
    """

    def __init__(self, columns: int, hidden: int, init: Any):
        super().__init__()
        self.weight = self.create_parameter([columns, hidden], attr=init)

    def forward(self, flags: paddle.Tensor) -> paddle.Tensor:
        return paddle.matmul(flags, self.weight)


Network = Union[ErnieWithHead, Baseline]


class QuantisedLinear(nn.Layer):
    """A linear layer that computes what INT8 hardware does, in floats: rounded input, dequantised weights."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray, input_scale: float, output_scale: float | None = None):
        """``weight`` float32 ``[in, out]`` (already on its int8 grid), ``input_scale`` the step of the int8 input,
        ``output_scale`` that of the int8 output where what comes next reads one."""
        super().__init__()
        self.register_buffer("weight", paddle.to_tensor(weight))
        self.register_buffer("bias", paddle.to_tensor(bias))
        self.scale = float(input_scale)
        self.output_scale = None if output_scale is None else float(output_scale)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        y = paddle.matmul(_rounded(x, self.scale), self.weight) + self.bias
        return y if self.output_scale is None else _rounded(y, self.output_scale)


def _rounded(x: paddle.Tensor, step: float) -> paddle.Tensor:
    return paddle.clip(paddle.round(x * (1.0 / step)), -LEVELS, LEVELS) * step


_NOT_ERNIE = ("model_type", "architectures", "flags", "pairs", "encoder", *ADDED)


def _encoder(config: ModelConfig) -> ErnieModel:
    fields = {k: v for k, v in config.to_dict().items() if k not in _NOT_ERNIE}
    inner = config.num_attention_heads * config.attention_head_size
    # ErnieModel wants heads that divide the hidden size; the linear layers of cut heads are put in afterwards.
    heads = config.num_attention_heads if inner == config.hidden_size else 1
    encoder = ErnieModel(ErnieConfig(**{**fields, "num_attention_heads": heads}))
    for layer in encoder.encoder.layers:
        attention = layer.self_attn
        if inner != config.hidden_size:
            init = paddle.ParamAttr(initializer=nn.initializer.TruncatedNormal(std=config.initializer_range))
            for name in ("q_proj", "k_proj", "v_proj"):
                setattr(attention, name, nn.Linear(config.hidden_size, inner, weight_attr=init))
            attention.out_proj = nn.Linear(inner, config.hidden_size, weight_attr=init)
            attention.num_heads, attention.head_dim = config.num_attention_heads, config.attention_head_size
    for layer in encoder.sublayers():
        if isinstance(layer, nn.LayerNorm):
            layer._epsilon = config.layer_norm_eps
    return encoder


def _network(config: ModelConfig, labels: Labels) -> Network:
    return ErnieWithHead(config, labels) if config.encoder == ERNIE else Baseline(config, labels)


def new_model(config: ModelConfig, labels: Labels, seed: int) -> Network:
    """A model with random weights that depend on ``seed`` alone."""
    paddle.seed(seed)
    model = _network(config, labels)
    if config.encoder == ERNIE and config.neighbour_heads:
        tensors = tensors_of(model)
        look_at_neighbours(tensors, config)
        set_tensors(model, tensors)
    return model


def load_model(checkpoint: Checkpoint) -> Network:
    """Build the network of a checkpoint, in evaluation mode.

    INT8 embeddings are dequantised; quantised linear layers become `QuantisedLinear` (inference only).
    """
    model = _network(checkpoint.config, checkpoint.labels)
    if checkpoint.ngrams is not None:
        model.ngrams = Ngrams(checkpoint.ngrams, checkpoint.vocab)
    set_tensors(model, dequantise(checkpoint.tensors))
    for name in quantised_layers(checkpoint.tensors):
        parent, _, last = name.rpartition(".")
        owner: Any = dict(model.named_sublayers(include_self=True))[parent]
        linear = getattr(owner, last)
        steps = [checkpoint.tensors[f"{name}.{INPUT_SCALE}"][0]]
        steps += list(checkpoint.tensors.get(f"{name}.{OUTPUT_SCALE}", ()))
        setattr(owner, last, QuantisedLinear(linear.weight.numpy(), linear.bias.numpy(), *steps))
    model.eval()
    return model


def tensors_of(model: nn.Layer) -> dict[str, np.ndarray]:
    """Float32 parameters by name (copies)."""
    return {name: np.array(parameter.numpy()) for name, parameter in model.named_parameters()}


def set_tensors(model: nn.Layer, tensors: dict[str, np.ndarray]) -> None:
    """Put ``tensors`` into the parameters of the same names; all of them must be there."""
    for name, parameter in model.named_parameters():
        parameter.set_value(tensors[name])


def to_checkpoint(model: Network, like: Checkpoint, config: ModelConfig | None = None) -> Checkpoint:
    """A float checkpoint of ``model`` with the vocabulary, the labels and the lexicons of ``like``."""
    config = config or like.config
    tensors = tensors_of(model)
    check_tensors(tensors, config, like.labels, "the trained model")
    return Checkpoint(config, tensors, like.vocab, like.labels, lexicon=like.lexicon, ngrams=like.ngrams)


__all__ = [
    "ErnieWithHead",
    "Network",
    "QuantisedLinear",
    "load_model",
    "new_model",
    "set_tensors",
    "tensors_of",
    "to_checkpoint",
]
