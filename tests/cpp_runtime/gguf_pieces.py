"""A GGUF file in pieces that tests can change, repeat and leave out, and put together again."""

from __future__ import annotations

import struct
from dataclasses import dataclass

ALIGNMENT = 64
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


def text(value: str | bytes) -> bytes:
    """A string with its length."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def string(value: str | bytes) -> bytes:
    """The value of a key that is a string, with its type."""
    return struct.pack("<I", STRING) + text(value)


def strings(values: list[str]) -> bytes:
    """The value of a key that is an array of strings."""
    return struct.pack("<IIQ", ARRAY, STRING, len(values)) + b"".join(map(text, values))


def integers(values: list[int]) -> bytes:
    """The value of a key that is an array of int32."""
    return struct.pack("<IIQ", ARRAY, 5, len(values)) + struct.pack(f"<{len(values)}i", *values)


@dataclass
class Pieces:
    """``keys``: name and value with its type. ``tensors``: name, shape, type and offset into ``data``."""

    keys: list[tuple[str, bytes]]
    tensors: list[tuple[str, tuple[int, ...], int, int]]
    data: bytearray

    @classmethod
    def of(cls, raw: bytes) -> Pieces:
        """Take a file that is well formed to pieces."""
        tensor_count, key_count = struct.unpack_from("<QQ", raw, 8)
        at = 24

        def name() -> str:
            nonlocal at
            size = struct.unpack_from("<Q", raw, at)[0]
            at += 8 + size
            return raw[at - size : at].decode()

        def skip(kind: int) -> None:
            nonlocal at
            if kind == STRING:
                name()
            elif kind == ARRAY:
                inner, count = struct.unpack_from("<IQ", raw, at)
                at += 12
                for _ in range(count):
                    skip(inner)
            else:
                at += _SIZES[kind]

        keys, tensors = [], []
        for _ in range(key_count):
            key, begin = name(), at
            kind = struct.unpack_from("<I", raw, at)[0]
            at += 4
            skip(kind)
            keys.append((key, raw[begin:at]))
        for _ in range(tensor_count):
            key = name()
            count = struct.unpack_from("<I", raw, at)[0]
            shape = struct.unpack_from(f"<{count}Q", raw, at + 4)
            kind, offset = struct.unpack_from("<IQ", raw, at + 4 + 8 * count)
            at += 16 + 8 * count
            tensors.append((key, shape, kind, offset))
        return cls(keys, tensors, bytearray(raw[at + -at % ALIGNMENT :]))

    def replace(self, key: str, value: bytes) -> None:
        self.keys = [(name, value if name == key else old) for name, old in self.keys]

    def at(self, tensor: str) -> int:
        """Where the values of a tensor begin in ``data``."""
        [found] = [offset for name, _, _, offset in self.tensors if name == tensor]
        return found

    def __bytes__(self) -> bytes:
        parts = [b"GGUF", struct.pack("<IQQ", 3, len(self.tensors), len(self.keys))]
        parts += [text(key) + value for key, value in self.keys]
        for name, shape, kind, offset in self.tensors:
            parts.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset))
        head = b"".join(parts)
        return head + b"\0" * (-len(head) % ALIGNMENT) + bytes(self.data)
