"""Where the training part is thin: labelled texts that have few like them in it, and what to label next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slu.analysis.examples import classes_of, nearest
from slu.corpus.utterance import Utterance

NEIGHBOURS = 5
"""How many training texts support one."""
PART = 1 << 14
"""Unlabelled texts that are compared at once."""


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
    count = min(count, len(unlabelled))
    texts = own[np.array(thin)]
    # A thin text never takes a line behind its `count` nearest: so these are kept, and the others read part by part.
    lines, cosines = np.zeros((len(thin), 0), int), np.zeros((len(thin), 0))
    for first in range(0, len(unlabelled), PART):
        part = nearest(texts, unlabelled[first : first + PART], count)
        lines, cosines = np.hstack([lines, part.indices + first]), np.hstack([cosines, part.cosines])
        order = np.argsort(-cosines, 1, kind="stable")[:, :count]
        lines, cosines = np.take_along_axis(lines, order, 1), np.take_along_axis(cosines, order, 1)
    left = [zip(*row) for row in zip(lines.tolist(), cosines.tolist())]
    found: list[Wanted] = []
    taken: set[int] = set()
    while len(found) < count:
        for row, number in list(enumerate(thin))[: count - len(found)]:
            line, cosine = next(pair for pair in left[row] if pair[0] not in taken)
            taken.add(line)
            found.append(Wanted(line, number, cosine))
    return found
