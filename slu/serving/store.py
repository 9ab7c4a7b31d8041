"""The directory of a server's own files, and room on the disk for those that are mapped into memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from slu.errors import ConfigError

_PREFIX = "slu-serve-"
_LOCK = "server.lock"
"""Held as long as the server lives."""


@contextlib.contextmanager
def own_directory(run: Path | None) -> Iterator[Path]:
    """A new directory for one server, in ``run`` or among the temporary files, until the block ends.

    Those of servers that were killed are removed: each holds copies of models, which may be in memory. Raises
    `ConfigError` if there can be none.
    """
    place = run or Path(tempfile.gettempdir())
    try:
        _remove_abandoned(place)
        store = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    except OSError as error:
        raise ConfigError(
            f"{place}: no directory can be made there ({error.strerror}); give another --run-dir"
        ) from error
    try:
        with _locked(store):
            yield store
    finally:
        shutil.rmtree(store, ignore_errors=True)


def reserve(path: Path, size: int) -> None:
    """Let a file have ``size`` bytes or more for which the disk has room; raise `ConfigError` if it has not.

    A process that writes to a mapped file is killed by the system where the disk has none.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, size)
        finally:
            os.close(file)
    except OSError as error:
        raise ConfigError(
            f"{path}: no room for {size} bytes ({error.strerror}); make room, or give another --run-dir"
        ) from error


@contextlib.contextmanager
def _locked(store: Path) -> Iterator[None]:
    made = store / f".{_LOCK}"
    with made.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made.rename(store / _LOCK)  # under this name it is never without its lock while the server lives
        yield


def _remove_abandoned(place: Path) -> None:
    for path in place.glob(f"{_PREFIX}*"):
        try:
            if path.is_symlink() or path.stat().st_uid != os.getuid():
                continue
            with (path / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # a server that lives, one that is just starting, or somebody else's files
            continue
