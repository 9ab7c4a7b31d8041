"""Reading bodies: the limits, the encoding and the errors of every endpoint that has one."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

log = logging.getLogger("slu.serve")

JSON = "application/json"
_JSON = (b"/json", b"+json")
"""Ends of the media types that are JSON (RFC 6839)."""
_MOST_ERRORS = 1000
"""Wrong members of a body of which the first is named: all of them are looked up for it."""
MAX_READING = 64 << 20
"""Bytes of bodies that one process holds while they arrive."""


Headers = Sequence[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(frozen=True)
class Reply:
    """An answer. ``kind``: its content-type; ``more``: further headers."""

    body: bytes
    status: int = 200
    kind: str = JSON
    more: tuple[tuple[bytes, bytes], ...] = ()

    def headers(self, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """All headers of the answer, then ``more``, as pairs of bytes for ASGI."""
        length = str(len(self.body)).encode()
        return [(b"content-type", self.kind.encode()), (b"content-length", length), *self.more, *more]

    def response(self) -> Response:
        """This answer as an object of FastAPI."""
        more = {name.decode(): value.decode() for name, value in self.more}
        return Response(self.body, self.status, more, self.kind)


class Refused(Exception):
    """A request that is answered with an error. ``field``: the part of the body that is wrong.

    The message may quote names of the request; it becomes one line whatever they hold.
    """

    def __init__(self, status: int, message: str, field: str | None = None):
        super().__init__(one_line(message))
        self.status, self.field = status, field

    def reply(self) -> Reply:
        """The answer with the error and the field as JSON."""
        body = to_json({"error": str(self), "field": self.field})
        return Reply(body, self.status, more=_MORE.get(self.status, ()))


def one_line(text: str) -> str:
    """The text with escapes in the place of what is not printed, such as the end of a line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


_MORE = {503: ((b"retry-after", b"1"),), 401: ((b"www-authenticate", b"Bearer"),)}


class BodyRoute(APIRoute):
    """A route whose endpoint is called with its body, an object of the class of the parameter, and returns a `Reply`.

    It is described as FastAPI describes it, but `answer` is all that answers: it reads the body as long as it is not
    too long, is UTF-8, and fits in every field. It takes a fraction of the time of FastAPI's own way.
    """

    limits: Limits
    """Set by who adds the route."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function that FastAPI calls for a request; see `fastapi.routing.APIRoute.get_route_handler`."""

        async def handler(request: Request) -> Response:
            return (await self.answer(request.scope["headers"], request.receive)).response()

        return handler

    async def answer(self, headers: Headers, receive: Receive) -> Reply:
        """The answer to a request with these headers; no exception leaves it."""
        assert self.body_field is not None
        try:
            self.limits.require_room()
            raw = await read_body(headers, receive, self.limits)
            reply: Reply = await self.endpoint(validated(self.body_field.type_, raw))
            return reply
        except Refused as refused:
            return refused.reply()
        except Exception as error:
            return broken(error)


def broken(error: Exception) -> Reply:
    """The answer after an error of this program. Its log has the place and no message, which may quote a text."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s in\n%s", type(error).__name__, where)
    return Reply(to_json({"error": "this server made a mistake; its log says where", "field": None}), 500)


class Limits(Protocol):
    """``largest_body`` in bytes; ``reading``: bytes of bodies that are held while they arrive."""

    largest_body: int
    reading: int

    def require_room(self) -> None:
        """Raise `Refused` if a request need not be read, as there would be no room for it."""
        ...


async def read_body(headers: Headers, receive: Receive, limits: Limits) -> bytes:
    """The whole body; raise `Refused` for one that is too long, or by its own account not JSON or compressed."""
    length, kind, coding = None, b"", b""
    for name, value in headers:
        if name == b"content-length":
            length = value
        elif name == b"content-type":
            kind = value
        elif name == b"content-encoding":
            coding = value
    if kind and not kind.partition(b";")[0].strip().lower().endswith(_JSON):
        raise Refused(415, f"send JSON, with content-type: {JSON}")
    if coding.strip().lower() not in (b"", b"identity"):
        raise Refused(415, "send the body as it is, without content-encoding")
    largest = limits.largest_body
    too_long = Refused(413, f"the body is longer than {largest} bytes")
    if length is not None and int(length) > largest:
        raise too_long
    parts: list[bytes] = []
    size = 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the client has gone")
            chunk = message.get("body", b"")
            if not message.get("more_body"):
                if size + len(chunk) > largest:
                    raise too_long
                return b"".join([*parts, chunk]) if parts else bytes(chunk)
            size += len(chunk)
            limits.reading += len(chunk)
            if size > largest:
                raise too_long
            if limits.reading > MAX_READING:
                raise Refused(503, "too many bodies arrive at a time")
            parts.append(chunk)
    finally:
        limits.reading -= size


def validated(kind: type[BaseModel], raw: bytes) -> Any:
    """The object of a body; raise `Refused` for what is not UTF-8 and for what does not fit."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8 at byte {error.start}") from error
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        if error.error_count() > _MOST_ERRORS:
            raise Refused(422, f"{error.error_count()} members are wrong") from error
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part)[:50] for part in first["loc"])
        message = first["msg"].encode("utf-8", "replace").decode("utf-8")
        raise Refused(422, f"{field}: {message}" if field else message, field or None) from error
