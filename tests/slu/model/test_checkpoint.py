"""Checkpoints: what is saved is what is loaded, and whatever is damaged or foreign is refused in one line."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from slu.errors import CheckpointError, OutputError
from slu.files import MARK
from slu.manifest import Manifest
from slu.model.checkpoint import (
    CONFIG,
    LABELS,
    VOCAB,
    WEIGHTS,
    Checkpoint,
    load_checkpoint,
    parameter_shapes,
    save_checkpoint,
)
from slu.model.config import ModelConfig
from slu.model.quantization import dequantise, integer_scores, makes_scores, quantise
from slu.runtime.bundle import open_directory

WORDS = "ernie.embeddings.word_embeddings"
QUERY = "ernie.encoder.layers.1.self_attn.q_proj"


def refused(directory: Path, words: str) -> str:
    """The one line with which a checkpoint is refused."""
    with pytest.raises(CheckpointError, match=words) as caught:
        load_checkpoint(directory)
    message = str(caught.value)
    assert "\n" not in message
    assert str(directory) in message
    return message


def quantised(checkpoint: Checkpoint) -> Checkpoint:
    """With one linear layer and the words in INT8."""
    for name, axis in ((WORDS, 0), (QUERY, 1)):
        steps, scale = quantise(checkpoint.tensors[f"{name}.weight"], axis)
        checkpoint.tensors |= {f"{name}.weight": steps, f"{name}.weight_scale": scale}
    checkpoint.tensors[f"{QUERY}.input_scale"] = np.array([0.02], np.float32)
    return checkpoint


@pytest.mark.parametrize("int8", [False, True])
def test_round_trip(int8: bool, checkpoint: Checkpoint, tmp_path: Path) -> None:
    if int8:
        checkpoint = quantised(checkpoint)
    save_checkpoint(checkpoint, tmp_path / "model")
    loaded = load_checkpoint(tmp_path / "model")
    assert (loaded.config, loaded.vocab, loaded.labels) == (checkpoint.config, checkpoint.vocab, checkpoint.labels)
    assert loaded.manifest == checkpoint.manifest
    assert set(loaded.tensors) == set(checkpoint.tensors)
    for name, tensor in checkpoint.tensors.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert np.array_equal(loaded.tensors[name], tensor)
    assert loaded.quantised == int8
    assert loaded.size_bytes == sum(tensor.nbytes for tensor in checkpoint.tensors.values())
    assert set(dequantise(loaded.tensors)) == set(parameter_shapes(loaded.config, loaded.labels))
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == sorted([WEIGHTS, CONFIG, VOCAB, LABELS, MARK])


def test_views_are_saved_as_they_look(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Slices and transposes are what cutting a network makes; safetensors alone would write the memory below them."""
    name = "ernie.pooler.dense.weight"
    checkpoint.tensors[name] = np.arange(48 * 48, dtype=np.float32).reshape(48, 48).T
    save_checkpoint(checkpoint, tmp_path / "model")
    assert load_checkpoint(tmp_path / "model").tensors[name][1].tolist() == checkpoint.tensors[name][1].tolist()


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, VOCAB, LABELS, MARK])
def test_a_missing_file_is_named(name: str, checkpoint_directory: Path) -> None:
    (checkpoint_directory / name).unlink()
    assert name in refused(checkpoint_directory, "No such file|no such file")


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "no such directory")


@pytest.mark.parametrize("name", [CONFIG, VOCAB, LABELS, MARK])
def test_a_truncated_text_file_is_named(name: str, checkpoint_directory: Path) -> None:
    path = checkpoint_directory / name
    whole = path.read_bytes()
    for length in (0, 1, 2, len(whole) // 3, len(whole) // 2, len(whole) - 6):
        path.write_bytes(whole[:length])
        assert name in refused(checkpoint_directory, ".")


def test_truncated_weights_are_named(checkpoint_directory: Path) -> None:
    path = checkpoint_directory / WEIGHTS
    whole = path.read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for length in (0, 1, 7, 8, 9, header // 2, header - 1, header, header + 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert WEIGHTS in refused(checkpoint_directory, "not a whole safetensors file")
    for content in (whole + b"\0", b"\xff" * 8 + whole[8:], b"\x80\x04K\x01.", b"\0" * len(whole)):
        path.write_bytes(content)
        assert WEIGHTS in refused(checkpoint_directory, "not a whole safetensors file")
    path.unlink()
    path.mkdir()
    refused(checkpoint_directory, "no such file")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "F16", "F64", "I64"])
