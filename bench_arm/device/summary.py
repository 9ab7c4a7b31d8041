"""From the lines of a run to its rows: what ``bench.json``, the table and the report show."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from bench_arm.device.results import select
from bench_arm.published import PUBLISHED
from bench_arm.statistics import summary
from slu.runtime.formats import NATIVE_BACKEND
from slu.tables import text_table

EMULATED = "emulation time: compare instructions, not these"
FIRST_SECONDS = 60


FIELDS = (
    "processor", "commit", "device", "model", "model_sha256", "data", "data_sha256", "utterances", "rounds", "complete",
    "warnings", "left_out", "measurements",
)  # fmt: skip
"""What every summary has."""


def summarise(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The object of ``slu bench --json``, with a measurement an entry and cluster that has all of its first round."""
    run = lines[0]
    device = run["device"]
    rows = []
    for cluster in run["cores"]:
        for entry in run["entries"]:
            row = _row(lines, entry, cluster)
            if row:
                rows.append(row)
    entries = {entry["name"]: entry for entry in run["entries"]}
    rows += [_in_app(line, entries[line["entry"]]) for line in select(lines, "app")]
    ends = [line for line in lines if line["kind"] == "end"]
    emulated = {"emulated": device["emulated"], "times_are": EMULATED} if device["emulated"] else {}
    return {
        "processor": f"{device['soc']} ({device['manufacturer']} {device['model']})",
        "commit": run["commit"],
        "device": device,
        **emulated,
        "model": run["bundle"],
        "model_sha256": run["bundle_sha256"],
        "data": run["data"],
        "data_sha256": run["data_sha256"],
        "utterances": run["utterances"],
        "rounds": run["rounds"],
        "complete": bool(ends),
        "warnings": ends[-1]["warnings"] if ends else ["the run is not complete: --resume goes on with it"],
        "left_out": {**run["left_out"], **{line["name"]: line["reason"] for line in select(lines, "left_out")}},
        "measurements": [*rows, *_peers(lines)],
    }


def _row(lines: list[dict[str, Any]], entry: dict[str, Any], cluster: str) -> dict[str, Any] | None:
    mine = {"entry": entry["name"], "cores": cluster}
    rounds = list(select(lines, "round", **mine))
    if not rounds:
        return None
    row: dict[str, Any] = {
        **{key: entry[key] for key in ("backend", "format", "precision", "padded_to", "size_bytes")},
        "threads": 1,
        "cores": cluster,
        "kernel": rounds[0]["kernel"],
        "utterances": sum(len(line["end_to_end_ms"]) for line in rounds),
        "end_to_end_ms": summary([line["end_to_end_ms"] for line in rounds]),
        "model_ms": summary([line["model_ms"] for line in rounds]),
        "samples_ms": [line["end_to_end_ms"] for line in rounds],
        "exact": min(line["exact"] for line in rounds),
    }
    for line in select(lines, "memory", **mine):
        row |= {key: line[key] for key in ("pss_bytes", "pss_peak_bytes", "pss_before_bytes", "pss_opened_bytes")}
    for line in select(lines, "start", **mine):
        starts = line["starts"]
        row[f"{line['caches']}_start_ms"] = round(statistics.median(s["start_ms"] + s["load_ms"] for s in starts), 3)
        row["load_ms" if line["caches"] == "warm" else "cold_load_ms"] = round(
            statistics.median(s["load_ms"] for s in starts), 3
        )
        if line["caches"] == "cold":
            row["cold_pages_left"] = max(s["resident_pages"] for s in starts)
    for line in select(lines, "instructions", **mine):
        row["instructions"] = line["instructions"]
    for line in select(lines, "sustain", **mine):
        row["sustained"] = _sustained(line)
    return row


