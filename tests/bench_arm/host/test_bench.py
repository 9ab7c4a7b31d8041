"""``slu bench host``: every engine measured on a tiny model, what is written about them, and what is refused."""

from __future__ import annotations

import argparse
import json
import mmap
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_arm import measurement
from bench_arm.commands.bench import register
from bench_arm.host import bench as host
from bench_arm.host.bench import bench_host
from bench_arm.host.target import MKL, NAMES, Target, Worker
from bench_arm.report.inputs import TIMES, read_inputs
from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance
from slu.errors import BundleError, ConfigError, CorpusError, SluError
from slu.files import sha256
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, save_checkpoint
from slu.model.quantization import INPUT_SCALE, WEIGHT_SCALE, quantise
from slu.runtime.formats import BACKENDS, FORMATS, PARAMETERS

GGUF = FORMATS["gguf"].files[0]

LENGTH = 16
SETTINGS = ("MKL as it comes", f"{MKL}=5")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, _whole_checkpoint: Path) -> Path:
    """The tiny model with INT8 linear layers, in every format that this machine can run."""
    from export_lite.export import export_bundle
    from slu.model.checkpoint import load_checkpoint

    place = tmp_path_factory.mktemp("bench")
    checkpoint: Checkpoint = load_checkpoint(_whole_checkpoint)
    for name, weight in list(checkpoint.tensors.items()):
        if ".encoder." in name and weight.ndim == 2:
            layer = name.removesuffix(".weight")
            checkpoint.tensors[name], checkpoint.tensors[f"{layer}.{WEIGHT_SCALE}"] = quantise(weight, axis=1)
            checkpoint.tensors[f"{layer}.{INPUT_SCALE}"] = np.array([0.03], np.float32)
    # Random weights decide by a hair's breadth, which rounding to INT8 turns over: decide more clearly.
    for name in ("intent_classifier.bias", "slot_classifier.bias"):
        checkpoint.tensors[name] += np.arange(len(checkpoint.tensors[name]), 0, -1, np.float32)
    checkpoint.manifest = Manifest("qat", threshold=0.25)
    save_checkpoint(checkpoint, place / "checkpoint")
    formats = [runner.format for runner in BACKENDS.values() if runner.format]
    with pytest.MonkeyPatch.context() as patch:
        # Starting all engines once more to compare them takes half a minute; tests/export_lite does.
        patch.setattr("export_lite.export._compare", lambda *given: ({}, []))
        export_bundle(place / "checkpoint", place / "bundle", list(dict.fromkeys(formats)), LENGTH, say=print)
    return place / "bundle"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, sample: list[Utterance]) -> Path:
    file = tmp_path_factory.mktemp("data") / "few.txt"
    write_corpus(sample[:30], file)
    return file


def bench(*arguments: object) -> int:
    """Run ``slu bench`` with the command line's own parser."""
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    args = parser.parse_args(["bench", *map(str, arguments)])
    return int(args.func(args))


