"""The previous intent of every dialogue, in one file that all workers of a server map, so that any can go on."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import struct
import time
import zlib
from pathlib import Path
from threading import Lock

from slu.serving.store import reserve

SECONDS = 1800
"""After so long a dialogue that has not gone on is forgotten, and its next utterance is a first one."""
_PLACES = 1 << 16
_WAYS = 8
"""A dialogue may stand at one of so many places, and the one that has been silent longest makes room."""
_ENTRY = struct.Struct("<16s8sII")  # key of the dialogue, that of its intent, time, check sum of these


class Sessions:
    """A table of a fixed size, of the latest 65,536 dialogues or nearly so. Safe for threads and processes."""

    def __init__(self, path: Path):
        """``path``: of the file, which is made if it is not there; raise `ConfigError` if the disk has no room."""
        reserve(path, _PLACES * _ENTRY.size)
        self._file = path.open("r+b")
        self._table = mmap.mmap(self._file.fileno(), _PLACES * _ENTRY.size)
        self._lock = Lock()

    def previous(self, model: str, session: str, intents: tuple[str, ...]) -> str | None:
        """The intent of the last utterance, None for a new dialogue; ``intents``: those that the model has."""
        key, first = _place(model, session)
        now = int(time.time())
        for at in range(first, first + _WAYS):
            entry, _ = self._read(at)
            if entry[0] == key and now - entry[2] <= SECONDS:
                return next((intent for intent in intents if _short(intent) == entry[1]), None)
        return None

    def remember(self, model: str, session: str, intent: str) -> None:
        """Note the intent of an utterance."""
        key, first = _place(model, session)
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, first)
            try:
                ages = []
                for at in range(first, first + _WAYS):
                    entry, whole = self._read(at)
                    ages.append((0 if entry[0] == key else 1, entry[2] if whole else 0, at))
                packed = _ENTRY.pack(key, _short(intent), int(time.time()), 0)[:-4]
                at = min(ages)[2] * _ENTRY.size
                self._table[at : at + _ENTRY.size] = packed + struct.pack("<I", zlib.crc32(packed))
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, first)

    def _read(self, at: int) -> tuple[tuple[bytes, bytes, int, int], bool]:
        """An entry, and whether it is whole: another process may be writing it. What is not is one of nobody."""
        raw = self._table[at * _ENTRY.size : (at + 1) * _ENTRY.size]
        entry = _ENTRY.unpack(raw)
        if zlib.crc32(raw[:-4]) != entry[3]:
            return (b"", b"", 0, 0), False
        return entry, True


def _place(model: str, session: str) -> tuple[bytes, int]:
    """The key of a dialogue, and the first of the places where it may stand."""
    key = hashlib.blake2b(f"{model}\0{session}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return key, int.from_bytes(key[:4], "little") % (_PLACES // _WAYS) * _WAYS


def _short(intent: str) -> bytes:
    return hashlib.blake2b(intent.encode("utf-8"), digest_size=8).digest()
