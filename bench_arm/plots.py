"""The figures of a report, drawn by matplotlib, as inline SVG for the page or as PNG.

In SVG every colour is a CSS variable of the page, so that one drawing serves light and dark, and text stays text.
Widths are CSS pixels at which the text has its natural size; a page holds a wide and a narrow drawing of each.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench_arm.pictures import metadata
from bench_arm.published import PUBLISHED
from compress.steps import STEPS
from slu.manifest import FP32

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, NARROW = 1000, 360
"""Widths of the two drawings of every figure, CSS pixels."""
SERIES = 6
"""Colours a page has for runs; further runs use them again with another line style."""
MARKERS = {FP32: "o"} | {step.name: step.marker for step in STEPS.values()}
STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Theme:
    """Colours: of text, of secondary text, of rules, of the ground, and of the runs."""

    ink: str
    muted: str
    rule: str
    ground: str
    right: str
    wrong: str
    series: tuple[str, ...]


PRINT = Theme(
    "#1c1e21", "#666b73", "#dfe2e6", "#ffffff", "#0072b2", "#d55e00",
    ("#0072b2", "#d55e00", "#00805e", "#b3569a", "#8a6d00", "#5a5f66"),
)  # fmt: skip
"""Okabe and Ito's colours, which colour-blind readers tell apart, with the light ones darkened for white paper."""

_VARIABLES = ("ink", "muted", "rule", "ground", "right", "wrong", *(f"s{i}" for i in range(SERIES)))
_STAND_INS = tuple(f"#0000{i + 1:02x}" for i in range(len(_VARIABLES)))
PAGE = Theme(**dict(zip(_VARIABLES[:6], _STAND_INS)), series=_STAND_INS[6:])
"""Stand-ins that `to_svg` replaces by the page's CSS variables."""


