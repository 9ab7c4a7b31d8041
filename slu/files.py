"""Writing so that what exists is whole: under a temporary name first, renamed when complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from slu.errors import OutputError

MARK = "manifest.json"
"""Every directory this project makes has one; a directory without it is somebody else's."""


@contextlib.contextmanager
def new_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory that becomes ``path`` when the block ends, and vanishes when it fails.

    A directory made by this project is replaced; anything else that is there is left alone (`OutputError`).
    """
    target = Path(path)
    check_output_directory(target)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
        temporary.chmod(0o755)
        yield temporary
        _replace(temporary, target)
    except OSError as error:
        raise _output_error(target, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def check_output_directory(path: str | Path) -> None:
    """Raise `OutputError` when ``path`` holds something that this project did not make."""
    target = Path(path)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputError(f"{target}: exists and is not a directory; choose another --out")
    try:
        other = target.is_dir() and any(target.iterdir()) and not _is_marked(target)
    except OSError as error:
        raise _output_error(target, error) from error
    if other:
        raise OutputError(f"{target}: holds something else (no {MARK} of this project in it); choose another --out")


def write_file(path: str | Path, data: bytes | str) -> None:
    """Write a file whole: a reader sees the old content or the new one, also when the disk is full."""
    target = Path(path)
    raw = data.encode("utf-8") if isinstance(data, str) else data
    if target.exists() and not target.is_file() and not target.is_dir():
        _write_device(target, raw)
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(raw)
            os.replace(temporary, target)  # noqa: PTH105
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _output_error(target, error) from error


def sha256(path: str | Path) -> str:
    """Hash of a file's bytes, or of the names and hashes of the files below a directory, as hex digits."""
    source = Path(path)
    digest = hashlib.sha256()
    if source.is_dir():
        for child in sorted(p for p in source.rglob("*") if p.is_file()):
            digest.update(f"{child.relative_to(source).as_posix()}\0{sha256(child)}\n".encode())
        return digest.hexdigest()
    with source.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _is_marked(directory: Path) -> bool:
    """Whether this project made it: other programs have a file of the same name, with other fields."""
    try:
        manifest = json.loads((directory / MARK).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and {"format_version", "stage"} <= set(manifest)


def _write_device(target: Path, raw: bytes) -> None:
    """Write to a device or a pipe, such as /dev/stdout, which must not be replaced by a file."""
    try:
        with target.open("wb", buffering=0) as stream:
            rest = memoryview(raw)
            while rest:
                rest = rest[stream.write(rest) :]
    except OSError as error:
        raise _output_error(target, error) from error


def _replace(temporary: Path, target: Path) -> None:
    if not target.exists():
        os.rename(temporary, target)  # noqa: PTH104
        return
    retired = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
    try:
        os.rename(target, retired / "old")  # noqa: PTH104
        try:
            os.rename(temporary, target)  # noqa: PTH104
        except OSError:
            os.rename(retired / "old", target)  # noqa: PTH104
            raise
    finally:
        shutil.rmtree(retired, ignore_errors=True)


def _output_error(target: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{target}: no space left on the device; free some and run the command again")
    return OutputError(f"{target}: cannot be written ({error.strerror or error}: {error.filename})")
