"""Commands on a device: shell protocol 2, which has an exit status, and a way to get one out of older devices."""

from __future__ import annotations

import re
import struct
import time
from dataclasses import dataclass

from bench_arm.device.connection import Connection
from bench_arm.device.errors import DeviceGoneError, DeviceTimeoutError, ProtocolError

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
HEADER = struct.Struct("<BI")
MOST_OUTPUT = 256 << 20
"""Bytes that a command may print; more is a broken device, not a result."""
STATUS = re.compile(rb"slu-status:(\d+)\r?\n?$")


@dataclass(frozen=True)
class Completed:
    """A command that ended. ``status``: above 128 for one that a signal ended. ``err`` is in ``out`` on old devices."""

    status: int
    out: bytes
    err: bytes = b""

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode("utf-8", "replace")

    @property
    def last_words(self) -> str:
        """The last line it printed, of errors first; for messages."""
        lines = (self.err.decode("utf-8", "replace").strip() or self.text.strip()).splitlines()
        return lines[-1].strip()[:300] if lines else "it said nothing"


def run(connection: Connection, command: str, timeout: float) -> Completed:
    """Run a command to its end, or raise `DeviceTimeoutError` when that takes longer than ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    if "shell_v2" in connection.features:
        return _run_v2(connection, command, deadline)
    return _run_v1(connection, command, deadline)


def program_name(command: str) -> str:
    """What a command line is about: the program of ours that it runs, or its first word."""
    own = re.search(r"(?:^|\s)(\./\S+)", command)
    return own.group(1) if own else command.split()[0]


def _left(connection: Connection, command: str, deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeviceTimeoutError(
            f"{connection.label}: {program_name(command)} did not end in time; is the phone stuck?"
        )
    return left


def _run_v2(connection: Connection, command: str, deadline: float) -> Completed:
    stream = connection.open(f"shell,v2,raw:{command}", _left(connection, command, deadline))
    buffer, outputs, total = bytearray(), {STDOUT: bytearray(), STDERR: bytearray()}, 0
    try:
        while True:
            piece = stream.read(_left(connection, command, deadline))
            if not piece:
                raise DeviceGoneError(f"{connection.label}: the shell ended without a status; reconnect it")
            buffer += piece
            while len(buffer) >= HEADER.size:
                kind, length = HEADER.unpack_from(buffer)
                total += length if kind in outputs else 0
                if kind not in (STDOUT, STDERR, EXIT) or length > MOST_OUTPUT or total > MOST_OUTPUT:
                    raise ProtocolError(f"{connection.label}: sent what is no shell packet ({kind}, {length} bytes)")
                if len(buffer) < HEADER.size + length:
                    break
                data = bytes(buffer[HEADER.size : HEADER.size + length])
                del buffer[: HEADER.size + length]
                if kind == EXIT:
                    return Completed(data[0] if data else 0, bytes(outputs[STDOUT]), bytes(outputs[STDERR]))
                outputs[kind] += data
    finally:
        stream.close()


def _run_v1(connection: Connection, command: str, deadline: float) -> Completed:
    """For devices before Android 7: the status is echoed, a terminal makes \\r\\n of line ends."""
    stream = connection.open(f"shell:( {command}\n); echo slu-status:$?", _left(connection, command, deadline))
    data = bytearray()
    try:
        while piece := stream.read(_left(connection, command, deadline)):
            data += piece
            if len(data) > MOST_OUTPUT:
                raise ProtocolError(f"{connection.label}: prints without end")
    finally:
        stream.close()
    found = STATUS.search(bytes(data[-64:]))
    if not found:
        raise DeviceGoneError(f"{connection.label}: the shell ended without a status; reconnect it")
    body = bytes(data[: len(data) - len(found.group(0))])
    return Completed(int(found.group(1)), body.replace(b"\r\n", b"\n"))
