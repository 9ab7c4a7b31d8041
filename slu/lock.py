"""One writer at a time: two runs into the same directory exclude each other."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from slu.errors import OutputError

_held: dict[str, tuple[int, int]] = {}
"""Locks of this process by the name of their file: the thread that has it, and how often."""


@contextlib.contextmanager
def only_writer(target: Path) -> Iterator[None]:
    """Be the only one that writes ``target`` in this block; raise `OutputError` when another run does.

    The lock is a file beside it, ``.NAME.lock``, which vanishes with the block; the system gives it up when the process
    ends, so that one that is left behind hinders nobody. A block inside a block of the same thread is allowed.
    """
    name, thread = str(target.absolute().with_name(f".{target.name}.lock")), threading.get_ident()
    owner, depth = _held.get(name, (thread, 0))
    if owner != thread:
        raise _busy(target)
    descriptor = None if depth else _acquire(Path(name), target)
    _held[name] = thread, depth + 1
    try:
        yield
    finally:
        if depth:
            _held[name] = thread, depth
        else:
            del _held[name]
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    if not os.fstat(descriptor).st_size:  # otherwise it is somebody's file of this name
                        Path(name).unlink()
                os.close(descriptor)


def _acquire(path: Path, target: Path) -> int | None:
    """The descriptor of the lock; None where files cannot be locked, as on some network drives."""
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one that had it may have removed the file in between.
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise _busy(target) from error
            return None
        os.close(descriptor)


def _busy(target: Path) -> OutputError:
    return OutputError(f"{target}: another run is writing it; wait for its end, or choose another --out")
