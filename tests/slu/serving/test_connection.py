"""A connection alone: what is answered, in which order, and what is kept of what a client sends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from slu.serving.connection import MAX_HEAD, Connection, connections_of

END = b"\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"


class Transport(asyncio.Transport):
    """Keeps what is written, and whether reading is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed, self.paused = b"", False, False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", self.written)]


class App:
    """Answers with its body, once it may; a body that is too long for it is not read."""

    def __init__(self) -> None:
        self.free, self.asked = asyncio.Event(), 0
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        self.headers = scope["headers"]
        body, more, status = b"", True, 200
        if (b"x", b"too long") in self.headers:
            more, status = False, 413
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        await self.free.wait()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


Play = Callable[[Connection, Transport, App], Awaitable[None]]


def play(what: Play) -> None:
    """Run a scenario with a connection."""

    async def scenario() -> None:
        service: Any = SimpleNamespace(
            settings=SimpleNamespace(connections=10), largest_body=1 << 16, full_paths=frozenset(), stopping=False,
            has_room=lambda: True,
        )  # fmt: skip
        app, transport = App(), Transport()
        config = uvicorn.Config(app, loop="none", lifespan="off", ws="none", log_config=None)
        connection = connections_of(service)(config, ServerState(), {})
        connection.connection_made(transport)
        await what(connection, transport, app)
        connection.connection_lost(None)
        await settle()

    asyncio.run(scenario())


def test_requests_before_their_answers_are_few(requests: int = 2000) -> None:
    async def scenario(connection: Connection, transport: Transport, app: App) -> None:
        half = requests // 2
        connection.data_received(b"GET / HTTP/1.1\r\n\r\n" * half)
        await settle()
        waiting = len(connection.pipeline)
        assert app.asked == 1 and 0 < waiting < 300 and transport.paused
        connection.data_received(b"GET / HTTP/1.1\r\n\r\n" * (requests - half))  # what was on its way
        assert len(connection.pipeline) == waiting
        app.free.set()
        while len(transport.statuses()) < requests:
            before = app.asked
            await settle()
            assert app.asked > before, "it has stopped"
        assert not transport.paused and not connection.flow.held and not transport.closed
        connection.data_received(b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc")
        await settle()
        assert transport.written.endswith(b"abc")

    play(scenario)


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_bodies_of_any_size_in_parts_of_any_size(size: int) -> None:
    bodies = [b"", b"x", b"y" * 5000, b"z" * (100 if size < 100 else 60000)]
    sent = b"".join(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body) for body in bodies)
    sent += CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in bodies if body) + b"0\r\n\r\n"

    async def scenario(connection: Connection, transport: Transport, app: App) -> None:
        app.free.set()
        for start in range(0, len(sent), size):
            connection.data_received(sent[start : start + size])
            await settle()
        assert not transport.paused
        got = re.split(rb"HTTP/1.1 200 OK\r\n.*?\r\n\r\n", transport.written, flags=re.DOTALL)
        assert got == [b"", *bodies, b"".join(bodies)]

    play(scenario)


@pytest.mark.parametrize(
    ("sent", "rest"),
    [
        (b"content-length: 500\r\n\r\nabc", b""),
        (b"content-length: 500\r\n\r\n", b"a" * 499),
        (b"transfer-encoding: chunked\r\n\r\n", b"zz\r\n"),
    ],
)
def test_a_request_has_one_answer(sent: bytes, rest: bytes) -> None:
    """Also if it is answered before its body has come, which then never does, or is wrong."""

    async def scenario(connection: Connection, transport: Transport, app: App) -> None:
        app.free.set()
        connection.data_received(b"POST / HTTP/1.1\r\nx: too long\r\n" + sent)
        await settle()
        connection.data_received(rest)
        await settle()
        connection.look(-1, 60)
        assert transport.statuses() == [413] and transport.closed

    play(scenario)