def test_a_foreign_type_of_number_is_named(kind: str, checkpoint_directory: Path) -> None:
    path = checkpoint_directory / WEIGHTS
    tensors = load_file(path)
    name = "intent_classifier.bias"
    data, header, offset = b"", {}, 0
    for key, tensor in tensors.items():
        size = {"BF16": 2, "F8_E4M3": 1, "F16": 2, "F64": 8, "I64": 8}[kind] if key == name else 4
        end = offset + size * tensor.size
        header[key] = {"dtype": kind if key == name else "F32", "shape": tensor.shape, "data_offsets": [offset, end]}
        data += bytes(end - offset)
        offset = end
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    assert WEIGHTS in refused(checkpoint_directory, "bfloat16.*float32|float8.*float32|; float32")


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("bert.pooler.weight", np.zeros(3, np.float32), "bert.pooler.weight belongs to another kind"),
        (f"{QUERY}.input_scale", np.ones(1, np.float32), "q_proj.input_scale belongs to another"),
        (f"{QUERY}.bias", None, "q_proj.bias is missing"),
        (f"{QUERY}.bias", np.zeros(47, np.float32), r"q_proj.bias has shape \[47\], config.json requires \[48\]"),
        (f"{QUERY}.bias", np.zeros((1, 48), np.float32), r"has shape \[1, 48\]"),
        (f"{QUERY}.bias", np.zeros(48, np.float64), "q_proj.bias is float64; float32"),
        (f"{QUERY}.bias", np.zeros(48, np.int8), "q_proj.bias is int8"),
        (f"{QUERY}.weight", np.zeros((48, 48), np.int8), r"q_proj.weight_scale must be float32 of shape \[48\]"),
        ("ernie.embeddings.layer_norm.weight", np.zeros(48, np.int8), "layer_norm.weight is int8"),
        (f"{QUERY}.weight", np.full((48, 48), np.nan, np.float32), "not finite: the training diverged"),
        (f"{QUERY}.bias", np.full(48, -np.inf, np.float32), "not finite"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(
    name: str, tensor: np.ndarray | None, words: str, checkpoint_directory: Path
) -> None:
    path = checkpoint_directory / WEIGHTS
    tensors = load_file(path)
    if tensor is None:
        del tensors[name]
    else:
        tensors[name] = tensor
    save_file(tensors, path)
    refused(checkpoint_directory, words)


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        (f"{QUERY}.weight_scale", np.ones(47, np.float32), r"shape \[48\]"),
        (f"{QUERY}.weight_scale", np.ones(48), "must be float32"),
        (f"{QUERY}.weight_scale", np.zeros(48, np.float32), "positive and finite"),
        (f"{QUERY}.input_scale", np.array([np.nan], np.float32), "positive and finite"),
        (f"{QUERY}.input_scale", None, r"input_scale must be float32 of shape \[1\]"),
        (f"{WORDS}.weight_scale", np.ones(48, np.float32), "word_embeddings.weight_scale must be"),
        (f"{WORDS}.input_scale", np.ones(1, np.float32), "another kind of model"),
        (f"{QUERY}.weight", np.full((48, 48), -128, np.int8), "holds -128"),
        (f"{QUERY}.output_scale", np.ones(1, np.float32), "q_proj.weight is float32, but attention scores are of INT8"),
    ],
)
def test_a_scale_that_does_not_fit_is_named(
    name: str, tensor: np.ndarray | None, words: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    save_checkpoint(quantised(checkpoint), tmp_path / "model")
    tensors = load_file(tmp_path / "model" / WEIGHTS)
    if tensor is None:
        del tensors[name]
    else:
        tensors[name] = tensor
    save_file(tensors, tmp_path / "model" / WEIGHTS)
    refused(tmp_path / "model", words)


@pytest.mark.parametrize(
    ("changed", "tensor", "words"),
    [
        ("", None, ""),
        ("output_scale", None, r"output_scale must be float32 of shape \[1\]"),
        ("output_scale", np.zeros(1, np.float32), "output_scale must be positive and finite"),
        ("output_scale", np.array([9e-16], np.float32), "no step of a trained model"),
        ("output_scale", np.array([1001], np.float32), "no step of a trained model"),
        ("weight", np.ones((48, 48), np.float32), "weight is float32, but attention scores are of INT8"),
    ],
)
def test_scores_of_int8_are_those_of_all_layers(
    changed: str, tensor: np.ndarray | None, words: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    tensors = checkpoint.tensors
    for name in [name.removesuffix(".weight") for name in tensors if makes_scores(name.removesuffix(".weight"))]:
        tensors[f"{name}.weight"], tensors[f"{name}.weight_scale"] = quantise(tensors[f"{name}.weight"], 1)
        tensors[f"{name}.input_scale"] = tensors[f"{name}.output_scale"] = np.array([0.02], np.float32)
    save_checkpoint(checkpoint, tmp_path / "model")
    if not changed:
        assert integer_scores(load_checkpoint(tmp_path / "model").tensors)
        return
    stored = load_file(tmp_path / "model" / WEIGHTS)
    key = f"{QUERY.replace('q_proj', 'k_proj')}.{changed}"
    del stored[key]
    save_file(stored if tensor is None else {**stored, key: tensor}, tmp_path / "model" / WEIGHTS)
    refused(tmp_path / "model", words)


def test_a_vocabulary_of_another_model_is_named(checkpoint_directory: Path) -> None:
    path = checkpoint_directory / VOCAB
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines, "x"]) + "\n", "utf-8")
    message = refused(checkpoint_directory, f"{len(lines) + 1} tokens, but the model has {len(lines)}")
    assert VOCAB in message
    path.write_text("\n".join(["<pad>", *lines[1:]]) + "\n", "utf-8")
    assert VOCAB in refused(checkpoint_directory, r"\[PAD\] is missing")
    path.write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n", "utf-8")
    refused(checkpoint_directory, r"\[PAD\] has the number 1, config.json says 0")


