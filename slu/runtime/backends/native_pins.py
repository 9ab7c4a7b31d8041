"""The pinned phrases of a native parser or session: those of `slu.inputs.pins.Pins`, kept by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from slu.corpus.labels import Labels
from slu.errors import PinError
from slu.inputs.pins import check_intent, several
from slu.runtime.backends.native_api import utf8
from slu.runtime.backends.native_lexicon import ADD, REMOVE, REPLACE, RESET

_NO_INTENT = "\u3000"
"""Stands where an intent would. White space that the engine does not take away, so that an empty text is refused."""


class NativePins:
    """Pinned texts that can be changed while threads parse: each parse sees all of a change or nothing of it.

    The methods are those of `slu.inputs.pins.Pins`. ``change`` and ``change_file`` call the engine with one of the
    changes of `slu.runtime.backends.native_lexicon`, and a file's bytes or name; they return what is wrong, "" if
    nothing is.
    """

    def __init__(self, labels: Labels, change: Callable[[int, bytes], str], change_file: Callable[[int, Path], str]):
        self._labels, self._change, self._change_file = labels, change, change_file

    def add(self, intent: str, texts: Iterable[str]) -> None:
        """Let ``intent`` be the answer to these texts, with their slots in tags."""
        self._make(ADD, self._lines(intent, texts))

    def remove(self, texts: Iterable[str]) -> None:
        """Let these texts be computed, also those that are pinned below; others do no harm."""
        self._make(REMOVE, _lines(_NO_INTENT, several("remove", texts)))

    def replace(self, texts: Mapping[str, Iterable[str]]) -> None:
        """Let these texts, by their intent, be pinned and no others."""
        self._make(REPLACE, [line for intent, given in texts.items() for line in self._lines(intent, given)])

    def reset(self) -> None:
        """Undo all changes of this layer."""
        self._make(RESET, [])

    def add_file(self, path: str | Path) -> None:
        """Pin the texts of a file, whose format is that of `slu.inputs.pins`."""
        _check(self._change_file(ADD, Path(path)))

    def _lines(self, intent: str, texts: Iterable[str]) -> list[str]:
        if not self._labels.intents:
            raise PinError("texts can be pinned for models of intents and slots only; this one answers spans alone")
        if intent not in self._labels.intents:
            raise PinError(f"the model has no intent {intent!r}; it has {', '.join(self._labels.intents)}")
        check_intent(intent)
        return _lines(intent, several(intent, texts))

    def _make(self, change: int, lines: list[str]) -> None:
        _check(self._change(change, utf8("\n".join(lines))).replace("line ", "text ", 1))


def _lines(intent: str, texts: Iterable[str]) -> list[str]:
    """Lines of a file of pinned texts. A line break in a text is white space, which is not compared."""
    return [f"{intent}\t{text}".replace("\n", " ") for text in texts]


def _check(problem: str) -> None:
    if problem:
        raise PinError(problem)
