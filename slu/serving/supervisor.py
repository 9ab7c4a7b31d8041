"""The parent of the workers: it listens, starts them, starts again those that die, and ends them all."""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from types import FrameType

from slu.errors import ConfigError, SluError
from slu.serving import metrics
from slu.serving.settings import Settings
from slu.serving.store import own_directory

log = logging.getLogger("slu.serve")
MODULES = ("fastapi", "uvicorn", "httptools", "uvloop", "prometheus_client")
"""What a worker needs."""
_FAILED = 2
"""Exit code of a worker that cannot start."""
_LOOK = 0.2
"""Seconds between two looks at the workers."""
_AGAIN, _LATER = 1.0, 5.0
"""Seconds before a worker that has died is started again, and one that could not take the place of another."""


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns 0 then. Raises a `SluError` for what does not work."""
    for module in MODULES:
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    set_up_logging()
    listener = listen(settings.host, settings.port)
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with own_directory(settings.run) as store:
            return _serve_from(store, settings, listener)
    finally:
        listener.close()
        signal.signal(signal.SIGTERM, before)


def _serve_from(store: Path, settings: Settings, listener: socket.socket) -> int:
    metrics.prepare(store / "metrics")
    address = url(listener)
    if not settings.token_file and not _is_local(listener):
        log.warning("%s can be reached from other machines, and asks for no token (--token-file)", address)
    if settings.workers > 1:
        return _supervise(settings, listener, store, address)
    from slu.serving.server import run_worker

    metrics.begin_worker(0)
    run_worker(settings, listener, store, lambda: _say_started(address, settings))
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    """End while models are opened; afterwards others take the signal."""
    sys.exit(0)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raise `ConfigError` if there can be none."""
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        raise ConfigError(f"--host {host} --port {port}: cannot listen there ({error.strerror or error})") from error
    listener.set_inheritable(True)
    return listener


def url(listener: socket.socket) -> str:
    """Where a listening socket can be reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def set_up_logging() -> None:
    """Lines on standard error, with the time."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s slu serve[%(process)d]: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _supervise(settings: Settings, listener: socket.socket, store: Path, address: str) -> int:
    stopping = Event()
    workers: dict[int, BaseProcess] = {}
    missing: dict[int, float] = {}  # numbers of those that have ended, and when others take their places

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, stop)
    context = multiprocessing.get_context("spawn")

    def start(number: int) -> BaseProcess:
        worker = context.Process(target=_worker, args=(settings, listener, store, os.getpid(), number))
        worker.start()
        return worker

    try:
        for number in range(settings.workers):
            workers[number] = start(number)
        first = list(workers.values())
        _say_started(address, settings)
        while not stopping.wait(_LOOK):
            for number, worker in [(number, worker) for number, worker in workers.items() if not worker.is_alive()]:
                del workers[number]
                metrics.forget(number)
                missing[number] = time.monotonic() + _seconds_without(worker, worker in first)
            for number in [number for number, due in missing.items() if due <= time.monotonic()]:
                try:
                    workers[number] = start(number)
                    del missing[number]
                except OSError as error:  # no further processes or memory: the others go on
                    log.warning("no worker can be started (%s); the next attempt is in %g seconds", error, _LATER)
                    missing[number] = time.monotonic() + _LATER
        return 0
    finally:
        listener.close()  # or connections would be made to it that no worker takes
        for worker in workers.values():
            if worker.pid is not None and worker.is_alive():
                os.kill(worker.pid, signal.SIGTERM)
        until = time.monotonic() + settings.drain + 3 * settings.timeout + 5
        for worker in workers.values():
            worker.join(max(0.1, until - time.monotonic()))
            if worker.is_alive():
                log.warning("worker %s does not end, and is killed", worker.pid)
                worker.kill()


def _seconds_without(worker: BaseProcess, first: bool) -> float:
    """Seconds until another one takes the place of a worker that has ended.

    Raises `SluError` if one of the first workers could not start: another one would not either. Later it means that
    the files have been broken meanwhile, with which the other workers do not begin: they go on with the former ones.
    """
    if worker.exitcode != _FAILED:
        log.warning("worker %s died (exit code %s); another one starts", worker.pid, worker.exitcode)
        return _AGAIN
    if first:
        raise SluError(f"worker {worker.pid} could not start; what it said stands above")
    log.warning("worker %s could not start; the next attempt is in %g seconds", worker.pid, _LATER)
    return _LATER


def _worker(settings: Settings, listener: socket.socket, store: Path, parent: int, number: int) -> None:
    set_up_logging()
    _end_with(parent)
    try:
        from slu.serving.server import run_worker

        metrics.begin_worker(number)
        run_worker(settings, listener, store)
    except SluError as error:
        print(f"slu: error: {error}", file=sys.stderr)
        sys.exit(_FAILED)


def _end_with(parent: int) -> None:
    """Let this process get SIGTERM when its parent dies (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            sys.exit(0)


def _say_started(address: str, settings: Settings) -> None:
    names = ", ".join(source.name for source in settings.sources)
    workers = f"{settings.workers} workers" if settings.workers > 1 else "1 worker"
    print(f"slu serve: {address} ({workers}): {names}", file=sys.stderr, flush=True)


def _is_local(listener: socket.socket) -> bool:
    host = listener.getsockname()[0]
    return host.startswith("127.") or host == "::1"
