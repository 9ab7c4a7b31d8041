"""--lite and --fastdeploy, from the directory that a user gives to the row in the table, on the emulated phone.

There is no ARM64 library of Paddle Lite or FastDeploy to test with. A stand-in takes its place: slu-cli and the
library of cpp_runtime/backends as they are, dynamic, over the native engine as the runtime. Sending, finding libraries,
running, and what goes wrong with them are real; no network of Paddle Lite is computed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_build import ROOT, build

from bench_arm.device.phone import Phone
from bench_arm.device.programs import entries
from bench_arm.device.results import FILE, read_lines
from bench_arm.device.run import Plan, measure
from bench_arm.device.summary import summarise
from bench_arm.emulated.daemon import Daemon
from bench_arm.emulated.packages import arm64_root
from export_lite.labels_file import write_labels_file
from slu.corpus.tagged import read_corpus
from slu.model.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow  # zig compiles the C++ library of another system first


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as --lite takes it."""
    directory = build(
        "linux-arm64-gnu",
        f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/cpp_runtime/cmake/zig-aarch64-linux.cmake",
        *(f"-DSLU_PYTHON={sys.executable}", "-DSLU_ZIG_TARGET=aarch64-linux-gnu.2.28", "-DSLU_STAND_IN=ON"),
        targets=("slu-cli-double",),
    )
    place = tmp_path_factory.mktemp("runtimes") / "lite"
    place.mkdir()
    shutil.copy(directory / "tests/slu-cli-double", place / "slu-cli-lite")
    shutil.copy(directory / "tests/slu-cli-double", place / "slu-cli-fastdeploy")
    for library in ("tests/libslu-double.so", "libslu.so"):
        shutil.copy(directory / library, place)
    return place


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """The tiny model, and a copy that is called as Paddle Lite's file is."""
    directory = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    shutil.copy(directory / "model.gguf", directory / "model.arm.nb")
    checkpoint = load_checkpoint(directory)
    write_labels_file(checkpoint, checkpoint.config.max_seq_length, directory, ["model.arm.nb"])
    return directory


@pytest.fixture
def bench(
    arm_cli: Path,
    few: Path,
    bundle: Path,
    tmp_path: Path,
    emulate: Callable[..., Daemon],
    phone_of: Callable[..., Phone],
) -> Callable[..., list[dict[str, Any]]]:
    """A function that measures the bundle with these directories and returns all lines."""

    def run(lite: Path | None = None, fastdeploy: Path | None = None) -> list[dict[str, Any]]:
        found, left_out, labels = entries(bundle, arm_cli, lite, fastdeploy)
        daemon = emulate()
        daemon.machine.add_libraries(arm64_root())
        plan = Plan(bundle, few, rounds=2, count=True)
        utterances = read_corpus(few)[:6]
        measure(phone_of(daemon), plan, found, utterances, labels, left_out, tmp_path / "out", lambda text: None)
        assert not daemon.machine.exists("/", "/data/local/tmp/slu-bench")
        return read_lines(tmp_path / "out" / FILE)

    return run


def test_a_runtime_is_measured_beside_the_engine(bench: Callable[..., list[dict[str, Any]]], stand_in: Path) -> None:
    lines = bench(lite=stand_in)
    rounds = [line for line in lines if line["kind"] == "round" and line["round"] == 0]
    assert {line["entry"]: line["kernel"] for line in rounds} == {"native gguf": "sdot", "lite lite-arm": "second"}
    assert rounds[0]["decisions"] == rounds[1]["decisions"]
    native, lite = sorted(summarise(lines)["measurements"], key=lambda row: str(row["backend"]), reverse=True)
    assert (native["backend"], lite["backend"], lite["kernel"]) == ("native", "lite", "second")
    assert native["exact"] == lite["exact"]
    assert lite.keys() - {"size_bytes"} == native.keys() - {"size_bytes"}
    assert 0 < native["instructions"] < lite["instructions"] < 10 * native["instructions"]


def test_a_library_that_is_missing(bench: Callable[..., list[dict[str, Any]]], stand_in: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(stand_in, tmp_path / "lite"))
    (place / "libslu-double.so").unlink()
    result = summarise(bench(lite=place))
    assert [row["backend"] for row in result["measurements"]] == ["native"]
    assert "libslu-double.so: cannot open shared object file" in result["left_out"]["lite lite-arm"]
    assert result["complete"]


def test_a_library_for_another_processor(
    bench: Callable[..., list[dict[str, Any]]], stand_in: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(stand_in, tmp_path / "lite"))
    shutil.copy(sys.executable, place / "libslu-double.so")
    result = summarise(bench(lite=place))
    assert [row["backend"] for row in result["measurements"]] == ["native"]
    assert "libslu-double.so" in result["left_out"]["lite lite-arm"]


def test_an_engine_that_a_library_does_not_have(bench: Callable[..., list[dict[str, Any]]], stand_in: Path) -> None:
    result = summarise(bench(fastdeploy=stand_in))
    assert [row["backend"] for row in result["measurements"]] == ["native"]
    assert "paddle-lite" in result["left_out"]["fastdeploy-paddle-lite lite-arm"]
