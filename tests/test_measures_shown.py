"""Each head names the measures that tables of several models show: the lines of training, results and reports do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench_arm.report.inputs import ResultsError, read_inputs
from bench_arm.report.page import MEASURES
from export_lite.run import results_table
from slu.heads.table import HEADS, SHOWN
from slu.training.stage import describe


def row_of(head: str) -> dict[str, Any]:
    """A row of results with all measures of a head."""
    measures = {name: 50.0 + number for number, name in enumerate(HEADS[head].measures)}
    return {"stage": "fp32", "utterances": 9, **measures, "size_bytes": 1_500_000, "seconds": 3.2}


@pytest.mark.parametrize("name", HEADS)
def test_every_table_has_those_of_the_head(name: str, tmp_path: Path) -> None:
    head, row = HEADS[name], row_of(name)
    assert next(iter(head.shown)) == "exact" and head.shown.keys() <= {*head.measures}
    assert [one for one in SHOWN if one in row] == list(head.shown)

    said = describe("fp32", row, {"exact": 49.0}).split(", ")
    assert said[:2] == ["fp32: 1.50 MB", "exact 50.00 (+1.00)"]
    assert [part.split()[0] for part in said[1:-1]] == list(head.shown)

    titles, _, values = ([cell.strip() for cell in line.strip("|").split("|")] for line in results_table([row]))
    assert titles == ["stage", *head.shown.values(), "size MB", "seconds"]
    assert values == ["fp32", *(f"{row[one]:.2f}" for one in head.shown), "1.50", "3"]

    assert [title for one, title in MEASURES.items() if one in row] == [
        t.replace("_", " ") for t in head.shown.values()
    ]
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"rows": [row]}), encoding="utf-8")
    assert read_inputs([results]).runs[0].rows == [row]
    for one in head.shown:
        results.write_text(json.dumps({"rows": [{**row, one: "high"}]}), encoding="utf-8")
        with pytest.raises(ResultsError, match=f"{one} is missing or not a number"):
            read_inputs([results])
