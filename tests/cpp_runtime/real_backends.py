"""libslu-lite.so and libslu-fastdeploy.so over the real libraries, run by ``make engine-backends``, which builds them.

Not named test_*.py: the C++ headers of these libraries are in no package, so that only who has them can run this.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_build import ROOT

from export_lite.export import export_bundle
from export_lite.labels_file import write_labels_file
from slu.corpus.tagged import read_corpus
from slu.model.checkpoint import Checkpoint, load_checkpoint
from slu.runtime.formats import FORMATS, GRAPH

LITE_X86 = FORMATS["lite-x86"].files[0]

CHECKPOINT = ROOT / "models/nlpcc2018-nano"
BUILD = ROOT / "build/backends"


@dataclass(frozen=True)
class Case:
    """A program, a network that it runs, and the engine to run it by."""

    program: str
    network: str
    engine: str


CASES = [
    *([Case("slu-cli-lite", LITE_X86, "paddle-lite")] if os.environ.get("PADDLE_LITE_DIR") else []),
    *(
        Case("slu-cli-fastdeploy", GRAPH, engine)
        for engine in ("onnxruntime", "paddle-inference", "openvino")
        if os.environ.get("FASTDEPLOY_DIR")
    ),
]
assert CASES, "run by `make engine-backends` with PADDLE_LITE_DIR or FASTDEPLOY_DIR"

case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.engine)


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    return load_checkpoint(CHECKPOINT)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("backends") / "bundle"
    export_bundle(CHECKPOINT, bundle, ("gguf", "paddle", "lite-x86", "lite-arm"))
    return bundle


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy to be damaged."""
    yield shutil.copytree(whole, tmp_path / "bundle")
    shutil.rmtree(tmp_path / "bundle")


def run(program: str, command: str, *arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    # OpenVINO computes in bfloat16 otherwise, where the processor can.
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}
    words = [BUILD / ("slu-cli" if program == "slu-cli" else f"backends/{program}"), command, *arguments]
    return subprocess.run(words, input=text, capture_output=True, text=True, env=environment)


def parse(program: str, model: Path, texts: list[str], *options: str) -> list[dict]:
    done = run(program, "parse", model, *options, text="".join(f"{text}\n" for text in texts))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(case: Case, model: Path) -> str:
    """The one line with which the program refuses a model. A crash would have another exit code."""
    done = run(case.program, "info", model)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return done.stderr.splitlines()[-1]


@case
def test_decisions_are_those_of_the_native_engine(whole: Path, case: Case) -> None:
    texts = [utterance.text for utterance in read_corpus(ROOT / "data/sample/corpus.txt")][:300]
    expected = parse("slu-cli", whole / "model.gguf", texts)
    found = parse(case.program, whole / case.network, texts, "--kernel", case.engine)
    assert len(found) == len(texts) == 300
    same = [(a["intent"], a["slots"]) == (b["intent"], b["slots"]) for a, b in zip(expected, found)]
    assert sum(same) >= 297
    assert max(abs(a["score"] - b["score"]) for a, b, good in zip(expected, found, same) if good) < 0.05


@case
def test_the_engine_is_there_and_measured(whole: Path, case: Case, tmp_path: Path) -> None:
    assert case.engine in json.loads(run(case.program, "info", whole / case.network).stdout)["kernels"]
    (tmp_path / "texts").write_text("打电话给妈妈\n来一首花心\n", encoding="utf-8")
    done = run(case.program, "bench", whole / case.network, tmp_path / "texts", "--kernel", case.engine)
    measured = json.loads(done.stdout)
    assert measured["kernel"] == case.engine
    assert measured["end_to_end_ms"]["p50"] > measured["tokenize_ms"]["p50"] > 0


@case
@pytest.mark.parametrize("left", [0, 100, 50_000, -1])
def test_truncated_files_are_refused(bundle: Path, case: Case, left: int) -> None:
    network = bundle / case.network
    network.write_bytes(network.read_bytes()[:left])
    assert f"{network}: " in refused(case, network)


@case
def test_a_missing_file_is_named(bundle: Path, case: Case) -> None:
    for name in (case.network, "labels.gguf"):
        (bundle / name).unlink()
        assert f"{bundle / name}: cannot be opened" in refused(case, bundle / case.network)


lite = pytest.mark.skipif(not os.environ.get("PADDLE_LITE_DIR"), reason="PADDLE_LITE_DIR was not given")


@lite
def test_a_file_of_another_version_is_refused_with_both_named(bundle: Path, checkpoint: Checkpoint) -> None:
    network = bundle / LITE_X86
    data = bytearray(network.read_bytes())
    data[2:18] = b"v2.10".ljust(16, b"\0")
    network.write_bytes(data)
    write_labels_file(checkpoint, checkpoint.config.max_length, bundle, [LITE_X86])
    message = refused(CASES[0], network)
    assert "written by Paddle Lite v2.10, this library has v2." in message


@lite
def test_a_file_for_another_processor_is_refused(bundle: Path) -> None:
    assert "made for another processor" in refused(CASES[0], bundle / FORMATS["lite-arm"].files[0])


@lite
def test_a_file_that_is_not_of_paddle_lite_is_refused(bundle: Path, checkpoint: Checkpoint) -> None:
    network = bundle / LITE_X86
    for content in (
        b"\2\0v2.13-rc",
        b"\1\0" + network.read_bytes()[2:1000],
        b"\2\0v2.13-rc" + bytes(8) + b"\xff" * 900,
    ):
        network.write_bytes(content)
        write_labels_file(checkpoint, checkpoint.config.max_length, bundle, [LITE_X86])
        assert "not a .nb file of Paddle Lite" in refused(CASES[0], network)
