"""How far a score can be believed: the measures against plain counting."""

from __future__ import annotations

import numpy as np
import pytest

from slu.evaluation.reliability import (
    BINS,
    auroc,
    calibration,
    expected_calibration_error,
    log_loss,
    reliability,
    risk_coverage,
)


@pytest.fixture(params=range(4))
def answers(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Scores, many of them equal, and whether each answer is right."""
    rng = np.random.default_rng(request.param)
    scores = rng.choice([0.0, 1.0, *rng.random(40)], 300)
    return scores, rng.random(300) < scores**2


def test_calibration_error_by_hand() -> None:
    scores = np.array([0.91, 0.93, 0.5, 0.5, 1.0])
    right = np.array([True, False, True, True, True])
    # [14/15, 1]: 1.0, right. [13/15, 14/15): 0.92 on average, half right. [7/15, 8/15): 0.5, both right.
    assert expected_calibration_error(scores, right) == pytest.approx(100 * (2 * 0.42 + 2 * 0.5 + 0) / 5)
    rows = reliability(scores, right)
    assert [row["count"] for row in rows] == [0] * 7 + [2] + [0] * 5 + [2, 1]
    assert (rows[13]["score"], rows[13]["exact"]) == (pytest.approx(92), 50.0) and rows[0]["score"] is None


def test_error_is_the_weighted_gap_of_the_intervals(answers: tuple[np.ndarray, np.ndarray]) -> None:
    scores, right = answers
    rows = [row for row in reliability(scores, right) if row["count"]]
    gap = sum(row["count"] * abs(row["score"] - row["exact"]) for row in rows) / len(scores)
    assert expected_calibration_error(scores, right) == pytest.approx(gap)
    assert all(row["from"] <= row["score"] <= row["to"] for row in rows) and rows[-1]["to"] == 100
    assert sum(row["count"] for row in rows) == len(scores)


def test_area_is_the_share_of_pairs_in_order(answers: tuple[np.ndarray, np.ndarray]) -> None:
    scores, right = answers
    pairs = scores[right][:, None] - scores[~right]
    assert auroc(scores, right) == pytest.approx(100 * ((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert auroc(scores, np.full(300, True)) == 50 and auroc(-scores, right) == pytest.approx(
        100 - auroc(scores, right)
    )


def test_risk_and_coverage_are_those_of_the_threshold(answers: tuple[np.ndarray, np.ndarray]) -> None:
    scores, right = answers
    curve = risk_coverage(scores, right)
    for point in curve:
        passed = scores >= point["threshold"]
        assert point["coverage"] == pytest.approx(100 * passed.mean())
        assert point["risk"] == pytest.approx(100 * (~right[passed]).mean())
    coverages = [point["coverage"] for point in curve]
    assert coverages == sorted(set(coverages)) and coverages[-1] == 100
    assert len(curve) == len(np.unique(scores))  # no score is left out where there is room for all


def test_a_long_curve_is_thinned() -> None:
    scores = np.random.default_rng(0).random(5000)
    curve = risk_coverage(scores, scores > 0.5)
    assert 90 <= len(curve) <= 100 and curve[0]["threshold"] == scores.max() and curve[-1]["coverage"] == 100


def test_log_loss_bears_certainty() -> None:
    assert log_loss(np.array([0.5, 0.5]), np.array([True, False])) == pytest.approx(np.log(2))
    assert log_loss(np.array([1.0, 0.0]), np.array([True, False])) < 1e-6
    assert 10 < log_loss(np.array([1.0]), np.array([False])) < 20


def test_one_answer_is_enough() -> None:
    result = calibration([0.7], [True])
    assert result["ece"] == pytest.approx(30) and len(result["bins"]) == BINS
    assert result["risk_coverage"] == [{"threshold": 0.7, "coverage": 100.0, "risk": 0.0}]