def test_labels_of_another_model_are_named(checkpoint_directory: Path) -> None:
    path = checkpoint_directory / LABELS
    content = json.loads(path.read_text("utf-8"))
    content["intents"].append("sing")
    content["slots_of_intent"]["sing"] = []
    path.write_text(json.dumps(content), "utf-8")
    refused(checkpoint_directory, "intent_classifier.weight has shape")


@pytest.mark.parametrize("opened", [load_checkpoint, open_directory])
def test_labels_in_another_order_are_refused(opened: Callable[[Path], object], checkpoint_directory: Path) -> None:
    """They would give confident wrong answers. A manifest that lists no hashes says nothing."""
    path = checkpoint_directory / LABELS
    labels = json.loads(path.read_text("utf-8"))
    labels["intents"].reverse()
    path.write_text(json.dumps(labels), "utf-8")
    with pytest.raises(CheckpointError, match=rf"{LABELS}: not the file that {MARK} describes; copy the checkpoint"):
        opened(checkpoint_directory)
    Manifest.load(checkpoint_directory).save(checkpoint_directory)
    opened(checkpoint_directory)


def test_another_format_version_is_named_before_all_else(checkpoint_directory: Path) -> None:
    path = checkpoint_directory / MARK
    path.write_text(json.dumps({"format_version": 2, "new": True}), "utf-8")
    (checkpoint_directory / CONFIG).write_text("{}")
    message = refused(checkpoint_directory, "format version 2, this program reads 1")
    assert MARK in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vocab_size": None}, "vocab_size is missing"),
        ({"hidden_size": "48"}, "hidden_size is '48'"),
        ({"hidden_size": 48.0}, "hidden_size is 48.0"),
        ({"hidden_size": -48}, "hidden_size is -48"),
        ({"hidden_size": True}, "hidden_size is True"),
        ({"hidden_size": 64}, r"shape .*, config.json requires \[\d+, 64\]"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; it must be at least 1"),
        ({"num_hidden_layers": 10**12}, "too few for 1000000000000 layers"),
        ({"num_hidden_layers": 3}, "layers.2.self_attn.q_proj.weight is missing"),
        ({"num_hidden_layers": 1}, "another kind of model"),
        ({"attention_head_size": None, "num_attention_heads": 5}, "48 is not a multiple of 5 attention heads"),
        ({"attention_head_size": None, "num_attention_heads": 0}, "is not a multiple of 0 attention heads"),
        ({"hidden_act": "relu"}, "hidden_act 'relu' is not supported"),
        ({"layer_norm_eps": float("inf")}, "layer_norm_eps is inf"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan"),
        ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob is 1.5"),
        ({"use_task_id": 1}, "use_task_id is 1"),
        ({"use_task_id": True}, "task_type_embeddings.weight is missing"),
        ({"use_task_id": True, "task_id": 3}, "task_id is 3; it must be below 3"),
        ({"pad_token_id": 100_000}, "pad_token_id is 100000"),
        ({"max_seq_length": 2}, "max_seq_length is 2"),
        ({"type_vocab_size": 0}, "token_type_embeddings.weight belongs to another"),
    ],
)
def test_a_configuration_that_does_not_fit_is_named(
    change: dict[str, Any], words: str, checkpoint_directory: Path
) -> None:
    path = checkpoint_directory / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), "utf-8")
    refused(checkpoint_directory, words)


def test_a_published_configuration_is_understood() -> None:
    published = {
        "attention_probs_dropout_prob": 0.1, "hidden_act": "gelu", "hidden_size": 312, "vocab_size": 40000,
        "max_position_embeddings": 2048, "num_attention_heads": 12, "num_hidden_layers": 4, "type_vocab_size": 4,
        "intermediate_size": 1248, "use_task_id": True, "task_id": 0, "torch_dtype": "float32", "pad_token_id": None,
    }  # fmt: skip
    config = ModelConfig.from_dict(published, "x")
    assert (config.attention_head_size, config.max_length, config.pad_token_id) == (26, 2048, 0)
    assert ModelConfig.from_dict(config.to_dict(), "x") == config
    assert config.replace(max_seq_length=32).max_length == 32
    assert config.replace(max_seq_length=32, max_position_embeddings=16).max_length == 16


def test_what_does_not_fit_is_not_saved(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.tensors["intent_classifier.bias"][0] = np.nan
    with pytest.raises(CheckpointError, match="not finite"):
        save_checkpoint(checkpoint, tmp_path / "model")
    checkpoint.tensors["intent_classifier.bias"][0] = 0
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_bytes(b"1")
    with pytest.raises(OutputError, match="holds something else"):
        save_checkpoint(checkpoint, tmp_path / "taken")
    checkpoint.vocab.append("x")
    with pytest.raises(CheckpointError, match="tokens, but the model has"):
        save_checkpoint(checkpoint, tmp_path / "model")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
    assert [p.name for p in (tmp_path / "taken").iterdir()] == ["thesis.txt"]
