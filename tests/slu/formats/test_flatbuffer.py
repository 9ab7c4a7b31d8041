"""Offsets of FlatBuffers as the library's verifier wants them: a runtime ends its process where they are others."""

from __future__ import annotations

import struct

import flatbuffers
import pytest

from slu.formats.flatbuffer import read_flatbuffer
from slu.formats.raw import Damaged

SCHEMA = {"Root": (("name", "s"), ("numbers", "[i]"), ("parts", "[Part]")), "Part": (("name", "s"),)}


def built() -> bytes:
    builder = flatbuffers.Builder(64)
    words = [builder.CreateString(word) for word in ("one", "two")]
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, words[1], 0)
    part = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(part)
    parts = builder.EndVector()
    builder.StartVector(4, 0, 4)
    numbers = builder.EndVector()
    builder.StartObject(3)
    for slot, value in enumerate((words[0], numbers, parts)):
        builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def test_no_offset_is_zero_or_goes_too_far() -> None:
    data = built()
    assert read_flatbuffer(memoryview(data), SCHEMA, "Root") == {
        "name": "one",
        "numbers": (),
        "parts": [{"name": "two"}],
    }
    # Every offset there is: of the root, of its three fields, of the vector's element, and of that table's field.
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    fields = [root + slot for slot in struct.unpack_from("<3H", data, vtable + 4)]
    vector = fields[2] + struct.unpack_from("<I", data, fields[2])[0]
    element = vector + 4
    part = element + struct.unpack_from("<I", data, element)[0]
    name = part + struct.unpack_from("<H", data, part - struct.unpack_from("<i", data, part)[0] + 4)[0]
    for place in (0, *fields, element, name):
        for offset in (0, 1 << 31, (1 << 32) - 4):
            changed = bytearray(data)
            struct.pack_into("<I", changed, place, offset)
            with pytest.raises(Damaged, match="leads to itself, or too far"):
                read_flatbuffer(memoryview(bytes(changed)), SCHEMA, "Root")
