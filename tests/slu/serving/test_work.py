"""The queue alone: its bound, its order, its batches, requests that wait too long, threads that fail."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from slu.serving.work import BATCH, Job, Late, WorkQueue


class Slow:
    """Answers each job with its request, when it is let."""

    def __init__(self) -> None:
        self.free, self.batches = threading.Event(), [0][:0]

    def __call__(self, jobs: Sequence[Job]) -> Sequence[Any]:
        self.free.wait(10)
        self.batches.append(sum(job.texts for job in jobs))
        return [ValueError(job.request) if job.request == "bad" else job.request for job in jobs]


def test_the_bound() -> None:
    async def scenario() -> None:
        slow = Slow()
        queue = WorkQueue(slow, 10, 1)
        assert queue.has_room(50)  # one that is alone always has
        first = queue.put(Job(4, None, "a"))
        assert queue.has_room(6) and not queue.has_room(7)
        second = queue.put(Job(6, None, "b"))
        assert not queue.has_room(1) and queue.pending == 10
        slow.free.set()
        assert await first == "a" and await second == "b"
        assert queue.pending == 0 and queue.has_room(10)
        queue.close()

    asyncio.run(scenario())


def test_the_wait() -> None:
    """At 20 ms a text, not more than 5 texts may be before a request that should be answered in 100 ms."""

    def answer(jobs: Sequence[Job]) -> Sequence[Any]:
        time.sleep(0.02 * len(jobs))
        return [None] * len(jobs)

    async def scenario() -> None:
        queue = WorkQueue(answer, 1000, 1, wait=0.1)
        for _ in range(60):
            await queue.put(Job(1, None, None))
        accepted = []
        while queue.has_room(1):
            accepted.append(queue.put(Job(1, None, None)))
        assert 2 <= len(accepted) <= 6
        await asyncio.gather(*accepted)
        assert queue.has_room(500)
        queue.close()

    asyncio.run(scenario())


def test_order_errors_and_batches() -> None:
    async def scenario() -> None:
        slow = Slow()
        queue = WorkQueue(slow, 10000, 1, together=True)
        numbers: list[Any] = list(range(300))
        futures = [queue.put(Job(1, None, "bad" if n == 7 else n)) for n in numbers]
        slow.free.set()
        results = await asyncio.gather(*futures, return_exceptions=True)
        assert isinstance(results[7], ValueError)
        assert [r for r in results if not isinstance(r, ValueError)] == [n for n in numbers if n != 7]
        assert sum(slow.batches) == 300 and max(slow.batches) == BATCH
        queue.close()

    asyncio.run(scenario())


def test_a_window_collects() -> None:
    async def scenario() -> None:
        slow = Slow()
        slow.free.set()
        queue = WorkQueue(slow, 1000, 1, window=0.2, together=True)
        futures = []
        for number in range(5):
            futures.append(queue.put(Job(1, None, number)))
            await asyncio.sleep(0.01)
        assert await asyncio.gather(*futures) == list(range(5))
        assert slow.batches == [5]
        queue.close()

    asyncio.run(scenario())


def test_late_requests_fail_and_keep_their_room() -> None:
    async def scenario() -> None:
        slow = Slow()
        queue = WorkQueue(slow, 5, 1)
        begun, waiting = queue.put(Job(3, None, "a")), queue.put(Job(2, None, "b"))
        await asyncio.sleep(0.05)
        assert queue.give_up(10) == 0 and queue.give_up(0.01) == 2
        for future in (begun, waiting):
            with pytest.raises(Late):
                await future
        assert not queue.has_room(1) and queue.oldest() > 0.04
        slow.free.set()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if not queue.pending:
                break
        assert queue.pending == 0 and queue.oldest() < 0.01
        queue.close()

    asyncio.run(scenario())


def test_a_function_that_fails() -> None:
    def broken(jobs: Sequence[Job]) -> Sequence[Any]:
        raise OSError("gone")

    async def scenario() -> None:
        queue = WorkQueue(broken, 5, 2)
        for _ in range(3):
            with pytest.raises(OSError, match="gone"):
                await queue.put(Job(1, None, None))
        queue.close()

    asyncio.run(scenario())
