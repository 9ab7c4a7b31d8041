"""Intervals by bootstrap, and when a difference is noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 1000
LEVEL = 95.0
QUANTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0}
NAMES = ("mean", *QUANTILES)


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
    drawn = np.array([_statistics(draw) for draw in _draws(table, seed)])
    result: dict[str, float | list[float]] = {}
    for name, value, values in zip(NAMES, _statistics(table), drawn.T):
        result[name] = round(float(value), 6)
        result[f"{name}_interval"] = _interval(float(value), values).as_json()
    return result


def difference(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], seed: int = 0) -> Interval:
    """How many times as long the median of ``second`` takes as that of ``first``, of rounds as for `summary`."""
    one, other = np.asarray(first, float), np.asarray(second, float)
    draws = zip(_draws(one, seed), _draws(other, seed + 1))
    ratios = np.array([np.median(changed) / np.median(base) for base, changed in draws])
    return _interval(float(np.median(other) / np.median(one)), ratios)


def is_noise(interval: Interval) -> bool:
    """Whether no difference, a ratio of 1, is within the interval."""
    return interval.low <= 1.0 <= interval.high


def _draws(table: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """`DRAWS` times resampled rounds, each of the same resampled utterances."""
    random = np.random.default_rng(seed)
    rounds, utterances = table.shape
    for _ in range(DRAWS):
        yield table[random.integers(rounds, size=(rounds, 1)), random.integers(utterances, size=utterances)]


def _statistics(times: np.ndarray) -> np.ndarray:
    """The values of `NAMES`."""
    percentiles = np.percentile(times, list(QUANTILES.values()), method="inverted_cdf")
    return np.array([times.mean(), *percentiles])


def _interval(value: float, values: np.ndarray) -> Interval:
    tail = (100.0 - LEVEL) / 2
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return Interval(value, min(float(low), value), max(float(high), value))