def test_every_engine_is_measured(
    bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MKL, "")  # each engine once, whatever this machine is
    monkeypatch.setattr(host, "BLOCK", 4)  # so that 9 utterances are three blocks, one of them short
    out, plot = tmp_path / "bench.json", tmp_path / "bench.svg"
    assert bench("host", bundle, "--data", data, "--repeat", 2, "--limit", 9, "--json", out, "--plot", plot) == 0
    result: dict[str, Any] = json.loads(out.read_text("utf-8"))
    assert result["left_out"] == {} and {*host.FIELDS} <= {*result}
    assert result["model_sha256"] == sha256(bundle / GGUF) and result["processor"]
    assert (result["utterances"], result["threads"], result["rounds"]) == (30, 1, 2)
    assert set(result["libraries"]) >= {"slu", "kernel", "paddlepaddle", "paddlelite", "onnxruntime"}
    rows = result["measurements"]
    variants = [(name, SETTINGS[0] if BACKENDS[name].uses_mkl else "") for name in NAMES]
    assert [(row["backend"], row["setting"]) for row in rows] == variants
    others = {"native": "int8", "paddle-int8": "int8", "onnxruntime-int8": "int8"}
    assert [row["precision"] for row in rows] == [others.get(name, "fp32 simulating int8") for name, _ in variants]
    for row in rows:
        assert row["threads"] == 1 and row["utterances"] == 9 * 2
        assert row["padded_to"] == (0 if row["backend"] == "native" else LENGTH)
        for times in (row["end_to_end_ms"], row["model_ms"]):
            assert set(times) - {"p50_interval"} == set(TIMES)
            assert 0 < times["p50"] <= times["p90"] <= times["p99"]
            assert 0 < times["mean"] <= times["p99"]  # of 18 values, p99 is the largest
        low, high = row["end_to_end_ms"]["p50_interval"]
        assert 0 < low <= row["end_to_end_ms"]["p50"] <= high
        assert row["model_ms"]["p50"] < row["end_to_end_ms"]["p99"]
        assert row["load_ms"] > 0 and row["size_bytes"] > 10_000
        assert row["pss_bytes"] > row["pss_before_bytes"] > 1_000_000
        assert 0 <= row["exact"] <= 100
    native, *others = rows
    assert native["python_ms"]["p50"] > 0 and not any("python_ms" in row for row in others)
    assert native["size_bytes"] == (bundle / GGUF).stat().st_size
    assert native["rss_growth_bytes"] < native["size_bytes"] + 2_000_000
    assert native["end_to_end_ms"]["p50"] < min(row["model_ms"]["p50"] for row in others)
    assert max(row["exact"] for row in rows) - min(row["exact"] for row in rows) < 4  # one of 30 at most
    assert read_inputs([out]).benches[0].data == result  # what `slu report` reads
    printed = capsys.readouterr().out
    assert all(printed.count(f"\n{name} ") >= 1 for name in NAMES) and "ratio" in printed
    assert "lite, MKL as it comes " in printed and "native int8 called from Python" in printed
    assert "fastdeploy-openvino" in plot.read_text("utf-8")


def test_cold_caches_cost_time(bundle: Path, data: Path) -> None:
    """The engine's few hundred kilobytes come from memory then, as does the code of all that it calls."""
    warm, cold = (
        bench_host([bundle], data, ["native"], rounds=2, cold=cold, say=lambda line: None) for cold in (False, True)
    )
    times = [result["measurements"][0]["end_to_end_ms"]["p50"] for result in (warm, cold)]
    assert 1.5 * times[0] < times[1]
    assert "largest cache" in cold["caches"] and "64 utterances" in warm["caches"]


def test_mkl_is_set_for_the_engine_alone(bundle: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MKL, "7")  # which not every processor runs, and no worker here gets
    for value, words in (("", "MKL as it comes"), ("5", f"{MKL}=5")):
        target = Target(str(bundle), "lite", str(data), mkl=value)
        with Worker(target) as worker:
            environment = Path(f"/proc/{worker._process.pid}/environ").read_bytes().split(b"\0")
            assert f"{MKL}={value}".encode() in environment and target.setting == words
    # Both ways as on AMD; what the user has switched off is measured once.
    for value, settings in (("5", SETTINGS), ("", SETTINGS[:1])):
        monkeypatch.setenv(MKL, value)
        result = bench_host([bundle], data, ["lite"], rounds=1, limit=1, say=lambda line: None)
        assert [row["setting"] for row in result["measurements"]] == list(settings)


def test_kernels_and_clocks_and_openvino_as_it_comes(bundle: Path, data: Path) -> None:
    result = bench_host(
        [bundle], data, ["native"], rounds=1, limit=3, say=lambda line: None, kernels=["plain"], processor_time=True
    )
    [row] = result["measurements"]
    assert row["setting"] == "kernel plain" and "process_time_ns" in result["timer"]
    assert result["libraries"]["kernel"] == "plain" and row["end_to_end_ms"]["p50"] > 0
    target = Target(str(bundle), "fastdeploy-openvino", str(data), as_it_comes=True)
    with Worker(target) as worker:
        assert b"ONEDNN_MAX_CPU_ISA=DEFAULT" in Path(f"/proc/{worker._process.pid}/environ").read_bytes().split(b"\0")
        bfloat16 = "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
        assert worker.facts["precision"] == ("bf16" if bfloat16 else "fp32 simulating int8")
        assert target.setting == "OpenVINO as it comes"


