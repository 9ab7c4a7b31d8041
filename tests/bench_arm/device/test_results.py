"""Lines of results: their schema, their summary, and what of them the table says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench_arm.device.results import FILE, SCHEMA_FILE, Results, ResultsFileError, check_lines, read_lines
from bench_arm.device.summary import FIELDS, summarise, table
from bench_arm.report.inputs import ResultsError, read_inputs
from bench_arm.report.page import render
from bench_arm.report.phones import comparisons
from slu.cli import main
from slu.errors import OutputError

SHA = "0" * 64


def line(kind: str, **fields: Any) -> dict[str, Any]:
    return {"schema": "slu.bench/1", "kind": kind, **fields}


def made_up(serial: str = "A1", slower: float = 1.0, noise: float = 0.02) -> list[dict[str, Any]]:
    """A run of one entry with 3 rounds of 40 utterances."""
    device = {
        "serial": serial, "model": "BMH-AN10", "manufacturer": "HUAWEI", "android": "10", "abi": "arm64-v8a",
        "soc": "Kirin 985", "instruction_sets": ["asimddp"], "emulated": "",
        "cores": [{"number": 7, "name": "Cortex-A76", "max_khz": 2579000, "cluster": "big"}],
    }  # fmt: skip
    entry = {"backend": "native", "format": "gguf", "precision": "int8", "padded_to": 0, "size_bytes": 2_249_984}
    mine = {"entry": "native gguf", "cores": "big"}
    times = [[(0.2 + noise * ((7 * i + 3 * r) % 11)) * slower for i in range(40)] for r in range(3)]
    state = {
        "khz": {"7": 2579000}, "limits_khz": {"7": 2579000}, "celsius": {"soc": 31.5}, "thermal_status": None,
        "battery_percent": 80, "battery_celsius": 28.0, "charging": False, "screen_on": False, "charge_uah": None,
        "voltage_mv": 3987,
    }  # fmt: skip
    starts = [{"start_ms": 3.0, "load_ms": 0.5, "first_parse_ms": 0.9, "resident_pages": 0}] * 5
    memory = {"pss_before_bytes": 400_000, "pss_opened_bytes": 900_000, "pss_bytes": 2_900_000}
    seconds = [{"utterances": 4000, "mean": 0.25, "p50": 0.2 if i < 60 else 0.3} for i in range(120)]
    peer = {"backend": "onnxruntime", "format": "onnx-int8", "precision": "int8", "threads": 1, "padded_to": 16}
    return [
        line("run", device=device, commit="abc", bundle="nano", bundle_sha256=SHA, data="dev.txt", data_sha256=SHA,
             utterances=40, rounds=3, cores=["big"], through="", program_sha256={"slu-cli": SHA},
             left_out={"lite lite-arm": "give --lite DIR"}, entries=[{"name": "native gguf", **entry}]),
        line("state", when="before", **state),
        line("memory", **mine, **memory, pss_peak_bytes=3_000_000, rss_peak_bytes=4_000_000),
        line("start", **mine, caches="warm", starts=starts),
        line("start", **mine, caches="cold", starts=starts),
        *(
            line("round", **mine, round=r, kernel="sdot", end_to_end_ms=times[r], model_ms=times[r], exact=92.5,
                 decisions=[["music.play", "singer:3:6"]] if r == 0 else [])
            for r in range(3)
        ),
        line("instructions", **mine, instructions=1_350_000.0),
        line("sustain", **mine, seconds=seconds, utterances=480_000, joules=96.0),
        line("peer", **peer, instructions=6_050_000.0, size_bytes=2_093_916, version="1.19.2"),
        line("left_out", name="ncnn", reason="has no converter"),
        line("end", warnings=[]),
    ]  # fmt: skip


def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    lines = made_up()
    assert {*FIELDS} <= {*summarise(lines)}
    path = write(tmp_path / FILE, lines)
    check_lines(path)
    path.write_bytes(path.read_bytes()[:9])  # of a run that was killed
    check_lines(path)
    path.write_text('{"schema": 3}')
    with pytest.raises(OutputError, match="holds something else than results of slu bench"):
        Results(path, {})
    assert path.read_text() == '{"schema": 3}'


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    return path


def test_the_schema_takes_what_is_written_and_nothing_less() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
    validator.check_schema(validator.schema)
    for each in made_up():
        validator.validate(each)
        for name in each:
            if name != "through":
                assert not validator.is_valid({k: v for k, v in each.items() if k != name}), (each["kind"], name)
    assert not validator.is_valid({"schema": "slu.bench/2", "kind": "end", "warnings": []})


def test_an_emulated_run_fits_the_schema(
    arm_cli: Path, tiny_bundle: Path, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "bench",
        "emulated",
        tiny_bundle,
        "--data",
        few,
        "--cli",
        arm_cli,
        "--out",
        tmp_path / "out",
        "--sustain",
        2,
    ]
    words += [
        "--limit",
        4,
        "--repeat",
        2,
        "--cores",
        "big,little",
        "--profile",
        "snapdragon865",
        "--json",
        tmp_path / "s",
    ]
    assert main(list(map(str, words))) == 0
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
    lines = read_lines(tmp_path / "out/bench.jsonl")
    for each in lines:
        validator.validate(each)
    result = json.loads((tmp_path / "s").read_text())
    assert result["processor"] == "Snapdragon 865 (Xiaomi Mi 10)" and result["complete"]
    assert [row["cores"] for row in result["measurements"]] == ["big", "little"]
    assert all(row["instructions"] > 10_000 and row["sustained"]["seconds"] == 2 for row in result["measurements"])
    shown = capsys.readouterr().out
    assert "times are emulation time: compare instructions, not these" in shown
    assert "published  INT8 matmul and embeddings" in shown
    assert "<svg" in (tmp_path / "out/report.html").read_text()


def test_summary_and_table(tmp_path: Path) -> None:
    result = summarise(made_up())
    row = result["measurements"][0]
    low, high = row["end_to_end_ms"]["p50_interval"]
    assert low <= row["end_to_end_ms"]["p50"] <= high
    assert row["sustained"] == {
        "seconds": 120, "first_p50_ms": 0.2, "last_p50_ms": 0.3, "slowdown": 1.5, "millijoules_an_utterance": 0.2,
    }  # fmt: skip
    text = "\n".join(table(result))
    assert "instructions: 4.48 times fewer than the best other engine, onnxruntime int8 at 16 tokens" in text
    assert "left out: ncnn: has no converter" in text


def test_two_phones_in_one_page(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "lab-a.jsonl", made_up("A1")),
        write(tmp_path / "lab-b.jsonl", made_up("B2", slower=1.5)),
        write(tmp_path / "lab-c.jsonl", made_up("C3", noise=0.0201)),
    ]
    inputs = read_inputs(paths)
    found = comparisons([(bench.name, bench.data) for bench in inputs.benches])
    verdicts = {(row["first"], row["second"]): row["verdict"] for row in found}
    assert verdicts["lab-a", "lab-b"] == "slower: the interval does not hold 1"
    assert verdicts["lab-a", "lab-c"] == "no difference beyond noise"
    first, emulated = inputs.benches[0].data, {**inputs.benches[1].data, "emulated": "kirin985"}
    emulated["measurements"] = [{**emulated["measurements"][0], "instructions": 1_458_000.0}]
    pairs = comparisons([("one", first), ("two", emulated), ("three", {**first, "data_sha256": "other"})])
    assert [row["verdict"] for row in pairs] == [
        "emulation time: compare instructions: 1.080 times as many",
        "other utterances: cannot be compared",
        "other utterances: cannot be compared",
    ]
    inputs.benches[2].data["warnings"] = ["charging: measure on battery"]
    page = render(inputs, "slu report")
    assert "charging: measure on battery" in page
    assert "Runs compared" in page and "Accuracy, latency, size and memory" in page


def test_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ResultsFileError, match="has no line that begins a run"):
        read_lines(write(tmp_path / "a.jsonl", made_up()[1:]))
    (tmp_path / "b.jsonl").write_text('{"schema": "slu.bench/1", "kind": "run"}\nnonsense\n{}\n')
    with pytest.raises(ResultsFileError, match="b.jsonl:2: not JSON"):
        read_lines(tmp_path / "b.jsonl")
    (tmp_path / "c.jsonl").write_text('{"schema": "slu.bench/9", "kind": "run"}\n')
    with pytest.raises(ResultsFileError, match="c.jsonl:1: not of the schema slu.bench/1"):
        read_lines(tmp_path / "c.jsonl")
    (tmp_path / "d.jsonl").write_text('{"schema": "slu.bench/1", "kind": "run"}\n')
    with pytest.raises(ResultsError, match="d.jsonl: a line lacks what slu.bench/1 has"):
        read_inputs([tmp_path / "d.jsonl"])
