"""The readers of wire formats, against the libraries that write them, and on bytes that nobody wrote."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from slu.errors import BundleError
from slu.formats import naive_buffer
from slu.formats.any_file import read_model_file
from slu.formats.contents import Contents, Tensor
from slu.formats.flatbuffer import read_flatbuffer
from slu.formats.gguf_file import read_gguf
from slu.formats.naive_buffer import normal_version, read_naive_buffer
from slu.formats.onnx_model import read_onnx
from slu.formats.paddle_program import read_parameters, read_program
from slu.formats.protobuf import Message
from slu.formats.raw import Damaged
from slu.formats.safetensors_file import read_safetensors

READERS: dict[str, Callable[[Path], object]] = {
    "model.nb": read_naive_buffer,
    "model.pdmodel": read_program,
    "model.pdiparams": read_parameters,
    "model.onnx": read_onnx,
    "model.gguf": read_gguf,
    "model.safetensors": read_safetensors,
}
HEADS = {
    "model.nb": b"\2\0v2.13-rc\0\0\0\0\0\0\0\0" + struct.pack("<Q", 40),
    "model.pdmodel": b"\x22\x04\x08\xc4\xb7\x7a\x0a",
    "model.pdiparams": bytes(16) + struct.pack("<I", 5) + b"\x08\x05\x10\xe8\7",
    "model.onnx": b"\x08\x07\x42\x02\x10\x0d\x3a",
    "model.gguf": b"GGUF" + struct.pack("<IQQ", 3, 1, 2),
    "model.safetensors": struct.pack("<Q", 30) + b'{"a":',
}
"""How files begin, so that random bytes get further than the first check."""

SCHEMA = {
    "Root": (
        ("number", "i"),
        ("name", "s"),
        ("children", "[Child]"),
        ("unread", "-"),
        ("sizes", "[q]"),
        ("raw", "bytes"),
    ),
    "Child": (("flag", "?"), ("words", "[s]")),
}


def built(number: int, name: str, words: list[list[str]], sizes: list[int], raw: bytes) -> bytes:
    """A buffer of `SCHEMA` by the library of FlatBuffers."""
    builder = flatbuffers.Builder(0)

    def vector(offsets: list[int]) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    children = []
    for texts in words:
        listed = vector([builder.CreateString(text) for text in texts])
        builder.StartObject(2)
        builder.PrependBoolSlot(0, True, False)
        builder.PrependUOffsetTRelativeSlot(1, listed, 0)
        children.append(builder.EndObject())
    child_vector, title = vector(children), builder.CreateString(name)
    builder.StartVector(8, len(sizes), 8)
    for size in reversed(sizes):
        builder.PrependInt64(size)
    size_vector = builder.EndVector()
    raw_vector = builder.CreateByteVector(raw)
    builder.StartObject(7)  # one field more than the schema knows
    builder.PrependInt32Slot(0, number, 0)
    for slot, offset in ((1, title), (2, child_vector), (3, title), (4, size_vector), (5, raw_vector)):
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.PrependInt32Slot(6, 1, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


texts = st.text(st.characters(codec="utf-8"), max_size=8)
int64s = st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None)
@given(
    st.integers(-(2**31), 2**31 - 1),
    texts,
    st.lists(st.lists(texts, max_size=3), max_size=3),
    st.lists(int64s),
    st.binary(),
)
def test_flatbuffers_are_read_as_their_library_wrote_them(
    number: int, name: str, words: list[list[str]], sizes: list[int], raw: bytes
) -> None:
    data = built(number, name, words, sizes, raw)
    found = read_flatbuffer(memoryview(data), SCHEMA, "Root")
    assert found.get("number", 0) == number
    assert (found["name"], found["sizes"], bytes(found["raw"])) == (name, tuple(sizes), raw)
    assert found["children"] == [{"flag": True, "words": texts_} for texts_ in words]
    for end in range(0, len(data), 3):  # a shorter one may be whole, but is never read beyond its end
        try:
            read_flatbuffer(memoryview(data[:end]), SCHEMA, "Root")
        except Damaged:
            continue


def test_tables_that_hold_themselves_are_refused() -> None:
    table = {"Loop": (("a", "[Loop]"),)}
    # a root at 8 whose vtable is at 4 (hand-made): one field at +4, a vector of one element that is the table itself
    data = struct.pack("<IHHHHiIIi", 12, 6, 8, 4, 0, 8, 4, 1, -12)
    with pytest.raises((Damaged, RecursionError)):
        read_flatbuffer(memoryview(data), table, "Loop")
    wide = {"A": (("b", "[B]"),), "B": (("c", "[C]"),), "C": (("d", "[D]"),), "D": (("e", "i"),)}
    count = 3000
    levels = b"".join(struct.pack("<I", count) + struct.pack("<I", 0) * count for _ in range(3))
    with pytest.raises(Damaged):
        read_flatbuffer(memoryview(struct.pack("<I", 4) + levels), wide, "A")


@settings(deadline=None)
@given(st.lists(int64s), texts, st.binary(), st.lists(st.floats(width=32)), st.booleans())
def test_protobuf_is_read_as_its_library_wrote_it(
    dims: list[int], name: str, raw: bytes, floats: list[float], unpacked: bool
) -> None:
    tensor = TensorProto(dims=dims, name=name, raw_data=raw, float_data=floats, data_type=1)
    data = tensor.SerializeToString()
    if unpacked:  # the older way, one field a number
        tensor.ClearField("dims")
        field = b"".join(b"\x08" + varint(size) for size in dims)
        data = field + tensor.SerializeToString()
    message = Message(memoryview(data), "tensor")
    assert message.integers(1) == tuple(dims)
    assert (message.integer(2), message.text(8, ""), bytes(message.view(9) or b"")) == (1, name, raw)
    assert message.packed_bytes(4) == 4 * len(floats)
    for end in range(len(data)):
        try:
            Message(memoryview(data[:end]), "tensor")
        except Damaged:
            continue
        assert TensorProto.FromString(data[:end]) is not None  # where one stops and is whole, so does the other


def varint(number: int) -> bytes:
    """As protobuf writes an int64."""
    number &= 2**64 - 1
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*result, number])


@settings(deadline=None)
@given(st.sampled_from(sorted(READERS)), st.booleans(), st.binary(max_size=200))
def test_random_bytes_are_refused_by_every_reader(
    tmp_path_factory: pytest.TempPathFactory, name: str, headed: bool, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes((HEADS[name] if headed else b"") + data)
    with pytest.raises(BundleError) as caught:
        READERS[name](path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def small_onnx(path: Path, opset: int = 13, ir_version: int = 8, **changes: object) -> onnx.ModelProto:
    """A model with every way to store a tensor."""
    weights = {
        "linear1.weight": np.arange(6, dtype=np.int8).reshape(2, 3),
        "encoder.attn.bias": np.ones(3, np.float16),
        "ids": np.array([1, 2], np.int64),
        "names": np.array(["a", "bc"], object),
    }
    stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    stored.append(helper.make_tensor("norm1.weight", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]))
    stored.append(helper.make_tensor("zeros", TensorProto.INT8, [4], [0, -1, 2, 3]))
    constant = helper.make_node(
        "Constant", [], ["word_embeddings.weight"], value=numpy_helper.from_array(np.eye(3, dtype=np.float32))
    )
    nodes = [constant, helper.make_node("MatMul", ["x", "word_embeddings.weight"], ["product"])]
    nodes.append(helper.make_node("Add", ["product", "norm1.weight"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        stored,
    )
    model = helper.make_model(
        graph,
        producer_name="somebody",
        producer_version="1.5",
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version,
    )
    path.write_bytes(model.SerializeToString())
    return model


def test_onnx_is_what_its_library_wrote(tmp_path: Path) -> None:
    model = small_onnx(tmp_path / "model.onnx")
    onnx.checker.check_model(model)
    found = read_onnx(tmp_path / "model.onnx")
    assert found.tensors == (
        Tensor("linear1.weight", "int8", (2, 3), 6),
        Tensor("encoder.attn.bias", "float16", (3,), 6),
        Tensor("ids", "int64", (2,), 16),
        Tensor("names", "string", (2,), 3),
        Tensor("norm1.weight", "float32", (3,), 12),
        Tensor("zeros", "int8", (4,), 4),
        Tensor("word_embeddings.weight", "float32", (3, 3), 36),
    )
    assert [tensor.kind for tensor in found.tensors] == [
        *("feed-forward", "attention", "other", "other", "norms", "other", "embeddings")
    ]
    assert found.producer == "somebody 1.5"
    assert [operator.type for operator in found.operators] == ["MatMul", "Add"]
    assert [(port.name, port.precision, port.shape) for port in found.inputs] == [("x", "float32", (-1, 3))]
    assert [port.name for port in found.outputs] == ["y"]
    assert found.facts["operator_sets"] == {"ai.onnx": 13}


def test_onnx_that_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    for change, words in [
        (lambda m: m.graph.initializer[0].dims.append(2), "linear1.weight has 6 bytes, int8 [2, 3, 2] takes 12"),
        (lambda m: m.graph.initializer[4].float_data.pop(), "norm1.weight has 8 bytes"),
        (lambda m: m.graph.initializer[5].int32_data.pop(), "zeros has 3 bytes"),
        (lambda m: m.graph.node.pop(0), "MatMul reads word_embeddings.weight, which no earlier operator computes"),
        (lambda m: m.graph.node.pop(), "nothing in it makes its output y"),
        (lambda m: m.ClearField("graph"), "the model: field 7 is missing"),
        (lambda m: m.ClearField("opset_import"), "does not say which operator set"),
        (lambda m: setattr(m.graph.initializer[0], "data_type", 99), "numbers of type 99"),
        (lambda m: setattr(m.graph.initializer[0], "data_location", 1), "are in another file"),
        (lambda m: setattr(m.opset_import[0], "version", 6), "of operator set 6, this program reads 7 to 21"),
        (lambda m: setattr(m.opset_import[0], "version", 22), "of operator set 22, this program reads 7 to 21"),
        (lambda m: setattr(m, "ir_version", 2), "an ONNX model of version 2, this program reads 3 to 10"),
        (lambda m: setattr(m, "ir_version", 11), "an ONNX model of version 11, this program reads 3 to 10"),
    ]:
        model = small_onnx(path)
        change(model)
        path.write_bytes(model.SerializeToString())
        with pytest.raises(BundleError) as caught:
            read_onnx(path)
        assert words in str(caught.value)


def test_safetensors_are_read_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a.weight": np.zeros((2, 3), np.float32), "a.scale": np.zeros(0, np.int8), "b": np.array(1.5)}, path)
    assert {(t.name, t.precision, t.shape, t.bytes) for t in read_safetensors(path).tensors} == {
        ("a.weight", "float32", (2, 3), 24),
        ("a.scale", "int8", (0,), 0),
        ("b", "float64", (), 8),
    }
    raw = path.read_bytes()
    for end in range(len(raw)):
        path.write_bytes(raw[:end])
        with pytest.raises(BundleError):
            read_safetensors(path)
    for old, new, words in [
        (b'"F32"', b'"F99"', "safetensors says: "),
        (b"[2,3]", b"[2,4]", "not a whole safetensors file: safetensors says: "),
        (b'"shape"', b'"shope"', "safetensors says: "),
    ]:
        assert raw.count(old) >= 1
        path.write_bytes(raw.replace(old, new))
        with pytest.raises(BundleError) as caught:
            read_safetensors(path)
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"GGUF\3\0\0\0", "it is a GGUF file"),
        (b"PK\3\4and so on", "it is a ZIP archive"),
        (b"\x7fELF\2\1\1", "it is a program or library"),
        (b"\x80\2}q\0(X", "it is a Python pickle (.pdparams)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "it is a Git LFS pointer"),
        (b"<!doctype html><html>", "it is a web page"),
        ("调低音量\n".encode(), "it is a text file"),
        (b"# Notes\n", "it is a text file"),
        (bytes(100), "or a damaged one"),
    ],
)
def test_foreign_files_are_called_what_they_are(tmp_path: Path, content: bytes, words: str) -> None:
    for name in READERS:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(BundleError) as caught:
            read_model_file(path)
        told = str(caught.value)
        if name.endswith(".gguf") and content.startswith(b"GGUF"):
            assert "not a whole GGUF file: ends within its header" in told
        else:
            assert words in told
        path.unlink()
    path = tmp_path / "notes"
    path.write_bytes(content or b"x")
    with pytest.raises(BundleError, match="GGUF file|not a model file that this program knows"):
        read_model_file(path)


def test_directories_and_missing_files_are_refused(tmp_path: Path) -> None:
    for name in READERS:
        with pytest.raises(BundleError, match="no such file"):
            read_model_file(tmp_path / name)
        (tmp_path / name).mkdir()
        with pytest.raises(BundleError, match="a directory"):
            read_model_file(tmp_path / name)


def test_versions_of_paddle_lite_are_compared_as_they_are_meant() -> None:
    same = ("2.13-rc", "2.13rc0", "2.13.0-rc", "2.13.0rc0")
    assert len({normal_version(version) for version in same}) == 1
    others = ("2.13", "2.13.0", "2.13.1", "2.12-rc", "2.13-beta")
    assert len({normal_version(version) for version in (*others, same[0])}) == len(others)  # 2.13 is 2.13.0
    assert normal_version(naive_buffer.LITE_VERSION) == normal_version(same[0])


def test_every_kind_of_tensor_is_recognised() -> None:
    names = {
        "ernie.embeddings.word_embeddings.weight_scale": "embeddings",
        "ernie.embeddings.positions": "embeddings",
        "token_embd.weight": "embeddings",
        "embd_norm.bias": "norms",
        "ernie.encoder.layers.3.norm2.weight": "norms",
        "ernie.encoder.layers.3.self_attn.q_proj.input_scale": "attention",
        "blk.0.attn_qkv.sums": "attention",
        "blk.0.ffn_up.weight": "feed-forward",
        "ernie.encoder.layers.0.linear2.bias": "feed-forward",
        "ernie.pooler.dense.weight": "heads",
        "slot_classifier.bias": "heads",
        "intent.weight": "heads",
        "ernie.embeddings.flag_embeddings.weight": "lexicon flags",
        "p2o.helper.constant.0": "other",
    }
    assert {name: Tensor(name, "int8", (), 1).kind for name in names} == names
    summed = Contents("f", "p", tuple(Tensor(name, "int8", (3,), 3) for name in names)).bytes_by_kind()
    assert {kind: counts["int8"] for kind, counts in summed.items()} == {
        kind: 3 * list(names.values()).count(kind) for kind in names.values()
    }


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    small_onnx(path)
    original, rng = path.read_bytes(), random.Random(0)
    seen = set()
    for _ in range(500):
        data = bytearray(original)
        begin = rng.randrange(len(data))
        data[begin : begin + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        path.write_bytes(data)
        try:
            read_onnx(path).to_json()
            seen.add("read")
        except BundleError:
            seen.add("refused")
    assert seen == {"read", "refused"}
