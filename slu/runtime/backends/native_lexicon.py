"""The lists of a native parser or session: those of `slu.inputs.lexicon.Lexicon`, kept by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from slu.errors import LexiconError
from slu.runtime.backends.native_api import utf8

ADD, REMOVE, REPLACE, RESET = range(4)
"""``slu_lexicon_change``"""

_WHITE = " \t\r"


class NativeLexicon:
    """Lists that can be changed while threads parse: each parse sees all of a change or nothing of it.

    The methods are those of `slu.inputs.lexicon.Lexicon`. Every change copies what was said before at this level, so it
    is better to say much at once. ``change`` and ``change_file`` call the engine: with one of the changes above, the
    name of the slot, and a list file's bytes or name; they return what is wrong, "" if nothing is.
    """

    def __init__(self, change: Callable[[int, str | None, bytes], str], change_file: Callable[[int, str, Path], str]):
        self._change, self._change_file = change, change_file

    def add(self, slot: str, phrases: Iterable[str]) -> None:
        """Add phrases to the list of ``slot``. As every change, it is made as a whole or, on an error, not at all."""
        self._make(ADD, slot, phrases)

    def remove(self, slot: str, phrases: Iterable[str]) -> None:
        """Remove phrases, those of the lists below as well; such as are in no list do no harm."""
        self._make(REMOVE, slot, phrases)

    def replace(self, slot: str, phrases: Iterable[str]) -> None:
        """Let ``slot`` have these phrases and no others."""
        self._make(REPLACE, slot, phrases)

    def reset(self, slot: str | None = None) -> None:
        """Forget what was added, removed and replaced here, for one slot or for all."""
        _check(self._change(RESET, slot, b""))

    def add_file(self, slot: str, path: str | Path) -> None:
        """Add the phrases of a list file (see `slu.inputs.phrases`)."""
        _check(self._change_file(ADD, slot, Path(path)))

    def _make(self, change: int, slot: str, phrases: Iterable[str]) -> None:
        if isinstance(phrases, str):
            raise LexiconError(f"{slot}: one text, {phrases[:20]!r}; give a list of phrases")
        problem = self._change(change, slot, utf8("\n".join(map(_line, phrases))))
        _check(problem and f"{slot}: {problem}".replace(": line ", ": phrase ", 1))


def _line(phrase: str) -> str:
    """A phrase as a line of a list file. What is put in or replaced is of no meaning in a phrase."""
    line = phrase.replace("\n", " ")
    return f"\u200b{line}" if line.lstrip(_WHITE).startswith(("#", "\ufeff")) else line


def _check(problem: str) -> None:
    if problem:
        raise LexiconError(problem)
