"""A connection of a server: uvicorn's, with the limits that it does not have.

Heads and the time of a client are bounded, and so are requests that are sent before the answers to those before them:
what is read is parsed no further than needed. A request has one answer, and answers have the order of the requests,
also when what follows cannot be answered.
"""

from __future__ import annotations

import asyncio
import fcntl
import termios
from array import array
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slu.serving.routes import Refused
from slu.serving.service import Service

MAX_HEAD = 32 << 10
"""Bytes of the head of a request."""
_PART = 4 << 10
"""Bytes that are parsed at a time: some 200 of the shortest requests."""
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


class _Flow(FlowControl):
    """uvicorn's, which reads on with every answer: this one does so when all that came is parsed.

    ``held``: what has been read and not been parsed yet.
    """

    held = b""

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """uvicorn's, which waits for ever for the rest of a request, and keeps heads of any size and any number of them.

    The class that is used has a service, and is made by `connections_of`.
    """

    service: Service
    flow: _Flow
    _in_request = False
    _in_head = True
    _refusing = False  # the request is refused already; what comes of it is thrown away
    _ended = False  # no further requests are taken
    _upgrading = False  # the head that was parsed wishes for another protocol
    _head = _received = 0  # bytes of this request
    _since = 0.0  # when what it waits for began
    _before: Any = None  # the cycle before the latest one

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self._since = self.loop.time()
        if len(self.connections) > self.service.settings.connections:
            self._refuse(503)

    def data_received(self, data: bytes) -> None:
        self._feed(self.flow.held + data)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to keep the connection: who has nothing more to send may wait for answers."""
        return not self._is_last()

    def _feed(self, data: bytes) -> None:
        """Parse these bytes until a request waits for the answer to another one; the rest is held."""
        self._unset_keepalive_if_required()
        at = 0
        while at < len(data) and not self.pipeline and not self._ended and not self.transport.is_closing():
            self._parse(data[at : at + _PART])
            at += _PART
        self.flow.held = b""
        if at < len(data) and not self._ended and not self.transport.is_closing():
            self.flow.held = data[at:]
            self.flow.pause_reading()

    def _parse(self, data: bytes) -> None:
        while data:
            self._received += len(data)
            try:
                self.parser.feed_data(data)
                data = b""
            except httptools.HttpParserUpgrade as stopped:
                data = self._without_upgrade(data[stopped.args[0] :])
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
                return
        if self._in_head and max(self._received, self._head) > MAX_HEAD:
            self._refuse(431)
        elif self._received > MAX_HEAD + 4 * self.service.largest_body:  # of a body that was refused already
            self.transport.abort()

    def _without_upgrade(self, rest: bytes) -> bytes:
        """What to go on with, in a new parser: the same head without its wish, and the ``rest``, which follows it.

        RFC 9110 lets a server pass over the wish. The parser that has seen it takes the body for the other protocol's.
        """
        if not self._upgrading:
            if not self._ended:  # CONNECT: it is answered as any other method, and the connection ends
                self._stop()
            return b""
        self.parser, self._upgrading = httptools.HttpRequestParser(self), False
        version = self.scope["http_version"].encode()
        lines = [b"%s %s HTTP/%s" % (self.scope["method"].encode(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", rest])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_request, self._in_head = True, True
        self._head = self._received = 0
        self._since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what follows a body is no header, whatever it says
            self._head += len(name) + len(value) + _HEADER
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._head > MAX_HEAD:
            self._refuse(431)
        if self._ended:
            return
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self.scope["method"] = self.parser.get_method().decode("ascii")
            self.scope["http_version"] = self.parser.get_http_version()
            self._upgrading = True
            return
        self._in_head = False
        if self._is_too_much():
            self._refusing = True
            self.transport.write(FULL)
            self.service.refused_unread(self.url)
        else:
            self._before = self.cycle
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refusing and not self._ended:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._ended or self._upgrading:
            return
        if not self._refusing:
            super().on_message_complete()
        elif not self.parser.should_keep_alive():
            self.transport.close()
        self._refusing = False
        self._in_request, self._in_head, self._received = False, True, 0
        self._since = self.loop.time()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.flow.held and not self.pipeline and not self.transport.is_closing():
            held, self.flow.held = self.flow.held, b""
            self._since = self.loop.time()
            self._feed(held)
            if not self.pipeline:
                self.flow.resume_reading()

    def send_400_response(self, msg: str) -> None:
        if self._is_last():
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
        if self._in_request and not self.flow.held:
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
        """Answer what is arriving with this status, if it is to be answered, and take nothing else."""
        if self._is_last():
            self.transport.write(_REFUSALS[status])
            self.transport.close()

    def _is_last(self) -> bool:
        """End after what has been asked; returns whether what is arriving is to be answered at once.

        It is not if it has an answer already, or if requests before it have none yet: these get theirs.
        """
        if self._ended or self.transport.is_closing():
            return False
        if self.pipeline and self.pipeline[0][0] is self.cycle and self.cycle.more_body:
            # It has not begun, and will not be whole.
            self.pipeline.popleft()
            self.cycle = self._before
        if self._answering and not self.cycle.more_body:
            self._stop()
            return False
        self._ended = True
        if self._in_request and not self._in_head and (not self._answering or self.cycle.response_started):
            self.transport.close()
            return False
        return True

    def _stop(self) -> None:
        """Take no further requests; the answer to the last one closes the connection."""
        self._ended, self.cycle.keep_alive = True, False
        if not self.transport.is_closing():
            self.flow.pause_reading()


def connections_of(service: Service) -> type[Connection]:
    """The class of the connections of a service."""

    class ServiceConnection(Connection):
        pass

    ServiceConnection.service = service
    return ServiceConnection


def _unread(transport: asyncio.Transport) -> bool:
    """Whether bytes have come that were not read yet."""
    count = array("i", [0])
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, count)
    except (OSError, ValueError, AttributeError):
        return False
    return count[0] > 0
