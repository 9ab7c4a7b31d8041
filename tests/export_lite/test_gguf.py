"""The GGUF file as the public `gguf` package reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import gguf
import numpy as np
import pytest

from export_lite.gguf import FORMAT_VERSION, network_tensors, pack_float, pack_int8, write_gguf
from slu.errors import CheckpointError, OutputError
from slu.inputs.flags import KINDS, FlagColumns
from slu.inputs.lexicon import compile_lexicon
from slu.model.checkpoint import FLAG_EMBEDDINGS, Checkpoint
from slu.model.quantization import quantise

LINEAR = "ernie.encoder.layers.0.self_attn"


def quantised(checkpoint: Checkpoint, *parts: str) -> Checkpoint:
    """The same model with the matrices int8 whose names hold one of ``parts``."""
    for name, tensor in list(checkpoint.tensors.items()):
        if tensor.ndim == 2 and any(part in name for part in parts):
            layer, embedding = name.removesuffix(".weight"), name.endswith("_embeddings.weight")
            checkpoint.tensors[name], scale = quantise(tensor, 0 if embedding else 1)
            checkpoint.tensors[f"{layer}.weight_scale"] = scale
            if not embedding:
                checkpoint.tensors[f"{layer}.input_scale"] = np.array([0.05], np.float32)
    return checkpoint


def metadata(path: Path) -> dict[str, object]:
    """Keys and values of a file."""
    found: dict[str, object] = {}
    for name, field in gguf.GGUFReader(path).fields.items():
        parts = [field.parts[i] for i in field.data]
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            strings = field.types[1] == gguf.GGUFValueType.STRING
            found[name] = [bytes(part).decode() if strings else part[0].item() for part in parts]
        elif field.types[0] == gguf.GGUFValueType.STRING:
            found[name] = bytes(parts[0]).decode()
        else:
            found[name] = parts[0][0].item()
    return found


@pytest.mark.parametrize("shape", [(1, 1), (8, 16), (9, 17), (26, 31), (40, 48)])
def test_packed_weights_are_where_the_engine_looks(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, shape).astype(np.int8)
    packed = pack_int8(weight)
    inputs, outputs = -(-shape[0] // 8) * 8, -(-shape[1] // 16) * 16
    assert packed.shape == (outputs // 16, inputs // 4, 16, 4)
    for k in range(inputs):
        for c in range(outputs):
            expected = weight[k, c] if k < shape[0] and c < shape[1] else 0
            assert packed[c // 16, k // 4, c % 16, k % 4] == expected
    floats = pack_float(weight.astype(np.float32))
    assert floats.shape == (outputs // 16, shape[0], 16)
    assert all(floats[c // 16, k, c % 16] == weight[k, c] for k in range(shape[0]) for c in range(shape[1]))


def test_metadata_says_what_the_checkpoint_does(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write_gguf(checkpoint, tmp_path / "model.gguf", "test")
    found = metadata(tmp_path / "model.gguf")
    config, labels = checkpoint.config, checkpoint.labels
    assert found["general.architecture"] == "ernie-slu"
    assert found["general.name"] == "test"
    assert found["ernie-slu.format_version"] == FORMAT_VERSION
    assert found["ernie-slu.block_count"] == config.num_hidden_layers
    assert found["ernie-slu.embedding_length"] == config.hidden_size
    assert found["ernie-slu.feed_forward_length"] == config.intermediate_size
    assert found["ernie-slu.attention.head_count"] == config.num_attention_heads
    assert found["ernie-slu.attention.key_length"] == config.attention_head_size
    assert found["ernie-slu.context_length"] == config.max_length
    assert found["ernie-slu.inputs"] == ["tokens"]
    assert found["ernie-slu.threshold"] == 0.25
    assert found["tokenizer.ggml.tokens"] == checkpoint.vocab
    assert found["ernie-slu.intents"] == list(labels.intents)
    assert found["ernie-slu.slots"] == list(labels.slots)
    assert json.loads(str(found["ernie-slu.manifest"]))["stage"] == "test"
    indices = iter(found["ernie-slu.slots_of_intent.slots"])  # type: ignore[call-overload]
    for intent, count in zip(labels.intents, found["ernie-slu.slots_of_intent.counts"]):  # type: ignore[call-overload]
        assert tuple(labels.slots[next(indices)] for _ in range(count)) == labels.slots_of_intent[intent]


def test_tensors_of_the_file_are_those_of_the_checkpoint(checkpoint: Checkpoint, tmp_path: Path) -> None:
    quantised(checkpoint, "encoder", "word_embeddings")
    write_gguf(checkpoint, tmp_path / "model.gguf")
    found = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors}
    expected = network_tensors(checkpoint)
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        kind = {"int8": "I8", "int32": "I32", "float32": "F32"}[str(tensor.dtype)]
        assert found[name].tensor_type.name == kind, name
        assert found[name].shape.tolist()[::-1] == list(tensor.shape), name
        np.testing.assert_array_equal(np.asarray(found[name].data).reshape(tensor.shape), tensor)
        assert found[name].data_offset % 64 == 0
    weight = checkpoint.tensors[f"{LINEAR}.k_proj.weight"]
    outputs = weight.shape[1]
    np.testing.assert_array_equal(
        expected["blk.0.attn_qkv.sums"][outputs : 2 * outputs], weight.astype(np.int32).sum(0)
    )


def test_the_second_input_is_in_the_file(checkpoint: Checkpoint, tmp_path: Path) -> None:
    slots = checkpoint.labels.slots
    shape = (FlagColumns.of(KINDS, checkpoint.labels).count, checkpoint.config.hidden_size)
    checkpoint.config = checkpoint.config.replace(flags=KINDS)
    checkpoint.tensors[FLAG_EMBEDDINGS] = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    checkpoint.lexicon = compile_lexicon({slots[0]: ["花心", "a"], slots[-1]: ["花心"]}, slots)
    quantised(checkpoint, "flag_embeddings")
    write_gguf(checkpoint, tmp_path / "model.gguf")
    found = metadata(tmp_path / "model.gguf")
    assert (found["ernie-slu.inputs"], found["ernie-slu.flags"]) == (["tokens", "flags"], list(KINDS))
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors}
    np.testing.assert_array_equal(tensors["flag_embd.weight"].data, checkpoint.tensors[FLAG_EMBEDDINGS])
    assert tensors["flag_embd.scale"].shape.tolist() == [shape[0]]
    lists = checkpoint.lexicon.tensors()
    for name, kind in (("hashes", "I64"), ("slots", "I16"), ("lengths", "I64"), ("counts", "I32")):
        tensor = tensors[f"lexicon.{name}"]
        assert tensor.tensor_type.name == kind
        np.testing.assert_array_equal(tensor.data.view(lists[name].dtype), lists[name])


def test_positions_that_no_text_reaches_are_left_out(checkpoint: Checkpoint) -> None:
    checkpoint.config = checkpoint.config.replace(max_seq_length=10)
    quantised(checkpoint, "position_embeddings")
    tensors = network_tensors(checkpoint)
    assert tensors["position_embd.weight"].shape[0] == 10
    assert tensors["position_embd.scale"].shape == (10,)


def test_token_type_and_task_become_one_row(checkpoint: Checkpoint) -> None:
    rng = np.random.default_rng(0)
    tasks = rng.normal(size=(3, checkpoint.config.hidden_size)).astype(np.float32)
    checkpoint.tensors["ernie.embeddings.task_type_embeddings.weight"] = tasks
    checkpoint.config = checkpoint.config.replace(use_task_id=True, task_id=2)
    found = network_tensors(checkpoint)["constant_embd.weight"][: checkpoint.config.hidden_size]
    types = checkpoint.tensors["ernie.embeddings.token_type_embeddings.weight"]
    np.testing.assert_allclose(found, types[0] + tasks[2], rtol=1e-6)


def test_projections_that_disagree_are_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    quantised(checkpoint, "encoder")
    checkpoint.tensors[f"{LINEAR}.k_proj.input_scale"] = np.array([0.06], np.float32)
    with pytest.raises(CheckpointError, match="different input_scale"):
        write_gguf(checkpoint, tmp_path / "model.gguf")
    assert not list(tmp_path.iterdir())


def test_projections_quantised_in_part_are_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    quantised(checkpoint, f"{LINEAR}.q_proj")
    with pytest.raises(CheckpointError, match="only partly quantised"):
        write_gguf(checkpoint, tmp_path / "model.gguf")


def test_the_same_checkpoint_gives_the_same_bytes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_gguf(checkpoint, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_cannot_be_written_leaves_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").mkdir()
    (tmp_path / "model.gguf/other").touch()
    with pytest.raises(OutputError, match="model.gguf"):
        write_gguf(checkpoint, tmp_path / "model.gguf")
    assert os.listdir(tmp_path) == ["model.gguf"]
