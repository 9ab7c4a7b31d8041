"""One stream of the emulated device's daemon, as its services see it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from bench_arm.device import wire
from bench_arm.device.wire import Packet

UNREAD = 4
"""Pieces a client may send before the service has read the first: one, by the protocol."""
SECONDS = 60.0


class ClosedError(Exception):
    """The client closed the stream, or the connection."""


class OverrunError(Exception):
    """The client sends more than was asked for."""


class Channel:
    """Bytes both ways, a piece at a time: the next is asked for when the last was read."""

    def __init__(
        self, send: Callable[[Packet], None], raw: Callable[[bytes], None], local: int, remote: int, most: int
    ):
        self.local, self.remote = local, remote
        self._send, self._send_raw, self._most = send, raw, most
        self._condition = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._ready = True
        self._ended = False
        self._rest = bytearray()

    @property
    def ended(self) -> bool:
        """Whether nobody listens any more."""
        return self._ended

    def read(self, count: int) -> bytes:
        """Exactly ``count`` bytes. Raises `ClosedError` when the stream ends before."""
        while len(self._rest) < count:
            self._rest += self._piece()
        data = bytes(self._rest[:count])
        del self._rest[:count]
        return data

    def write(self, data: bytes) -> None:
        """Send bytes. Raises `ClosedError`."""
        for start in range(0, len(data), self._most):
            with self._condition:
                if not self._condition.wait_for(lambda: self._ready or self._ended, SECONDS) or self._ended:
                    raise ClosedError
                self._ready = False
            self._send(Packet(wire.WRTE, self.local, self.remote, data[start : start + self._most]))

    def raw(self, data: bytes) -> None:
        """Send bytes that are no packet, for a fault."""
        self._send_raw(data)

    def finish(self) -> None:
        """Wait until the client has taken all, then close."""
        with self._condition:
            self._condition.wait_for(lambda: self._ready or self._ended, SECONDS)
            if self._ended:
                return
            self._ended = True
        self._send(Packet(wire.CLSE, self.local, self.remote))

    def arrived(self, data: bytes) -> None:
        """From the connection: a piece. Raises `OverrunError`."""
        with self._condition:
            if len(self._pieces) >= UNREAD:
                raise OverrunError
            self._pieces.append(data)
            self._condition.notify_all()

    def taken(self) -> None:
        """From the connection: the client took the last piece."""
        with self._condition:
            self._ready = True
            self._condition.notify_all()

    def end(self) -> None:
        """From the connection: the client is gone."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def _piece(self) -> bytes:
        with self._condition:
            if not self._condition.wait_for(lambda: self._pieces or self._ended, SECONDS) or not self._pieces:
                raise ClosedError
            data = self._pieces.popleft()
        self._send(Packet(wire.OKAY, self.local, self.remote))
        return data
