"""Other engines for ARM64: counted where they run, listed with the reason where they do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_arm.device.results import read_lines, select
from bench_arm.emulated import packages, peers
from slu.cli import main
from slu.errors import ConfigError

RUN = {"schema": "slu.bench/1", "kind": "run"}


def test_what_cannot_run_is_listed(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text(json.dumps(RUN) + "\n")

    def fail() -> None:
        raise ConfigError("qemu-aarch64 is not installed; apt install qemu-user")

    monkeypatch.setattr(peers, "arm64_python", fail)
    peers.measure_peers(tiny_bundle, path, [])
    peers.measure_peers(tiny_bundle, path, [])  # --resume
    reasons = {line["name"]: line["reason"] for line in select(read_lines(path), "left_out")}
    assert reasons["onnxruntime int8"] == "qemu-aarch64 is not installed; apt install qemu-user"
    assert {"mnn fp32", "ncnn", "LiteRT", "Paddle Lite"} <= set(reasons)
    assert len(read_lines(path)) == 1 + len(reasons)


def test_a_bundle_without_their_formats(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text(json.dumps(RUN) + "\n")
    monkeypatch.setattr(peers, "arm64_python", lambda: (tmp_path, tmp_path, tmp_path))
    peers.measure_peers(tiny_bundle, path, [])
    reasons = {line["reason"] for line in select(read_lines(path), "left_out")}
    for name in ("model.onnx", "model.int8.onnx"):  # two at a time, so in any order
        assert f"tiny has no {name}; export it with --format gguf,onnx,onnx-int8" in reasons


def test_the_mirror_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codename = next(
        line.partition("=")[2]
        for line in Path("/etc/os-release").read_text().splitlines()
        if line.startswith("VERSION_CODENAME=")
    )
    (tmp_path / "sources.list.d").mkdir()
    monkeypatch.setattr(packages, "APT", tmp_path)
    with pytest.raises(ConfigError, match="names no source of packages"):
        packages.own_source()
    other = "Types: deb\nURIs: file:///other\nSuites: elsewhere\n\n"
    new = f"{other}Types: deb\nURIs: file:///mirror\nSuites: {codename} x\nSigned-By: /k.gpg\n"
    (tmp_path / "sources.list.d/debian.sources").write_text(new)
    assert packages.own_source("sid")[0] == "deb [signed-by=/k.gpg] file:///mirror sid main\n"
    (tmp_path / "sources.list").write_text(f"deb [signed-by=/old.gpg] file:///old {codename} main\n")
    (tmp_path / "sources.list.d/debian.sources").unlink()
    assert packages.own_source()[0] == f"deb [signed-by=/old.gpg] file:///old {codename} main\n"


@pytest.mark.slow
@pytest.mark.parametrize(("model", "times"), [("nlpcc2018-nano", 4.0), ("nlpcc2018-pico", 6.5)])
def test_our_engine_against_onnx_runtime(
    model: str, times: float, arm_cli: Path, sample_path: Path, tmp_path: Path
) -> None:
    formats = ["--length", "16", "--format", "gguf,onnx,onnx-int8"]
    assert main(["export", f"models/{model}", "--out", str(tmp_path / "bundle"), *formats]) == 0
    words = [
        "bench",
        "emulated",
        tmp_path / "bundle",
        "--data",
        sample_path,
        "--cli",
        arm_cli,
        "--out",
        tmp_path / "out",
    ]
    assert main([*map(str, words), "--limit", "100", "--repeat", "1", "--peers"]) == 0
    rows = json.loads((tmp_path / "out/bench.json").read_text())["measurements"]
    counts = {f"{row['backend']} {row['precision']}": row["instructions"] for row in rows}
    assert {"native int8", "onnxruntime fp32", "onnxruntime int8"} <= set(counts)
    assert counts["onnxruntime int8"] / counts["native int8"] > times
