"""The lexicons of a native parser or session, which the engine keeps; used like `slu.inputs.lexicon.Lexicon`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from slu.errors import LexiconError
from slu.runtime.backends.native_api import utf8

ADD, REMOVE, REPLACE, RESET = range(4)
"""``slu_lexicon_change``"""

_WHITE = " \t\r"


class NativeLexicon:
    """Lexicons that can be changed while threads parse: each parse sees either all of a change or none of it.

    The methods are those of `slu.inputs.lexicon.Lexicon`. Batch your changes: each call copies the earlier changes of
    this layer. ``change`` and ``change_file`` call the engine with one of the changes above, the name of the slot, and
    the content or the name of a lexicon file; they return an error message, "" after a success.
    """

    def __init__(self, change: Callable[[int, str | None, bytes], str], change_file: Callable[[int, str, Path], str]):
        self._change, self._change_file = change, change_file

    def add(self, slot: str, entries: Iterable[str]) -> None:
        """Add entries to the lexicon of ``slot``. Like every change, it is made completely or not at all."""
        self._make(ADD, slot, entries)

    def remove(self, slot: str, entries: Iterable[str]) -> None:
        """Remove entries, also those of the layers below. Entries that are in no lexicon are ignored."""
        self._make(REMOVE, slot, entries)

    def replace(self, slot: str, entries: Iterable[str]) -> None:
        """Let ``slot`` have these entries and no others."""
        self._make(REPLACE, slot, entries)

    def reset(self, slot: str | None = None) -> None:
        """Undo all changes of this layer, for one slot or, without one, for all."""
        _check(self._change(RESET, slot, b""))

    def add_file(self, slot: str, path: str | Path) -> None:
        """Add the entries of a file (see `slu.inputs.entries`)."""
        _check(self._change_file(ADD, slot, Path(path)))

    def _make(self, change: int, slot: str, entries: Iterable[str]) -> None:
        if isinstance(entries, str):
            raise LexiconError(f"{slot}: a single text, {entries[:20]!r}; give a list of entries")
        problem = self._change(change, slot, utf8("\n".join(map(_line, entries))))
        _check(problem and f"{slot}: {problem}".replace(": line ", ": entry ", 1))


def _line(entry: str) -> str:
    """An entry as a line of a lexicon file. What is inserted or replaced is ignored when entries are compared."""
    line = entry.replace("\n", " ")
    return f"\u200b{line}" if line.lstrip(_WHITE).startswith(("#", "\ufeff")) else line


def _check(problem: str) -> None:
    if problem:
        raise LexiconError(problem)
