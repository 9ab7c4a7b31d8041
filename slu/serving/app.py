"""The application: its endpoints, and what is around all of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from time import perf_counter
from typing import Annotated, Any

from fastapi import Body, FastAPI, Response
from fastapi import Request as HttpRequest
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from slu.errors import SluError
from slu.serving.answers import SAFETENSORS
from slu.serving.page import page
from slu.serving.request import Request
from slu.serving.routes import JSON, BodyRoute, Headers, Receive, Refused, Reply, broken
from slu.serving.schemas import (
    LOGITS_EXAMPLES,
    PARSE_EXAMPLES,
    LogitsRequest,
    ModelAnswer,
    ModelsAnswer,
    ParseAnswer,
    ParseRequest,
    Problem,
    State,
)
from slu.serving.service import Service

log = logging.getLogger("slu.serve")

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLOSE = (b"connection", b"close")
OPEN = ("/healthz", "/readyz")
"""Paths that need no token."""
_WHY = {
    400: "The body is not UTF-8, or the request is no HTTP.",
    401: "No token, or a wrong one.",
    404: "No such model.",
    409: "The files of the model cannot be used; the former version stays in use.",
    413: "The body is too long.",
    415: "The body is said to be something else than JSON, or compressed.",
    422: "A field is missing or wrong; field says which.",
    503: "Too much is waiting; come again after the seconds of Retry-After.",
}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "description": _WHY[status]} for status in sorted({*statuses, 401})}


def make_app(service: Service) -> FastAPI:
    """The endpoints over a service, without `Guard`."""
    app = FastAPI(
        title="slu serve", version="1", docs_url=None, redoc_url=None, redirect_slashes=False,
        description="Intents and slots of utterances. Positions count Unicode code points.",
    )  # fmt: skip
    app.state.service = service
    _add_texts(app, service)
    _add_models(app, service)
    _add_state(app, service)

    @app.exception_handler(HTTPException)
    async def plain(request: HttpRequest, error: HTTPException) -> Response:
        return Response(to_json({"error": error.detail, "field": None}), error.status_code, error.headers, JSON)

    return app


def _add_texts(app: FastAPI, service: Service) -> None:
    async def parse(
        body: Annotated[ParseRequest, Body(openapi_examples=PARSE_EXAMPLES)],
    ) -> Reply:
        """Parse one text or several.

        The answers of a list are all of one version of the model. A session remembers the previous intent for 30
        minutes, over all workers; previous_intent, where it is given, wins over it.
        """
        texts = _texts(body)
        asked = Request(texts, [body.previous_intent] * len(texts), body.session, body.lexicons or {})
        answer = await service.answer(body.model, asked)
        if service.settings.log_texts:
            log.warning("texts %s", to_json(list(texts)).decode())
        return Reply(answer)

    async def logits(
        body: Annotated[LogitsRequest, Body(openapi_examples=LOGITS_EXAMPLES)],
    ) -> Reply:
        """The logits of the model's outputs, as a safetensors file.

        Its tensors are tokens, int64 [n]: the number of tokens of each text, [CLS] and [SEP] counted; and for each
        output of the model its name: float32 [n, width], or [sum of tokens, width] for one row a token.
        """
        texts = _texts(body)
        previous = body.previous_intents
        if previous is None:
            previous = [body.previous_intent] * len(texts)
        elif len(previous) != len(texts) or body.previous_intent is not None:
            raise Refused(422, f"previous_intents: give one a text ({len(texts)})", "previous_intents")
        added = body.lexicons_of_texts
        if added is not None and len(added) != len(texts):
            raise Refused(422, f"lexicons_of_texts: give one a text ({len(texts)})", "lexicons_of_texts")
        one_each = body.previous_intents is not None
        asked = Request(texts, previous, None, body.lexicons or {}, logits=True, added=added, one_each=one_each)
        answer = await service.answer(body.model, asked)
        return Reply(answer, kind=SAFETENSORS)

    file = {"schema": {"type": "string", "format": "binary"}}
    answers: dict[int | str, dict[str, Any]] = {200: {"content": {SAFETENSORS: file}}}
    usual = _errors(400, 404, 413, 415, 422, 503)
    routes = [
        BodyRoute("/v1/parse", parse, methods=["POST"], response_model=ParseAnswer, responses=usual, tags=["texts"]),
        BodyRoute(
            "/v1/logits", logits, methods=["POST"], response_model=None, response_class=Response,
            responses={**answers, **usual}, tags=["texts"],
        ),
    ]  # fmt: skip
    for route in routes:
        route.limits = service
    app.router.routes += routes


def _add_models(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models", response_model=ModelsAnswer, responses=_errors(), tags=["models"])
    async def models() -> Response:
        """All models: names, versions, what they can answer, and why newer files of them are not used."""
        return _json({"models": [service.describe(model) for model in service.models]})

    @app.get("/v1/models/{name}", response_model=ModelAnswer, responses=_errors(404, 422), tags=["models"])
    async def model(name: str) -> Response:
        """One model."""
        found = service.models.get(name)
        return _json(service.describe(found)) if found else Refused(404, "there is no such model").reply().response()

    @app.post("/v1/models/{name}/reload", response_model=ModelAnswer, responses=_errors(404, 409, 422), tags=["models"])
    async def reload(name: str) -> Response:
        """Read the files of a model, its lexicons and its pinned phrases again, and use them from the next request on.

        The answer is that of one worker; the others follow within the seconds of --watch.
        """
        if service.models.get(name) is None:
            return Refused(404, "there is no such model").reply().response()
        try:
            return _json(service.describe(await service.reload(name)))
        except SluError as error:
            return Refused(409, str(error)).reply().response()


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", response_model=State, tags=["state"])
    async def healthz() -> Response:
        """Whether the process lives."""
        return _json({"status": "ok"})

    @app.get("/readyz", response_model=State, responses={503: {"model": State}}, tags=["state"])
    async def readyz() -> Response:
        """Whether requests should be sent here."""
        state = service.state()
        return _json({"status": state}, 200 if state == "ok" else 503)

    @app.get("/metrics", response_class=Response, responses=_errors(), tags=["state"])
    async def metrics() -> Response:
        """Numbers of all workers, for Prometheus."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(page(app.openapi()), media_type="text/html")


