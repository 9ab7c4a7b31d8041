"""What the emulated device's daemon offers: shell:, shell,v2:, exec: and sync:."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from bench_arm.device import wire
from bench_arm.device.wire import Packet
from bench_arm.emulated.channel import Channel, ClosedError
from bench_arm.emulated.context import Context, Write
from bench_arm.emulated.files import serve_sync
from bench_arm.emulated.machine import Machine
from bench_arm.emulated.shell import new_context, run_script

STDOUT, STDERR, EXIT = 1, 2, 3
HEADER = struct.Struct("<BI")
PIECE = 16 << 10
MOST_STREAMED = 256 << 20
GARBAGE = b"\x00\xffthis is no adb packet\xff" * 8


def serve(machine: Machine, channel: Channel, service: str, send: Callable[[Packet], None], version: int) -> None:
    """Do what a client opened a stream for; the caller closes it."""
    name, _, argument = service.partition(":")
    kind, *options = name.split(",")
    if name == "sync":
        _accept(channel, send)
        serve_sync(machine, channel)
    elif kind == "shell" and argument and ("v2" not in options or version > 1):
        _accept(channel, send)
        if "v2" in options:
            _shell_v2(machine, channel, argument)
        else:
            _shell_v1(machine, channel, argument)
    elif kind == "exec" and argument:
        _accept(channel, send)
        run_script(_context(machine, channel, channel.write, channel.write), argument, _streamed(channel, argument))
    else:
        channel.end()
        send(Packet(wire.CLSE, 0, channel.remote))


def _streamed(channel: Channel, command: str) -> bytes:
    """The file that adb sends behind ``cmd package install -S BYTES``."""
    found = re.match(r"cmd package .*'?-S'? '?(\d+)", command)
    return channel.read(min(int(found.group(1)), MOST_STREAMED)) if found else b""


def _accept(channel: Channel, send: Callable[[Packet], None]) -> None:
    send(Packet(wire.OKAY, channel.local, channel.remote))


def _context(machine: Machine, channel: Channel, out: Write, err: Write) -> Context:
    return new_context(machine, out, err, lambda: channel.ended)


def _shell_v2(machine: Machine, channel: Channel, command: str) -> None:
    def writer(kind: int) -> Write:
        def write(data: bytes) -> None:
            for start in range(0, len(data), PIECE):
                piece = data[start : start + PIECE]
                channel.write(HEADER.pack(kind, len(piece)) + piece)

        return write

    status = run_script(_context(machine, channel, writer(STDOUT), writer(STDERR)), command)
    if "./slu-cli" in command and machine.faults.due("malformed"):
        channel.raw(GARBAGE)
        raise ClosedError
    channel.write(HEADER.pack(EXIT, 1) + bytes([status & 255]))


def _shell_v1(machine: Machine, channel: Channel, command: str) -> None:
    """As on a terminal: errors among the output, \\r\\n at the ends of lines."""

    def write(data: bytes) -> None:
        channel.write(data.replace(b"\n", b"\r\n"))

    run_script(_context(machine, channel, write, write), command)
