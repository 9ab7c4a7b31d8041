"""How far a score can be believed: reliability, risk and coverage, and the temperature that makes it a probability.

Calibration error and temperature scaling are those of Guo et al. 2017 (https://arxiv.org/abs/1706.04599), but of the
whole answer: the score is the probability of all its parts together (`slu.heads.head.Decision`), and should be the
share of answers with that score that are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

BINS = 15
POINTS = 100
"""Points of the curve of risk and coverage."""


def calibration(scores: Sequence[float] | np.ndarray, right: Sequence[bool] | np.ndarray) -> dict[str, Any]:
    """Everything about scores 0..1 and whether each answer was right, ready for JSON; shares in percent.

    ``ece``: expected calibration error. ``auroc``: how often a right answer has a higher score than a wrong one.
    ``bins``: see `reliability`. ``risk_coverage``: see `risk_coverage`.
    """
    s, y = np.asarray(scores, float), np.asarray(right, bool)
    return {
        "ece": expected_calibration_error(s, y),
        "auroc": auroc(s, y),
        "bins": reliability(s, y),
        "risk_coverage": risk_coverage(s, y),
    }


def reliability(scores: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[dict[str, Any]]:
    """``bins`` intervals of equal width: how many scores lie in each, their mean, and the share of right answers.

    The last interval has both its ends. Percent; mean and share are None where there is no score.
    """
    index = _bin(scores, bins)
    rows = []
    for i in range(bins):
        inside = index == i
        count = int(inside.sum())
        mean, share = (100 * float(values[inside].mean()) if count else None for values in (scores, right))
        rows.append({"from": 100 * i / bins, "to": 100 * (i + 1) / bins, "count": count, "score": mean, "exact": share})
    return rows


def expected_calibration_error(scores: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Mean distance of score and share of right answers over the intervals, weighted by their counts, in percent."""
    gaps = np.bincount(_bin(scores, bins), scores - right, bins)
    return 100 * float(np.abs(gaps).sum()) / len(scores)


def risk_coverage(scores: np.ndarray, right: np.ndarray, points: int = POINTS) -> list[dict[str, float]]:
    """What it costs to answer more: for thresholds from high to low, ``coverage``, the share of utterances whose
    score reaches the threshold, and ``risk``, the share of wrong answers among those. Percent, but for the threshold.
    """
    order = np.argsort(-scores, kind="stable")
    falling, wrong = scores[order], np.cumsum(~right[order])
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)  # equal scores pass a threshold together
    even = np.searchsorted(last, np.linspace(0, len(falling) - 1, points).astype(int))
    chosen = last if len(last) <= points else last[np.unique(even)]
    return [
        {
            "threshold": float(falling[i]),
            "coverage": 100 * float(i + 1) / len(falling),
            "risk": 100 * float(wrong[i]) / float(i + 1),
        }
        for i in chosen
    ]


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve, in percent: how often a positive has the higher score, ties counting half.

    50 where there are no positives or nothing else.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return 50.0
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return 100 * float(ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives)


def log_loss(scores: np.ndarray, right: np.ndarray) -> float:
    """Mean negative log likelihood of "the whole answer is right", nats."""
    p = np.clip(np.asarray(scores, float), 1e-7, 1 - 1e-7)
    return float(-np.where(right, np.log(p), np.log1p(-p)).mean())


def _bin(scores: np.ndarray, bins: int) -> np.ndarray:
    return np.clip((scores * bins).astype(int), 0, bins - 1)
