"""One self-contained HTML page of results: the tables, the plots, and what made them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.heads.table import SHOWN
from slu.tables import page_beginning, page_templates

if TYPE_CHECKING:
    import jinja2

    from bench_arm.report.inputs import Inputs, Run

TEMPLATE = "page.html.j2"
MEASURES = {name: title.replace("_", " ") for name, title in SHOWN.items()}
"""Measures of the tables with the heads of their columns; a table has those of its models."""


def render(inputs: Inputs, command: str) -> str:
    """The page. ``command``: what was typed to make it. The same inputs give the same bytes."""
    from bench_arm.report.calibration_plot import calibrations

    environment = _environment()
    named = inputs.runs or inputs.evaluations + inputs.benches + inputs.parities
    return environment.get_template(TEMPLATE).render(
        title="Results of " + ", ".join(dict.fromkeys(item.name for item in named)),
        command=command,
        run_measures=_measures(row for run in inputs.runs for row in run.rows),
        evaluation_measures=_measures(evaluation.data for evaluation in inputs.evaluations),
        runs=[_run_view(run, i) for i, run in enumerate(inputs.runs)],
        evaluations=inputs.evaluations,
        calibrations=calibrations(inputs.evaluations),
        details=_details(inputs),
        benches=[_bench_view(bench.name, bench.data) for bench in inputs.benches],
        published=_published(),
        parities=_parities(inputs),
        **_phones(inputs),
        **_figures(inputs),
    )


def beginning() -> str:
    """What every page begins with, up to its title: the mark of a page of this command."""
    return page_beginning(_environment(), TEMPLATE)


def _environment() -> jinja2.Environment:
    environment = page_templates(Path(__file__).parent)
    environment.filters |= {
        "percent": lambda x: f"{x:.2f}",
        "signed": _signed,
        "mb": lambda x: f"{x / 1e6:.2f}",
        "count": lambda x: f"{x:,.0f}",
        "ms": _ms,
        "duration": _duration,
    }
    return environment


def _figures(inputs: Inputs) -> dict[str, str]:
    """The drawings that the inputs allow, "" for those they do not."""
    from bench_arm import plots
    from bench_arm.report.calibration_plot import calibration_figure, calibrations

    figures = {"accuracy": "", "training": "", "latency": "", "calibration": ""}
    if inputs.runs:
        pairs = [(run.name, run.rows) for run in inputs.runs]
        title = "Accuracy against size of the parameters"
        figures["accuracy"] = _both("accuracy", title, lambda width: plots.accuracy_figure(pairs, width))
    stages = _stage_logs(inputs.runs)
    if stages:
        title = "Loss and exact accuracy during training"
        figures["training"] = _both("training", title, lambda width: plots.training_figure(stages, width))
    if inputs.benches:
        groups: dict[str, list[dict[str, Any]]] = {}
        for bench in inputs.benches:
            timed = [row for row in bench.data["measurements"] if row.get("end_to_end_ms")]
            rows = [{**row, "label": _label(row)} for row in timed]
            groups.setdefault(bench.data["processor"], []).extend(rows)
        bars = [(name, rows) for name, rows in groups.items() if rows]
        if bars:
            figures["latency"] = _both("latency", "Latency", lambda width: plots.latency_figure(bars, width))
    curves = calibrations(inputs.evaluations)
    if curves:
        title = "Reliability of the score, risk and coverage"
        figures["calibration"] = _both("calibration", title, lambda width: calibration_figure(curves, width))
    return figures


def _phones(inputs: Inputs) -> dict[str, Any]:
    """Pictures and comparisons of the runs that kept every time."""
    from bench_arm.report import phones_plot
    from bench_arm.report.phones import comparisons

    several = len(inputs.benches) > 1
    points = [
        (f"{bench.name}: {_label(row)}" if several else _label(row), row)
        for bench in inputs.benches
        for row in bench.data["measurements"]
        if row.get("samples_ms") and row.get("exact") is not None
    ]
    found = {"points": points, "pareto": "", "distribution": "", "memory": ""}
    if points:
        title = "Accuracy against latency and size"
        found["pareto"] = _both("pareto", title, lambda width: phones_plot.pareto_figure(points, width))
        title = "Distribution of latency"
        found["distribution"] = _both("spread", title, lambda width: phones_plot.distribution_figure(points, width))
    if points and all(row.get("pss_peak_bytes") for _, row in points):
        found["memory"] = _both("memory", "Memory", lambda width: phones_plot.memory_figure(points, width))
    return {**found, "comparisons": comparisons([(bench.name, bench.data) for bench in inputs.benches])}


def _both(name: str, title: str, draw: Any) -> str:
    """A figure for wide and for narrow pages; the style sheet shows one of them."""
    from markupsafe import Markup

    from bench_arm.plots import NARROW, WIDE, to_svg

    parts = [
        f'<div class="{kind}">{to_svg(draw(width), f"{name}-{kind}", title)}</div>'
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    ]
    return Markup("\n".join(parts))  # to_svg escapes; nothing else comes from outside


def _stage_logs(runs: list[Run]) -> list[tuple[str, float | None, list[tuple[int, list[dict[str, Any]]]]]]:
    """Stages in the order of the runs, each with the logs of the runs that trained it."""
    names = dict.fromkeys(stage for run in runs for stage, log in run.logs.items() if log)
    # With several runs one line could not be the uncompressed model of all of them.
    fp32 = runs[0].fp32 if len(runs) == 1 else None
    level = fp32["exact"] if fp32 else None
    return [(s, level, [(i, r.logs[s]) for i, r in enumerate(runs) if r.logs.get(s)]) for s in names]


def _run_view(run: Run, index: int) -> dict[str, Any]:
    """What the page shows of a run; ``change`` holds the differences from its FP32 row."""
    base = run.fp32
    rows = []
    for row in run.rows:
        names = [name for name in MEASURES if base and name in row and name in base]
        change = {name: row[name] - base[name] for name in names} if base and row is not base else {}
        smaller = base["size_bytes"] / row["size_bytes"] if change and base else 0.0
        rows.append({**row, "change": change, "smaller": smaller})
    first, last = rows[0], rows[-1]
    return {
        "name": run.name,
        "index": index,
        "rows": rows,
        "first": first,
        "last": last,
        "interval": _interval(last["exact"], last["utterances"]),
        "provenance": _provenance(run),
        "seconds": sum(row["seconds"] for row in run.rows),
    }


def _measures(rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Those of `MEASURES` that a row has."""
    found = {name for row in rows for name in row}
    return {name: title for name, title in MEASURES.items() if name in found}


