"""Small files that say something large: what is read of them takes time and memory of their own size."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from slu.errors import BundleError
from slu.formats import protobuf
from slu.formats.flatbuffer import read_flatbuffer
from slu.formats.onnx_model import read_onnx
from slu.formats.paddle_program import read_parameters
from slu.formats.protobuf import MOST_FIELDS, Message
from slu.formats.raw import Damaged


def number(value: int) -> bytes:
    """A varint."""
    result = b""
    while value > 127:
        result += bytes([value & 127 | 128])
        value >>= 7
    return result + bytes([value])


def field(place: int, value: bytes | int) -> bytes:
    """A field of a message: an integer, or bytes."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    return number(place << 3 | 2) + number(len(value)) + value


def onnx(tensor: bytes) -> bytes:
    """A model of one operator, and this tensor."""
    port = field(1, b"x") + field(2, field(1, field(1, 1)))
    node = field(1, b"x") + field(2, b"y") + field(4, b"Tanh")
    out = field(1, b"y") + field(2, field(1, field(1, 1)))
    graph = field(1, node) + field(5, tensor) + field(11, port) + field(12, out)
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def read(path: Path, tensor: bytes) -> None:
    path.write_bytes(onnx(tensor))
    read_onnx(path)


def test_thousands_of_dimensions_are_not_multiplied(tmp_path: Path) -> None:
    """As the product of a million numbers of 64 bits has 8 MB, and is made a million times."""
    sizes = number((1 << 63) - 1) * 20_000
    named = field(8, b"w") + field(2, 1)
    with pytest.raises(BundleError, match=r"model\.onnx: not a whole ONNX model: w has 20000 dimensions; copy or"):
        read(tmp_path / "model.onnx", named + field(1, sizes))
    description = field(1, 5) + field(2, sizes)
    head = struct.pack("<IQIi", 0, 0, 0, len(description))
    (tmp_path / "model.pdiparams").write_bytes(head + description)
    with pytest.raises(BundleError, match="parameter 0 has 20000 dimensions"):
        read_parameters(tmp_path / "model.pdiparams")


def test_integers_are_counted_without_being_made(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    whole = field(8, b"w") + field(2, 3) + field(1, number(3))
    read(path, whole + field(5, b"\x01\x80\x01\xff\xff\x7f"))
    read(path, whole + field(5, 7) * 3)
    for numbers, words in [
        (b"\x01" * 4, "w has 4 bytes, int8 \\[3\\] takes 3"),
        (b"\x01\x01\x80", "one that does not end"),
        (b"\x01\x01" + b"\x80" * 10 + b"\x01", "of more than 64 bits"),
    ]:
        with pytest.raises(BundleError, match=words):
            read(path, whole + field(5, numbers))
    read(path, field(8, b"w") + field(2, 3) + field(1, number(3 * MOST_FIELDS)) + field(5, b"\0" * 3 * MOST_FIELDS))


def test_fields_of_a_message_and_of_those_in_it_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MOST_FIELDS", 1000)
    inner = field(1, b"")
    Message(memoryview(inner * 1000), "it")
    for nesting in (inner * 1001, field(1, inner * 400) * 3):
        with pytest.raises(Damaged, match="it has more than 1,000 fields"):
            Message(memoryview(nesting), "it").messages(1, "part")
    with pytest.raises(Damaged, match="it has more than 1,000 fields"):
        Message(memoryview(field(1, b"\0" * 1001)), "it").integers(1)


def test_a_long_name_is_not_part_of_the_names_of_others(tmp_path: Path) -> None:
    long = "x" * 10_000
    message = Message(memoryview(field(1, field(1, b"")) * 2), long)
    parts = message.messages(1, f"an attribute of {long}")
    assert max(len(one.name) for one in (message, *parts, parts[0].message(1, long))) < 100
    with pytest.raises(BundleError) as error:
        read(tmp_path / "model.onnx", field(8, long.encode()) + field(2, 1) + field(1, number(1)))
    assert len(str(error.value)) < 1000 + len(str(tmp_path))


def test_a_name_that_many_refer_to() -> None:
    """10,000 offsets to a text of a million characters."""
    count, size = 10_000, 1 << 20
    table = struct.pack("<IHHHxx", 12, 6, 8, 4) + struct.pack("<iI", 8, 4)
    offsets = b"".join(struct.pack("<I", 4 * (count - i)) for i in range(count))
    data = table + struct.pack("<I", count) + offsets + struct.pack("<I", size) + b"x" * size + b"\0"
    with pytest.raises(Damaged, match="its tables refer to each other without end"):
        read_flatbuffer(memoryview(data), {"Root": (("names", "[s]"),)}, "Root")
