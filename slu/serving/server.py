"""One worker: uvicorn, with connections that have limits, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from slu.serving.app import Guard, make_app
from slu.serving.connection import Connection, connections_of
from slu.serving.service import Service
from slu.serving.settings import Settings

GRACE = 0.25
"""Seconds without a request after which a connection is closed at the end."""


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
    config = uvicorn.Config(
        app, http=connections_of(service), loop="none", lifespan="off", ws="none", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=max(1, round(settings.keep_alive)),
        timeout_graceful_shutdown=max(1, round(2 * settings.timeout)), backlog=2048,
    )  # fmt: skip
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    await Server(config, service).serve(sockets=[listener])
