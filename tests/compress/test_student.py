"""A new model that learns from several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import pytest
from computing import exact, logits_of

from compress.augment import AugmentSettings
from compress.distillation import imitation_loss
from compress.steps import run_step
from compress.student import StudentSettings, ask, new_student, shape_after, train_student
from slu.errors import ConfigError
from slu.heads.examples import IGNORED, Example, collate
from slu.heads.joint_loss import HeadLoss, WholeAnswerLoss
from slu.model.checkpoint import Checkpoint, load_checkpoint
from slu.model.config import ModelConfig
from slu.model.network import load_model
from slu.training.batches import make_examples, make_shards, unlabelled_examples
from slu.training.data import Data, load_data
from slu.training.fit import TrainingSettings
from slu.training.recipe import Recipe, load_recipe
from slu.training.train import train_stage

RECIPE = """\
[data]
corpus = "corpus.txt"
[model]
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 16
max_position_embeddings = 32
[training]
epochs = 1
[student]
teachers = 2
hidden_size = 8
intermediate_size = 8
[student.training]
epochs = 1
"""


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


@pytest.fixture
def other(trained: Checkpoint) -> Checkpoint:
    """A second teacher, who knows less."""
    return new_student(trained, StudentSettings(training=TrainingSettings(seed=5)))


def test_teachers_answer_with_their_mean_probabilities(trained: Checkpoint, other: Checkpoint, data: Data) -> None:
    utterances = data.dev[:40]
    examples = make_examples(utterances, trained)
    asked = ask([trained, other], examples, HeadLoss())
    for example, before, one, two in zip(
        asked, examples, logits_of(trained, utterances), logits_of(other, utterances), strict=True
    ):
        assert example.soft is not None and replace(example, soft=None, targets=()) == replace(before, targets=())
        np.testing.assert_allclose(example.soft[0], (softmax(one[0]) + softmax(two[0])) / 2, atol=1e-5)
        np.testing.assert_allclose(example.soft[1], (softmax(one[1]) + softmax(two[1]))[1:-1] / 2, atol=1e-5)


@pytest.mark.parametrize("answers", [False, True])
def test_what_nobody_has_labelled_is_learned_from_teachers_alone(
    trained: Checkpoint, data: Data, answers: bool
) -> None:
    known = make_examples(data.train[:5], trained)
    new = unlabelled_examples(["来一首花心", "取消", ""], trained)
    assert all(example.targets[0] == IGNORED and (example.targets[1] == IGNORED).all() for example in new)
    loss = WholeAnswerLoss(trained.labels) if answers else HeadLoss()
    batch = collate(ask([trained], [*known, *new], loss), trained.config.pad_token_id)
    assert batch.soft is not None and batch.padded
    assert batch.scored.sum(1).tolist() == [len(example.ids) - 2 for example in [*known, *new]]
    np.testing.assert_allclose(batch.soft[1].sum(-1), batch.scored, atol=1e-4)  # float32 sums of other processors

    pupil = load_model(new_student(trained, StudentSettings(hidden_size=16)))
    intent, slots = pupil(paddle.to_tensor(batch.ids))
    hard = 0.0
    for row, example in enumerate(known):
        only = collate([example], trained.config.pad_token_id, batch.utterances, batch.tokens)
        width = len(example.ids)
        hard += float(loss.of_labels((intent[row : row + 1], slots[row : row + 1, :width]), only))
    soft = float(loss.of_teachers((intent, slots), batch.soft, batch))
    for labels, logits in ((1.0, 0.0), (0.0, 1.0), (0.5, 2.0)):
        got = float(imitation_loss(labels, logits, loss)(pupil, batch))
        assert got == pytest.approx(labels * hard + logits * soft, rel=1e-5)


def test_who_agrees_with_the_teacher_has_nothing_to_learn(trained: Checkpoint, data: Data) -> None:
    loss = HeadLoss()
    examples = ask([trained], unlabelled_examples([u.text for u in data.dev[:20]], trained), loss)
    [batch] = make_shards(examples, np.arange(20), trained.config.pad_token_id, 1)
    model = load_model(trained)
    imitation_loss(0.5, 1.0, loss)(model, batch).backward()
    assert max(float(p.grad.abs().max()) for p in model.parameters() if p.grad is not None) < 1e-6


def test_examples_that_nobody_was_asked_about(trained: Checkpoint) -> None:
    ids = np.array([1, 5, 2])
    some = [Example(ids, (np.array(0), np.zeros(3, np.int64)))] * 2
    some[0] = replace(some[0], soft=(np.ones(2, np.float32), np.ones((1, 3), np.float32)))
    assert collate(some, 0).soft is None and collate([], 0).soft is None and collate(some[:1], 0).soft is not None


def test_a_smaller_student_learns(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    training = TrainingSettings(epochs=8, batch_size=16, learning_rate=1e-2, average=0.9)
    settings = StudentSettings(hidden_size=16, num_hidden_layers=1, labels=0.0, training=training)
    student = new_student(trained, settings)
    made, report, _ = train_student(student, [trained], data, settings, tmp_path)
    assert (made.config.hidden_size, made.config.attention_head_size, made.config.num_hidden_layers) == (16, 4, 1)
    assert made.vocab == trained.vocab and made.size_bytes < trained.size_bytes
    assert report["labelled"] == len(data.train) < report["unlabelled"] <= 3 * len(data.train)
    before, after, teacher = (exact(checkpoint, data.dev) for checkpoint in (student, made, trained))
    assert before < 0.3 and after > teacher - 0.2 and after > before + 0.3


@pytest.fixture
def recipe(tmp_path: Path, data: Data) -> Recipe:
    from slu.corpus.tagged import write_corpus

    write_corpus(data.train[:150], tmp_path / "corpus.txt")
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return load_recipe(tmp_path / "recipe.toml")


def test_the_step_trains_the_other_teachers_beside_the_first(recipe: Recipe, tmp_path: Path) -> None:
    data, said = load_data(recipe), list[str]()
    first = train_stage(recipe, data, tmp_path / "fp32", resume=True)
    run_step("student", recipe, data, tmp_path / "fp32", tmp_path / "student", said.append)
    second, student = load_checkpoint(tmp_path / "fp32-2"), load_checkpoint(tmp_path / "student")
    assert second.config == first.config and second.manifest.config["training"]["seed"] == 1
    assert any((second.tensors[name] != first.tensors[name]).any() for name in first.tensors)
    assert (student.config.hidden_size, student.config.num_hidden_layers) == (8, 1)
    assert [entry["stage"] for entry in student.manifest.history] == ["fp32"]

    # Another student finds both teachers; it is made again when they are another number.
    made = (tmp_path / "fp32-2").stat().st_mtime_ns
    run_step("student", recipe, data, tmp_path / "fp32", tmp_path / "student", said.append)
    assert said[-1].startswith("student: up to date")
    one = load_recipe(recipe.path, ["student.teachers=1"])
    run_step("student", one, data, tmp_path / "fp32", tmp_path / "student", said.append)
    assert "up to date" not in said[-1] and (tmp_path / "fp32-2").stat().st_mtime_ns == made


def test_sizes_that_do_not_fit_do_not_wait_for_the_teachers(recipe: Recipe, tmp_path: Path) -> None:
    data = load_data(recipe)
    train_stage(recipe, data, tmp_path / "fp32", resume=True)
    odd = load_recipe(recipe.path, ["student.hidden_size=9"])
    with pytest.raises(ConfigError, match="hidden_size 9 is not a multiple of 2 attention heads"):
        run_step("student", odd, data, tmp_path / "fp32", tmp_path / "student")
    assert not (tmp_path / "fp32-2").exists()
    with pytest.raises(ConfigError, match="teachers is 0"):
        StudentSettings(teachers=0)
    with pytest.raises(ConfigError, match="hidden_size is -8"):
        StudentSettings(hidden_size=-8)
    with pytest.raises(ConfigError, match="dropout is 1.0"):
        StudentSettings(dropout=1.0)


def test_the_dropout_of_a_student() -> None:
    teacher = ModelConfig(vocab_size=50, hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2)
    same, none = (shape_after(teacher, StudentSettings(dropout=dropout)) for dropout in (-1.0, 0.0))
    assert same == teacher
    assert (none.hidden_dropout_prob, none.attention_probs_dropout_prob) == (0, 0)


def test_teachers_of_another_vocabulary_are_refused(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    settings = StudentSettings(augment=AugmentSettings(0, 0, 0))
    stranger = replace(trained, vocab=[*trained.vocab[:-1], "x"])
    with pytest.raises(ConfigError, match="differ in vocabulary"):
        train_student(new_student(trained, settings), [trained, stranger], data, settings, tmp_path)
