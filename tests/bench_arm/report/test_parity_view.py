"""The report's table of exported formats: from a run's bundle, and from ``slu export --json``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_arm.report.inputs import ResultsError, read_inputs
from bench_arm.report.page import render
from slu.manifest import Manifest

ROW = {"largest": 0.00123, "rms": 4e-5, "decisions_differ": 1, "texts": 2000, "sequences": 2003, "exact": 87.5}
MATRIX = {"texts": 2000, "labelled": 10, "exact": 88.0, "formats": {"onnx": {"onnxruntime": ROW}, "lite-arm": {}}}
MEASURES = ("exact", "seed_accuracy", "intent_accuracy", "intent_macro_f1", "slot_f1", "utterances", "size_bytes")


def test_the_matrix_is_shown(tmp_path: Path) -> None:
    written = tmp_path / "parity.json"
    written.write_text(json.dumps({"parity": {"my bundle": MATRIX}, "data": "dev.txt"}), "utf-8")
    run = tmp_path / "run"
    run.mkdir()
    row = {"stage": "fp32", "seconds": 1.0, **dict.fromkeys(MEASURES, 50.0)}
    (run / "results.json").write_text(json.dumps({"rows": [row]}), "utf-8")
    (run / "bundle").mkdir()
    Manifest("export", metrics={"parity": MATRIX}).save(run / "bundle")
    page = render(read_inputs([written, run]), "slu report")
    assert page.count("<h3>my bundle</h3>") == 1
    assert page.count('<th scope="row">onnx</th><td>onnxruntime</td><td>1.2e-03</td>') == 2
    assert page.count("<td>1 of 2,000</td><td>87.50</td>") == 2
    assert page.count("Not run on the machine that exported them: lite-arm.") == 2


def test_a_broken_matrix_is_refused(tmp_path: Path) -> None:
    for wrong, words in (
        ({"formats": []}, "my bundle: formats is not a table of runtimes"),
        ({"formats": {"onnx": {"onnxruntime": {**ROW, "rms": "small"}}}}, "onnx on onnxruntime: rms is missing or no"),
    ):
        path = tmp_path / "parity.json"
        path.write_text(json.dumps({"parity": {"my bundle": wrong}}), "utf-8")
        with pytest.raises(ResultsError, match=words):
            read_inputs([path])
