"""One worker: uvicorn, with limits for connections and clients that it does not have, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import signal
import socket
import sys
import termios
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slu.serving.app import Guard, make_app
from slu.serving.routes import Refused
from slu.serving.service import Service
from slu.serving.settings import Settings

MAX_HEAD = 32 << 10
"""Bytes of the head of a request."""
GRACE = 0.25
"""Seconds without a request after which a connection is closed at the end."""
_HEADER = 32
"""Bytes that a header counts beside its name and value: it takes more memory than these."""
_REFUSALS = {
    status: f"HTTP/1.1 {status} {name}\r\ncontent-length: 0\r\n{more}connection: close\r\n\r\n".encode()
    for status, name, more in (
        (408, "Request Timeout", ""),
        (431, "Request Header Fields Too Large", ""),
        (503, "Service Unavailable", "retry-after: 1\r\n"),
    )
}

_FULL = Refused(503, "too many requests wait; come again").reply()
FULL = b"".join(
    [b"HTTP/1.1 503 Service Unavailable\r\n", *(b"%s: %s\r\n" % one for one in _FULL.headers()), b"\r\n", _FULL.body]
)
"""An answer to a request that is refused unread."""


class Connection(HttpToolsProtocol):
    """uvicorn's, which waits for ever for the rest of a request, and keeps heads of any size."""

    service: Service
    _in_request = False
    _refusing = False  # the request is refused already; what comes of it is thrown away
    _in_head = True
    _head = _received = 0  # bytes of this request
    _since = 0.0  # when what it waits for began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > self.service.settings.connections:
            self._refuse(503)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self._in_head and max(self._received, self._head) > MAX_HEAD:
            self._refuse(431)
        elif self._received > MAX_HEAD + 4 * self.service.largest_body:  # of a body that was refused already
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_request, self._in_head = True, True
        self._head = self._received = 0
        self._since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value) + _HEADER
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head > MAX_HEAD:
            self._refuse(431)
        elif self._is_too_much():
            self._refusing = True
            self.transport.write(FULL)
            self.service.refused_unread(self.url)
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refusing:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refusing:
            super().on_message_complete()
        elif not self.parser.should_keep_alive():
            self.transport.close()
        self._refusing = False
        self._in_request, self._in_head, self._received = False, True, 0
        self._since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        if self.transport.is_closing():
            return
        if self._answering and not self.cycle.more_body:
            # What follows a good request is not HTTP: that one is answered all the same.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._since = self.loop.time()

    def shutdown(self) -> None:
        # A request that has come, or begun to, is answered; its answer closes the connection. So is that of a client
        # that has just connected. `look` closes the others.
        if self._answering:
            super().shutdown()

    def look(self, timeout: float, keep_alive: float) -> None:
        """Close the connection if its client is too slow, or has not come back."""
        quiet = self.loop.time() - self._since
        if self._in_request:
            if quiet > timeout and self._answering and self.cycle.response_started:
                self.transport.abort()
            elif quiet > timeout:
                self._refuse(408)
        elif self._answering:
            if self.flow.write_paused and quiet > timeout:
                self.transport.abort()
        elif quiet > min(keep_alive, timeout if self.cycle is None else keep_alive) and not _unread(self.transport):
            self.transport.close()

    def _is_too_much(self) -> bool:
        """Whether to refuse a request before it is anything but a head: a tenth of the work of doing it later."""
        service = self.service
        return (
            self.url in service.full_paths
            and not service.has_room()
            and self.parser.get_method() == b"POST"
            and not self._answering
            and not self.expect_100_continue
            and not service.stopping
        )

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: int) -> None:
        if not self.transport.is_closing():
            self.transport.write(_REFUSALS[status])
            self.transport.close()


def _unread(transport: asyncio.Transport) -> bool:
    """Whether bytes have come that were not read yet."""
    count = array("i", [0])
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, count)
    except (OSError, ValueError, AttributeError):
        return False
    return count[0] > 0


class Server(uvicorn.Server):
    """uvicorn's, which ends in three steps: answers ask to close, listening ends, what is accepted is answered."""

    def __init__(self, config: uvicorn.Config, service: Service):
        super().__init__(config)
        self._service = service
        self._looking: asyncio.Task[None] | None = None

    async def on_tick(self, counter: int) -> bool:
        settings = self._service.settings
        if counter % 10 == 0:
            self._service.tick(len(self.server_state.connections))
            self._close_slow_ones()
        if counter % max(1, round((settings.watch or 1.0) * 10)) == 0 and (
            self._looking is None or self._looking.done()
        ):
            self._looking = asyncio.get_running_loop().create_task(self._service.look_around())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.stopping = True
        for _ in range(round(self._service.settings.drain * 10)):
            await asyncio.sleep(0.1)
            self._close_slow_ones()
        await self._stop_listening(sockets or [])
        closing = asyncio.get_running_loop().create_task(self._keep_closing())
        await super().shutdown()
        closing.cancel()
        self._service.close()

    async def _stop_listening(self, listeners: list[socket.socket]) -> None:
        """Take all who are connected, and nobody else: libuv takes one at a time, and the rest would be lost."""
        loop, taken = asyncio.get_running_loop(), []
        for listener in listeners:
            listener.listen(0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    taken.append(listener.accept()[0])
        for server in self.servers:
            server.close()
        for listener in listeners:
            listener.close()
        for connection in taken:
            connection.setblocking(False)
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        made: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state,
            _loop=asyncio.get_running_loop(),
        )  # fmt: skip
        return made

    async def _keep_closing(self) -> None:
        while True:
            self._close_slow_ones(GRACE)
            self._service.tick(len(self.server_state.connections))
            await asyncio.sleep(0.05)

    def _close_slow_ones(self, keep_alive: float | None = None) -> None:
        settings = self._service.settings
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.look(settings.timeout, settings.keep_alive if keep_alive is None else keep_alive)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def run_worker(
    settings: Settings, listener: socket.socket, store: Path, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT; raise a `SluError` if a model cannot be opened.

    ``ready`` is called when all are open.
    """
    # A thread that comes back from the engine should not wait for as long as seventy texts take.
    sys.setswitchinterval(2e-4)
    uvloop.run(_serve(settings, listener, store, ready))


async def _serve(settings: Settings, listener: socket.socket, store: Path, ready: Callable[[], None]) -> None:
    service = Service(settings, store)
    ready()
    app: Any = Guard(make_app(service), service)
    kind = type("ServiceConnection", (Connection,), {"service": service})
    config = uvicorn.Config(
        app, http=kind, loop="none", lifespan="off", ws="none", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=max(1, round(settings.keep_alive)),
        timeout_graceful_shutdown=max(1, round(2 * settings.timeout)), backlog=2048,
    )  # fmt: skip
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    await Server(config, service).serve(sockets=[listener])