def accuracy_figure(runs: Sequence[tuple[str, list[dict[str, Any]]]], width: int, theme: Theme = PAGE) -> Figure:
    """Accuracy against parameter size: our headline measure, and the published one beside its published points.

    ``runs``: names and rows (``stage``, ``size_bytes``, measures). Of models of labels, the second one is macro F1, of
    spans alone slot F1, of answers answer F1.
    """
    known = {name for _, rows in runs for row in rows for name in row}
    second = next((name for name in ("seed_accuracy", "macro_f1", "answer_f1") if name in known), "slot_f1")
    narrow = width < 600
    figure, panels = new_panels(2 if narrow else 1, 1 if narrow else 2, width, 300 if narrow else 360)
    for axes, measure in zip(panels, ("exact", second)):
        points: list[tuple[float, float, str, str]] = []
        lines = []
        for i, (_, rows) in enumerate(runs):
            if any(measure not in row for row in rows):
                continue
            color = theme.series[i % SERIES]
            sizes, values = [r["size_bytes"] / 1e6 for r in rows], [r[measure] for r in rows]
            axes.plot(sizes, values, color=color, lw=1.6, ls=STYLES[i // SERIES % len(STYLES)], zorder=3)
            lines.append(list(zip(sizes, values)))
            for row, x, y in zip(rows, sizes, values):
                axes.plot(x, y, MARKERS.get(row["stage"], "."), color=color, ms=7, mec=theme.ground, mew=1, zorder=4)
                points.append((x, y, row["stage"], color))
        if measure == "seed_accuracy":
            published = _draw_published(axes, theme)
            points += published
            lines.append([(x, y) for x, y, _, _ in published])
        axes.set_xscale("log")
        pad_limits(axes, [p[0] for p in points], [p[1] for p in points])
        dress(axes, theme, f"{measure.replace('_', ' ')}, %", "size of the parameters, MB (log scale)")
        label_points(axes, points, lines)
    return figure


def training_figure(
    stages: Sequence[tuple[str, float | None, list[tuple[int, list[dict[str, Any]]]]]], width: int, theme: Theme = PAGE
) -> Figure:
    """Loss above the measure, a column (narrow: a row) a stage.

    ``stages``: name, the exact accuracy of the uncompressed model if known, and curves as (number of the run, rows).
    """
    from matplotlib.ticker import MaxNLocator

    narrow = width < 600
    shape = (len(stages), 2) if narrow else (2, max(2, len(stages)))
    figure, panels = new_panels(*shape, width, 170 if narrow else 205)
    for column, (stage, level, curves) in enumerate(stages):
        for row, measure in enumerate(("loss", "exact")):
            axes = panels[column * 2 + row] if narrow else panels[row * shape[1] + column]
            for i, points in curves:
                color, style = theme.series[i % SERIES], STYLES[i // SERIES % len(STYLES)]
                x, y = [p["epoch"] for p in points], [p[measure] for p in points]
                axes.plot(x, y, ls=style, marker="o", ms=3.5, lw=1.6, color=color, zorder=3)
            if measure == "exact" and level is not None:
                axes.axhline(level, color=theme.muted, lw=1, ls=(0, (1, 2)), zorder=2)
            axes.margins(0.08, 0.14)
            axes.set_xlim(0, max(p["epoch"] for _, rows in curves for p in rows) * 1.06)
            dress(axes, theme, f"{stage}: " + ("loss" if measure == "loss" else "exact, %"), "epoch")
            axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 6, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    if not narrow and len(stages) == 1:
        # One stage gets half of the width, as its panels would be too flat otherwise.
        for axes in panels[1::2]:
            axes.set_visible(False)
    return figure


def confusion_figure(names: Sequence[str], counts: Sequence[Sequence[int]], width: int, theme: Theme = PAGE) -> Figure:
    """Rows: what was labelled; columns: what was answered. Colour by the share of the row, with a square root.

    The root lets a confusion of one in a hundred be seen. Right answers and errors have colours of their own.
    """
    from matplotlib.patches import Rectangle

    narrow = width < 600
    size = 8.5 if narrow else 11.5
    columns = [_break(name) for name in names]
    labels = columns if narrow else list(names)
    left, top = (16 + 0.62 * size * _longest(lines) for lines in (labels, columns))
    cell = max(min((width - left - 4) / len(names), 46), 6.0)
    width = max(width, math.ceil(left + cell * len(names) + 4))
    figure, (axes,) = new_panels(1, 1, width, top + cell * len(names) + 4, top=top, left=left, bottom=4)
    axes.set_position((left / width, 4 / (figure.get_figheight() * 72), cell * len(names) / width,
                       cell * len(names) / (figure.get_figheight() * 72)))  # fmt: skip
    axes.set(xlim=(0, len(names)), ylim=(len(names), 0))
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            share = math.sqrt(count / sum(row)) if count else 0.0
            color = theme.right if i == j else theme.wrong
            axes.add_patch(Rectangle((j + 0.03, i + 0.03), 0.94, 0.94, facecolor=theme.rule, alpha=0.35, lw=0))
            if count:
                axes.add_patch(Rectangle((j + 0.03, i + 0.03), 0.94, 0.94, facecolor=color, alpha=share, lw=0))
                digits = min(11.0, cell / (0.66 * max(3, len(str(count)))))
                text = theme.ground if share > 0.6 else theme.ink
                axes.text(j + 0.5, i + 0.52, str(count), ha="center", va="center", fontsize=digits, color=text)
    for i, (row_name, column_name) in enumerate(zip(labels, columns)):
        _lines(axes, row_name, size, (0, i + 0.5), rotation=0, color=theme.ink)
        _lines(axes, column_name, size, (i + 0.5, 0), rotation=90, color=theme.ink)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return figure


def latency_figure(groups: Sequence[tuple[str, list[dict[str, Any]]]], width: int, theme: Theme = PAGE) -> Figure:
    """A bar a measurement: the median from text to answer, the model's part of it solid, a line to the 99th percentile.

    ``groups``: processors and their rows (``label``, ``end_to_end_ms``, ``model_ms`` or None).
    """
    narrow = width < 600
    step, head = (42, 34) if narrow else (28, 34)
    bars = sum(len(rows) for _, rows in groups)
    names = [row["label"] for _, rows in groups for row in rows] + [processor for processor, _ in groups]
    left = 12 if narrow else min(24 + 0.6 * 11.5 * _longest(names), 0.6 * width)
    figure, (axes,) = new_panels(1, 1, width, bars * step + len(groups) * head + 44, left=left, top=4, bottom=40)
    longest = max(row["end_to_end_ms"]["p99"] for _, rows in groups for row in rows)
    y = 0.0
    for processor, rows in groups:
        _label_row(axes, processor, y + head * 0.6, left, narrow, fontsize=12, color=theme.ink, fontweight="bold")
        y += head
        for row in rows:
            times, model = row["end_to_end_ms"], row.get("model_ms")
            middle = y + (step * 0.68 if narrow else step / 2)
            axes.barh(middle, times["p50"], 13, color=theme.right, alpha=0.35, lw=0)
            if model:
                axes.barh(middle, min(model["p50"], times["p50"]), 13, color=theme.right, lw=0)
            axes.plot([times["p50"], times["p99"]], [middle, middle], color=theme.muted, lw=1.2)
            axes.plot([times["p99"]] * 2, [middle - 4, middle + 4], color=theme.muted, lw=1.2)
            text = f"{number(times['p50'])} · p99 {number(times['p99'])}"
            axes.annotate(text, (times["p99"], middle), (7, 0), textcoords="offset points", va="center",
                          fontsize=11, color=theme.ink)  # fmt: skip
            above = y + step * 0.2 if narrow else middle
            _label_row(axes, row["label"], above, left, narrow, fontsize=10.5 if narrow else 11.5, color=theme.ink)
            y += step
    inner = width - left - 14
    axes.set(ylim=(y, 0), xlim=(0, longest * inner / (inner - 118)), yticks=[])
    dress(axes, theme, "", "milliseconds from text to answer, one utterance")
    axes.grid(False, axis="y")
    return figure


def number(milliseconds: float) -> str:
    """Three significant digits, or all before the point."""
    digits = 2 - math.floor(math.log10(abs(milliseconds))) if milliseconds else 2
    return f"{milliseconds:.{min(max(digits, 0), 4)}f}"


def to_svg(figure: Figure, name: str, title: str) -> str:
    """An ``<svg>`` element for a page: no references, colours as CSS variables, ids that start with ``name``."""
    from html import escape

    buffer = io.StringIO()
    with drawing_style({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    width, height = (float(x) for x in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
    body = text[text.index(">") + 1 : text.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r'<g id="(?!m)[^"]*">', "<g>", body)
    body = re.sub(r'(id="|href="#|url\(#)(?=\w)', rf"\g<1>{name}-", body).replace("xlink:href", "href")
    for variable, color in zip(_VARIABLES, _STAND_INS):
        body = body.replace(color, f"var(--{variable})")
    body = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font)", body)
    size = f'viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px"'
    return f'<svg {size} role="img" aria-label="{escape(title)}">{body.strip()}</svg>'


def to_png(figure: Figure, names: Sequence[str], theme: Theme = PRINT) -> bytes:
    """The figure on white paper at two pixels a point, with a legend when ``names`` are several."""
    from matplotlib.lines import Line2D

    buffer = io.BytesIO()
    with drawing_style({}):
        if len(names) > 1:
            handles = [
                Line2D([], [], color=theme.series[i % SERIES], ls=STYLES[i // SERIES % len(STYLES)])
                for i in range(len(names))
            ]
            # Set afterwards: matplotlib leaves out of a legend what begins with an underscore.
            # Above the figure, which grows by it: names may be long, and many.
            place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.02, 0.99), "frameon": False}
            legend = figure.legend(handles, ["run"] * len(names), ncols=4, **place)
            for text, name in zip(legend.get_texts(), names):
                text.set(text=name, color=theme.ink)
        crop: dict[str, Any] = {"bbox_inches": "tight"} if len(names) > 1 else {}
        figure.savefig(buffer, format="png", dpi=144, facecolor=theme.ground, metadata=metadata("png"), **crop)
    return buffer.getvalue()


def new_panels(
    rows: int, columns: int, width: float, height: float, left: float = 46, top: float = 30, bottom: float = 46
) -> tuple[Figure, list[Axes]]:
    """Axes row by row, each row ``height`` pixels high; one inch is 72 pixels, so that a point is a pixel."""
    from matplotlib.figure import Figure

    with drawing_style({}):
        total = height * rows
        figure = Figure(figsize=(width / 72, total / 72), dpi=72)
        figure.patch.set_visible(False)
        gap = 62
        inner = (width - left - 14 - gap * (columns - 1)) / columns
        high = height - top - bottom
        places = [
            ((left + c * (inner + gap)) / width, 1 - (top + high + r * height) / total, inner / width, high / total)
            for r in range(rows)
            for c in range(columns)
        ]
        return figure, [figure.add_axes(place, facecolor="none") for place in places]


@contextmanager
def drawing_style(extra: dict[str, Any]) -> Iterator[None]:
    """Settings that apply while a figure is made and written."""
    import matplotlib

    settings = {"svg.fonttype": "none", "text.parse_math": False, "font.size": 11.0, "axes.unicode_minus": True}
    # Names may be Chinese: the page's fonts have the glyphs which matplotlib's own lacks.
    with matplotlib.rc_context({**settings, **extra}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*missing from font")
        yield


def dress(axes: Axes, theme: Theme, title: str, below: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_title(title, loc="left", fontsize=12, color=theme.ink, pad=9, fontweight="bold")
    axes.set_xlabel(below, fontsize=11, color=theme.muted, labelpad=6)
    axes.grid(True, color=theme.rule, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5, labelsize=11, labelcolor=theme.muted)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(theme.muted)
    if axes.get_xscale() == "log":
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=20))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(which="minor", length=0)


def _draw_published(axes: Axes, theme: Theme) -> list[tuple[float, float, str, str]]:
    """Without the FP16 rows, which have the place of the FP32 ones. Names for the ends of the line only."""
    rows = [row for row in PUBLISHED if "FP16" not in row.name]
    sizes, values = [row.size_mb for row in rows], [row.seed_accuracy for row in rows]
    axes.plot(sizes, values, "o--", color=theme.muted, mfc=theme.ground, ms=6, lw=1.2)
    names = ["published FP32", *[""] * (len(rows) - 2), "published INT8"]
    return [(x, y, name, theme.muted) for x, y, name in zip(sizes, values, names)]


def pad_limits(axes: Axes, x: list[float], y: list[float]) -> None:
    """Limits of the axes with room for names, and with enough height that noise does not look like a large
    difference."""
    axes.set_xlim(min(x) / 2.2, max(x) * 1.9)
    middle, half = (min(y) + max(y)) / 2, max((max(y) - min(y)) * 0.65, 1.0)
    axes.set_ylim(middle - half, middle + half)


def label_points(
    axes: Axes, points: Sequence[tuple[float, float, str, str]], lines: Sequence[Sequence[tuple[float, float]]]
) -> None:
    """Write a name beside every point where it covers no point, line or other name, or else no point or name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.transforms import Bbox

    renderer = FigureCanvasAgg(axes.figure).get_renderer()  # type: ignore[arg-type]
    frame = axes.get_window_extent(renderer)
    spots = [axes.transData.transform((x, y)) for x, y, _, _ in points]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in spots]
    drawn = []
    for line in lines:
        corners = [axes.transData.transform(corner) for corner in line]
        for start, end in zip(corners, corners[1:]):
            steps = max(int(max(abs(end - start)) / 3), 1)
            dots = [start + (end - start) * i / steps for i in range(steps + 1)]
            drawn += [Bbox.from_bounds(x - 1, y - 1, 2, 2) for x, y in dots]
    around = [
        (0, 13, "center"),
        (0, -13, "center"),
        (10, 0, "left"),
        (-10, 0, "right"),
        (9, 11, "left"),
        (-9, 11, "right"),
    ]
    around += [(9, -11, "left"), (-9, -11, "right"), (0, 25, "center"), (0, -25, "center")]
    with drawing_style({}):
        for x, y, name, color in [p for p in points if p[2]]:
            for (dx, dy, side), obstacles in [(a, o) for o in (taken + drawn, taken) for a in around]:
                label = axes.annotate(name, (x, y), (dx, dy), textcoords="offset points", ha=side, va="center",
                                      fontsize=11, color=color, zorder=5)  # fmt: skip
                box = label.get_window_extent(renderer)
                inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 + 12 and frame.y0 <= box.y0 and box.y1 <= frame.y1
                if inside and not any(box.overlaps(other) for other in obstacles):
                    taken.append(box)
                    break
                label.remove()


def _label_row(axes: Axes, text: str, y: float, left: float, narrow: bool, **style: Any) -> None:
    """A name for the row ``y``: in the margin before the axis, or on a narrow page from the left edge on, above it."""
    axes.annotate(text, (0, y), (-left if narrow else -14, 0), xycoords=axes.get_yaxis_transform(),
                  textcoords="offset points", ha="left" if narrow else "right", va="center", **style)  # fmt: skip


def _lines(axes: Axes, label: str, size: float, place: tuple[float, float], rotation: int, color: str) -> None:
    """Write a label that ends left of a place, or upright, one that starts above it.

    Each line is a text of its own, anchored at that end: matplotlib cannot know how wide the page's font will be.
    """
    lines = label.split("\n")
    for i, line in enumerate(lines):
        down = size * 1.08 * (i - (len(lines) - 1) / 2)
        offset = (down, 6) if rotation else (-6, -down)
        axes.annotate(line, place, offset, textcoords="offset points", fontsize=size, color=color, rotation=rotation,
                      rotation_mode="anchor", ha="left" if rotation else "right", va="center")  # fmt: skip


def _break(name: str) -> str:
    """A label's name in two lines, at its dot."""
    return name.replace(".", ".\n", 1)


def _longest(labels: Sequence[str]) -> int:
    """Characters of the longest line; one of Chinese counts as nearly two."""
    lines = [line for label in labels for line in label.split("\n")]
    return max((sum(1 if ord(char) < 0x2E80 else 2 for char in line) for line in lines), default=0)
