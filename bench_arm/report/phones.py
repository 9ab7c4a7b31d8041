"""Runs on phones in a report: read from their lines, and compared with each other by bootstrap."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

from bench_arm.device.results import read_lines
from bench_arm.device.summary import summarise
from bench_arm.statistics import Interval, difference, is_noise
from slu.errors import SluError

LINES = ".jsonl"
MOST_PAIRS = 60


def load_lines(path: Path, error: type[SluError]) -> dict[str, Any]:
    """The summary of a file of lines."""
    try:
        return summarise(read_lines(path))
    except OSError as failed:
        raise error(f"{path}: cannot be read ({failed.strerror})") from failed
    except (KeyError, IndexError, TypeError, ValueError) as failed:
        raise error(f"{path}: a line lacks what slu.bench/1 has ({failed!r}); made by another version?") from failed


def comparisons(benches: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Every two runs, for what both have measured: how many times as long the second takes, and if that is noise."""
    found = []
    for (first, one), (second, other) in combinations(benches, 2):
        for row in one["measurements"]:
            twin = next((r for r in other["measurements"] if _key(r) == _key(row)), None)
            if twin is None or not row.get("samples_ms") or not twin.get("samples_ms"):
                continue
            ratio = difference(row["samples_ms"], twin["samples_ms"])
            found.append(
                {
                    "what": " ".join(filter(None, _key(row))),
                    "first": first,
                    "second": second,
                    "first_ms": row["end_to_end_ms"]["p50"],
                    "second_ms": twin["end_to_end_ms"]["p50"],
                    "ratio": ratio.value,
                    "low": ratio.low,
                    "high": ratio.high,
                    "verdict": _verdict(ratio, (one, row), (other, twin)),
                }
            )
    return found[:MOST_PAIRS]


Run = tuple[dict[str, Any], dict[str, Any]]
"""Results, and one of their measurements."""


def _verdict(ratio: Interval, first: Run, second: Run) -> str:
    """What a ratio of times says, in words; that of instructions, where times are those of an emulation."""
    if _texts(first) != _texts(second):
        return "other utterances: cannot be compared"
    if first[0].get("emulated") or second[0].get("emulated"):
        before, after = (float(measurement.get("instructions") or 0) for _, measurement in (first, second))
        times = f": {after / before:.3f} times as many" if before and after else ""
        return f"emulation time: compare instructions{times}"
    if is_noise(ratio):
        return "no difference beyond noise"
    return f"{'slower' if ratio.value > 1 else 'faster'}: the interval does not hold 1"


def _texts(run: Run) -> tuple[str, int]:
    """What tells whether two runs had the same texts: the file, and how many of it were chosen."""
    return run[0]["data_sha256"], len(run[1]["samples_ms"][0])


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["backend"], row["format"], row["precision"], row.get("cores", ""), row.get("setting", ""))
