"""Reliability, risk and coverage in the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_arm.report.calibration_plot import calibration_figure, calibrations
from bench_arm.report.inputs import Result, ResultsError, read_inputs
from bench_arm.report.page import render
from slu.evaluation.reliability import calibration

MEASURES = dict.fromkeys(("exact", "seed_accuracy", "intent_accuracy", "intent_macro_f1", "slot_f1"), 80.0)


def evaluation(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    scores = rng.random(200)
    judged = calibration(scores, rng.random(200) < scores)
    return {"model": "m", "backend": "native", "data": "dev.txt", "utterances": 200, **MEASURES, "calibration": judged}


def test_the_page_draws_every_evaluation_that_has_one(tmp_path: Path) -> None:
    for name, data in (("before", evaluation(0)), ("after", evaluation(1)), ("old", {**evaluation(2)})):
        if name == "old":
            del data["calibration"]
        (tmp_path / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    inputs = read_inputs([tmp_path])
    html = render(inputs, "slu report")
    assert html == render(inputs, "slu report")
    assert html.count('aria-label="Reliability of the score, risk and coverage"') == 2  # for wide and narrow pages
    for name in ("before", "after"):
        ece = next(e.data for e in inputs.evaluations if e.name == name)["calibration"]["ece"]
        assert f"{name}:\ncalibration error {ece:.2f} %" in html
    assert "old:" not in html


def test_the_figure_shows_the_numbers() -> None:
    data = evaluation()["calibration"]
    left, right = calibration_figure(calibrations([Result("a", {"calibration": data})]), 1000).axes
    filled = [row for row in data["bins"] if row["count"]]
    np.testing.assert_allclose(left.lines[1].get_xydata(), [(row["score"], row["exact"]) for row in filled])
    curve = [(point["coverage"], point["risk"]) for point in data["risk_coverage"]]
    np.testing.assert_allclose(right.lines[0].get_xydata(), curve)
    assert right.get_ylim()[1] > max(risk for _, risk in curve)


@pytest.mark.parametrize(
    "broken",
    [
        {"bins": None},
        {"bins": []},
        {"risk_coverage": [{"coverage": 1.0}]},
        {"ece": "small"},
        {"auroc": float("nan")},
    ],
)
def test_a_broken_one_is_refused(broken: dict[str, Any]) -> None:
    data = {**evaluation()["calibration"], **broken}
    with pytest.raises(ResultsError, match="mine: calibration"):
        calibrations([Result("mine", {"calibration": data})])
