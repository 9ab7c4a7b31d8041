"""The results of a run: lines of JSON, written one by one as they are measured, so that none is ever lost.

``slu.bench/1``: see bench.schema.json beside this file. The first line says what is measured on what, every other one a
measured thing, and "end" that all is there. ``--resume`` reads them back and measures what is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slu.errors import OutputError, SluError
from slu.files import open_regular, read_bytes, write_file

SCHEMA = "slu.bench/1"
SCHEMA_FILE = Path(__file__).with_name("bench.schema.json")
FILE = "bench.jsonl"
_BEGINNING = f'{{"schema": "{SCHEMA}"'.encode()
SAME = ("bundle_sha256", "data_sha256", "utterances", "rounds", "cores", "program_sha256")
"""What two runs must share for one to go on with the other."""


class ResultsFileError(SluError):
    """A file of results is broken, or is of another run."""


class Results:
    """The lines of one run, in a file. ``lines``: all of them, those of an earlier try first."""

    def __init__(self, path: Path, header: dict[str, Any], resume: bool = False):
        self.path = path
        self.lines: list[dict[str, Any]] = []
        if resume and path.is_file():
            self.lines = _whole_lines(path)
            self._check(header)
        check_lines(path)
        _rewrite(path, self.lines)
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error
        if not self.lines:
            self.add("run", **header)

    def add(self, kind: str, **fields: Any) -> None:
        """Write one line; it is on the disk when this returns."""
        line = {"schema": SCHEMA, "kind": kind, **fields}
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error
        self.lines.append(line)

    def has(self, kind: str, **fields: Any) -> bool:
        """Whether this was measured already."""
        return any(True for _ in self.select(kind, **fields))

    def select(self, kind: str, **fields: Any) -> Iterator[dict[str, Any]]:
        """The lines of a kind that have these values."""
        return select(self.lines, kind, **fields)

    def close(self) -> None:
        self._file.close()

    def _check(self, header: dict[str, Any]) -> None:
        """Raise unless the earlier lines are of the same run."""
        if not self.lines:
            return
        first = self.lines[0]
        if first.get("kind") != "run":
            raise ResultsFileError(f"{self.path}: does not begin with a run; remove it, or leave --resume out")
        for name in SAME:
            if first.get(name) != header.get(name):
                raise ResultsFileError(
                    f"{self.path}: is of a run with another {name.replace('_', ' ')}; leave --resume out, or choose "
                    "another --out"
                )
        if first["device"]["serial"] != header["device"]["serial"]:
            raise ResultsFileError(f"{self.path}: is of the phone {first['device']['serial']}; choose another --out")


def check_lines(path: Path) -> None:
    """Raise `OutputError` where something else than such results is; that a file is damaged is seen when it is read."""
    if not path.exists():
        return
    try:
        with open_regular(path) as stream:
            head = stream.read(len(_BEGINNING))
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror}); choose another --out") from error
    if not _BEGINNING.startswith(head):
        raise OutputError(f"{path}: holds something else than results of slu bench; choose another --out")


def select(lines: list[dict[str, Any]], kind: str, **fields: Any) -> Iterator[dict[str, Any]]:
    """Lines of a kind that have these values."""
    return (
        line
        for line in lines
        if line["kind"] == kind and all(line.get(name) == value for name, value in fields.items())
    )


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All lines of a file of results. Raises `ResultsFileError` when it is not of this schema."""
    lines = _whole_lines(path)
    if not lines or lines[0].get("kind") != "run":
        raise ResultsFileError(f"{path}: has no line that begins a run; slu bench device writes such files")
    return lines


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """What is complete: a run that was cut off may leave half a line at the end."""
    lines: list[dict[str, Any]] = []
    try:
        raw = read_bytes(path).decode("utf-8", errors="replace").split("\n")
    except OSError as error:
        raise ResultsFileError(f"{path}: cannot be read ({error.strerror})") from error
    for number, text in enumerate(raw, 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except ValueError:
            if number == len(raw):
                break
            raise ResultsFileError(f"{path}:{number}: not JSON; the file was changed") from None
        if not isinstance(line, dict) or line.get("schema") != SCHEMA or not isinstance(line.get("kind"), str):
            raise ResultsFileError(f"{path}:{number}: not of the schema {SCHEMA}; made by another version?")
        lines.append(line)
    return lines


def _rewrite(path: Path, lines: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_file(path, text)
