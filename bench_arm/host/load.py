"""A client that puts load on an HTTP server, over connections that are kept, and says what became of every request.

In a closed loop each connection sends when it has its answer. In an open one, requests are due at a rate, whatever the
server does.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"connection: *close", re.IGNORECASE)
_TICK = 0.002
"""Seconds between two looks at what is due in an open loop."""


def post(path: str, body: Any, token: str = "") -> bytes:
    """A request with a JSON body."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    more = f"authorization: Bearer {token}\r\n" if token else ""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


@dataclass
class Outcome:
    """``seconds``: of every answer, by status. ``lost``: requests whose connection ended without an answer, other than
    `refused`, which the system did not even connect. ``late``: requests of an open loop that had no free connection
    when they were due. ``wrong``: answers that `Load.check` did not like. ``duration`` in seconds."""

    seconds: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    lost: int = 0
    refused: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)
    duration: float = 0.0

    def count(self, *statuses: int) -> int:
        """Answers with one of these, or any, status."""
        return sum(len(times) for status, times in self.seconds.items() if not statuses or status in statuses)

    def to_json(self) -> dict[str, Any]:
        """Counts, and times in milliseconds."""
        rows = {}
        for status, times in sorted(self.seconds.items()):
            p50, p99, most = (round(1000 * float(value), 3) for value in np.percentile(times, (50, 99, 100)))
            rows[str(status)] = {"count": len(times), "p50_ms": p50, "p99_ms": p99, "max_ms": most}
        return {
            "seconds": round(self.duration, 2), "answers_per_second": round(self.count() / self.duration, 1),
            "by_status": rows, "lost": self.lost, "refused_connections": self.refused, "late": self.late,
            "wrong": len(self.wrong),
        }  # fmt: skip


class Load:
    """``requests``: sent in turn. ``check``: from the number of a request, the status and the body of its answer to
    what is wrong with it, empty if nothing is."""

    def __init__(
        self, host: str, port: int, requests: Sequence[bytes], connections: int,
        check: Callable[[int, int, bytes], str] = lambda number, status, body: "",
    ):  # fmt: skip
        self.outcome = Outcome()
        self.stopping = False
        self.requests, self.check = requests, check
        self._host, self._port, self._most = host, port, connections
        self._next = 0
        self._idle: list[_Client] = []
        self._open = self._waiting = 0
        self._tasks: set[asyncio.Future[None]] = set()
        self.rate = 0.0

    async def run(self, seconds: float, rate: float = 0.0) -> Outcome:
        """Send for so long, at ``rate`` requests a second, or as fast as answers come (0)."""
        loop = asyncio.get_running_loop()
        self.rate = rate
        began = loop.time()
        await asyncio.gather(*(self.connect() for _ in range(self._most)))
        started, sent = loop.time(), 0
        while loop.time() < began + seconds and not self.stopping:
            await asyncio.sleep(_TICK if rate else 0.05)
            due = int((loop.time() - started) * rate) - sent
            for _ in range(due):
                sent += 1
                if self._idle:
                    self.send(self._idle.pop())
                else:
                    self.outcome.late += 1
        self.stopping = True
        self.outcome.duration = loop.time() - started
        until = loop.time() + 15
        while self._open and loop.time() < until:
            for client in self._idle:
                client.close()
            self._idle.clear()
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.outcome.lost += self._waiting  # no answer in 15 seconds
        return self.outcome

    async def connect(self) -> None:
        """Open one connection, and send on it in a closed loop."""
        loop = asyncio.get_running_loop()
        self._open += 1
        try:
            _, client = await loop.create_connection(lambda: _Client(self), self._host, self._port)
        except OSError:
            self._open -= 1
            self.outcome.refused += 1
            if not self.stopping:
                loop.call_later(0.05, self._again)
            return
        self.ready(client)

    def _again(self) -> None:
        task = asyncio.ensure_future(self.connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ready(self, client: _Client) -> None:
        """A connection can take a request."""
        if self.stopping:
            client.close()
        elif self.rate:
            self._idle.append(client)
        else:
            self.send(client)

    def send(self, client: _Client) -> None:
        number, self._next = self._next, (self._next + 1) % len(self.requests)
        self._waiting += 1
        client.send(number, self.requests[number])

    def answered(self) -> None:
        """A request has its answer."""
        self._waiting -= 1

    def closed(self, client: _Client, waiting: bool) -> None:
        """A connection has ended."""
        self._open -= 1
        self.outcome.lost += waiting
        self._waiting -= waiting
        if client in self._idle:
            self._idle.remove(client)
        if not self.stopping:
            self._again()


class _Client(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, load: Load):
        self._load, self._received, self._sent = load, b"", 0.0
        self._number: int | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, number: int, request: bytes) -> None:
        self._number, self._sent = number, self._loop.time()
        self._transport.write(request)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end]
        found = _LENGTH.search(head)
        length = int(found.group(1)) if found else 0
        if len(self._received) < end + 4 + length:
            return
        body, self._received = self._received[end + 4 : end + 4 + length], b""
        load, number, status = self._load, self._number, int(head[9:12])
        if number is None:  # an answer to nothing, as when the server is full
            return
        load.answered()
        load.outcome.seconds[status].append(self._loop.time() - self._sent)
        problem = load.check(number, status, body)
        if problem:
            load.outcome.wrong.append(problem)
        self._number = None
        if _CLOSE.search(head):
            self._transport.close()
        else:
            load.ready(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.closed(self, self._number is not None)
