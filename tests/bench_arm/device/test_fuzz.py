"""Malformed bytes both ways: from a device to our transport, from a client to the emulated phone. No hang, one of our
errors or none, bounded memory."""

from __future__ import annotations

import io
import random
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bench_arm.device import shell, wire
from bench_arm.device.connection import DirectConnection
from bench_arm.device.keys import load_key
from bench_arm.device.sync import SyncSession
from bench_arm.device.wire import Packet
from bench_arm.emulated.daemon import Daemon
from bench_arm.emulated.machine import Machine
from bench_arm.emulated.profiles import get_profile
from slu.errors import SluError

MESSAGES = 25
"""In an example."""
MOST_MEMORY = 16 << 20
"""Bytes that may be taken at once by what an example makes of us."""
WORDS = [0, 1, 2, 3, 0x01000000, 0x01000001, 4096, 1 << 20, 0xFFFFFFFF]
TEXTS = [
    b"sync:\0", b"shell:echo $(echo x) | cat\0", b"shell,v2,raw:ls /; exit 3\0", b"exec:cat /proc/cpuinfo\0",
    b"shell:{ (((\0", b"shell:cat ../../../../etc/passwd ../secret\0", b"shell,v2:grep '(' /proc/cpuinfo\0",
    b"device::features=shell_v2", b"shell:rm -rf ../secret /x; echo a > ../secret\0", b"/data/x,33188",
]  # fmt: skip
SYNC = [b"STAT", b"STA2", b"LIST", b"LIS2", b"SEND", b"SND2", b"RECV", b"RCV2", b"DATA", b"DONE", b"QUIT", b"FAIL"]
PARAMETERS = [pytest.param(2_000, id="2000"), pytest.param(100_000, id="100000", marks=pytest.mark.slow)]


def _message(seed: int) -> bytes:
    """A packet, one with a wrong bit, or bytes that were never one; a number each, as drawing parts takes long."""
    chance = random.Random(seed)
    word = lambda: chance.choice(WORDS) if chance.random() < 0.8 else chance.getrandbits(32)  # noqa: E731
    noise = chance.randbytes(chance.randrange(64))
    size = chance.choice([len(noise), word()]).to_bytes(4, "little")
    piece = chance.choice(
        [noise, chance.choice(TEXTS), chance.choice(SYNC) + size + noise, bytes([chance.randrange(7)]) + size + noise]
    )
    raw = Packet(chance.choice(wire.COMMANDS), word(), word(), piece).encode()
    return chance.choice([raw, raw, _flip(raw, chance.randrange(64), chance.randrange(8)), noise])


def _flip(raw: bytes, at: int, bit: int) -> bytes:
    at %= len(raw)
    return raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]


def _fuzz(messages: int, check: Callable[[list[bytes]], None]) -> None:
    """Call ``check`` with lists of messages until it has got that many; the same ones every time."""
    seen = 0

    @settings(
        max_examples=messages // MESSAGES,
        deadline=20_000,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.integers(0, 2**64 - 1), min_size=MESSAGES, max_size=MESSAGES))
    def run(seeds: list[int]) -> None:
        nonlocal seen
        seen += len(seeds)
        found = [_message(seed) for seed in seeds]
        tracemalloc.start()  # here, as Hypothesis itself keeps much of every example
        try:
            check(found)
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        finally:
            tracemalloc.stop()

    run()
    assert seen >= messages


class _Recorded:
    """A transport that answers with bytes it was given, then as one that was closed."""

    at_once = True

    def __init__(self, data: bytes):
        self._data = io.BytesIO(data)

    def connect(self, timeout: float) -> None:
        """Is connected."""

    def bulk_read(self, count: int, timeout: float) -> bytes:
        return self._data.read(count)

    def bulk_write(self, data: bytes, timeout: float) -> int:
        return len(data)

    def close(self) -> None:
        """Stays as it is."""


GREETING = Packet(wire.CNXN, wire.VERSION, 4096, b"device::features=shell_v2,cmd").encode()


@pytest.mark.parametrize("messages", PARAMETERS)
def test_from_a_device(messages: int) -> None:
    target = io.BytesIO()

    def check(found: list[bytes]) -> None:
        attempts: list[Callable[[DirectConnection], object]] = [
            lambda connection: shell.run(connection, "true", 5),
            lambda connection: SyncSession(connection, 5).stat("/x"),
            lambda connection: SyncSession(connection, 5).list("/x"),
            lambda connection: SyncSession(connection, 5).receive("/x", target),
            lambda connection: SyncSession(connection, 5).send(io.BytesIO(b"x" * 100), "/x"),
        ]
        # As the first thing a device says; then, told apart by their number, in the middle of each conversation.
        for attempt, start in [(attempts[0], b""), *((a, GREETING + _okay()) for a in attempts)]:
            target.seek(0)
            target.truncate()
            try:
                connection = DirectConnection(
                    _Recorded(start + b"".join(found)), load_key, "x", 5, 5, lambda text: None
                )
                attempt(connection)
            except SluError as error:
                assert "\n" not in str(error)

    _fuzz(messages, check)


def _okay() -> bytes:
    return Packet(wire.OKAY, 7, 1).encode() * 2


@pytest.mark.parametrize("messages", PARAMETERS)
def test_from_a_client(messages: int, tmp_path: Path) -> None:
    with Daemon(Machine(get_profile("little"), tmp_path), keys=False) as daemon:
        secret = daemon.machine.root.parent / "secret"
        secret.write_bytes(b"not of the phone")

        def check(found: list[bytes]) -> None:
            for start in (b"", Packet(wire.CNXN, wire.VERSION, 4096, b"host::").encode() + _sync()):
                with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as connected:
                    try:
                        connected.sendall(start + b"".join(found))
                        connected.shutdown(socket.SHUT_WR)
                        while answer := connected.recv(1 << 16):
                            assert b"not of the phone" not in answer
                    except OSError:
                        continue  # the phone hung up

        _fuzz(messages, check)
        assert daemon.unhandled == []
        assert secret.read_bytes() == b"not of the phone"
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as connected:
            connected.sendall(Packet(wire.CNXN, wire.VERSION, 4096, b"host::").encode())
            assert wire.read_packet(lambda count: _exactly(connected, count)).command == wire.CNXN


def _sync() -> bytes:
    """Opens ``sync:`` as stream 1."""
    return Packet(wire.OPEN, 1, 0, b"sync:\0").encode()


def _exactly(connected: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connected.recv(count - len(data))
        assert piece
        data += piece
    return data
