"""The part of a report that says which exported formats compute what their checkpoint does, on which runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from slu.errors import SluError
from slu.files import MARK

BUNDLE = "bundle"
"""The directory of a run that has its exported formats."""
NUMBERS = ("largest", "rms", "decisions_differ", "texts")


def matrix_of_run(directory: Path, error: type[SluError]) -> dict[str, Any] | None:
    """The matrix in the manifest of a run's bundle; None when there is no bundle, or one without a matrix."""
    from slu.manifest import Manifest

    path = directory / BUNDLE
    if not (path / MARK).is_file():
        return None
    matrix = Manifest.load(path, error).metrics.get("parity")
    return matrix if isinstance(matrix, dict) and "formats" in matrix else None


def check_matrices(data: dict[str, Any], where: str, numbers: Callable[..., None], error: type[SluError]) -> None:
    """Check what ``slu export --json`` wrote. ``numbers``: `bench_arm.report.inputs` has it."""
    for name, matrix in data["parity"].items():
        formats = matrix.get("formats") if isinstance(matrix, dict) else None
        if not isinstance(formats, dict) or not all(isinstance(rows, dict) for rows in formats.values()):
            raise error(f"{where}: {name}: formats is not a table of runtimes")
        for format_, rows in formats.items():
            for runtime, row in rows.items():
                numbers(row, NUMBERS, f"{where}: {name}: {format_} on {runtime}")


def view(name: str, matrix: dict[str, Any]) -> dict[str, Any]:
    """What the page shows: a row a format and runtime; formats that did not run have none but their name."""
    rows = [
        {"format": format_, "runtime": runtime, "exact": None, **row}
        for format_, results in matrix["formats"].items()
        for runtime, row in results.items()
    ]
    idle = [format_ for format_, results in matrix["formats"].items() if not results]
    return {"name": name, "rows": rows, "idle": idle, "exact": matrix.get("exact"), "texts": matrix.get("texts")}
