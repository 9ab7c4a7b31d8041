"""Where the training part is thin: labelled texts that have few like them in it, and what to label next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slu.analysis.examples import classes_of, nearest, unit
from slu.corpus.utterance import Utterance

NEIGHBOURS = 5
"""How many training texts support one."""


@dataclass(frozen=True)
class Wanted:
    """A line to label next: its number, the number of the thin text that it is like, and how much, 0..1."""

    line: int
    thin: int
    cosine: float


def support(dev: Sequence[Utterance], own: np.ndarray, train: Sequence[Utterance], features: np.ndarray) -> np.ndarray:
    """How well the training part supports each labelled text: the mean cosine of its features and those of the nearest
    `NEIGHBOURS` training texts that have all of its classes, 0 where there are not so many; ``[n]``.
    """
    sets = [frozenset(classes_of(utterance)) for utterance in train]
    of_class: dict[frozenset[str], np.ndarray] = {}
    found = np.zeros(len(dev))
    for row, utterance in enumerate(dev):
        wanted = frozenset(classes_of(utterance))
        if wanted not in of_class:
            of_class[wanted] = np.array([i for i, classes in enumerate(sets) if wanted <= classes], int)
        members = of_class[wanted]
        if len(members):
            alike = nearest(own[row : row + 1], features[members], NEIGHBOURS).cosines[0]
            found[row] = alike.sum() / NEIGHBOURS
    return found


def label_next(thin: Sequence[int], own: np.ndarray, unlabelled: np.ndarray, count: int) -> list[Wanted]:
    """Which of the unlabelled texts are most like the thin ones: each thin text in turn, the thinnest first, takes the
    nearest that is left. ``own``, ``unlabelled``: features of the labelled and of the unlabelled texts."""
    if not len(thin) or not len(unlabelled):
        return []
    alike = unit(own[np.array(thin)]) @ unit(unlabelled).T
    found: list[Wanted] = []
    while len(found) < min(count, len(unlabelled)):
        for row, number in enumerate(thin):
            line = int(alike[row].argmax())
            if len(found) == count or alike[row, line] == -np.inf:
                return found
            found.append(Wanted(line, number, float(alike[row, line])))
            alike[:, line] = -np.inf
    return found
