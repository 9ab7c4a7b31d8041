"""Hidden states as what is imitated, and encoders that have read texts without labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from compress.augment import AugmentSettings
from compress.pretrain import PretrainSettings
from compress.relations import RelationLoss, relation_loss
from compress.steps import chain, run_step
from compress.student import StudentSettings, new_student, shape_after, train_student
from slu.cli import main
from slu.corpus.tagged import write_corpus
from slu.errors import SluError
from slu.heads.examples import Batch, collate
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.model.network import load_model
from slu.training.batches import make_examples
from slu.training.data import Data
from slu.training.fit import TrainingSettings, inputs
from slu.training.recipe import Recipe, load_recipe

SMALL: dict[str, Any] = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
NOTHING = AugmentSettings(names=0, words=0, runs=0)
TRAINING: dict[str, Any] = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-2}
LONGER = {**TRAINING, "epochs": 10}


def recipe(place: Path, data: Data, **settings: Any) -> tuple[Recipe, Data]:
    """A recipe with the section [pretrain], and few texts."""
    write_corpus(data.train[:100], place / "corpus.txt")
    (place / "own.txt").write_text("随便听点什么\n我想去看海\n", encoding="utf-8")
    (place / "recipe.toml").write_text('[data]\ncorpus = "corpus.txt"\n[vocab]\n', encoding="utf-8")
    made = load_recipe(place / "recipe.toml")
    few = replace(data, train=data.train[:100], dev=data.dev[:40])
    return replace(made, raw={**made.raw, "pretrain": {"training": TRAINING, **settings}}), few


def batch_of(model: Checkpoint, data: Data) -> Batch:
    """Texts of several lengths."""
    return collate(make_examples(data.dev[:6], model), model.config.pad_token_id)


def test_relations_are_those_of_an_obvious_version() -> None:
    random = np.random.default_rng(0)
    values, wanted = (random.normal(size=(2, 5, width)).astype(np.float32) for width in (6, 8))
    lengths = (5, 4)
    batch = Batch(np.zeros((2, 5), np.int64), (), np.array(lengths), True, 2, sum(lengths) - 4)
    parts = []
    for row, length in enumerate(lengths):
        for head in range(2):
            shares = []
            for array in (values, wanted):
                width = array.shape[2] // 2
                own = array[row, :length, head * width : (head + 1) * width].astype(np.float64)
                powers = np.exp(own @ own.T / np.sqrt(width))
                shares.append(powers / powers.sum(1, keepdims=True))
            parts += [float((shares[1][i] * np.log(shares[1][i] / shares[0][i])).sum()) for i in range(1, length - 1)]
    found = relation_loss(paddle.to_tensor(values), paddle.to_tensor(wanted), 2, batch)
    assert float(found) == pytest.approx(np.mean(parts), rel=1e-4)


def test_a_model_is_not_apart_from_itself_and_learns_to_be_near_another_shape(
    trained: Checkpoint, data: Data, tmp_path: Path
) -> None:
    loss, batch = RelationLoss(trained), batch_of(trained, data)
    model = load_model(trained)
    loss.watch(model)
    model(*inputs(batch))
    assert abs(float(loss(model, batch, inputs(batch)))) < 1e-6
    start = new_student(trained, StudentSettings(**SMALL))
    few = replace(data, train=data.train[:100], dev=data.dev[:40])

    def apart(checkpoint: Checkpoint) -> float:
        other = load_model(checkpoint)
        loss.watch(other)
        other(*inputs(batch))
        return float(loss(other, batch, inputs(batch)))

    found = []
    for weight in (0.0, 10.0):
        settings = StudentSettings(**SMALL, relations=weight, augment=NOTHING, training=TrainingSettings(**LONGER))
        made, _, _ = train_student(start, [trained], few, settings, tmp_path / str(weight))
        found.append(apart(made))
    assert found[1] < 0.8 * found[0], found


def test_tokens_are_guessed_and_training_goes_on_from_there(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    save_checkpoint(trained, tmp_path / "fp32")
    made, few = recipe(tmp_path, data, unlabelled="own.txt", guessed=0.3, **SMALL, training=LONGER)
    few = replace(few, dev=few.train[:40])
    run_step("pretrain", made, few, tmp_path / "fp32", tmp_path / "read")
    read = load_checkpoint(tmp_path / "read")
    assert (read.config.hidden_size, read.config.num_hidden_layers, read.vocab) == (24, 1, trained.vocab)
    assert read.manifest.metrics["texts"] == 102 and read.manifest.stage == "pretrain"
    log = (tmp_path / "read/training.json").read_text("utf-8")
    losses = [-row["minus_loss"] for row in json.loads(log)]
    assert losses[-1] < 0.95 * losses[0], losses
    start = new_student(trained, StudentSettings(**SMALL, training=TrainingSettings(**TRAINING)))
    unseen = trained.vocab.index("[unused]")
    rows = (
        read.tensors["ernie.embeddings.word_embeddings.weight"],
        start.tensors["ernie.embeddings.word_embeddings.weight"],
    )
    assert (rows[0][unseen] == rows[1][unseen]).all() and not (rows[0] == rows[1]).all()
    again = [
        "train",
        "--config",
        str(tmp_path / "recipe.toml"),
        "--out",
        str(tmp_path / "on"),
        "--init",
        str(tmp_path / "read"),
    ]
    assert main([*again, "--set", "training.epochs=1", "--set", "model.max_length=36"]) == 0
    assert load_checkpoint(tmp_path / "on").config.hidden_size == 24


def test_the_same_texts_give_the_same_bits_and_others_are_another_stage(
    trained: Checkpoint, data: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(trained, tmp_path / "fp32")
    made, few = recipe(tmp_path, data, masked=0.0, relations=1.0, unlabelled="own.txt", **SMALL)
    few = replace(few, train=few.train[:40])
    for out in ("a", "b", "a"):
        run_step("pretrain", made, few, tmp_path / "fp32", tmp_path / out)
    assert "up to date" in capsys.readouterr().out
    a, b = (load_checkpoint(tmp_path / out) for out in ("a", "b"))
    assert all((a.tensors[name] == b.tensors[name]).all() for name in a.tensors)
    (tmp_path / "own.txt").write_text("别的\n", encoding="utf-8")
    run_step("pretrain", made, few, tmp_path / "fp32", tmp_path / "a")
    assert load_checkpoint(tmp_path / "a").manifest.inputs != a.manifest.inputs


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"masked": 0.0}, "masked and relations are both 0"),
        ({"guessed": 1.0}, "guessed is 1.0"),
        ({"relations": -1.0}, "relations is -1.0"),
        ({"hidden_size": 25}, "hidden_size 25 is not a multiple of 4"),
        ({"training": {"unk_probability": 0.1}}, "unk_probability must be 0"),
        ({"unlabelled": "none.txt"}, "none.txt"),
    ],
)
def test_what_cannot_be(settings: dict[str, Any], said: str, trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    save_checkpoint(trained, tmp_path / "fp32")
    made, few = recipe(tmp_path, data, **settings)
    with pytest.raises(SluError, match=said):
        run_step("pretrain", made, few, tmp_path / "fp32", tmp_path / "read")


def test_it_is_made_when_it_is_named_and_needs_an_encoder_that_relates_tokens(
    trained: Checkpoint, data: Data, tmp_path: Path
) -> None:
    made, _ = recipe(tmp_path, data)
    assert chain(made) == [("vocab", None)]
    config = trained.config.replace(head="sequence")
    with pytest.raises(SluError, match="relations is set, and the encoder 'bow' has none"):
        shape_after(config, StudentSettings(encoder="bow", relations=1.0))
    assert PretrainSettings().relations == 0