@pytest.mark.parametrize(
    "rest",
    [
        b"GET / HTTP/1.1\r\nx: " + b"y" * (MAX_HEAD + 5000),
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 2000 + b"\r\n",
        b"\0\0\r\n\r\n",
        b"GET / HT",
        CHUNKED + b"5\r\nabc",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"1\r\na\r\n0\r\n\r\n" + CHUNKED + b"zz\r\n",
    ],
)
def test_what_follows_a_request_does_not_take_its_answer(rest: bytes) -> None:
    async def scenario(connection: Connection, transport: Transport, app: App) -> None:
        connection.data_received(b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc" + rest)
        await settle()
        for _ in range(3):
            connection.look(-1, 60)
        assert not transport.statuses() and not transport.closed
        app.free.set()
        await settle()
        assert set(transport.statuses()) == {200} and transport.written.count(END + b"abc") == 1
        assert transport.closed and len(transport.statuses()) == 1 + rest.count(b"0\r\n\r\n")

    play(scenario)


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", 0),
        (b"GET / HT", 0),
        (CHUNKED + b"1\r\n", 0),
        (b"GET / HTTP/1.1\r\n\r\n" * 3, 3),
        (CHUNKED + b"0\r\n\r\nGET", 1),
    ],
)
def test_clients_that_have_nothing_more_to_send(sent: bytes, answered: int) -> None:
    """They get the answers to what they have asked, as with `nc -N`; what is not whole has none."""

    async def scenario(connection: Connection, transport: Transport, app: App) -> None:
        connection.data_received(sent)
        await settle()
        assert connection.eof_received() == (answered > 0)
        if answered:
            assert not transport.closed
            app.free.set()
            await settle()
            assert transport.closed
        assert transport.statuses() == [200] * answered

    play(scenario)


def test_what_is_refused_without_anything_before_it() -> None:
    for sent, status in (
        (b"GET / HTTP/1.1\r\nx: " + b"y" * (MAX_HEAD + 5000), 431),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 2000 + b"\r\n", 431),
        (b"\0\0\r\n\r\n", 400),
        (CHUNKED + b"zz\r\n", 400),
        (CHUNKED + b"5\r\nabc", 408),
        (b"GET / HT", 408),
    ):

        async def scenario(
            connection: Connection, transport: Transport, app: App, sent: bytes = sent, status: int = status
        ) -> None:
            connection.data_received(sent)
            await settle()
            connection.look(-1, 60)
            assert transport.statuses() == [status] and transport.closed
            connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
            assert transport.statuses() == [status]

        play(scenario)


def test_what_follows_a_body_is_no_header() -> None:
    async def scenario(connection: Connection, transport: Transport, app: App) -> None:
        app.free.set()
        trailers = b"authorization: Bearer x\r\ncontent-length: 999999\r\n" + b"a: b\r\n" * 9000
        connection.data_received(CHUNKED + b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n")
        await settle()
        assert app.headers == [(b"transfer-encoding", b"chunked")] and transport.written.endswith(END + b"abc")
        assert not transport.closed

    play(scenario)


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_wish_for_another_protocol_is_passed_over(size: int) -> None:
    """As Java's HttpClient and curl --http2 send it."""
    head = b"POST /a?b=c HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n"
    sent = head + b"Content-Length: 3\r\n\r\nabc" + head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
    sent += b"GET / HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    sent += b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nfg"

    async def scenario(connection: Connection, transport: Transport, app: App) -> None:
        app.free.set()
        for start in range(0, len(sent), size):
            connection.data_received(sent[start : start + size])
            await settle()
        got = re.split(rb"HTTP/1.1 200 OK\r\n.*?\r\n\r\n", transport.written, flags=re.DOTALL)
        assert got == [b"", b"abc", b"de", b"", b"fg"] and not transport.closed

    play(scenario)


def test_connect_ends_the_connection() -> None:
    async def scenario(connection: Connection, transport: Transport, app: App) -> None:
        app.free.set()
        connection.data_received(b"CONNECT /a HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        await settle()
        assert transport.statuses() == [200] and app.asked == 1 and transport.closed

    play(scenario)
