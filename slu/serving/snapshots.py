"""Private copies of models: what is replaced, overwritten or removed on the disk does not touch what is being run.

The engine maps the file of a model into memory, so that a file overwritten in place would change under it. A copy has
the hash of its content as its name: all workers of a server map the same one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from slu.errors import BundleError
from slu.files import open_regular
from slu.serving.settings import Source

Signature = tuple[tuple[str, int, int, int], ...]
"""Of every file that a model is made of: its name, its size, when it was changed (ns), its inode."""
_BLOCK = 1 << 20
_LOCK = "copies.lock"
_VERSION = re.compile("[0-9a-f]{12}")


def signature(source: Source) -> Signature | None:
    """What tells whether a model has changed on the disk, without reading it; None while files are missing."""
    try:
        return tuple(
            (name, stat.st_size, stat.st_mtime_ns, stat.st_ino)
            for name, stat in ((name, path.stat()) for name, path in _files(source))
        )
    except OSError:
        return None


def snapshot(source: Source, store: Path) -> tuple[Source, str]:
    """A copy of a model in ``store``, and its version: 12 hexadecimal digits of the hash of all its files.

    A copy that is there already is not made again. Raises `BundleError` if a file cannot be read, or changes meanwhile.
    """
    before = signature(source)
    made = store / ".copy"
    try:
        made = Path(tempfile.mkdtemp(prefix=".copy-", dir=store))
        total = hashlib.sha256()
        (made / "model").mkdir()
        for name, path in _files(source):
            total.update(f"{name}\0{_copy(path, made / name)}\n".encode("utf-8", "surrogateescape"))
        if before is None or signature(source) != before:
            raise BundleError(f"{source.path}: is missing or being written")
        version = total.hexdigest()[:12]
        shared = store / version
        with contextlib.suppress(FileExistsError):  # another worker has made it
            _rename(made, shared)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise BundleError(f"{source.path}: cannot be copied to {store} ({where}{error.strerror or error})") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    path = shared / "model" if source.path.is_dir() else shared / "model" / source.path.name
    lexicons = tuple((slot, shared / f"lexicon.{i}") for i, (slot, _) in enumerate(source.lexicons))
    pins = tuple(shared / f"pins.{i}" for i in range(len(source.pins)))
    return Source(source.name, path, source.backend, lexicons, pins), version


@contextlib.contextmanager
def in_use(store: Path) -> Iterator[None]:
    """No worker removes a copy in this block, in which one is made and opened."""
    with (store / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def remove_others(store: Path, versions: Collection[str]) -> None:
    """Remove all copies but these, unless a worker is opening one; what is open already stays readable for its user."""
    with (store / _LOCK).open("a") as lock, contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in store.iterdir():
            if _VERSION.fullmatch(path.name) and path.name not in versions:
                gone = path.with_name(f".gone-{path.name}")  # what is there under its name is whole, whatever happens
                shutil.rmtree(gone, ignore_errors=True)
                path.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)


def _files(source: Source) -> Iterator[tuple[str, Path]]:
    """Every file, and where it is in a copy."""
    if source.path.is_dir():
        for path in sorted(source.path.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                yield f"model/{path.name}", path
    else:
        yield f"model/{source.path.name}", source.path
    for i, (_, path) in enumerate(source.lexicons):
        yield f"lexicon.{i}", path
    for i, path in enumerate(source.pins):
        yield f"pins.{i}", path


def _rename(directory: Path, to: Path) -> None:
    try:
        os.rename(directory, to)  # noqa: PTH104
    except OSError as error:
        raise FileExistsError(error.errno, "exists", str(to)) if to.is_dir() else error from None


def _copy(path: Path, to: Path) -> str:
    """Copy a file; returns the hash of its content."""
    digest = hashlib.sha256()
    with open_regular(path) as source, to.open("wb") as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()
