"""A format is one entry and one module: a toy one is exported, compared, inspected, measured and benchmarked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from exporting import random_checkpoint

from slu.corpus.labels import Labels
from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance
from slu.model.checkpoint import save_checkpoint

TESTS = Path(__file__).parents[1]


def test_a_toy_format_goes_all_the_way(
    vocab: list[str], labels: Labels, sample: list[Utterance], tmp_path: Path
) -> None:
    save_checkpoint(random_checkpoint(vocab, labels, compressed=True), tmp_path / "checkpoint")
    write_corpus(sample[:12], tmp_path / "few.txt")
    path = os.pathsep.join(map(str, (TESTS / "export_lite/toy", TESTS / "golden", TESTS.parent)))

    def slu(*arguments: str) -> str:
        command = [sys.executable, "-m", "slu.cli", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = slu("export", "checkpoint", "--out", "bundle", "--format", "toy,gguf", "--data", "few.txt")
    assert "toy within " in said
    manifest = json.loads((tmp_path / "bundle/manifest.json").read_text(encoding="utf-8"))
    parity = manifest["metrics"]["parity"]["formats"]["toy"]["toy"]
    assert parity["decisions_differ"] == 0 and 0 < parity["largest"] < 0.1
    assert "model.toy" in manifest["config"]["files"] and "model.toy" in slu("inspect", "bundle")
    for backend in ("toy", "native"):
        slu("eval", "bundle", "--data", "few.txt", "--backend", backend, "--json", f"{backend}.json")
    toy, native = (json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) for name in ("toy", "native"))
    assert toy["exact"] == native["exact"] and toy["backend"] == "toy"
    slu(
        "bench",
        "host",
        "bundle",
        "--data",
        "few.txt",
        "--backend",
        "native,toy",
        "--repeat",
        "1",
        "--json",
        "bench.json",
    )
    rows = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["measurements"]
    assert [(row["backend"], row["format"]) for row in rows] == [("native", "gguf"), ("toy", "toy")]
    assert rows[1]["size_bytes"] == (tmp_path / "bundle/model.toy").stat().st_size
    (tmp_path / "bundle/model.toy").write_bytes(b"other")
    with pytest.raises(AssertionError, match=r"model\.toy: 5 bytes, manifest\.json says"):
        slu("parse", "bundle", "--backend", "toy", "听歌")
