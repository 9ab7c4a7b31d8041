"""Files of texts without labels: one a line, UTF-8."""

from __future__ import annotations

from pathlib import Path

from slu.corpus.tagged import BOM, control_problem, numbered_lines
from slu.errors import CorpusError


def numbered_texts(path: Path) -> list[tuple[int, str]]:
    """The lines of a file that have a text, with their numbers; raise `CorpusError` if there are none."""
    found = []
    for number, raw in numbered_lines(path):
        text = decoded(raw, path, number).strip()
        problem = control_problem(text, "text")
        if problem:
            raise CorpusError(f"{path}:{number}: {problem}")
        if text:
            found.append((number, text))
    if not found:
        raise CorpusError(f"{path}: no texts; write one a line")
    return found


def decoded(raw: bytes, path: Path, number: int) -> str:
    """A line without its end and without a byte order mark; raise `CorpusError` unless it is UTF-8."""
    try:
        return raw.removesuffix(b"\r").removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}:{number}: not UTF-8 at byte {error.start + 1} of the line; save the file as UTF-8"
        ) from error
