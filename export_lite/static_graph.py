"""``model.pdmodel`` and ``model.pdiparams``: a checkpoint as a static graph.

The graph is for Paddle Inference, for Paddle Lite and for FastDeploy's engines, so it keeps to what all of them run
(tried with the versions in the lock file):

* No comparison (Paddle Lite aborts on the constant it exports) and no ``abs`` (OpenVINO has none) in the mask.
* Positions and token types are one constant ``[length, hidden]``, added to the word embeddings.
* No dropout: a graph is for inference, and Paddle Lite's attention fusion expects one to be quantised.
* The INT8 inputs of a quantised checkpoint are simulated by scale, clip and floor, and its weights stored as floats.
  ``quantize_linear`` and ``dequantize_linear`` would keep them INT8, but Paddle Lite on x86 and FastDeploy's Paddle
  Inference run those without an error and compute something else (logits off by 30 and 70 % of the largest).
  ``round`` is missing in OpenVINO. floor(x + 0.5) differs from it only where a negative x is exactly between two steps.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.base.proto import framework_pb2
from paddle.nn import functional as F

from slu.bundle import GRAPH, INPUT, OUTPUTS, PARAMETERS
from slu.checkpoint import Checkpoint
from slu.model import MASKED
from slu.quantization import INPUT_SCALE, LEVELS, dequantise

EMBEDDINGS = "ernie.embeddings"
POSITIONS = f"{EMBEDDINGS}.positions"


class StaticErnie(nn.Layer):
    """The network of a checkpoint in plain operators, for utterances padded to ``length`` tokens.

    ``forward(ids int32 [n, length])`` → ``[n, intents]`` and ``[n, length, tags]``. Parameters carry their names of
    the checkpoint into the graph.
    """

    def __init__(self, checkpoint: Checkpoint, length: int):
        super().__init__()
        self.config = checkpoint.config
        self.length = length
        tensors = dequantise(checkpoint.tensors)
        self._input_scales = {
            name.removesuffix(f".{INPUT_SCALE}"): float(scale[0])
            for name, scale in checkpoint.tensors.items()
            if name.endswith(f".{INPUT_SCALE}")
        }
        constants = {
            POSITIONS: _position_rows(tensors, checkpoint, length),
            **{name: value for name, value in tensors.items() if not name.startswith(EMBEDDINGS)},
        }
        for name in ("word_embeddings.weight", "layer_norm.weight", "layer_norm.bias"):
            constants[f"{EMBEDDINGS}.{name}"] = tensors[f"{EMBEDDINGS}.{name}"]
        self._names = {}
        for i, (name, value) in enumerate(constants.items()):
            tensor = paddle.to_tensor(value)
            tensor.name, tensor.persistable = name, True
            self._names[name] = f"constant_{i}"
            self.register_buffer(self._names[name], tensor)

    def forward(self, ids: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        config = self.config
        mask = self._mask(ids)
        x = F.embedding(ids, self._constant(f"{EMBEDDINGS}.word_embeddings.weight")) + self._constant(POSITIONS)
        x = self._norm(f"{EMBEDDINGS}.layer_norm", x)
        for i in range(config.num_hidden_layers):
            layer = f"ernie.encoder.layers.{i}"
            x = self._norm(f"{layer}.norm1", x + self._attention(f"{layer}.self_attn", x, mask))
            inner = F.gelu(self._linear(f"{layer}.linear1", x))
            x = self._norm(f"{layer}.norm2", x + self._linear(f"{layer}.linear2", inner))
        first = paddle.slice(x, [1], [0], [1]).squeeze(1)
        pooled = paddle.tanh(self._linear("ernie.pooler.dense", first))
        return self._linear("intent_classifier", pooled), self._linear("slot_classifier", x)

    def _constant(self, name: str) -> paddle.Tensor:
        return getattr(self, self._names[name])

    def _mask(self, ids: paddle.Tensor) -> paddle.Tensor:
        """0 for tokens and `MASKED` for padding, ``[n, 1, 1, length]``."""
        distance = paddle.scale(paddle.cast(ids, "float32"), bias=-float(self.config.pad_token_id))
        sign = paddle.clip(distance, -1.0, 1.0)
        return paddle.scale(sign * sign, scale=-MASKED, bias=MASKED).unsqueeze([1, 2])

    def _linear(self, name: str, x: paddle.Tensor) -> paddle.Tensor:
        step = self._input_scales.get(name)
        if step is not None:
            shifted = paddle.scale(x, scale=1.0 / step, bias=0.5)
            x = paddle.floor(paddle.clip(shifted, 0.5 - LEVELS, 0.5 + LEVELS)) * step
        return paddle.matmul(x, self._constant(f"{name}.weight")) + self._constant(f"{name}.bias")

    def _norm(self, name: str, x: paddle.Tensor) -> paddle.Tensor:
        weight, bias = self._constant(f"{name}.weight"), self._constant(f"{name}.bias")
        return F.layer_norm(x, [self.config.hidden_size], weight, bias, self.config.layer_norm_eps)

    def _attention(self, name: str, x: paddle.Tensor, mask: paddle.Tensor) -> paddle.Tensor:
        heads, size = self.config.num_attention_heads, self.config.attention_head_size
        q, k, v = (
            self._linear(f"{name}.{kind}_proj", x).reshape([0, self.length, heads, size]).transpose([0, 2, 1, 3])
            for kind in "qkv"
        )
        scores = paddle.matmul(q * size**-0.5, k, transpose_y=True) + mask
        mixed = paddle.matmul(F.softmax(scores), v).transpose([0, 2, 1, 3])
        return self._linear(f"{name}.out_proj", mixed.reshape([0, self.length, heads * size]))


def write_static_graph(checkpoint: Checkpoint, length: int, directory: Path) -> None:
    """Write `GRAPH` and `PARAMETERS` into ``directory``. The same checkpoint gives the same bytes."""
    with tempfile.TemporaryDirectory() as temporary, paddle.utils.unique_name.guard():
        network = StaticErnie(checkpoint, length)
        network.eval()
        prefix = Path(temporary) / "model"
        ids = paddle.static.InputSpec([None, length], "int32", INPUT)
        paddle.jit.save(network, str(prefix), input_spec=[ids])
        program = framework_pb2.ProgramDesc.FromString(prefix.with_suffix(".pdmodel").read_bytes())
        _name_outputs(program)
        _remove_origins(program)
        (directory / GRAPH).write_bytes(program.SerializeToString(deterministic=True))
        (directory / PARAMETERS).write_bytes(prefix.with_suffix(".pdiparams").read_bytes())


def _position_rows(tensors: dict[str, np.ndarray], checkpoint: Checkpoint, length: int) -> np.ndarray:
    """What is added to every word embedding: position, token type 0 and, where there is one, the task; [length, H]."""
    rows = tensors[f"{EMBEDDINGS}.position_embeddings.weight"][:length]
    if checkpoint.config.type_vocab_size:
        rows = rows + tensors[f"{EMBEDDINGS}.token_type_embeddings.weight"][0]
    if checkpoint.config.use_task_id:
        rows = rows + tensors[f"{EMBEDDINGS}.task_type_embeddings.weight"][checkpoint.config.task_id]
    return rows


def _name_outputs(program: framework_pb2.ProgramDesc) -> None:
    """Give the fetched variables the names of `OUTPUTS`; Paddle numbers them."""
    block = program.blocks[0]
    fetched = [op.inputs[0].arguments[0] for op in block.ops if op.type == "fetch"]
    new = dict(zip(fetched, OUTPUTS))
    for variable in block.vars:
        variable.name = new.get(variable.name, variable.name)
    for op in block.ops:
        for slot in (*op.inputs, *op.outputs):
            slot.arguments[:] = [new.get(name, name) for name in slot.arguments]


def _remove_origins(program: framework_pb2.ProgramDesc) -> None:
    """Remove the lines of Python that made each operator: a model need not tell where it was exported."""
    for op in program.blocks[0].ops:
        kept = [attribute for attribute in op.attrs if attribute.name != "op_callstack"]
        del op.attrs[:]
        op.attrs.extend(kept)