def _interval(percent: float, utterances: float) -> float:
    """Half of the 95 % interval of an accuracy (normal approximation), in points."""
    share = min(max(percent / 100, 0.0), 1.0)
    return 196.0 * math.sqrt(share * (1 - share) / max(utterances, 1))


def _provenance(run: Run) -> dict[str, Any]:
    """Inputs and versions that all stages share once, and what each has of its own."""
    manifests = run.manifests
    shared = {}
    for part in ("inputs", "versions"):
        each = [m.get(part, {}) for m in manifests.values()]
        first = each[0] if each else {}
        shared[part] = {k: v for k, v in first.items() if all(table.get(k) == v for table in each)}
    stages = []
    for row in run.rows:
        manifest = manifests.get(row["stage"], {})
        metrics = manifest.get("metrics", {})
        facts = [(part, k, v) for part in shared for k, v in manifest.get(part, {}).items()]
        own = {k: v for part, k, v in facts if k not in shared[part]}
        shown = {*MEASURES, "utterances", "size_bytes", "seconds", "understood", "slot_precision", "slot_recall"}
        told = {k: v for k, v in metrics.items() if k not in shown and not isinstance(v, dict)}
        told |= {"threshold": manifest["threshold"]} if "threshold" in manifest else {}
        tables = {"": own, **_sections(manifest.get("config", {})), "[measured]": _values(told)}
        stages.append(
            {
                "name": row["stage"],
                "seconds": row["seconds"],
                "tables": {name: table for name, table in tables.items() if table},
            }
        )
    return {**shared, "stages": stages, "known": bool(manifests)}


