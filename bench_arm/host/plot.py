"""The plot of ``slu bench host``: for each engine the time end to end and of the network, on a logarithmic axis."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from bench_arm.pictures import metadata
from bench_arm.plots import PRINT, number

ROW_INCHES = 0.42


def draw(result: dict[str, Any], form: str) -> bytes:
    """The measurements as a PNG or SVG file, the fastest on top; text stays text in SVG."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = sorted(result["measurements"], key=lambda row: row["end_to_end_ms"]["mean"])
    theme = PRINT
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "slu"}):
        figure = Figure(figsize=(9, 1.5 + ROW_INCHES * len(rows)), layout="constrained", facecolor=theme.ground)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for y, row in enumerate(rows):
            whole, network = row["end_to_end_ms"], row["model_ms"]
            axes.plot([whole["p50"], whole["p99"]], [y, y], color=theme.rule, lw=5, solid_capstyle="round", zorder=1)
            axes.plot(network["mean"], y, "o", mfc=theme.ground, mec=theme.series[0], ms=8, zorder=2)
            axes.plot(whole["mean"], y, "o", color=theme.series[0], ms=8, zorder=3)
            place = max(whole["p99"], whole["mean"], network["mean"])
            axes.annotate(
                number(whole["mean"]), (place, y), (8, 0), textcoords="offset points", va="center", color=theme.ink
            )
        several = len({row["bundle"] for row in rows}) > 1
        labels = [
            f"{row['backend']} · {row['precision']}"
            + f" · {Path(row['bundle']).name}" * several
            + f" · {row['setting']}" * bool(row["setting"])
            for row in rows
        ]
        axes.set_yticks(range(len(rows)), labels, color=theme.ink)
        axes.set(xscale="log", ylim=(len(rows) - 0.4, -0.6))
        axes.margins(x=0.12)
        axes.set_xlabel(
            "milliseconds an utterance\nfull: mean from text to answer, bar: its p50 to p99, ring: network alone"
        )
        axes.set_title(f"{result['processor']}, {result['measurements'][0]['threads']} thread", loc="left", fontsize=11)
        axes.grid(axis="x", color=theme.rule, lw=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=form, dpi=144, metadata=metadata(form))
    return buffer.getvalue()
