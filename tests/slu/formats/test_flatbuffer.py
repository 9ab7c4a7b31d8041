"""The reader of FlatBuffers refuses what the library's own verifier refuses."""

from __future__ import annotations

import struct

import pytest

from slu.formats.flatbuffer import read_flatbuffer
from slu.formats.raw import Damaged

SCHEMA = {"Root": (("name", "s"), ("count", "i"), ("sizes", "[q]"))}
NAME, COUNT, SIZES, TEXT, VECTOR = 20, 24, 28, 32, 40
"""Where the fields of `whole` are, and what their offsets lead to."""


def whole() -> bytearray:
    root = struct.pack("<IHHHHH2x", 16, 10, 16, 4, 8, 12)  # its place, and its vtable, which begins at 4
    table = struct.pack("<iIiI", 16 - 4, TEXT - NAME, 7, VECTOR - SIZES)
    return bytearray(root + table + struct.pack("<I3sx", 3, b"abc") + struct.pack("<I4xq", 0, 0))


def read(data: bytearray) -> dict[str, object]:
    return read_flatbuffer(memoryview(bytes(data)), SCHEMA, "Root")


def test_a_whole_one() -> None:
    assert read(whole()) == {"name": "abc", "count": 7, "sizes": ()}


@pytest.mark.parametrize(("place", "value"), [(0, 17), (NAME, TEXT - NAME + 1), (SIZES, VECTOR - SIZES + 3), (10, 9)])
def test_values_at_odd_places(place: int, value: int) -> None:
    data = whole()
    data[place] = value
    with pytest.raises(Damaged, match="where no value can be|leads out of it"):
        read(data)


def test_a_string_without_its_end() -> None:
    data = whole()
    data[TEXT + 7] = 1
    with pytest.raises(Damaged, match="a name in it does not end"):
        read(data)


@pytest.mark.parametrize("place", [0, NAME, SIZES])
@pytest.mark.parametrize("offset", [0, 1 << 31, (1 << 32) - 4])
def test_an_offset_that_leads_to_itself_or_too_far(place: int, offset: int) -> None:
    data = whole()
    struct.pack_into("<I", data, place, offset)
    with pytest.raises(Damaged, match="leads to itself, or too far"):
        read(data)
