"""A compression step is one entry and one module: a toy one runs by name, in a chain, and is in the plot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from slu.corpus.tagged import write_corpus
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.training.data import Data

STEP = """\
from dataclasses import dataclass, replace

import numpy as np

from compress.steps import STEPS, Step


@dataclass(frozen=True)
class ToySettings:
    digits: int = 3


def step(work):
    tensors = {name: np.round(tensor, work.settings.digits) for name, tensor in work.before.tensors.items()}
    return replace(work.before, tensors=tensors), {"rounded_to": work.settings.digits}, []


STEPS["toy"] = Step("toy", "toy_step:ToySettings", "toy_step:step", "h")
"""


def test_a_toy_step_goes_all_the_way(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "toy_step.py").write_text(STEP, encoding="utf-8")
    (modules / "sitecustomize.py").write_text("import toy_step\n", encoding="utf-8")
    write_corpus(data.train[:60], tmp_path / "corpus.txt")
    (tmp_path / "recipe.toml").write_text(
        '[data]\ncorpus = "corpus.txt"\n[vocab]\npositions = 36\n[toy]\ndigits = 1\n', encoding="utf-8"
    )
    trained.manifest = Manifest(stage="fp32", metrics={"exact": 50.0, "size_bytes": trained.size_bytes})
    save_checkpoint(trained, tmp_path / "fp32")
    path = os.pathsep.join(map(str, (modules, Path(__file__).parents[2])))

    def slu(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "slu.cli", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
        )

    done = slu("compress", "fp32", "--config", "recipe.toml", "--out", "all")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["toy", "vocab"]
    made = load_checkpoint(tmp_path / "all/toy")
    assert made.manifest.stage == "toy" and made.manifest.metrics["rounded_to"] == 1
    name = "intent_classifier.weight"
    assert abs(made.tensors[name] - trained.tensors[name]).max() <= 0.0500001
    wrong = slu("compress", "toy", "fp32", "--config", "recipe.toml", "--set", "toy.words=3", "--out", "one")
    assert wrong.returncode == 2 and "[toy]: words is not a setting; the settings are digits" in wrong.stderr
    marker = [sys.executable, "-c", "from bench_arm.plots import MARKERS; print(MARKERS['toy'])"]
    shown = subprocess.run(marker, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert shown.stdout == "h\n"
