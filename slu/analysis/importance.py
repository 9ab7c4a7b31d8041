"""Which words an answer rests on: integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365), and leaving words
out as their check.

The path goes from the same number of unknown tokens to the text. What the tokens contribute adds up to the difference
of the score between both (completeness); the number of points is doubled until it does so to `COMPLETE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slu.analysis.inside import Path
from slu.corpus.words import Span
from slu.heads.reasons import Reason
from slu.inputs.tokenizer import Encoding

COMPLETE = 0.01
"""Largest difference between the sum of contributions and what it should be, relative to that."""
LEAST = 1e-3
"""A smaller change of a score, in log odds, is within the rounding of the floats that it is computed in."""
FEWEST, MOST = 16, 1024
"""Points of a path."""


@dataclass(frozen=True)
class Importance:
    """What of a text speaks for one reason.

    ``units``: the words (or characters), code points of the text. ``contributions``: of each, ``[units]``, in log odds.
    ``previous``: that of the previous intent, 0 without one. ``left_out``: how much the score falls when a word is
    unknown, ``[units]``. ``change``: the score of the text less that of unknown tokens; ``error``: by which the
    contributions miss it, relative to it or to `LEAST`. ``points``: of the path.
    """

    reason: Reason
    units: tuple[Span, ...]
    contributions: np.ndarray
    previous: float
    left_out: np.ndarray
    change: float
    error: float
    points: int

    @property
    def agreement(self) -> float | None:
        """Correlation between contributions and leaving words out, -1..1; None where one of them does not vary."""
        return correlation(self.contributions, self.left_out)

    @property
    def same_first(self) -> bool:
        """Whether both find the same word to be the most important one."""
        return bool(len(self.units)) and int(self.contributions.argmax()) == int(self.left_out.argmax())


def explain(path: Path, encoding: Encoding, units: Sequence[Span], reasons: Sequence[Reason]) -> list[Importance]:
    """The importance of the words of a text, for each of the reasons."""
    if not reasons:
        return []
    step = (path.end - path.start).astype(np.float64)
    ends = path.scores(np.stack([path.start, path.end]), reasons).astype(np.float64)
    change = ends[:, 1] - ends[:, 0]
    points = FEWEST
    while True:
        nodes, weights = np.polynomial.legendre.leggauss(points)
        tokens = (path.gradients((nodes + 1) / 2, weights / 2, reasons) * step).sum(2)
        error = np.abs(tokens.sum(1) - change) / np.maximum(np.abs(change), LEAST)
        if (error <= COMPLETE).all() or points >= MOST:
            break
        points *= 2
    of_unit = [tokens_of(unit, encoding) for unit in units]
    kept = [i for i, inside in enumerate(of_unit) if len(inside)]
    without = np.stack([path.without(of_unit[i]) for i in kept]) if kept else path.end[None]
    falls = ends[:, 1:] - path.scores(without, reasons) if kept else np.zeros((len(reasons), 0))
    spans = tuple(units[i] for i in kept)
    sums = np.array([[row[of_unit[i]].sum() for i in kept] for row in tokens])
    return [
        Importance(reason, spans, sums[r], float(tokens[r, 0]), falls[r], float(change[r]), float(error[r]), points)
        for r, reason in enumerate(reasons)
    ]


def tokens_of(unit: Span, encoding: Encoding) -> np.ndarray:
    """Numbers of the tokens that begin in a unit, counted with [CLS]."""
    inside = (encoding.starts >= unit[0]) & (encoding.starts < unit[1]) & (encoding.ends > encoding.starts)
    return np.flatnonzero(inside)


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's; None where one of both does not vary."""
    if len(a) < 2 or a.std() < 1e-9 or b.std() < 1e-9:
        return None
    return float(np.corrcoef(a, b)[0, 1])
