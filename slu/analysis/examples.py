"""Training examples behind an answer: the nearest ones, and those that the last layer is made of.

Representer points (Yeh et al. 2018, arXiv:1811.09720): the last layer is fitted again on the features of the training
part, with a penalty on its weights. It is then the sum of the features of the training texts, each with a weight for
each class, and so is every logit: the sum over training texts of weight times the similarity of both texts' features.
A text speaks for a class if that product is positive, and against it if it is negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slu.corpus.utterance import Utterance

PENALTY = 3e-3
"""Weight of the squared weights in the loss by which the last layer is fitted again."""
_STEPS = 300
_BLOCK = 512


@dataclass(frozen=True)
class Similar:
    """The nearest of other texts: ``indices`` int ``[n, k]``, nearest first; ``cosines`` of their features, 1 the most
    alike."""

    indices: np.ndarray
    cosines: np.ndarray


def unit(features: np.ndarray) -> np.ndarray:
    """Features divided by their length, so that the product of two texts is their cosine; zeros stay zeros."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def nearest(features: np.ndarray, among: np.ndarray, count: int) -> Similar:
    """The ``count`` nearest of ``among`` ``[m, hidden]`` for each of ``features`` ``[n, hidden]``."""
    own, others, count = unit(features), unit(among), min(count, len(among))
    indices, cosines = np.zeros((len(own), count), int), np.zeros((len(own), count))
    for first in range(0, len(own), _BLOCK):
        alike = own[first : first + _BLOCK] @ others.T
        found = np.argpartition(-alike, count - 1, 1)[:, :count]
        values = np.take_along_axis(alike, found, 1)
        order = np.argsort(-values, 1, kind="stable")
        indices[first : first + _BLOCK] = np.take_along_axis(found, order, 1)
        cosines[first : first + _BLOCK] = np.take_along_axis(values, order, 1)
    return Similar(indices, cosines)


def class_table(utterances: Sequence[Utterance], names: Sequence[str]) -> np.ndarray:
    """Which classes each text has, float64 ``[n, classes]``; those that are not among ``names`` are left out."""
    places = {name: i for i, name in enumerate(names)}
    table = np.zeros((len(utterances), len(names)))
    for row, utterance in enumerate(utterances):
        for name in classes_of(utterance):
            if name in places:
                table[row, places[name]] = 1
    return table


def class_names(utterances: Sequence[Utterance], names: Sequence[str]) -> tuple[str, ...]:
    """``names``, and behind them the other classes that the texts have, sorted: then no text is without its classes in
    `class_table`."""
    others = {name for utterance in utterances for name in classes_of(utterance)} - set(names)
    return (*names, *sorted(others))


def classes_of(utterance: Utterance) -> tuple[str, ...]:
    """The labels of a text, or its intent; none of a text that only has slots."""
    return utterance.labels or ((utterance.intent,) if utterance.intent else ())


@dataclass(frozen=True)
class Representers:
    """The last layer, fitted again. ``features``: of the training texts, with a column of ones ``[n, hidden + 1]``;
    ``weights``: of each text for each class ``[n, classes]``; ``layer``: ``[hidden + 1, classes]``."""

    features: np.ndarray
    weights: np.ndarray
    layer: np.ndarray

    def contributions(self, features: np.ndarray, name: int) -> np.ndarray:
        """What each training text adds to the logit of class ``name``, for one text with ``features`` ``[hidden]``."""
        own: np.ndarray = self.features @ np.append(features, 1.0).astype(np.float64) * self.weights[:, name]
        return own

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Logits ``[n, classes]`` that the fitted layer gives for texts with ``features`` ``[n, hidden]``."""
        return _with_ones(features) @ self.layer

    @property
    def error(self) -> float:
        """Largest difference between the layer and the sum of the training texts, relative to the largest weight."""
        rebuilt = self.features.T @ self.weights
        return float(np.abs(rebuilt - self.layer).max() / max(np.abs(self.layer).max(), 1e-12))


def representers(features: np.ndarray, classes: np.ndarray, single: bool) -> Representers:
    """Fit the last layer to ``classes`` ``[n, classes]`` of the training texts: by the softmax where each text has one
    (``single``), otherwise by a sigmoid each."""
    from scipy.optimize import minimize

    own = _with_ones(features)
    shape, count = (own.shape[1], classes.shape[1]), len(own)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        layer = flat.reshape(shape)
        logits = own @ layer
        if single:
            largest = logits.max(1, keepdims=True)
            total = largest[:, 0] + np.log(np.exp(logits - largest).sum(1))
            value = (total - (classes * logits).sum(1)).mean()
            shares = np.exp(logits - total[:, None])
        else:
            value = (np.logaddexp(0, logits) - classes * logits).sum(1).mean()
            shares = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        slope = own.T @ (shares - classes) / count + 2 * PENALTY * layer
        return value + PENALTY * (layer**2).sum(), slope.ravel()

    options = {"maxiter": _STEPS, "ftol": 1e-12, "gtol": 1e-7}
    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options)
    layer = found.x.reshape(shape)
    logits = own @ layer
    if single:
        exponentials = np.exp(logits - logits.max(1, keepdims=True))
        shares = exponentials / exponentials.sum(1, keepdims=True)
    else:
        shares = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    return Representers(own, (classes - shares) / (2 * PENALTY * count), layer)


def _with_ones(features: np.ndarray) -> np.ndarray:
    return np.hstack([features, np.ones((len(features), 1))]).astype(np.float64)
