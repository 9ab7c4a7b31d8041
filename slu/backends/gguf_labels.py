"""The labels inside a GGUF file, for one that lies alone: the engine uses them, but its API gives the names only.

The layout is that of GGUF version 3, https://github.com/ggerganov/ggml/blob/master/docs/gguf.md; docs/gguf.md has
the keys. The engine has checked the file before; here an unexpected one is only refused.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

from slu.errors import BundleError
from slu.labels import Labels

PREFIX = "ernie-slu."
INTENTS, SLOTS = f"{PREFIX}intents", f"{PREFIX}slots"
COUNTS, TAKEN = f"{PREFIX}slots_of_intent.counts", f"{PREFIX}slots_of_intent.slots"

_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""GGUF's types of numbers, as `struct` calls them."""


def read_labels(path: Path) -> Labels:
    """The labels of a model file; raise `BundleError` when they cannot be found."""
    wanted = {INTENTS, SLOTS, COUNTS, TAKEN}
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _Reader(data).values(wanted)
        intents, slots = found[INTENTS], found[SLOTS]
        taken = iter(found[TAKEN])
        selections = [tuple(slots[next(taken)] for _ in range(count)) for count in found[COUNTS]]
        return Labels(tuple(intents), tuple(slots), dict(zip(intents, selections)))
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    except (struct.error, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise BundleError(f"{path}: holds no labels as a model of this kind has them; export it again") from error


class _Reader:
    """Reads metadata in the order of the file."""

    def __init__(self, data: Any):
        self._data, self._at = data, 0

    def values(self, wanted: set[str]) -> dict[str, Any]:
        """The values of these keys; stops at the last of them, as the vocabulary comes after."""
        magic, _, _, count = (self._number(kind) for kind in "IIQQ")
        if magic != int.from_bytes(b"GGUF", "little"):
            raise ValueError("not GGUF")
        found: dict[str, Any] = {}
        while count and len(found) < len(wanted):
            key = self._string()
            value = self._value(self._number("I"))
            if key in wanted:
                found[key] = value
            count -= 1
        return found

    def _number(self, kind: str) -> Any:
        (value,) = struct.unpack_from(f"<{kind}", self._data, self._at)
        self._at += struct.calcsize(f"<{kind}")
        return value

    def _string(self) -> str:
        begin = self._at + 8
        end = begin + self._number("Q")
        if end > len(self._data):
            raise ValueError("truncated")
        self._at = end
        return bytes(self._data[begin:end]).decode()

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._number(_NUMBERS[kind])
        inner, count = self._number("I"), self._number("Q")
        return [self._value(inner) for _ in range(count)]
