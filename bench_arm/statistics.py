"""Intervals by bootstrap, and when a difference is noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 1000
LEVEL = 95.0
QUANTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0}


@dataclass(frozen=True)
class Interval:
    """The ``LEVEL`` % bootstrap interval around a value."""

    value: float
    low: float
    high: float

    def as_json(self) -> list[float]:
        """The two ends, for results."""
        return [round(self.low, 6), round(self.high, 6)]


def summary(rounds: Sequence[Sequence[float]], seed: int = 0) -> dict[str, float | list[float]]:
    """Mean, p50, p90, p99 and the intervals of all four of times in milliseconds.

    ``rounds``: the times of each round. Rounds are drawn, and utterances within them: what else a device does slows a
    whole round, so that single times are not independent.
    """
    table = np.asarray(rounds, float)
    drawn = _draws(table, seed)
    result: dict[str, float | list[float]] = {}
    for name, value, values in _statistics(table, drawn):
        result[name] = round(value, 6)
        result[f"{name}_interval"] = _interval(value, values).as_json()
    return result


def difference(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], seed: int = 0) -> Interval:
    """How many times as long the median of ``second`` takes as that of ``first``, of rounds as for `summary`."""
    one, other = np.asarray(first, float), np.asarray(second, float)
    ratios = np.median(_draws(other, seed + 1), axis=1) / np.median(_draws(one, seed), axis=1)
    return _interval(float(np.median(other) / np.median(one)), ratios)


def is_noise(interval: Interval) -> bool:
    """Whether no difference, a ratio of 1, is within the interval."""
    return interval.low <= 1.0 <= interval.high


def _draws(table: np.ndarray, seed: int) -> np.ndarray:
    """``[DRAWS, rounds * utterances]``: resampled rounds, each of resampled utterances."""
    random = np.random.default_rng(seed)
    rounds, utterances = table.shape
    rows = random.integers(rounds, size=(DRAWS, rounds, 1))
    columns = random.integers(utterances, size=(DRAWS, 1, utterances))
    drawn: np.ndarray = table[rows, columns].reshape(DRAWS, -1)
    return drawn


def _statistics(table: np.ndarray, drawn: np.ndarray) -> list[tuple[str, float, np.ndarray]]:
    found = [("mean", float(table.mean()), drawn.mean(axis=1))]
    for name, percent in QUANTILES.items():
        values = np.percentile(drawn, percent, axis=1, method="inverted_cdf")
        found.append((name, float(np.percentile(table, percent, method="inverted_cdf")), values))
    return found


def _interval(value: float, values: np.ndarray) -> Interval:
    tail = (100.0 - LEVEL) / 2
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return Interval(value, min(float(low), value), max(float(high), value))
