"""Writing so that what exists is whole: under a temporary name first, renamed when complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from slu.errors import OutputError
from slu.lock import only_writer

MARK = "manifest.json"
"""Every directory this project makes has one; a directory without it is somebody else's."""
FILES, DIGEST = "files", "digest"
"""Fields of it: hashes of the other files by their names, and one of all its other fields."""
_OWN = re.compile(
    r"(manifest|config|labels|evaluation|training)\.json|(vocab|train|dev|test|pins)\.txt"
    r"|(lexicon|ngrams|model)\.safetensors|labels\.gguf|model\.[a-z0-9.]+|triton|serving_(server|client)|visualdl"
    r"|README\.md"
)
"""Names of what is in a directory that this project makes."""


@contextlib.contextmanager
def new_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory that becomes ``path`` when the block ends, and vanishes when it fails.

    A directory made by this project is replaced; anything else that is there is left alone (`OutputError`). Its
    manifest gets the hashes of the other files (see `damage_of`), and all is on the disk before it is called ``path``.
    """
    target = Path(path)
    check_output_directory(target)
    if target.name in ("", ".."):
        raise OutputError(f"{target}: is a directory that is in use; give --out a name of its own")
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with only_writer(target):
            remove_leftovers(target)
            temporary = _new_sibling(target, ".tmp")
            yield temporary
            _seal(temporary)
            _replace(temporary, target)
    except OSError as error:
        raise _output_error(target, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Remove what a run that was killed left beside ``target``. Only who is its one writer may do that.

    A directory that was about to be replaced comes back.
    """
    left = [path for path in _siblings(target, r"[0-9a-f]{8}\.(?:tmp|old)") if path.is_dir() and not path.is_symlink()]
    for old in left:
        if old.suffix == ".old" and (old / "old").is_dir() and not target.exists():
            os.rename(old / "old", target)  # noqa: PTH104
    for path in left:
        shutil.rmtree(path, ignore_errors=True)


def remove_directory(directory: Path, target: Path) -> None:
    """Remove ``directory``, which stands beside ``target`` and serves it. Of one that is half removed when the process
    is killed, nobody could tell any more what it was: so it first gets a name that `remove_leftovers` knows."""
    doomed = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        directory.rename(doomed)
    except OSError:  # it is not there, or may not be renamed
        doomed = directory
    shutil.rmtree(doomed, ignore_errors=True)


def _siblings(target: Path, ends: str) -> list[Path]:
    """What stands beside ``target`` under its name, between dots, and exactly such an ending: ``.m.v2.0123abcd.tmp`` is
    of ``m.v2``, and not of ``m``."""
    name = re.compile(rf"\.{re.escape(target.name)}\.{ends}")
    try:
        return sorted(path for path in target.parent.iterdir() if name.fullmatch(path.name))
    except OSError:  # there is no such directory, or it can be written to and not be listed
        return []


def damage_of(directory: Path) -> str:
    """What is not as it was when `new_directory` made the directory, a few words; empty if nothing is.

    Of a directory that an older version made, which lists no hashes, nothing is known to be damaged.
    """
    try:
        manifest = json.loads(read_bytes(directory / MARK, 64 << 20))
    except OSError as error:
        return f"{MARK} cannot be read, {error.strerror}"
    except (ValueError, RecursionError):
        return f"{MARK} is empty or not whole"
    if not isinstance(manifest, dict) or not isinstance(manifest.get(FILES, {}), dict):
        return f"{MARK} is not whole"
    if FILES not in manifest and DIGEST not in manifest:
        return ""
    try:
        if manifest.get(DIGEST) != _digest(manifest):
            return f"{MARK} was changed"
    except RecursionError:
        return f"{MARK} is not whole"
    for name, wanted in manifest.get(FILES, {}).items():
        try:
            if {*Path(name).parts} & {"..", "/"} or file_sha256(directory / name) != wanted:
                return f"{name} was changed or is not whole"
        except OSError as error:
            return f"{name} cannot be read, {error.strerror}"
        except ValueError:  # no file has such a name
            return f"{MARK} is not whole"
    return ""


def _seal(directory: Path) -> None:
    """Put the hashes of the files into the manifest, if there is one, and all of them on the disk."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path != directory / MARK)
    if (directory / MARK).is_file():
        manifest = json.loads((directory / MARK).read_bytes())
        manifest[FILES] = {path.relative_to(directory).as_posix(): sha256(path) for path in files}
        manifest[DIGEST] = _digest(manifest)
        text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
        (directory / MARK).write_text(text, encoding="utf-8")
        files.append(directory / MARK)
    for path in (*files, *(path for path in directory.rglob("*") if path.is_dir()), directory):
        _sync(path)


def _remove_temporary_files(target: Path) -> None:
    """What `write_file` left for ``target`` in processes that are no more."""
    for left in _siblings(target, r"[0-9]+\.tmp"):
        if not left.is_dir() and not _is_alive(int(left.name.split(".")[-2])):
            left.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # it belongs to somebody else
    return True


def _digest(manifest: dict[str, Any]) -> str:
    rest = {name: value for name, value in manifest.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _sync(path: Path) -> None:
    """Have the system write a file, or the names in a directory, to the disk, as far as it can."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot do that for directories
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_sibling(target: Path, suffix: str) -> Path:
    """A new directory beside ``target``, with the permissions that the user gives to new directories."""
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}{suffix}")
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path


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
        temporary.unlink(missing_ok=True)  # of a process of the same number
        try:
            temporary.touch(exist_ok=False)  # a link of somebody who knows the name would lead to another file
            temporary.write_bytes(raw)
            _sync(temporary)
            os.replace(temporary, target)  # noqa: PTH105
            _sync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
        _remove_temporary_files(target)
    except OSError as error:
        raise _output_error(target, error) from error


