"""Teachers: what says which logits a model gives for a text. The same of all three kinds, to the bit.

A model in this process, soft labels of ``slu label``, or the service of ``slu serve`` (`slu.runtime.remote`). Each text
is read with the teacher's own vocabulary and lexicons.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from slu.corpus.labels import Labels
from slu.errors import ConfigError
from slu.heads.head import Head
from slu.runtime.labelling import open_teacher
from slu.runtime.soft_labels import Question, SoftLabels

Logits = tuple[np.ndarray, ...]
"""Of one text, an array an output of the head; per token ones ``[tokens, width]`` with [CLS] and [SEP]."""


class Teacher(Protocol):
    """``where``: what it is, for messages. ``in_flight``: how many may ask at a time, each in a thread of its own; 0
    for one that computes where it is asked. ``version``: of what is behind an address, "" where nothing can change."""

    where: str
    in_flight: int
    version: str

    def check(self, head: Head, labels: Labels) -> None:
        """Raise `ConfigError` unless it answers with this head and these labels."""
        ...

    def ask(self, questions: Sequence[Question]) -> list[Logits]:
        """Its answers, in the order of the questions."""
        ...

    def close(self) -> None:
        """Let go of what it holds, and answer no more."""
        ...


class ModelTeacher:
    """A model in this process. ``backend``: a key of `slu.runtime.formats.BACKENDS`, None for the first that fits."""

    in_flight = 0
    version = ""

    def __init__(self, path: Path, backend: str | None = None):
        self.where = str(path)
        self._parser = open_teacher(path, backend)

    def check(self, head: Head, labels: Labels) -> None:
        found = self._parser
        require_same(self.where, head, labels, found.head.logits, found.labels.intents, found.labels.slots)

    def ask(self, questions: Sequence[Question]) -> list[Logits]:
        texts, previous, added = zip(*((one.text, one.previous, one.lexicons) for one in questions))
        return self._parser.logits(texts, previous, added=added)

    def close(self) -> None:
        pass


class FileTeacher:
    """The soft labels of a directory."""

    in_flight = 0
    version = ""

    def __init__(self, path: Path):
        self.where = str(path)
        self._labels = SoftLabels(path)

    def check(self, head: Head, labels: Labels) -> None:
        said = self._labels.description
        if "intents" not in said:
            raise ConfigError(f"{self.where}: does not say its labels; run slu label again, into another directory")
        require_same(self.where, head, labels, tuple(said["outputs"]), said["intents"], said["slots"])

    def missing(self, questions: Sequence[Question]) -> list[Question]:
        """The questions to which the soft labels have no answer, in their order."""
        return [one for one in questions if one not in self._labels]

    def ask(self, questions: Sequence[Question]) -> list[Logits]:
        return [tuple(self._labels.logits(one).values()) for one in questions]

    def close(self) -> None:
        pass


def is_address(where: str) -> bool:
    """Whether this is one of a service, and no directory."""
    return where.startswith(("http://", "https://"))


def require_same(
    where: str, head: Head, labels: Labels, outputs: Sequence[str], intents: Sequence[str], slots: Sequence[str]
) -> None:
    """Raise `ConfigError` unless a teacher's outputs and labels are those of a head and its labels."""
    for what, found, wanted in (
        ("outputs", outputs, head.logits), ("labels", intents, labels.intents), ("slots", slots, labels.slots)
    ):  # fmt: skip
        if list(found) != list(wanted):
            other = next((name for name in [*found, *wanted] if (name in found) != (name in wanted)), "their order")
            raise ConfigError(
                f"{where}: its {what} are not those of the student ({other}); a teacher needs the same labels"
            )
