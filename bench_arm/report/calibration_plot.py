"""Plots of the calibration: reliability, and the share of wrong answers against the share of answered utterances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench_arm.plots import PAGE, SERIES, STYLES, Theme, dress, new_panels
from bench_arm.report.inputs import Result, ResultsError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BIN, POINT = ("count", "score", "exact"), ("coverage", "risk")


def calibrations(evaluations: Sequence[Result]) -> list[tuple[str, dict[str, Any]]]:
    """Names and calibrations (`slu.evaluation.reliability`) of the evaluations that have one.

    Raises `ResultsError` where one is not what ``slu eval --json`` writes.
    """
    found = []
    for evaluation in evaluations:
        data = evaluation.data.get("calibration")
        if data is None:
            continue
        try:
            bins = [{name: float(row[name]) for name in BIN} for row in data["bins"] if row["count"]]
            curve = [{name: float(row[name]) for name in POINT} for row in data["risk_coverage"]]
            whole = {name: float(data[name]) for name in ("ece", "auroc")}
        except (TypeError, KeyError, ValueError) as error:
            raise ResultsError(
                f"{evaluation.name}: calibration is not what slu eval --json writes; run it again"
            ) from error
        numbers = [value for row in (whole, *bins, *curve) for value in row.values()]
        if not bins or not curve or not all(math.isfinite(number) for number in numbers):
            raise ResultsError(
                f"{evaluation.name}: calibration is empty or contains something that is not a number; run slu "
                "eval again"
            )
        found.append((evaluation.name, {**whole, "bins": bins, "risk_coverage": curve}))
    return found


def calibration_figure(curves: Sequence[tuple[str, dict[str, Any]]], width: int, theme: Theme = PAGE) -> Figure:
    """Left (narrow: above) the share of exact answers against the score, a point an interval, its area the number of
    utterances; right the share of wrong answers among those that a threshold lets pass, against their share of all."""
    narrow = width < 600
    figure, (left, right) = new_panels(2 if narrow else 1, 1 if narrow else 2, width, 300 if narrow else 360)
    left.plot([0, 100], [0, 100], color=theme.muted, lw=1, ls=(0, (1, 2)), zorder=2)
    highest = max(point["risk"] for _, data in curves for point in data["risk_coverage"])
    for i, (_, data) in enumerate(curves):
        color, style = theme.series[i % SERIES], STYLES[i // SERIES % len(STYLES)]
        scores, shares = ([row[name] for row in data["bins"]] for name in ("score", "exact"))
        total = sum(row["count"] for row in data["bins"])
        areas = [12 + 240 * row["count"] / total for row in data["bins"]]
        left.plot(scores, shares, color=color, ls=style, lw=1.2, zorder=3)
        left.scatter(scores, shares, s=areas, color=color, edgecolors=theme.ground, linewidths=1, zorder=4)
        coverage, risk = ([point[name] for point in data["risk_coverage"]] for name in POINT)
        right.plot(coverage, risk, color=color, ls=style, lw=1.6, zorder=3)
    left.set(xlim=(-2, 102), ylim=(-2, 104))
    right.set(xlim=(-2, 102), ylim=(-0.02 * highest, 1.08 * highest + 0.1))
    dress(left, theme, "exact, %", "score, %")
    dress(right, theme, "wrong among the answered, %", "answered, % of all utterances")
    return figure
