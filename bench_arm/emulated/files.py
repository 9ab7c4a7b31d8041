"""The emulated device's ``sync:``: STAT, LIST, SEND, RECV, and the second forms of each."""

from __future__ import annotations

import os
import stat
import struct
from typing import BinaryIO

from bench_arm.emulated.channel import Channel
from bench_arm.emulated.machine import Machine
from bench_arm.emulated.program import UnpluggedError

PAIR = struct.Struct("<4sI")
STATUS = struct.Struct("<4sIII")
STATUS_V2 = struct.Struct("<4sIQQIIIIQqqq")
ENTRY = struct.Struct("<4sIIII")
ENTRY_V2 = struct.Struct("<4sIQQIIIIQqqqI")
SEND_V2 = struct.Struct("<4sII")
MOST_PATH = 1024
MOST_PIECE = 64 << 10
NO_SPACE = "couldn't write: No space left on device"


class BrokenRequestError(Exception):
    """A request that no client makes; the stream ends."""


def serve_sync(machine: Machine, channel: Channel) -> None:
    """Answer requests until the client says QUIT or goes."""
    while True:
        name, length = PAIR.unpack(channel.read(PAIR.size))
        if name == b"QUIT":
            return
        if length > MOST_PATH:
            _fail(channel, "path too long")
            return
        path = channel.read(length).decode("utf-8", "replace")
        try:
            if name == b"STAT":
                channel.write(_stat(machine, path))
            elif name in (b"STA2", b"LST2"):
                channel.write(_stat_v2(machine, path, name))
            elif name in (b"LIST", b"LIS2"):
                _list(machine, channel, path, name == b"LIS2")
            elif name in (b"RECV", b"RCV2"):
                if name == b"RCV2":
                    PAIR.unpack(channel.read(PAIR.size))
                _receive(machine, channel, path)
            elif name in (b"SEND", b"SND2"):
                if not _send(machine, channel, path, name == b"SND2"):
                    return
            else:
                _fail(channel, f"unknown command {name!r}")
                return
        except BrokenRequestError as error:
            _fail(channel, str(error))
            return


def _fail(channel: Channel, text: str) -> None:
    raw = text.encode()
    channel.write(PAIR.pack(b"FAIL", len(raw)) + raw)


def _lstat(machine: Machine, path: str) -> os.stat_result | None:
    try:
        return machine.path("/", path).lstat()
    except OSError:
        return None


def _stat(machine: Machine, path: str) -> bytes:
    found = _lstat(machine, path)
    if found is None:
        return STATUS.pack(b"STAT", 0, 0, 0)
    return STATUS.pack(b"STAT", found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime) & 0xFFFFFFFF)


def _stat_v2(machine: Machine, path: str, name: bytes) -> bytes:
    found = _lstat(machine, path)
    if found is None:
        return STATUS_V2.pack(name, 2, *(0,) * 10)  # ENOENT
    return STATUS_V2.pack(name, 0, *_fields_v2(found))


def _fields_v2(found: os.stat_result) -> tuple[int, ...]:
    times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
    return (found.st_dev, found.st_ino, found.st_mode, found.st_nlink, 2000, 2000, found.st_size, *times)


def _list(machine: Machine, channel: Channel, path: str, second: bool) -> None:
    for name in machine.names("/", path):
        found = _lstat(machine, f"{path}/{name}")
        if found is None:
            continue
        raw = name.encode()
        if second:
            channel.write(ENTRY_V2.pack(b"DNT2", 0, *_fields_v2(found), len(raw)) + raw)
        else:
            size, modified = found.st_size & 0xFFFFFFFF, int(found.st_mtime) & 0xFFFFFFFF
            channel.write(ENTRY.pack(b"DENT", found.st_mode, size, modified, len(raw)) + raw)
    channel.write((ENTRY_V2.pack(b"DONE", *(0,) * 12)) if second else ENTRY.pack(b"DONE", 0, 0, 0, 0))


def _receive(machine: Machine, channel: Channel, path: str) -> None:
    try:
        with machine.path("/", path).open("rb") as stream:
            while data := stream.read(MOST_PIECE):
                channel.write(PAIR.pack(b"DATA", len(data)) + data)
    except OSError as error:
        _fail(channel, f"open failed: {error.strerror}")
        return
    channel.write(PAIR.pack(b"DONE", 0))


def _send(machine: Machine, channel: Channel, request: str, second: bool) -> bool:
    """Take a file; returns whether the stream goes on."""
    if second:
        path, (_, mode, flags) = request, SEND_V2.unpack(channel.read(SEND_V2.size))
        if flags:
            raise BrokenRequestError("compression is not supported")
    else:
        path, _, digits = request.rpartition(",")
        if not digits.isdigit():
            raise BrokenRequestError(f"no mode in {request!r}")
        mode = int(digits)
    try:
        target = machine.path("/", path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        stream = target.open("wb")
    except OSError as error:
        _fail(channel, f"couldn't create file: {error.strerror}")
        return False
    whole = False
    try:
        with stream:
            whole = _take(machine, channel, stream)
        if whole:
            target.chmod(stat.S_IMODE(mode) & 0o777)
            channel.write(PAIR.pack(b"OKAY", 0))  # not before all of it can be read
    finally:
        if not whole:
            target.unlink(missing_ok=True)
    return whole


def _take(machine: Machine, channel: Channel, stream: BinaryIO) -> bool:
    """The pieces of a file, until DONE; False when it could not be written."""
    written = 0
    while True:
        name, length = PAIR.unpack(channel.read(PAIR.size))
        if name == b"DONE":
            return True
        if name != b"DATA" or length > MOST_PIECE:
            raise BrokenRequestError(f"{name!r} of {length} bytes where DATA or DONE was due")
        written += stream.write(channel.read(length))
        if machine.faults.due("cable-push", length):
            raise UnpluggedError
        if machine.faults.due("no-space", length) or written > machine.space:
            _fail(channel, NO_SPACE)
            return False
