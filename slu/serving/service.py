"""One process of a server: its models, the queue of each, and what every request is checked against."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from slu.errors import ConfigError, SluError
from slu.files import read_bytes
from slu.runtime.remote import LATE
from slu.serving.answers import Answers, check
from slu.serving.metrics import ENDPOINTS, Metrics
from slu.serving.models import Model, Models
from slu.serving.request import Request, Unfit
from slu.serving.routes import Refused
from slu.serving.sessions import Sessions
from slu.serving.settings import Settings
from slu.serving.work import Job, Late, WorkQueue

WAIT = 0.01
"""Seconds that a request may have to wait for the engine."""
WAIT_SLOW = 2.0
"""Seconds that a request may have to wait for a backend that is not the engine."""
WINDOW = 0.002
"""Seconds in which texts are collected for a backend that is faster with many at once."""
STUCK = 60.0
"""Seconds after which a request without an answer means that its thread will never answer."""

log = logging.getLogger("slu.serve")


class Service:
    """What the endpoints use. Made in the event loop of its process.

    ``store``: directory of the server's own files, common to its workers. ``full_paths``: those of requests that are
    for the queues. ``reading``: bytes of bodies that are held. ``stopping``: whether clients are asked to close their
    connections.
    """

    def __init__(self, settings: Settings, store: Path):
        self.settings, self.store = settings, store
        self.metrics = Metrics()
        self.models = Models(settings.sources, store, log.warning)
        self.reading, self.largest_body = 0, settings.max_body
        self.stopping = False
        self.full_paths = frozenset(path.encode() for path in ENDPOINTS[:2])
        self._tokens, self._tokens_seen = read_tokens(settings.token_file), _changed(settings.token_file)
        answers = Answers(Sessions(store / "sessions"))
        self.queues: dict[str, WorkQueue] = {}
        for model in self.models:
            window = settings.window if settings.window is not None else WINDOW if model.batches else 0.0
            wait = settings.wait if settings.wait is not None else WAIT_SLOW if model.batches else WAIT
            self.queues[model.name] = WorkQueue(answers, settings.queue, settings.threads, window, model.batches, wait)
        self.metrics.parsed = dict.fromkeys(self.queues, 0)
        self._reloader = ThreadPoolExecutor(1, "reload")
        self._reload_marks = {name: _changed(self._mark(name)) for name in self.queues}
        self._reloads: dict[str, asyncio.Task[Model]] = {}  # of each model, the one that has not begun
        self._reloading = asyncio.Lock()

    def allowed(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether a request with these headers has one of the tokens, or none is needed."""
        if not self._tokens:
            return True
        given = next((value for name, value in headers if name == b"authorization"), b"")
        kind, _, token = given.partition(b" ")
        # Every token is compared, and each in the same time whatever was given.
        right = [hmac.compare_digest(token.strip(), one) for one in self._tokens]
        return any(right) and kind.lower() == b"bearer"

    def has_room(self) -> bool:
        """Whether any queue has room for one more text; if not, nothing is gained by reading a request."""
        return any(queue.has_room(1) for queue in self.queues.values())

    def require_room(self) -> None:
        """Raise `Refused` if there is none."""
        if not self.has_room():
            self._full()

    def refused_unread(self, path: bytes) -> None:
        """Count a request that was refused at its head."""
        self.metrics.refuse(path.decode())

    def _full(self) -> None:
        self.metrics.refused.labels("queue").inc()
        raise Refused(503, "too many requests wait; come again")

    async def answer(self, name: str | None, request: Request) -> bytes:
        """The body of the answer to a request; raise `Refused` for one that cannot be answered."""
        model = self.models.get(name)
        if model is None:
            raise Refused(404, f"there is no model {str(name)[:50]!r}; there is {', '.join(self.queues)}", "model")
        count = len(request.texts)
        if count > self.settings.max_texts:
            raise Refused(
                422, f"texts: {count} of them; at most {self.settings.max_texts} can be sent at once", "texts"
            )
        queue = self.queues[model.name]
        if not queue.has_room(count):
            self._full()
        try:
            check(model, request)
            body: bytes = await queue.put(Job(count, model, request))
        except Unfit as error:
            raise Refused(422, f"{error.field}: {error}", error.field) from error
        except Late as error:
            self.metrics.refused.labels("late").inc()
            raise Refused(503, f"{LATE}; come again") from error
        self.metrics.parsed[model.name] += count
        return body

    async def reload(self, name: str) -> Model:
        """Open a model again; raise `SluError` if it cannot be used. The other workers follow within seconds.

        However many ask while the files are read, they are read once more for all of them.
        """
        if name not in self._reloads:
            self._reloads[name] = asyncio.get_running_loop().create_task(self._reload(name))
        return await asyncio.shield(self._reloads[name])

    async def _reload(self, name: str) -> Model:
        async with self._reloading:
            del self._reloads[name]  # who asks from now on may mean newer files
            loop = asyncio.get_running_loop()
            try:
                model = await loop.run_in_executor(self._reloader, self.models.reload, name)
                try:
                    self._mark(name).touch()
                except OSError as error:
                    log.warning("%s: the other workers cannot be told to read it again (%s)", name, error)
                self._reload_marks[name] = _changed(self._mark(name))
                return model
            finally:
                self._count_reloads()

    async def look_around(self) -> None:
        """Look at the files: those of the models, the tokens, and what other workers were told. Every few seconds."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._reloader, self._look)
        except Exception:
            log.exception("looking at the files of the models failed")
        self._count_reloads()

    def _look(self) -> None:
        if self.settings.watch:
            self.models.watch()
        for name, seen in self._reload_marks.items():
            found = _changed(self._mark(name))
            if found != seen:
                self._reload_marks[name] = found
                with contextlib.suppress(SluError):  # said, and kept in `Models.problems`
                    self.models.reload(name)
        seen, path = _changed(self.settings.token_file), self.settings.token_file
        if path is not None and seen != self._tokens_seen:
            try:
                self._tokens, self._tokens_seen = read_tokens(path), seen
                log.warning("%s: the tokens were read again", path)
            except ConfigError as error:
                log.warning("%s; the former tokens stay", error)
                self._tokens_seen = seen

    def tick(self, connections: int) -> None:
        """What is done every second: late requests, and numbers that only a look tells."""
        for name, queue in self.queues.items():
            queue.give_up(self.settings.timeout)
            self.metrics.queue.labels(name).set(queue.pending)
        self.metrics.connections.set(connections)
        self.metrics.flush()

    def state(self) -> str:
        """``ok``, or why this process should get no requests."""
        if self.stopping:
            return "stopping"
        stuck = [name for name, queue in self.queues.items() if queue.oldest() > STUCK]
        return f"the model {stuck[0]} does not answer" if stuck else "ok"

    def close(self) -> None:
        """End the threads."""
        for queue in self.queues.values():
            queue.close()
        self._reloader.shutdown(wait=False)

    def describe(self, model: Model) -> dict[str, Any]:
        """What ``/v1/models`` says of a model."""
        return {**model.describe(), "refused": self.models.problems.get(model.name)}

    def _mark(self, name: str) -> Path:
        return self.store / f"reload-{list(self.queues).index(name)}"

    def _count_reloads(self) -> None:
        for result, counts in (("replaced", self.models.replaced), ("refused", self.models.refused)):
            for name, count in counts.items():
                if count:
                    self.metrics.reloads.labels(name, result).inc(count)
                    counts[name] -= count


def read_tokens(path: Path | None) -> list[bytes]:
    """The tokens of a file, one a line; empty lines and those that begin with # do not count."""
    if path is None:
        return []
    try:
        lines = [line.strip() for line in read_bytes(path).splitlines()]
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    tokens = [line for line in lines if line and not line.startswith(b"#")]
    if not tokens:
        raise ConfigError(f"{path}: holds no token; write one a line")
    if any(not token.isascii() or b" " in token or len(token) < 16 for token in tokens):
        raise ConfigError(f"{path}: a token needs 16 characters or more of ASCII, without spaces")
    return tokens


def _changed(path: Path | None) -> tuple[int, int, int] | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)