def _sections(config: dict[str, Any]) -> dict[str, dict[str, str]]:
    """A stage's configuration as the sections of a recipe: its own settings, then every table in it."""
    sections = {"[settings]": _values({k: v for k, v in config.items() if not isinstance(v, dict)})}
    return sections | {f"[{name}]": _values(v) for name, v in config.items() if isinstance(v, dict)}


def _values(table: dict[str, Any]) -> dict[str, str]:
    return {name: f"{value:.6g}" if isinstance(value, float) else str(value) for name, value in table.items()}


def _details(inputs: Inputs) -> list[dict[str, Any]]:
    """Classes and confusion of every evaluation, or manifest, that has them."""
    from bench_arm import plots
    from bench_arm.report.inputs import check_details

    sources = [(f"{e.data['model']}, {e.data['backend']}", e.data) for e in inputs.evaluations]
    for run in inputs.runs:
        for stage, manifest in run.manifests.items():
            metrics = manifest.get("metrics", {})
            check_details(metrics, f"{run.name}/{stage}: manifest.json")
            sources.append((f"{run.name}, {stage}", metrics))
    views: list[dict[str, Any]] = []
    for name, data in sources:
        confusion, classes = data.get("confusion"), data.get("classes") or {}
        drawing = ""
        if confusion:
            names, counts = [str(n) for n in confusion["names"]], confusion["counts"]
            what = "labels" if "labels" in classes else "intents"
            key, title = f"confusion{len(views)}", f"Confusion between {what}: {name}"
            drawing = _both(key, title, lambda width, n=names, c=counts: plots.confusion_figure(n, c, width))
        tables = {
            kind: sorted(classes[kind].items(), key=lambda item: -item[1]["labelled"])
            for kind in ("intents", "slots", "labels")
            if classes.get(kind)
        }
        if drawing or tables:
            views.append({"name": name, "confusion": drawing, "classes": tables})
    return views


def _bench_view(name: str, data: dict[str, Any]) -> dict[str, Any]:
    rows = [{"model_ms": None, "end_to_end_ms": None, **row, "label": _label(row)} for row in data["measurements"]]
    facts = {k: v for k, v in data.items() if k != "measurements" and isinstance(v, (str, int, float))}
    if marks := [str(text) for text in data.get("warnings") or ()]:
        facts["warnings"] = "; ".join(marks)
    optional = [
        key
        for key in ("load_ms", "rss_growth_bytes", "pss_bytes", "exact", "instructions")
        if any(row.get(key) is not None for row in rows)
    ]
    return {"name": name, "facts": facts, "rows": rows, "optional": optional}


def _label(row: dict[str, Any]) -> str:
    """What distinguishes a measurement from others, in a few words."""
    parts = [row["backend"], row["format"], row["precision"], f"{row['threads']} thread" + "s" * (row["threads"] > 1)]
    if row.get("cores"):
        parts.append(f"{row['cores']} cores")
    if row.get("padded_to"):
        parts.append(f"padded to {row['padded_to']}")
    if row.get("setting"):
        parts.append(row["setting"])
    return " · ".join(parts)


def _parities(inputs: Inputs) -> list[dict[str, Any]]:
    from bench_arm.report.parity import view

    of_runs = [(run.name, run.parity) for run in inputs.runs if run.parity]
    return [view(name, matrix) for name, matrix in (*of_runs, *((p.name, p.data) for p in inputs.parities))]


def _published() -> list[dict[str, Any]]:
    from bench_arm.published import PUBLISHED

    base = PUBLISHED[0].seed_accuracy
    return [{**dataclasses.asdict(row), "change": row.seed_accuracy - base} for row in PUBLISHED]


def _signed(value: float) -> str:
    """With a sign that is as wide as a plus, and none before zero."""
    text = f"{value:+.2f}".replace("-", "−")
    return "±0.00" if text[1:] == "0.00" else text


def _ms(milliseconds: float) -> str:
    from bench_arm.plots import number

    return number(milliseconds)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
