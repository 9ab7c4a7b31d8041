"""Intervals: they hold what they should, and a difference within them is called noise."""

from __future__ import annotations

import numpy as np

from bench_arm.statistics import difference, is_noise, summary


def _rounds(seed: int, scale: float = 1.0) -> list[list[float]]:
    """5 rounds of 60 utterances, each round slower or faster as a whole, as on a real device."""
    random = np.random.default_rng(seed)
    texts = np.random.default_rng(1).uniform(0.1, 0.4, 60)  # the same utterances every time
    rounds: list[list[float]] = (
        texts * random.lognormal(0, 0.05, (5, 1)) * random.lognormal(0, 0.02, (5, 60))
    ).tolist()
    return [[time * scale for time in times] for times in rounds]


def test_an_interval_holds_the_medians_of_other_runs() -> None:
    inside = 0
    medians = [float(np.median(_rounds(seed))) for seed in range(20)]
    for seed in range(20):
        found = summary(_rounds(seed))
        low, high = found["p50_interval"]  # type: ignore[misc]
        assert low <= found["p50"] <= high  # type: ignore[operator]
        inside += sum(low <= median <= high for median in medians)
    assert inside / 400 > 0.95
    assert summary(_rounds(3)) == summary(_rounds(3))  # the same draws every time


def test_percentiles_are_of_the_nearest_rank() -> None:
    found = summary([list(map(float, range(1, 101)))])
    assert [found[name] for name in ("mean", "p50", "p90", "p99")] == [50.5, 50.0, 90.0, 99.0]


def test_noise() -> None:
    assert sum(is_noise(difference(_rounds(2 * i), _rounds(2 * i + 1))) for i in range(20)) >= 18
    slower = difference(_rounds(0), _rounds(1, 1.5))
    assert not is_noise(slower) and slower.low > 1.2
