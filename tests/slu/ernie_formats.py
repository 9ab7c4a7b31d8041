"""Tiny ERNIE checkpoints in every format that a model can start from, and what starts from them."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import paddle
import pytest
from safetensors.numpy import load_file, save_file

from slu.corpus.labels import Labels
from slu.errors import CheckpointError, ConfigError
from slu.model.checkpoint import Checkpoint
from slu.model.network import tensors_of
from slu.training.recipe import ModelSettings
from slu.training.start import initial_checkpoint

if TYPE_CHECKING:  # it takes seconds, so only a test that needs it imports it
    from paddlenlp.transformers import ErnieModel

PADDING = 13
"""Rows of the word embeddings past the vocabulary, as published checkpoints have them."""


def make_encoder(vocab: list[str], **fields: Any) -> ErnieModel:
    """A PaddleNLP model in evaluation mode; its biases and norms are not 0 and 1, so that each of them counts."""
    from paddlenlp.transformers import ErnieConfig, ErnieModel

    config = ErnieConfig(
        vocab_size=len(vocab) + PADDING, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=80, max_position_embeddings=40, type_vocab_size=4, pad_token_id=0, **fields,
    )  # fmt: skip
    paddle.seed(3)
    model = ErnieModel(config)
    rng = np.random.default_rng(4)
    for parameter in model.parameters():
        parameter.set_value(parameter.numpy() + rng.standard_normal(parameter.shape).astype(np.float32) * 0.05)
    model.eval()
    return model


def write_vocab(directory: Path, vocab: list[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")


def initial(directory: Path | str, labels: Labels, **settings: Any) -> Checkpoint:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is a pickle")
        return initial_checkpoint(ModelSettings(init=str(directory), **settings), labels, None)


def paddle_state(encoder: ErnieModel, directory: Path) -> None:
    encoder.save_pretrained(str(directory))
    assert (directory / "model_state.pdparams").is_file() and (directory / "config.json").is_file()


def paddle_state_of_a_classifier(encoder: ErnieModel, directory: Path) -> None:
    """Names with the prefix ``ernie.``, and a classifier that is not wanted."""
    from paddlenlp.transformers import ErnieForSequenceClassification

    whole = ErnieForSequenceClassification(encoder.config)
    whole.ernie.set_state_dict(encoder.state_dict())
    whole.save_pretrained(str(directory))
    assert any(name.startswith("ernie.") for name in paddle.load(str(directory / "model_state.pdparams")))


def old_config(encoder: ErnieModel, directory: Path) -> dict[str, Any]:
    """The fields that PaddleNLP before 2.5 wrote into ``model_config.json``."""
    fields = (directory / "config.json").read_text()
    (directory / "config.json").unlink()
    kept = (
        "attention_probs_dropout_prob", "hidden_act", "hidden_dropout_prob", "hidden_size", "initializer_range",
        "max_position_embeddings", "num_attention_heads", "num_hidden_layers", "type_vocab_size", "vocab_size",
        "pad_token_id", "intermediate_size", "use_task_id", "task_id", "task_type_vocab_size",
    )  # fmt: skip
    everything = json.loads(fields) | {name: getattr(encoder.config, name) for name in kept}
    return {name: everything[name] for name in kept}


def paddle_old(encoder: ErnieModel, directory: Path) -> None:
    paddle_state(encoder, directory)
    flat = {**old_config(encoder, directory), "init_class": "ErnieModel"}
    (directory / "model_config.json").write_text(json.dumps(flat))


def paddle_old_nested(encoder: ErnieModel, directory: Path) -> None:
    paddle_state_of_a_classifier(encoder, directory)
    inner = {**old_config(encoder, directory), "init_class": "ErnieModel"}
    nested = {"init_args": [inner, 2], "num_classes": 2, "init_class": "ErnieForSequenceClassification"}
    (directory / "model_config.json").write_text(json.dumps(nested))


def paddle_old_doubly_nested(encoder: ErnieModel, directory: Path) -> None:
    paddle_state_of_a_classifier(encoder, directory)
    inner = {"init_args": [old_config(encoder, directory)], "init_class": "ErnieModel"}
    nested = {"init_args": [inner], "init_class": "ErnieForSequenceClassification"}
    (directory / "model_config.json").write_text(json.dumps(nested))


def paddle_own_name(encoder: ErnieModel, directory: Path) -> None:
    """As it is downloaded."""
    paddle_state(encoder, directory)
    (directory / "model_state.pdparams").rename(directory / "ernie_3.0_nano.pdparams")


def paddle_safetensors(encoder: ErnieModel, directory: Path) -> None:
    encoder.save_pretrained(str(directory), safe_serialization=True)
    assert (directory / "model.safetensors").is_file()


def paddle_half_precision(encoder: ErnieModel, directory: Path) -> None:
    """Rounded to float16: the encoder is rounded in the same way, so that results stay comparable."""
    for parameter in encoder.parameters():
        parameter.set_value(parameter.numpy().astype(np.float16).astype(np.float32))
    paddle_safetensors(encoder, directory)
    tensors = load_file(directory / "model.safetensors")
    save_file({name: tensor.astype(np.float16) for name, tensor in tensors.items()}, directory / "model.safetensors")


TO_HUGGING_FACE = (
    (r"^encoder\.layers\.(\d+)\.self_attn\.q_proj\.", r"encoder.layer.\1.attention.self.query."),
    (r"^encoder\.layers\.(\d+)\.self_attn\.k_proj\.", r"encoder.layer.\1.attention.self.key."),
    (r"^encoder\.layers\.(\d+)\.self_attn\.v_proj\.", r"encoder.layer.\1.attention.self.value."),
    (r"^encoder\.layers\.(\d+)\.self_attn\.out_proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^encoder\.layers\.(\d+)\.norm1\.", r"encoder.layer.\1.attention.output.LayerNorm."),
    (r"^encoder\.layers\.(\d+)\.linear1\.", r"encoder.layer.\1.intermediate.dense."),
    (r"^encoder\.layers\.(\d+)\.linear2\.", r"encoder.layer.\1.output.dense."),
    (r"^encoder\.layers\.(\d+)\.norm2\.", r"encoder.layer.\1.output.LayerNorm."),
    (r"^embeddings\.layer_norm\.", "embeddings.LayerNorm."),
)


def hugging_face(encoder: ErnieModel, directory: Path, prefix: str = "", old: bool = False) -> None:
    """As `transformers` saves an ERNIE: its names, linear layers [out, in], and a buffer and a head that we leave."""
    tensors: dict[str, np.ndarray] = {}
    for name, tensor in tensors_of(encoder).items():
        for pattern, replacement in TO_HUGGING_FACE:
            name = re.sub(pattern, replacement, name)
        if old:
            name = re.sub(r"LayerNorm\.weight$", "LayerNorm.gamma", name)
            name = re.sub(r"LayerNorm\.bias$", "LayerNorm.beta", name)
        turned = tensor.T if tensor.ndim == 2 and "embeddings" not in name else tensor
        tensors[prefix + name] = np.ascontiguousarray(turned)
    tensors[f"{prefix}embeddings.position_ids"] = np.arange(40)[None]
    tensors["cls.predictions.bias"] = np.zeros(7, np.float32)
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})
    fields = encoder.config.to_dict()
    from paddlenlp.transformers import ErnieConfig

    kept = {name: fields[name] for name in ErnieConfig().to_dict() if name in fields and name != "layer_norm_eps"}
    whole = {**kept, "vocab_size": encoder.config.vocab_size, "hidden_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "intermediate_size": 80, "max_position_embeddings": 40, "type_vocab_size": 4,
             "model_type": "ernie", "architectures": ["ErnieForMaskedLM"], "layer_norm_eps": 1e-05}  # fmt: skip
    (directory / "config.json").write_text(json.dumps(whole))


def hugging_face_prefixed(encoder: ErnieModel, directory: Path) -> None:
    hugging_face(encoder, directory, "ernie.", old=True)


def refused(directory: Path | str, labels: Labels, says: str) -> None:
    """One line, which says where and what."""
    with pytest.raises((CheckpointError, ConfigError)) as caught:
        initial(directory, labels)
    message = str(caught.value)
    assert "\n" not in message
    assert str(directory) in message and says in message, message
