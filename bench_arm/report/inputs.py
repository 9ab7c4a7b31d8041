"""The inputs of a report: results of ``slu run``, ``slu eval --json`` and ``slu bench --json``, read and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_arm.report.parity import check_matrices, matrix_of_run
from bench_arm.report.phones import LINES, load_lines
from slu.errors import SluError
from slu.files import MARK, read_bytes, real_path
from slu.heads.table import HEADS
from slu.manifest import FP32

RESULTS = "results.json"
TRAINING = "training.json"
TIMES = ("mean", "p50", "p90", "p99")
OPTIONAL = ("load_ms", "rss_growth_bytes", "pss_bytes", "exact", "instructions", "padded_to", "utterances")
"""Fields of a bench measurement that not every device can give."""
CLASS_FIELDS = ("labelled", "predicted", "precision", "recall", "f1")


class ResultsError(SluError):
    """Results cannot be read: missing, damaged, or without a field that a report shows."""


@dataclass(frozen=True)
class Run:
    """A recipe's results. ``rows``: one a stage. ``manifests``, ``logs``: by stage, of the stages that have them.

    ``parity``: the matrix of its bundle, None without one.
    """

    name: str
    rows: list[dict[str, Any]]
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    parity: dict[str, Any] | None = None

    @property
    def fp32(self) -> dict[str, Any] | None:
        """The row that changes are measured against."""
        return next((row for row in self.rows if row["stage"] == FP32), None)


@dataclass(frozen=True)
class Result:
    """The JSON object of one ``slu eval`` or ``slu bench``. ``name``: of its file."""

    name: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """All that was found in the directories of a report."""

    runs: list[Run]
    evaluations: list[Result]
    benches: list[Result]
    parities: list[Result] = field(default_factory=list)


def read_inputs(paths: Sequence[Path]) -> Inputs:
    """Read directories and JSON files; raise `ResultsError` when one holds no results or broken ones."""
    found: dict[Path, Any] = {}
    for path in paths:
        results = _results_in(path)
        if not results:
            hint = "; finish it with slu run" if (path / FP32).is_dir() else ""
            raise ResultsError(f"{path}: no results of slu run, slu eval --json or slu bench --json in it{hint}")
        found.update(results)
    by_kind = {kind: [p for p, data in found.items() if _kind(data) == kind] for kind in _CHECKS}
    for kind, files in by_kind.items():
        for file in files:
            _CHECKS[kind](found[file], str(file))
    runs = by_kind["run"]
    named = zip(runs, distinct_names([p.parent if p.name == RESULTS else p.with_suffix("") for p in runs]))
    return Inputs(
        [_read_run(path, name, found[path]["rows"]) for path, name in named],
        _named(by_kind["evaluation"], found),
        _named(by_kind["bench"], found),
        [Result(name, matrix) for file in by_kind["parity"] for name, matrix in found[file]["parity"].items()],
    )


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """The last part of every path, with as many of the parts before it as it takes to tell them apart."""
    parts = [real_path(path).parts for path in paths]
    for length in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(p[-length:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _named(files: list[Path], found: dict[Path, Any]) -> list[Result]:
    names = distinct_names([file.with_suffix("") for file in files])
    return [Result(name, found[file]) for file, name in zip(files, names)]


def _results_in(path: Path) -> dict[Path, Any]:
    """The JSON files of a directory that hold results, or the one file that was named."""
    if path.is_dir():
        lines = [file for file in sorted(path.glob(f"*{LINES}")) if file.is_file()]
        files = [
            file for file in sorted(path.glob("*.json")) if file.is_file() and file.with_suffix(LINES) not in lines
        ]
        candidates = {file: _load(file) for file in (*lines, *files)}
        if RESULTS in {file.name for file in candidates} and not _kind(candidates[path / RESULTS]):
            raise ResultsError(f"{path / RESULTS}: has no rows; run slu run again")
        return {file: data for file, data in candidates.items() if _kind(data)}
    data = _load(path)
    return {path: data} if _kind(data) else {}


def _kind(data: Any) -> str:
    """Which command wrote a JSON document; "" for none of them. A document with "rows" is taken for that of a run."""
    if isinstance(data, dict):
        if "measurements" in data:
            return "bench"
        if isinstance(data.get("parity"), dict):
            return "parity"
        if "rows" in data:
            return "run"
        if "exact" in data and "model" in data:
            return "evaluation"
    return ""


def _load(path: Path) -> Any:
    if path.suffix == LINES and path.is_file():
        return load_lines(path, ResultsError)
    try:
        return json.loads(read_bytes(path))
    except FileNotFoundError as error:
        raise ResultsError(f"{path}: no such file or directory") from error
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: not JSON ({error}); make the results again") from error


def _read_run(path: Path, name: str, rows: list[dict[str, Any]]) -> Run:
    from slu.manifest import Manifest

    manifests: dict[str, dict[str, Any]] = {}
    logs: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        stage = row["stage"]
        directory = path.parent / Path(stage).name
        if (directory / MARK).is_file():
            manifest = Manifest.load(directory, ResultsError)
            # The manifests of later stages still describe a stage whose directory was removed.
            manifests = {**{past["stage"]: past for past in manifest.history if "stage" in past}, **manifests}
            manifests[stage] = manifest.as_history()[-1] if manifest.stage else {}
        if (directory / TRAINING).is_file():
            logs[stage] = _load(directory / TRAINING)
            _check_log(logs[stage], str(directory / TRAINING))
    return Run(name, rows, manifests, logs, matrix_of_run(path.parent, ResultsError))


def _check_run(data: dict[str, Any], where: str) -> None:
    rows = data["rows"]
    if not isinstance(rows, list) or not rows:
        raise ResultsError(f"{where}: rows is not a list of results, or empty")
    for i, row in enumerate(rows):
        place = f"{where}: row {i + 1}"
        _text(row, ("stage",), place)
        _numbers(row, (*_accuracies(row), "utterances", "size_bytes", "seconds"), f"{place} ({row['stage']})")
        if row["size_bytes"] <= 0:
            raise ResultsError(f"{place} ({row['stage']}): size_bytes is {row['size_bytes']}")


def _accuracies(row: dict[str, Any]) -> tuple[str, ...]:
    """The measures that a row must have: those of the head of which it has the most, as rows do not name theirs."""
    return max((tuple(head.shown) for head in HEADS.values()), key=lambda shown: sum(name in row for name in shown))


def _check_log(rows: Any, where: str) -> None:
    if not isinstance(rows, list):
        raise ResultsError(f"{where}: not a list of evaluations")
    for i, row in enumerate(rows):
        _numbers(row, ("epoch", "loss", "exact"), f"{where}: row {i + 1}")


def _check_evaluation(data: dict[str, Any], where: str) -> None:
    _text(data, ("model", "backend", "data"), where)
    _numbers(data, (*_accuracies(data), "utterances"), where)
    check_details(data, where)


def check_details(data: dict[str, Any], where: str) -> None:
    """Check the parts an evaluation need not have: ``classes`` and ``confusion``."""
    for kind, rows in _table(data.get("classes", {}), f"{where}: classes").items():
        for name, row in _table(rows, f"{where}: classes {kind}").items():
            _numbers(row, CLASS_FIELDS, f"{where}: class {name}")
    confusion = _table(data.get("confusion", {}), f"{where}: confusion")
    if confusion:
        names, counts = confusion.get("names"), confusion.get("counts")
        if (
            not isinstance(names, list)
            or not isinstance(counts, list)
            or not len(names) == len(counts) > 0
            or not all(isinstance(row, list) and len(row) == len(counts) for row in counts)
        ):
            raise ResultsError(f"{where}: confusion is not names and a square of counts")
        if not all(_is_number(n) and n >= 0 for row in counts for n in row):
            raise ResultsError(f"{where}: confusion has a count that is not a number")


def _check_bench(data: dict[str, Any], where: str) -> None:
    _text(data, ("processor",), where)
    rows = data["measurements"]
    if not isinstance(rows, list) or not rows:
        raise ResultsError(f"{where}: measurements is not a list, or empty")
    for i, row in enumerate(rows):
        place = f"{where}: measurement {i + 1}"
        _text(row, ("backend", "format", "precision"), place)
        _numbers(row, ("threads", "size_bytes"), place)
        for times in ("end_to_end_ms", "model_ms"):
            counted = row.get("instructions") is not None  # of an engine that was counted and not timed
            if (times == "end_to_end_ms" and not counted) or row.get(times) is not None:
                _numbers(row.get(times), TIMES, f"{place} {times}")
        _numbers(row, [name for name in OPTIONAL if row.get(name) is not None], place)


def _check_parity(data: dict[str, Any], where: str) -> None:
    check_matrices(data, where, _numbers, ResultsError)


_CHECKS = {"run": _check_run, "evaluation": _check_evaluation, "bench": _check_bench, "parity": _check_parity}


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ResultsError(f"{where} is not a table")
    return value


def _text(row: Any, names: Iterable[str], where: str) -> None:
    row = _table(row, where)
    for name in names:
        if not isinstance(row.get(name), str):
            raise ResultsError(f"{where}: {name} is missing or not a text; make the results again")


def _numbers(row: Any, names: Iterable[str], where: str) -> None:
    row = _table(row, where)
    for name in names:
        if not _is_number(row.get(name)):
            raise ResultsError(f"{where}: {name} is missing or not a number; make the results again")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
