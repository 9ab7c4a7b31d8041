"""Intervals by bootstrap, and when a difference is noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 1000
LEVEL = 95.0
MOST_VALUES = 2_000_000
"""Most times, in all draws together, that are in memory at once."""
QUANTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0}
NAMES = ("mean", *QUANTILES)


@dataclass(frozen=True)
class Interval:
    """A value and where it lies with ``LEVEL`` %, by bootstrap."""

    value: float
    low: float
    high: float

    def as_json(self) -> list[float]:
        """The lower and the upper end."""
        return [round(self.low, 6), round(self.high, 6)]


def summary(rounds: Sequence[Sequence[float]], seed: int = 0) -> dict[str, float | list[float]]:
    """Mean, p50, p90, p99 of times in milliseconds, and for each the interval that another such run falls into.

    ``rounds``: the times of each round. Rounds are drawn, and utterances within them: what else a device does slows a
    whole round, so that single times are not independent. Another run scatters as much as this one, so the interval is
    that of the ratio of two draws (a prediction interval), wider by about √2 than that of the value alone.
    """
    table = np.asarray(rounds, float)
    drawn = np.concatenate([_statistics(draws) for draws in _draws(table, seed)])
    result: dict[str, float | list[float]] = {}
    for name, value, values in zip(NAMES, _statistics(table.reshape(1, -1))[0], drawn.T):
        result[name] = round(float(value), 6)
        result[f"{name}_interval"] = _interval(float(value), value * values / np.roll(values, 1)).as_json()
    return result


def difference(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], seed: int = 0) -> Interval:
    """How many times as long the median of ``second`` takes as that of ``first``, of rounds as for `summary`."""
    one, other = np.asarray(first, float), np.asarray(second, float)
    base, changed = (
        np.concatenate([np.median(draws, axis=1) for draws in _draws(table, seed + i)])
        for i, table in enumerate((one, other))
    )
    return _interval(float(np.median(other) / np.median(one)), changed / base)


def is_noise(interval: Interval) -> bool:
    """Whether no difference, a ratio of 1, is within the interval."""
    return interval.low <= 1.0 <= interval.high


def _draws(table: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """``[some, rounds * utterances]``, `DRAWS` in all: resampled rounds, each of the same resampled utterances."""
    random = np.random.default_rng(seed)
    rounds, utterances = table.shape
    step = max(min(DRAWS, MOST_VALUES // table.size), 1)
    for start in range(0, DRAWS, step):
        count = min(step, DRAWS - start)
        rows = random.integers(rounds, size=(count, rounds, 1))
        columns = random.integers(utterances, size=(count, 1, utterances))
        yield table[rows, columns].reshape(count, -1)


def _statistics(draws: np.ndarray) -> np.ndarray:
    """``[draws, 4]``: the values of `NAMES` of each draw; percentiles of the nearest rank."""
    ordered = np.sort(draws, axis=1)
    size = draws.shape[1]
    ranks = [max(math.ceil(percent / 100 * size) - 1, 0) for percent in QUANTILES.values()]
    return np.column_stack([draws.mean(axis=1), *(ordered[:, rank] for rank in ranks)])


def _interval(value: float, values: np.ndarray) -> Interval:
    tail = (100.0 - LEVEL) / 2
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return Interval(value, min(float(low), value), max(float(high), value))