def _in_app(line: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """The row of the benchmark inside the app. The system chooses the core; the app sums up its times itself."""
    place = "inside the app" + (f": {line['stand_in']}" if line["stand_in"] else "")
    return {
        **{key: entry[key] for key in ("backend", "format", "precision", "padded_to", "size_bytes")},
        "threads": 1,
        "cores": "any",
        "place": "app",
        "setting": place,
        "kernel": line["kernel"],
        "utterances": len(line["decisions"]) * len(line["by_round"]),
        **{key: line[key] for key in ("end_to_end_ms", "load_ms", "first_parse_ms", "exact")},
        **{key: line[key] for key in ("pss_bytes", "rss_growth_bytes") if line[key] is not None},
    }


def _sustained(line: dict[str, Any]) -> dict[str, Any]:
    """Median of the first minute and of the last one, or of the halves of a shorter run."""
    seconds = [second["p50"] for second in line["seconds"]]
    part = min(FIRST_SECONDS, max(len(seconds) // 2, 1))
    first, last = statistics.median(seconds[:part]), statistics.median(seconds[-part:])
    joules = line["joules"]
    return {
        "seconds": len(seconds),
        "first_p50_ms": first,
        "last_p50_ms": last,
        "slowdown": round(last / first, 4) if first else None,
        "millijoules_an_utterance": round(joules * 1000 / line["utterances"], 5) if joules else None,
    }


def _peers(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Other engines, measured in instructions alone."""
    return [
        {key: value for key, value in line.items() if key not in ("schema", "kind")} for line in select(lines, "peer")
    ]


def table(result: dict[str, Any]) -> list[str]:
    """The rows as lines of a table, the published ones below them, then warnings and what was left out."""
    emulated = "emulated" in result
    head = ["engine", "format", "precision", "cores", "p50 ms", "95 % interval", "p90", "p99", "model p50", "Pss MB"]
    head += ["peak MB", "size MB", "warm start", "cold start", "exact %", "instructions"]
    cells = [head]
    for row in result["measurements"]:
        whole, model = row.get("end_to_end_ms"), row.get("model_ms")
        interval = whole.get("p50_interval") if whole else None
        exact, instructions = row.get("exact"), row.get("instructions")
        cells.append(
            [
                *(row["backend"] + (" in the app" if row.get("place") else ""), row["format"], row["precision"]),
                row.get("cores", "-"),
                *(_ms(whole and whole["p50"]), f"{interval[0]:.3f}-{interval[1]:.3f}" if interval else "-"),
                *(_ms(whole and whole["p90"]), _ms(whole and whole["p99"]), _ms(model and model["p50"])),
                *(_mb(row.get(name)) for name in ("pss_bytes", "pss_peak_bytes", "size_bytes")),
                *(_ms(row.get("warm_start_ms")), _ms(row.get("cold_start_ms"))),
                "-" if exact is None else f"{exact:.2f}",
                "-" if instructions is None else f"{instructions / 1e6:.3f} M",
            ]
        )
    for published in PUBLISHED:
        times = (f"mean {published.latency_ms:.2f}", "-", "-", "-", "-")
        memory = (f"{published.pss_mb:.2f}", "-", f"{published.size_mb:.2f}", "-", "-")
        accuracy = f"seed {published.seed_accuracy:.2f}"
        cells.append(["published", published.name, "", "Kirin 985", *times, *memory, accuracy, "-"])
    lines = text_table(cells, left=range(len(head)))
    lines += [f"times are {result['times_are']}"] if emulated else []
    lines += [f"{row['backend']} {row['setting']}" for row in result["measurements"] if row.get("place")]
    lines += [f"warning: {text}" for text in result["warnings"]]
    lines += [f"left out: {name}: {reason}" for name, reason in result["left_out"].items()]
    for row in result["measurements"]:
        if found := row.get("sustained"):
            energy = found["millijoules_an_utterance"]
            lines.append(
                f"{row['backend']} {row['format']} on {row['cores']} cores for {found['seconds']} s: median "
                f"{found['first_p50_ms']:.3f} ms at first, {found['last_p50_ms']:.3f} ms at last"
                + (f", {energy} mJ an utterance" if energy else "")
            )
    return lines + _ratios(result["measurements"])


def _ratios(rows: Sequence[dict[str, Any]]) -> list[str]:
    """How many times fewer instructions our engine takes than the best other one."""
    own = [row["instructions"] for row in rows if row["backend"] == NATIVE_BACKEND and row.get("instructions")]
    others = [row for row in rows if row["backend"] != NATIVE_BACKEND and row.get("instructions")]
    if not own or not others:
        return []
    best = min(others, key=lambda row: float(row["instructions"]))
    return [
        f"instructions: {best['instructions'] / min(own):.2f} times fewer than the best other engine, "
        f"{best['backend']} {best['precision']} at {best['padded_to']} tokens"
    ]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _mb(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:.2f}"