def _texts(body: ParseRequest | LogitsRequest) -> Sequence[str]:
    if (body.text is None) == (body.texts is None):
        raise Refused(422, "give either text or texts", "text" if body.texts is None else "texts")
    return [body.text] if body.text is not None else body.texts or []


def _json(value: Any, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type=JSON)


class Guard:
    """Around the whole application: tokens, counting, the line of the log, and closing connections at the end.

    Requests with texts go to their route at once: the way through FastAPI costs more than an answer of the engine.
    """

    def __init__(self, app: FastAPI, service: Service):
        self._app, self._service = app, service
        self._routes = {route.path: route for route in app.routes if isinstance(route, BodyRoute)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI says."""
        if scope["type"] != "http":
            return
        began, path, headers = perf_counter(), scope["path"], scope["headers"]
        route = self._routes.get(path) if scope["method"] == "POST" else None
        if path not in OPEN and not self._service.allowed(headers):
            status = await self._send(Refused(401, "send a token that this server knows").reply(), headers, send)
        elif route is not None:
            status = await self._send(await route.answer(headers, receive), headers, send)
        else:
            status = await self._other(scope, receive, send)
        seconds = perf_counter() - began
        self._service.metrics.count(path, status, seconds)
        if self._service.settings.log_requests:
            log.warning("%s %s %d %.1f ms", scope["method"], _printable(path), status, 1000 * seconds)

    def _closes(self, status: int, headers: Headers) -> bool:
        """Whether the answer closes the connection: at the end, and where a body may follow or not.

        A client that waits to be told to send its body may send it or leave it out after an error, so that nobody
        could tell the body from the next request.
        """
        return self._service.stopping or (status >= 400 and any(name == b"expect" for name, _ in headers))

    async def _send(self, reply: Reply, asked: Headers, send: Send) -> int:
        headers = reply.headers(CLOSE) if self._closes(reply.status, asked) else reply.headers()
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
        return reply.status

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> int:
        status = 0
        if scope["method"] == "HEAD":  # answered as GET; uvicorn leaves the body out
            scope = {**scope, "method": "GET"}

        async def counted(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._closes(status, scope["headers"]):
                    message["headers"] = [*message.get("headers", ()), CLOSE]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception as error:
            if not status:
                return await self._send(broken(error), scope["headers"], send)
            raise
        return status


def _printable(path: str) -> str:
    return path[:200].encode("unicode_escape").decode("ascii")
