"""Pictures of benchmark runs: accuracy against latency and size, distributions of latency, memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench_arm.plots import PAGE, SERIES, STYLES, Theme, dress, new_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[str, dict[str, Any]]
"""A label and a measurement."""


def pareto_figure(points: Sequence[Point], width: int, theme: Theme = PAGE) -> Figure:
    """``exact`` against the median latency and against size; a line joins those that no other beats in both."""
    narrow = width < 600
    figure, panels = new_panels(2 if narrow else 1, 1 if narrow else 2, width, 280)
    for axes, (title, below, value) in zip(
        panels,
        (
            ("accuracy and latency", "median from text to answer, ms (log scale)", lambda r: r["end_to_end_ms"]["p50"]),
            ("accuracy and size", "size of the model, MB (log scale)", lambda r: r["size_bytes"] / 1e6),
        ),
    ):
        places = [(value(row), row["exact"]) for _, row in points]
        best = frontier(places)
        axes.plot(*zip(*best), color=theme.muted, lw=1.2, ls="--", zorder=2)
        for i, (x, y) in enumerate(places):
            axes.plot(x, y, "o", color=theme.series[i % SERIES], ms=8, mec=theme.ground, mew=1, zorder=3)
            axes.annotate(str(i + 1), (x, y), (7, 5), textcoords="offset points", fontsize=11, color=theme.ink)
        axes.set_xscale("log")
        axes.margins(0.2, 0.25)
        dress(axes, theme, f"{title}, exact %", below)
    return figure


def frontier(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, gain), those for which no other has a lower cost and at least the gain; by cost."""
    best: list[tuple[float, float]] = []
    for cost, gain in sorted(places, key=lambda place: (place[0], -place[1])):
        if not best or gain > best[-1][1]:
            best.append((cost, gain))
    return best


def distribution_figure(points: Sequence[Point], width: int, theme: Theme = PAGE) -> Figure:
    """The share of utterances that were answered within a time, a line a measurement."""
    figure, (axes,) = new_panels(1, 1, width, 280)
    for i, (_, row) in enumerate(points):
        times = sorted(time for part in row["samples_ms"] for time in part)
        shares = [(k + 1) * 100 / len(times) for k in range(len(times))]
        color, style = theme.series[i % SERIES], STYLES[i // SERIES % len(STYLES)]
        axes.step(times, shares, where="post", color=color, ls=style, lw=1.6)
        middle = times[len(times) // 2]
        axes.annotate(str(i + 1), (middle, 50), (5, -3), textcoords="offset points", fontsize=11, color=theme.ink)
    axes.set_xscale("log")
    axes.set_ylim(0, 101)
    dress(axes, theme, "answered within, % of utterances", "milliseconds from text to answer (log scale)")
    return figure


def memory_figure(points: Sequence[Point], width: int, theme: Theme = PAGE) -> Figure:
    """Pss: of the process before the model, when it was opened, and at the peak; a bar a measurement."""
    step = 30
    figure, (axes,) = new_panels(1, 1, width, len(points) * step + 76)
    for i, (_, row) in enumerate(points):
        peak, before = row["pss_peak_bytes"] / 1e6, row.get("pss_before_bytes", 0) / 1e6
        axes.barh(i, peak, color=theme.right, alpha=0.35, lw=0, height=0.5)
        axes.barh(i, before, color=theme.right, lw=0, height=0.5)
        axes.annotate(f"{peak:.2f}", (peak, i), (6, 0), textcoords="offset points", va="center", fontsize=11,
                      color=theme.ink)  # fmt: skip
    axes.set_yticks(range(len(points)), [str(i + 1) for i in range(len(points))])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlim(left=0)
    dress(axes, theme, "peak of Pss, MB", "solid: the process before it opened the model")
    axes.grid(False, axis="y")
    return figure
