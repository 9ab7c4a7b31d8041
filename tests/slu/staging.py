"""A tiny recipe, and what tests of stages do with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slu import cli
from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint
from slu.training.data import load_data
from slu.training.fit import learning_rate_at
from slu.training.recipe import load_recipe
from slu.training.train import train_stage

SETTINGS = """\
[data]
corpus = "corpus.txt"
[model]
vocab = "vocab.txt"
hidden_size = 32
num_hidden_layers = 2
num_attention_heads = 2
intermediate_size = 48
max_position_embeddings = 40
max_length = 32
dropout = 0.1
[training]
epochs = 2
batch_size = 32
learning_rate = 5e-3
evaluate_every = 3
unk_probability = 0.1
average = 0.9
shards = 2
"""
UTTERANCES = 160


def make_recipe(inputs: Path, sample: list[Utterance], vocab: list[str]) -> Path:
    """A recipe for a tiny model: 8 steps, evaluated after steps 3, 6 and 8."""
    inputs.mkdir()
    write_corpus(sample[:UTTERANCES], inputs / "corpus.txt")
    (inputs / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    (inputs / "recipe.toml").write_text(SETTINGS, encoding="utf-8")
    return inputs / "recipe.toml"


def train(recipe_path: Path, out: Path, *changes: str, resume: bool = False) -> Checkpoint:
    recipe = load_recipe(recipe_path, changes)
    return train_stage(recipe, load_data(recipe), out, resume)


def slu(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def assert_same_result(one: Path, two: Path) -> None:
    """Every file that the training decides, bit for bit, and what was measured but for the time it took."""
    for name in ("model.safetensors", "config.json", "vocab.txt", "labels.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    logs = [json.loads((directory / "training.json").read_text()) for directory in (one, two)]
    assert len(logs[0]) == len(logs[1])
    for first, second in zip(*logs):
        # Of several processes, the losses are added in float32: they are for reading only.
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-6)
        assert first | {"loss": 0} == second | {"loss": 0}
    a, b = Manifest.load(one), Manifest.load(two)
    assert (a.inputs, a.config, a.threshold) == (b.inputs, b.config, b.threshold)
    timing = {"seconds": 0, "training_seconds": 0}
    assert a.metrics | timing == b.metrics | timing
    assert len(list((one / "visualdl").iterdir())) == len(list((two / "visualdl").iterdir())) == 1


def count_steps(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    import paddle

    steps: list[None] = []
    step = paddle.optimizer.AdamW.step
    monkeypatch.setattr(paddle.optimizer.AdamW, "step", lambda self: (steps.append(None), step(self))[1])
    return steps


def interrupted(recipe_path: Path, out: Path, stop: int) -> None:
    """Train, and press Ctrl-C after step ``stop``."""
    with pytest.MonkeyPatch.context() as patch:
        steps = count_steps(patch)
        patch.setattr("slu.training.fit.learning_rate_at", _stop_at(steps, stop))
        with pytest.raises(KeyboardInterrupt):
            train(recipe_path, out)
    assert not out.exists()


def _stop_at(steps: list[None], stop: int) -> Callable[..., float]:
    def rate(*arguments: Any) -> float:
        if len(steps) == stop:
            raise KeyboardInterrupt
        return learning_rate_at(*arguments)

    return rate
