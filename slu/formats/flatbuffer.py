"""FlatBuffers, as https://flatbuffers.dev/internals describes them, read whole after a schema, every offset checked.

So is what the library's own verifier asks for, as runtimes end their process where it says no: every value lies at a
multiple of its size, every string ends with a 0, and no offset is 0 or goes 2 GB ahead.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from slu.formats.raw import Damaged

Schema = Mapping[str, Sequence[tuple[str, str]]]
"""Tables and their fields, name and type, in the order of the ``.fbs`` file.

Types: a letter of `struct` for a scalar, ``s`` a string, ``bytes`` a vector of bytes that is left where it is, a
capital name a table, any of them in brackets a vector; ``-`` a field that is not read.
"""

_SCALARS = {kind: struct.Struct(f"<{kind}") for kind in "?bBhHiIqQfd"}
_MOST = 1 << 23
"""Fields, elements of vectors and bytes of names that are read at most; Paddle Lite's files have some 100,000."""
_SIGNED, _SHORT, _OFFSET = (_SCALARS[kind].unpack_from for kind in "iHI")


def read_flatbuffer(data: memoryview, schema: Schema, root: str) -> dict[str, Any]:
    """The table ``root`` as a dict of the fields that are stored (what is missing has its default value)."""
    reader = _Reader(data, schema)
    try:
        return reader.table(reader.follow(0), root)
    except struct.error:
        raise Damaged("an offset leads out of it") from None
    except UnicodeDecodeError:
        raise Damaged("a name in it is not UTF-8") from None


class _Reader:
    """Positions are never negative, and `struct` itself refuses those behind the end."""

    def __init__(self, data: memoryview, schema: Schema):
        self._data, self._schema = data, schema
        self._slots: dict[int, tuple[int, ...]] = {}
        # Tables that point to each other in a hostile file could be read exponentially often, and a long name as often
        # as there is place for an offset; in one that a library wrote, nothing is there twice, and a field takes a byte
        # or more on average.
        self._left = min(8 * len(data), _MOST)

    def table(self, at: int, name: str) -> dict[str, Any]:
        vtable = at - _SIGNED(self._data, _aligned(at, 4))[0]
        slots = self._slots.get(vtable)
        if slots is None:
            slots = self._slots[vtable] = self._read_slots(vtable)
        self._spend(1 + len(slots))
        result = {}
        for (field, kind), slot in zip(self._schema[name], slots):
            if slot and kind != "-":
                scalar = _SCALARS.get(kind)
                place = _aligned(at + slot, scalar.size if scalar else 4)
                result[field] = scalar.unpack_from(self._data, place)[0] if scalar else self._value(place, kind)
        return result

    def follow(self, at: int) -> int:
        """Where the offset at ``at`` leads."""
        offset = int(_OFFSET(self._data, at)[0])
        if not 0 < offset < 1 << 31:
            raise Damaged("an offset in it leads to itself, or too far")
        return at + offset

    def _read_slots(self, vtable: int) -> tuple[int, ...]:
        """A vtable: where the fields of a table are, counted from its begin; 0 for those that are not stored."""
        if vtable < 0:
            raise Damaged("an offset leads out of it")
        size = _SHORT(self._data, _aligned(vtable, 2))[0]
        return struct.unpack_from(f"<{max(size - 4, 0) // 2}H", self._data, vtable + 4)

    def _value(self, at: int, kind: str) -> Any:
        """What the offset at ``at`` leads to."""
        target = self.follow(at)
        if kind[0] not in "[sb":
            return self.table(target, kind)
        count = _OFFSET(self._data, _aligned(target, 4))[0]
        if kind == "s":
            self._spend(count)
            if self._slice(target + 4 + count, 1)[0]:
                raise Damaged("a name in it does not end")
            return str(self._slice(target + 4, count), "utf-8")
        if kind == "bytes":
            return self._slice(target + 4, count)
        inner = kind[1:-1]
        self._spend(count)
        if inner in _SCALARS:
            return struct.unpack_from(f"<{count}{inner}", self._data, target + 4)
        return [self._value(target + 4 + 4 * i, inner) for i in range(count)]

    def _slice(self, at: int, size: int) -> memoryview:
        if at + size > len(self._data):
            raise Damaged("an offset leads out of it")
        return self._data[at : at + size]

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Damaged("its tables refer to each other without end")


def _aligned(at: int, size: int) -> int:
    if at % size:
        raise Damaged("an offset leads to a place where no value can be")
    return at