def test_what_cannot_run_is_left_out_or_refused(bundle: Path, data: Path, tmp_path: Path) -> None:
    poor = Path(shutil.copytree(bundle, tmp_path / "poor"))
    for name in (PARAMETERS, FORMATS["paddle-int8"].files[1], FORMATS["onnx"].files[0], FORMATS["onnx-int8"].files[0]):
        (poor / name).unlink()
    (poor / FORMATS["lite-x86"].files[0]).write_bytes(b"cut")
    result = bench_host([poor], data, rounds=1, limit=1)
    assert [row["backend"] for row in result["measurements"]] == ["native"]
    assert set(result["left_out"]) == set(NAMES) - {"native"}
    assert "3 bytes, manifest.json says" in result["left_out"]["lite"]
    with pytest.raises(BundleError, match="no such file"):
        bench_host([poor], data, ["native", "paddle"])
    (poor / GGUF).unlink()
    with pytest.raises(BundleError, match="no engine here can run it"):
        bench_host([poor], data)


def test_wrong_arguments_are_refused(bundle: Path, data: Path, tmp_path: Path, sample: list[Utterance]) -> None:
    write_corpus([Utterance("x", "no.such", (), "s")], tmp_path / "other.txt")
    for kind, words, arguments in (
        (ConfigError, "--backend abacus: unknown engine", (bundle, "--data", data, "--backend", "abacus")),
        (ConfigError, "--repeat", (bundle, "--data", data, "--repeat", 0)),
        (ConfigError, "--limit", (bundle, "--data", data, "--limit", -1)),
        (ConfigError, r"must be .png or .svg", (bundle, "--data", data, "--plot", tmp_path / "x.jpg")),
        (CorpusError, r"has none of its intents \(no.such\)", (bundle, "--data", tmp_path / "other.txt")),
        (SluError, "no such directory", (tmp_path / "nothing", "--data", data)),
        (BundleError, "runs on 1 thread", (bundle, "--data", data, "--backend", "lite", "--threads", 2)),
    ):
        with pytest.raises(kind, match=words):
            bench("host", *arguments)


def test_an_engine_that_dies_is_named(bundle: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Worker(Target(str(bundle), "native", str(data))) as worker:
        times = worker.time([3, 0, 3])
        assert set(times) == {"whole", "network", "python"}
        assert all(len(taken) == 3 and min(taken) > 0 for taken in times.values())
        worker._process.kill()
        with pytest.raises(BundleError, match="the engine native ended"):
            worker.time([3])
    with pytest.raises(BundleError, match=r"the engine native ended with code 1: .*IndexError"):  # noqa: SIM117
        with Worker(Target(str(bundle), "native", str(data))) as worker:
            worker.time([10**6])


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert measurement.milliseconds([2_000_000]) == dict.fromkeys(("mean", "p50", "p90", "p99"), 2.0)
    values = measurement.milliseconds([i * 1_000_000 for i in range(200, 0, -1)])
    assert values == {"mean": 100.5, "p50": 100.0, "p90": 180.0, "p99": 198.0}


def test_memory_is_of_this_process() -> None:
    measurement.forget_peak()
    before = measurement.peak_resident_bytes()
    # Mapped, as an allocator may hand out memory that was resident before.
    with mmap.mmap(-1, 32_000_000) as block:
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
        assert measurement.resident_bytes() > before + 0.9 * len(block)
    assert measurement.peak_resident_bytes() > before + 31_000_000 > measurement.resident_bytes()
    assert 0 < measurement.proportional_bytes() <= measurement.peak_resident_bytes()


def test_ratios_are_to_the_first_engine() -> None:
    times: dict[str, Any] = {"mean": 2.0, "p50": 2.0, "p90": 2.0, "p99": 2.0}
    row: dict[str, Any] = {"backend": "native", "precision": "int8", "padded_to": 0, "bundle": "b", "exact": 90.0}
    row["setting"] = ""
    row |= dict.fromkeys(("load_ms", "rss_growth_bytes", "pss_bytes", "size_bytes"), 1.0)
    times["p50_interval"] = [1.5, 2.5]
    slow = row | {"backend": "lite", "end_to_end_ms": times, "model_ms": times | {"mean": 1.0}}
    fast = row | {"end_to_end_ms": times | {"mean": 0.5}, "model_ms": times | {"mean": 0.25}}
    assert host._warnings(0.4, 2) == []
    lines = host.table({"measurements": [fast, slow], "warnings": host._warnings(20.0, 2)})
    assert lines[3].startswith("warning: 20.0 programs wanted 2 processors before the run: another one may be outside")
    assert lines[1].split()[3:10] == ["0.500", "2.000", "1.500-2.500", "2.000", "1.0", "0.250", "0.5"]
    assert lines[2].split()[3:10] == ["2.000", "2.000", "1.500-2.500", "2.000", "4.0", "1.000", "2.0"]
