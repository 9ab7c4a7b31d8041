"""Reading models again, and the parent of the workers."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slu.errors import SluError
from slu.serving import server, supervisor
from slu.serving.service import Service
from slu.serving.settings import Settings, Source
from slu.serving.supervisor import serve


@pytest.fixture
def settings(models: tuple[Path, Path], tmp_path: Path) -> Settings:
    return Settings((Source("one", models[0]),), port=0, run=tmp_path)


def test_many_who_ask_to_read_a_model_again(settings: Settings, tmp_path: Path) -> None:
    """One time is under way, and one more is for all who ask meanwhile."""

    async def scenario() -> None:
        service = Service(settings, tmp_path)
        [model] = service.models
        begun, free, times = threading.Event(), threading.Event(), []

        def reload(name: str) -> Any:
            times.append(name)
            begun.set()
            assert free.wait(30)
            if len(times) == 2:
                raise SluError("broken")
            return model

        service.models.reload = reload
        first = asyncio.ensure_future(service.reload("one"))
        assert await asyncio.to_thread(begun.wait, 30)
        later = [asyncio.ensure_future(service.reload("one")) for _ in range(50)]
        await asyncio.sleep(0)
        free.set()
        assert await first is model
        assert {str(one) for one in await asyncio.gather(*later, return_exceptions=True)} == {"broken"}
        assert len(times) == 2 and await service.reload("one") is model and len(times) == 3
        service.close()

    asyncio.run(scenario())


class Worker:
    """A process that has ended with this exit code, or lives (None)."""

    pid = None

    def __init__(self, exitcode: int | None):
        self.exitcode = exitcode

    def start(self) -> None:
        pass

    def is_alive(self) -> bool:
        return self.exitcode is None

    def join(self, timeout: float) -> None:
        self.exitcode = 0


@pytest.mark.parametrize("later", [True, False])
def test_workers_that_cannot_start(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, later: bool
) -> None:
    """At first that is an error. Later the others go on, and another attempt is made."""
    handlers: dict[int, Any] = {}
    codes = iter([None, -9, 2, 2, None] if later else [None, 2])

    def process(target: Any, args: Any) -> Worker:
        worker = Worker(next(codes))
        if later and len(started) == 4:
            handlers[signal.SIGTERM](signal.SIGTERM, None)
        started.append(worker)
        return worker

    started: list[Worker] = []
    monkeypatch.setattr(supervisor, "_LOOK", 0.0)
    monkeypatch.setattr(supervisor, "_AGAIN", 0.0)
    monkeypatch.setattr(supervisor, "_LATER", 0.0)
    monkeypatch.setattr(supervisor.metrics, "forget", lambda process: None)
    monkeypatch.setattr(supervisor.signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(supervisor.multiprocessing, "get_context", lambda kind: SimpleNamespace(Process=process))
    two = Settings(settings.sources, workers=2)
    with socket.socket() as listener:
        if later:
            assert supervisor._supervise(two, listener, tmp_path, "http://x") == 0
        else:
            with pytest.raises(SluError, match="could not start"):
                supervisor._supervise(two, listener, tmp_path, "http://x")
    assert len(started) == (5 if later else 2)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert ["died" in line for line in said] == ([True, False, False] if later else []), said
    assert sum("next attempt" in line for line in said) == (2 if later else 0)


def test_no_process_can_be_started(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker has died, and the machine has no process for another one: those that live go on."""
    handlers: dict[int, Any] = {}
    started: list[Worker] = []

    def process(target: Any, args: Any) -> Worker:
        if len(started) in (2, 3):
            started.append(Worker(0))
            raise BlockingIOError(11, "Resource temporarily unavailable")
        if len(started) == 4:
            handlers[signal.SIGTERM](signal.SIGTERM, None)
        started.append(Worker(-9 if not started else None))
        return started[-1]

    monkeypatch.setattr(supervisor, "_LOOK", 0.0)
    monkeypatch.setattr(supervisor, "_AGAIN", 0.0)
    monkeypatch.setattr(supervisor, "_LATER", 0.0)
    monkeypatch.setattr(supervisor.metrics, "forget", lambda number: None)
    monkeypatch.setattr(supervisor.signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(supervisor.multiprocessing, "get_context", lambda kind: SimpleNamespace(Process=process))
    with socket.socket() as listener:
        assert supervisor._supervise(Settings(settings.sources, workers=2), listener, tmp_path, "http://x") == 0
    said = [record.getMessage() for record in caplog.records if "no worker can be started" in record.getMessage()]
    assert len(started) == 5 and len(said) == 2 and "Resource temporarily unavailable" in said[0]


def test_a_signal_while_models_are_opened(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves nothing behind."""
    found: list[Path] = []

    def opening(*arguments: Any) -> None:
        found.extend(tmp_path.iterdir())
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(server, "run_worker", opening)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "replaced")
    root, level = logging.getLogger(), logging.getLogger().level
    handlers = root.handlers[:]
    try:
        with pytest.raises(SystemExit) as ended:
            serve(settings)
    finally:
        root.handlers[:], root.level = handlers, level
    assert ended.value.code == 0 and found and not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) == before
