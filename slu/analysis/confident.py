"""Confident learning (Northcutt et al. 2021, arXiv:1911.00068): which labels are probably wrong, by the probabilities
that a model gives to texts that it was not trained on.

A class is confident for a text if its probability reaches the mean of that class over the texts that are labelled with
it. A text that is confidently another class than its label, and whose label is not the most probable class either, is
probably labelled wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEAST = 1e-6


@dataclass(frozen=True)
class Errors:
    """``ranks``: for each text how likely its labels are, lowest first is worst, ``[n]``. ``confident``: whether it is
    confidently labelled wrong, ``[n]``. ``missing``, ``spare``: the class that it should rather have and the one that
    it should rather not have, ``[n]``; -1 for none."""

    ranks: np.ndarray
    confident: np.ndarray
    missing: np.ndarray
    spare: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """Numbers of the texts, the one most probably wrong first."""
        return np.argsort(self.ranks, kind="stable")


def thresholds(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The mean probability of each class over the texts that are labelled with it, ``[classes]``; 1 without any."""
    count = np.bincount(labels, minlength=shares.shape[1])
    total = np.bincount(labels, shares[np.arange(len(labels)), labels], shares.shape[1])
    return np.where(count > 0, total / np.maximum(count, 1), 1.0)


def confident_classes(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The class that each text confidently is, the most probable of several, ``[n]``; -1 for none."""
    reached = shares >= thresholds(labels, shares) - _LEAST
    best = np.where(reached, shares, -1).argmax(1)
    return np.where(reached.any(1), best, -1)


def confidently_wrong(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Which texts confidently are of another class than their label, and most probably so, bool ``[n]``.

    ``labels``: int ``[n]``; ``shares``: probabilities ``[n, classes]``.
    """
    found = confident_classes(labels, shares)
    wrong: np.ndarray = (found >= 0) & (found != labels) & (shares.argmax(1) != labels)
    return wrong


def single_errors(labels: np.ndarray, shares: np.ndarray) -> Errors:
    """Of texts with one class each: ``labels`` int ``[n]``, ``shares`` ``[n, classes]``.

    The rank is the log odds of the label against the most probable other class.
    """
    rows = np.arange(len(labels))
    clipped = np.clip(shares, _LEAST, 1)
    others = clipped.copy()
    others[rows, labels] = 0
    other = others.argmax(1)
    ranks = np.log(clipped[rows, labels]) - np.log(np.maximum(others[rows, other], _LEAST))
    return Errors(ranks, confidently_wrong(labels, shares), other, labels)


def several_errors(classes: np.ndarray, shares: np.ndarray) -> Errors:
    """Of texts with any number of classes: ``classes`` bool ``[n, classes]``, ``shares`` of each by itself.

    The rank is the log odds of its least probable class and, against, of the most probable one that it lacks; a class
    is judged by itself as one of two.
    """
    clipped = np.clip(shares, _LEAST, 1 - _LEAST)
    has = classes.astype(bool)
    least, most = np.where(has, clipped, 2).argmin(1), np.where(has, -1, clipped).argmax(1)
    rows = np.arange(len(has))
    spare = np.where(has.any(1), least, -1)
    missing = np.where(has.all(1), -1, most)
    of_spare = np.where(spare >= 0, np.log(clipped[rows, least]), 0)
    of_missing = np.where(missing >= 0, np.log(clipped[rows, most]), np.log(_LEAST))
    confident = np.zeros(len(has), bool)
    for column in range(has.shape[1]):
        both = np.stack([1 - shares[:, column], shares[:, column]], 1)
        own = has[:, column].astype(int)
        if 0 < own.sum() < len(own):
            confident |= confidently_wrong(own, both)
    return Errors(of_spare - of_missing, confident, missing, spare)
