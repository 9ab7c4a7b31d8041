"""The plot of ``slu bench host --curve``: the accuracy of several models against size and time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from bench_arm.pictures import metadata
from bench_arm.plots import PRINT, Theme, drawing_style, dress, label_points, new_panels, pad_limits

WIDTH, HEIGHT = 1000, 400
"""CSS pixels, as in `bench_arm.plots`."""


def points(result: dict[str, Any]) -> list[tuple[str, float, float, float]]:
    """(name, MB, milliseconds from text to answer, exact) of each bundle, by size; for its first engine."""
    found: dict[str, tuple[str, float, float, float]] = {}
    for row in result["measurements"]:
        path = Path(row["bundle"])
        name = path.parent.name if path.name == "bundle" else path.name
        numbers = row["size_bytes"] / 1e6, row["end_to_end_ms"]["mean"], row["exact"]
        found.setdefault(row["bundle"], (name, *numbers))
    return sorted(found.values(), key=lambda point: point[1])


def frontier(values: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The Pareto front: those (cost, exact) that no other one beats in both, by cost."""
    kept: list[tuple[float, float]] = []
    for cost, exact in sorted(values, key=lambda value: (value[0], -value[1])):
        if not kept or exact > kept[-1][1]:
            kept.append((cost, exact))
    return kept


def draw(result: dict[str, Any], form: str, theme: Theme = PRINT) -> bytes:
    """The two panels as a PNG or SVG file; a line joins the models of the Pareto front."""
    models = points(result)
    figure, panels = new_panels(1, 2, WIDTH, HEIGHT)
    for axes, column, below in zip(panels, (1, 2), ("size of the file, MB", "milliseconds from text to answer")):
        values = [(float(model[column]), model[3]) for model in models]
        best = frontier(values)
        axes.plot(*zip(*best), color=theme.series[0], lw=1.2, zorder=3)
        marks: list[tuple[float, float, str, str]] = []
        for model, (x, y) in zip(models, values):
            color = theme.series[0] if (x, y) in best else theme.muted
            axes.plot(x, y, "o", color=color, ms=6, mec=theme.ground, mew=1, zorder=4)
            marks.append((x, y, model[0], color))
        axes.set_xscale("log")
        pad_limits(axes, [x for x, _ in values], [y for _, y in values])
        dress(axes, theme, "exact, %", below + " (log scale)")
        label_points(axes, marks, [best])
    buffer = io.BytesIO()
    with drawing_style({"svg.hashsalt": "slu"}):
        figure.savefig(buffer, format=form, dpi=144, facecolor=theme.ground, metadata=metadata(form))
    return buffer.getvalue()