MOST_BYTES = 1 << 30
"""Of a file that is read into memory as a whole: a corpus, a list, JSON."""
_MOST_HASHED = 1 << 32


def write_result(path: str | Path, data: str) -> None:
    """As `write_file`, for a file that the user names: one that this program did not write is left alone.

    What is there must be of the same kind as ``data``: an object with half of its names or more, a page or a table with
    the same head. Otherwise `OutputError`.
    """
    target = Path(path)
    _check_like(target, data)
    write_file(target, data)


def check_result(path: str | Path, like: str) -> None:
    """Raise `OutputError` at once where `write_result` would for data of this kind (see there)."""
    _check_place(Path(path))
    _check_like(Path(path), like)


def check_new(path: str | Path) -> None:
    """Raise `OutputError` where a file is that is not empty, or none can be."""
    target = Path(path)
    _check_place(target)
    if target.is_file() and target.stat().st_size:
        raise OutputError(f"{target}: exists already; choose another name, or remove it")


def _check_like(target: Path, data: str) -> None:
    if target.is_file() and not _is_like(target, data):
        raise OutputError(f"{target}: holds something else than this command writes; choose another file, or remove it")


def _check_place(target: Path) -> None:
    """Raise `OutputError` where no file can be: a directory, or below what is no directory or may not be changed."""
    try:
        parent = next(parent for parent in target.absolute().parents if parent.exists())
        if target.is_dir():
            raise OutputError(f"{target}: is a directory; choose another name")
        if not target.exists() and not (parent.is_dir() and os.access(parent, os.W_OK)):
            raise OutputError(f"{target}: no file can be made in {parent}; choose another name")
    except OSError as error:
        raise _output_error(target, error) from error


def write_new(path: str | Path, data: bytes, option: str = "--out") -> None:
    """As `write_file`, where nothing is but these bytes or an empty file; otherwise `OutputError`."""
    check_same(path, data, option)
    write_file(path, data)


def check_same(path: str | Path, data: bytes, option: str = "--out") -> None:
    """Raise `OutputError` at once where `write_new` would."""
    target = Path(path)
    if target.is_file() and target.stat().st_size and sha256(target) != hashlib.sha256(data).hexdigest():
        raise OutputError(f"{target}: exists already; choose another {option}, or remove it")


def _is_like(target: Path, data: str) -> bool:
    try:
        old = read_bytes(target).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    if not old or old == data:
        return True
    try:
        before, after = json.loads(old), json.loads(data)
    except (ValueError, RecursionError):
        # The head of a page up to its title, or the names of the columns of a table.
        head = data[: data.find("<title>") + 1 or data.find("\n") + 1]
        return len(head) > 20 and old.startswith(head)
    while isinstance(before, list) and isinstance(after, list) and before and after:
        before, after = before[0], after[0]
    return isinstance(before, dict) and isinstance(after, dict) and 2 * len(set(before) & set(after)) >= len(after)


def real_path(path: str | Path) -> Path:
    """The path without symbolic links, to compare it with others. One with links to each other in a circle, which
    `Path.resolve` cannot do, keeps them."""
    return Path(os.path.realpath(path))


def open_regular(path: str | Path, most: int = _MOST_HASHED) -> BinaryIO:
    """Open a file to read it; raise `OSError` for a pipe, at which opening would wait, a device, a directory, and for
    more than ``most`` bytes, which need not be on the disk at all."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "a pipe or a device; write its content to a file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"larger than {most >> 20} MiB", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most ``most`` bytes; raises `OSError`, see `open_regular`."""
    with open_regular(path, most) as stream:
        return stream.read()


def sha256(path: str | Path) -> str:
    """Hash of a file's bytes, or of the names and hashes of the files below a directory, as hex digits."""
    source = Path(path)
    if not source.is_dir():
        return file_sha256(source)
    digest = hashlib.sha256()
    for child in sorted(p for p in source.rglob("*") if p.is_file()):
        name = os.fsencode(child.relative_to(source).as_posix())
        digest.update(name + f"\0{file_sha256(child)}\n".encode())
    return digest.hexdigest()


def file_sha256(path: str | Path) -> str:
    """Hash of the bytes of a regular file, as hex digits; raises `OSError`, also for a directory, which may be all of
    the machine's where somebody else made a link."""
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _is_marked(directory: Path) -> bool:
    """Whether this project made it: other programs have a file of the same name, with other fields.

    One whose manifest is no longer whole is recognised by the names of its files, all of which must be known.
    """
    try:
        manifest = json.loads(read_bytes(directory / MARK, 64 << 20))
    except (ValueError, RecursionError):
        manifest = {DIGEST: ""}
    except OSError:
        return False
    if not isinstance(manifest, dict):
        return False
    if {"format_version", "stage"} <= set(manifest):
        return True
    names = [path.name for path in directory.iterdir()]
    sealed = DIGEST in manifest or FILES in manifest
    return sealed and len(names) > 1 and all(_OWN.fullmatch(name) for name in names)


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
        _sync(target.parent)
        return
    retired = _new_sibling(target, ".old")
    try:
        os.rename(target, retired / "old")  # noqa: PTH104
        try:
            os.rename(temporary, target)  # noqa: PTH104
            _sync(target.parent)
        except OSError:
            os.rename(retired / "old", target)  # noqa: PTH104
            raise
    finally:
        shutil.rmtree(retired, ignore_errors=True)


def _output_error(target: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{target}: no space left on the device; free some and run the command again")
    return OutputError(f"{target}: cannot be written ({error.strerror or error}: {error.filename})")
