"""Zip files of fixed order and times: the same content gives the same bytes."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# The extra field that Android's tools pad with: id, length, alignment, zeros. apksigner keeps it.
ALIGNMENT_FIELD = 0xD935
TIME = (1981, 1, 1, 1, 1, 2)


@dataclass(frozen=True)
class Entry:
    """A file in an archive. ``align``: where a stored file begins, a multiple of so many bytes; 1: anywhere."""

    name: str
    data: bytes
    stored: bool = False
    align: int = 1


def write_archive(path: Path, entries: Iterable[Entry]) -> Path:
    """Write the entries in their order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, TIME)
            info.create_system = info.external_attr = 0
            info.compress_type = zipfile.ZIP_STORED if entry.stored else zipfile.ZIP_DEFLATED
            if entry.stored and entry.align > 1:
                assert archive.fp
                padded = archive.fp.tell() + 30 + len(entry.name.encode()) + 6
                padding = -padded % entry.align
                info.extra = struct.pack("<HHH", ALIGNMENT_FIELD, 2 + padding, entry.align) + bytes(padding)
            archive.writestr(info, entry.data, compresslevel=9)
    return path


def folder(directory: Path, prefix: str = "", *, stored: bool = False) -> list[Entry]:
    """All files below a directory, by name."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return [Entry(prefix + path.relative_to(directory).as_posix(), path.read_bytes(), stored) for path in files]
