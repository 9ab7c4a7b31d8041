"""Files to and from a device: the service ``sync:``.

https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/SYNC.TXT
"""

from __future__ import annotations

import io
import stat
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from bench_arm.device.connection import Connection, Stream
from bench_arm.device.errors import (
    DeviceError,
    DeviceGoneError,
    NoSpaceError,
    ProtocolError,
)

PAIR = struct.Struct("<4sI")
STAT = struct.Struct("<4sIII")
ENTRY = struct.Struct("<4sIIII")
PIECE = 32 << 10
"""Bytes of a file sent at a time. 64 KiB are allowed; old devices time out while they write larger ones to flash."""
MOST_PIECE = 64 << 10
MOST_ENTRIES = 100_000
Advance = Callable[[int], None]
"""Is told the bytes that were transferred since the last call."""


@dataclass(frozen=True)
class Status:
    """What a device says of a path. ``mode``: 0 when there is nothing."""

    mode: int
    size: int
    modified: int

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)


class SyncSession:
    """One ``sync:`` stream. ``timeout``: seconds a step of the transfer may take, not the transfer."""

    def __init__(self, connection: Connection, timeout: float = 20.0):
        self._label, self._timeout = connection.label, timeout
        self._buffer = bytearray()
        self._stream: Stream = connection.open("sync:", timeout)

    def __enter__(self) -> SyncSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def stat(self, path: str) -> Status:
        """What is at ``path`` on the device."""
        self._request(b"STAT", path)
        name, mode, size, modified = STAT.unpack(self._read(STAT.size))
        self._expect(name, b"STAT")
        return Status(mode, size, modified)

    def list(self, path: str) -> dict[str, Status]:
        """What is in the directory ``path``, by name; nothing when it is none."""
        self._request(b"LIST", path)
        found: dict[str, Status] = {}
        while len(found) < MOST_ENTRIES:
            name, mode, size, modified, length = ENTRY.unpack(self._read(ENTRY.size))
            if name == b"DONE":
                return found
            self._expect(name, b"DENT")
            if length > 4096:
                raise ProtocolError(f"{self._label}: sent a file name of {length} bytes")
            found[self._read(length).decode("utf-8", "replace")] = Status(mode, size, modified)
        raise ProtocolError(f"{self._label}: lists more than {MOST_ENTRIES} files in {path}")

    def send(self, source: BinaryIO, path: str, mode: int = 0o644, advance: Advance | None = None) -> None:
        """Write the rest of ``source`` to ``path``. Raises `NoSpaceError`, or `DeviceError` with the device's words."""
        self._request(b"SEND", f"{path},{stat.S_IFREG | mode}")
        try:
            while data := source.read(PIECE):
                self._stream.write(PAIR.pack(b"DATA", len(data)) + data, self._timeout)
                if advance:
                    advance(len(data))
            self._stream.write(PAIR.pack(b"DONE", int(time.time()) & 0xFFFFFFFF), self._timeout)
        except DeviceGoneError:
            self._raise_failure(path)  # a device that cannot write says so and closes the stream
            raise
        name, length = PAIR.unpack(self._read(PAIR.size))
        if name == b"FAIL":
            raise self._failure(path, length)
        self._expect(name, b"OKAY")

    def receive(self, path: str, target: BinaryIO, advance: Advance | None = None) -> None:
        """Read the file ``path`` into ``target``."""
        self._request(b"RECV", path)
        while True:
            name, length = PAIR.unpack(self._read(PAIR.size))
            if name == b"DONE":
                return
            if name == b"FAIL":
                raise self._failure(path, length)
            self._expect(name, b"DATA")
            if length > MOST_PIECE:
                raise ProtocolError(f"{self._label}: sent a piece of {length} bytes, {MOST_PIECE} are allowed")
            target.write(self._read(length))
            if advance:
                advance(length)

    def _request(self, name: bytes, path: str) -> None:
        raw = path.encode()
        self._stream.write(PAIR.pack(name, len(raw)) + raw, self._timeout)

    def _read(self, count: int) -> bytes:
        deadline = time.monotonic() + self._timeout
        while len(self._buffer) < count:
            piece = self._stream.read(deadline - time.monotonic())
            if not piece:
                raise DeviceGoneError(f"{self._label}: ended the transfer; check the cable, then use --resume")
            self._buffer += piece
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _raise_failure(self, path: str) -> None:
        """Raise what the device said before it closed the stream, if it said anything."""
        try:
            name, length = PAIR.unpack(self._read(PAIR.size))
            failure = self._failure(path, length) if name == b"FAIL" else None
        except DeviceError:
            return
        if failure:
            raise failure

    def _failure(self, path: str, length: int) -> DeviceError:
        if length > 4096:
            return ProtocolError(f"{self._label}: sent an error text of {length} bytes")
        words = self._read(length).decode("utf-8", "replace")
        if "No space left" in words:
            return NoSpaceError(f"{self._label}: no space left for {path}; free some, then use --resume")
        return DeviceError(f"{self._label}: {path}: {words}")

    def _expect(self, name: bytes, wanted: bytes) -> None:
        if name != wanted:
            raise ProtocolError(f"{self._label}: sent {name!r} where {wanted.decode()} was due; reconnect it")


def pull_bytes(connection: Connection, path: str, timeout: float = 20.0) -> bytes:
    """The content of a file of the device."""
    target = io.BytesIO()
    with SyncSession(connection, timeout) as session:
        session.receive(path, target)
    return target.getvalue()
