"""Protobuf's wire format, as https://protobuf.dev/programming-guides/encoding describes it: messages, no schema.

A whole message is split when it is made, so one that ends too early is `Damaged` at once; messages inside it when they
are asked for. Fields of other numbers are kept and ignored, as the format wants.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

from slu.formats.raw import Damaged

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
"""Wire types. 3 and 4, groups, are of a time before Paddle and ONNX."""
MOST_FIELDS = 1 << 20
"""Fields and integers that are read of one message and of all inside it: each becomes an object, of a hundred times the
bytes that it has in the file."""
_NAME = 60
"""Characters of a name in errors: a name out of a file can have millions, and stand in those of millions of fields."""


class Message:
    """The fields of one message by their numbers. ``name`` is what errors call it. ``left``: how many fields may still
    be read, shared with the messages around it."""

    def __init__(self, data: memoryview, name: str, left: list[int] | None = None):
        self.name = name[:_NAME]
        self._left = [MOST_FIELDS] if left is None else left
        self._fields: dict[int, list[tuple[int, Any]]] = {}
        for number, wire, value in _split(data, self.name):
            self._spend()
            self._fields.setdefault(number, []).append((wire, value))

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    @property
    def numbers(self) -> set[int]:
        """The numbers of the fields that are there."""
        return set(self._fields)

    def integer(self, number: int, default: int | None = None) -> int:
        """An int32, int64, bool or enum, the last one if it is there twice; without default it must be there."""
        values = self._of(number, _VARINT)
        if values:
            return _signed(values[-1])
        return default if default is not None else self._missing(number)

    def integers(self, number: int) -> tuple[int, ...]:
        """A repeated field of integers, packed or not."""
        result: list[int] = []
        for wire, value in self._fields.get(number, ()):
            if wire == _VARINT:
                result.append(_signed(value))
            elif wire == _BYTES:
                at = 0
                while at < len(value):
                    item, at = _varint(value, at, self.name)
                    result.append(_signed(item))
                    self._spend()
            else:
                self._wrong(number)
        return tuple(result)

    def count(self, number: int) -> int:
        """How many integers a repeated field has, packed or not, of which there can be millions."""
        found = 0
        for wire, value in self._fields.get(number, ()):
            if wire not in (_VARINT, _BYTES):
                self._wrong(number)
            packed = bytes(value) if wire == _BYTES else b"\0"
            if _UNENDING.search(packed):
                raise Damaged(f"{self.name}: a number of more than 64 bits, or one that does not end")
            found += len(packed.translate(None, _CONTINUED))  # the last byte of each is below 128
        return found

    def view(self, number: int) -> memoryview | None:
        """The bytes of a field; None without it."""
        values = self._of(number, _BYTES)
        return values[-1] if values else None

    def text(self, number: int, default: str | None = None) -> str:
        """A string; it must be there without default."""
        value = self.view(number)
        if value is None:
            return default if default is not None else self._missing(number)
        return self._decoded(value)

    def texts(self, number: int) -> tuple[str, ...]:
        """A repeated string."""
        return tuple(map(self._decoded, self._of(number, _BYTES)))

    def message(self, number: int, name: str) -> Message:
        """A message; it must be there, and once: libraries make one of several, so what is in the others counts too."""
        value = self.view(number)
        if len(self._fields.get(number, ())) > 1:
            raise Damaged(f"{self.name}: field {number} is there twice")
        return Message(self._missing(number) if value is None else value, name, self._left)

    def messages(self, number: int, name: str) -> list[Message]:
        """A repeated message."""
        name = name[:_NAME]
        return [Message(value, f"{name} {i}", self._left) for i, value in enumerate(self._of(number, _BYTES))]

    def packed_bytes(self, number: int) -> int:
        """Bytes that a repeated field of numbers of fixed size takes, packed or not."""
        values = self._fields.get(number, ())
        return sum(len(value) for wire, value in values if wire in (_EIGHT, _FOUR, _BYTES))

    def four_bytes(self, number: int) -> bytes:
        """A number of 4 bytes, as a float has; it must be there."""
        values = self._of(number, _FOUR)
        return bytes(values[-1]) if values else self._missing(number)

    def _spend(self) -> None:
        self._left[0] -= 1
        if self._left[0] < 0:
            raise Damaged(f"it has more than {MOST_FIELDS:,} fields, far more than a model of this kind")

    def _of(self, number: int, wire: int) -> list[Any]:
        found = self._fields.get(number, [])
        if any(other != wire for other, _ in found):
            self._wrong(number)
        return [value for _, value in found]

    def _decoded(self, value: memoryview) -> str:
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise Damaged(f"{self.name}: a name is not UTF-8") from None

    def _missing(self, number: int) -> Any:
        raise Damaged(f"{self.name}: field {number} is missing")

    def _wrong(self, number: int) -> Any:
        raise Damaged(f"{self.name}: field {number} is of another type")


_CONTINUED = bytes(range(0x80, 0x100))
_UNENDING = re.compile(rb"[\x80-\xff]{10}|[\x80-\xff]\Z")


def _split(data: memoryview, name: str) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of each field; the values of fixed and of variable size are views."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at, name)
        number, wire = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise Damaged(f"{name}: no field has the number {number}")
        if wire == _VARINT:
            value, at = _varint(data, at, name)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at, name)
        elif wire in (_EIGHT, _FOUR):
            size = 8 if wire == _EIGHT else 4
        else:
            raise Damaged(f"{name}: field {number} has the wire type {wire}, which does not occur")
        if size > len(data) - at:
            raise Damaged(f"{name}: ends within field {number}")
        yield number, wire, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int, name: str) -> tuple[int, int]:
    """An unsigned number of at most 64 bits, and where it ends."""
    result = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & (1 << 64) - 1, at
        shift += 7
    raise Damaged(f"{name}: ends within a number" if shift < 70 else f"{name}: a number of more than 64 bits")


def _signed(value: int) -> int:
    return struct.unpack("<q", struct.pack("<Q", value))[0]
