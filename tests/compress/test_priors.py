"""The labels' frequencies are taken out of a model of one label a text, and of no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compress.calibration import CalibrationSettings, check_labels, without_priors
from compress.steps import run_step
from slu.cli import main
from slu.errors import ConfigError
from slu.model.checkpoint import Checkpoint, load_checkpoint
from slu.runtime.loading import checkpoint_parser
from slu.training.data import load_data
from slu.training.recipe import load_recipe
from slu.training.train import train_stage

RECIPE = """\
[data]
corpus = "corpus.txt"
dev = "corpus.txt"
labels = "label.txt"
[model]
task = "sequence"
vocab = "corpus"
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 16
max_position_embeddings = 32
[training]
epochs = 1
batch_size = 8
[calibration]
priors = 0.5
"""


def test_rare_labels_are_answered_more_often(tmp_path: Path) -> None:
    counts = {"often": 12, "seldom": 3, "never": 0}
    lines = [f"{name}{i}\t{name}" for name, count in counts.items() for i in range(count)]
    (tmp_path / "corpus.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "label.txt").write_text("\n".join(counts), encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    recipe = load_recipe(tmp_path / "recipe.toml")
    data = load_data(recipe)
    train_stage(recipe, data, tmp_path / "fp32", resume=False)
    before = load_checkpoint(tmp_path / "fp32")

    texts = ["often1", "seldom1"]
    logits = [np.stack([one[0] for one in checkpoint_parser(c).logits(texts)])
              for c in (before, without_priors(before, data.train, 0.5))]  # fmt: skip
    wanted = -0.5 * np.log(np.array([12, 3, 1]) / 15)  # "never" counts as if it were there once
    np.testing.assert_allclose(logits[1] - logits[0], np.tile(wanted, (2, 1)), atol=1e-5)

    run_step("calibration", recipe, data, tmp_path / "fp32", tmp_path / "calibration")
    made = load_checkpoint(tmp_path / "calibration")
    temperature = made.manifest.metrics["temperature"]
    bias = (before.tensors["classifier.bias"] + wanted) / temperature
    np.testing.assert_allclose(made.tensors["classifier.bias"], bias, rtol=1e-4, atol=1e-6)


def test_other_labels_and_shares(trained: Checkpoint) -> None:
    with pytest.raises(ConfigError, match="exactly one label; leave it out"):
        check_labels(CalibrationSettings(priors=1.0), trained.labels)
    check_labels(CalibrationSettings(), trained.labels)
    for share in (-0.1, 1.5):
        with pytest.raises(ConfigError, match="it must be 0 to 1"):
            CalibrationSettings(priors=share)


def test_before_the_training(tmp_path: Path, sample_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.toml").write_text(f'[data]\ncorpus = "{sample_path}"\n[calibration]\npriors = 0.5\n', "utf-8")
    assert main(["run", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "priors is for models" in error and not (tmp_path / "run/fp32").exists()
