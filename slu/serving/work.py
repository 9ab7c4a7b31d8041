"""Requests that wait for a model, and the threads that answer them.

The queue has a bound, in texts, and refuses at once what is above it: a request that is accepted is answered soon.
Threads take all requests that wait, up to a batch, and report them together: waking the event loop costs as much as
parsing a text.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

BATCH = 64
"""Texts that a thread takes at a time from the requests that wait."""
REPORT = 16
"""Texts after which a thread reports, if they are not computed together: about a millisecond of the engine."""

_WEIGHT = 0.1
"""Share of the latest report, 0..1, in the pace of a queue, a moving average of seconds a text."""


class Late(Exception):
    """A request has waited longer than it may."""


@dataclass(eq=False)
class Job:
    """One request. ``texts``: their number. ``model``, ``request``: what is parsed by what."""

    texts: int
    model: Any
    request: Any
    answer: asyncio.Future[Any] | None = None
    since: float = field(default_factory=time.monotonic)


Answer = Callable[[Sequence[Job]], Sequence[Any]]
"""From jobs to a result or an exception for each; called in the threads."""


class WorkQueue:
    """The requests of one model. Its methods are for the event loop, from which it was made.

    ``limit``: texts that may wait or be parsed. ``wait``: seconds after which the texts before a new request must be
    answered, by the pace of the last ones. ``window``: seconds in which a thread collects texts after the first
    one. ``together``: whether a batch is one call of ``answer``.
    """

    def __init__(
        self,
        answer: Answer,
        limit: int,
        threads: int,
        window: float = 0.0,
        together: bool = False,
        wait: float = float("inf"),
    ):
        self.pending = 0
        self._wait, self._pace, self._busy_since = wait, 0.0, 0.0  # pace: seconds a text, while there are any
        self._answer, self._limit, self._window, self._together = answer, limit, window, together
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._open: set[Job] = set()
        self._threads = [threading.Thread(target=self._work, name="parse", daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def has_room(self, texts: int) -> bool:
        """Whether a request of so many texts can be accepted. One that is alone always can."""
        if not self.pending:
            return True
        return self.pending + texts <= self._limit and self.pending * self._pace <= self._wait

    def put(self, job: Job) -> asyncio.Future[Any]:
        """Accept a request; the future gets its result."""
        job.answer = self._loop.create_future()
        if not self.pending:
            self._busy_since = time.monotonic()
        self.pending += job.texts
        self._open.add(job)
        self._jobs.put(job)
        return job.answer

    def give_up(self, seconds: float) -> int:
        """Let requests that have waited longer than this fail with `Late`; returns their number.

        What a thread has begun cannot be stopped: it keeps its room until it ends.
        """
        late = [job for job in self._open if time.monotonic() - job.since > seconds]
        for job in late:
            if job.answer is not None and not job.answer.done():
                job.answer.set_exception(Late())
        return len(late)

    def oldest(self) -> float:
        """Seconds since the oldest request that is not answered came."""
        return time.monotonic() - min((job.since for job in self._open), default=time.monotonic())

    def close(self) -> None:
        """Let the threads end when nothing waits."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while True:
            jobs, last = self._take()
            size = BATCH if self._together else REPORT
            gone = {job for job in jobs if job.answer is not None and job.answer.done()}  # nobody waits for them
            if gone:
                self._loop.call_soon_threadsafe(self._report, list(gone), [None] * len(gone))
            for part in _parts([job for job in jobs if job not in gone], size):
                try:
                    results = self._answer(part)
                except Exception as error:
                    results = [error] * len(part)
                self._loop.call_soon_threadsafe(self._report, part, results)
            if last:
                return

    def _take(self) -> tuple[list[Job], bool]:
        """Jobs of a batch, and whether nothing will follow."""
        job = self._jobs.get()
        if job is None:
            return [], True
        taken, texts, until = [job], job.texts, time.monotonic() + self._window
        while texts < BATCH:
            try:
                left = until - time.monotonic() if self._window else 0
                job = self._jobs.get(timeout=left) if left > 0 else self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return taken, True
            taken.append(job)
            texts += job.texts
        return taken, False

    def _report(self, jobs: Sequence[Job], results: Sequence[Any]) -> None:
        now, texts = time.monotonic(), sum(job.texts for job in jobs)
        self._pace += _WEIGHT * ((now - self._busy_since) / max(1, texts) - self._pace)
        self._busy_since = now
        for job, result in zip(jobs, results):
            if job not in self._open:
                continue
            self._open.discard(job)
            self.pending -= job.texts
            assert job.answer is not None
            if job.answer.done():
                continue
            if isinstance(result, BaseException):
                job.answer.set_exception(result)
            else:
                job.answer.set_result(result)


def _parts(jobs: Sequence[Job], size: int) -> list[list[Job]]:
    parts: list[list[Job]] = []
    texts = size
    for job in jobs:
        if texts >= size:
            parts.append([])
            texts = 0
        parts[-1].append(job)
        texts += job.texts
    return parts
