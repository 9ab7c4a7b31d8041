"""What training makes small, against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import paddle
import pytest

from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.heads.examples import IGNORED, Batch, Example
from slu.heads.joint_crf import Answers
from slu.heads.joint_loss import HEADS_WEIGHT, HeadLoss, WholeAnswerLoss
from slu.model.checkpoint import Checkpoint
from slu.training.batches import make_examples, make_shards, unlabelled_examples
from slu.training.fit import TrainingSettings, loss_of

Logits = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def examples(sample: list[Utterance], checkpoint: Checkpoint) -> list[Example]:
    return make_examples(sample[:7], checkpoint)


@pytest.fixture
def batch(examples: list[Example]) -> Batch:
    return make_shards(examples, np.arange(7), 0, 1)[0]


@pytest.fixture
def logits(batch: Batch, checkpoint: Checkpoint) -> Logits:
    random, labels = np.random.default_rng(0), checkpoint.labels
    shapes = (len(batch.ids), len(labels.intents)), (*batch.ids.shape, len(labels.tags))
    return random.normal(0, 2, shapes[0]).astype(np.float32), random.normal(0, 2, shapes[1]).astype(np.float32)


def tensors(logits: Logits) -> tuple[paddle.Tensor, paddle.Tensor]:
    return paddle.to_tensor(logits[0], stop_gradient=False), paddle.to_tensor(logits[1], stop_gradient=False)


def test_heads_are_means_over_utterances_and_over_tokens(batch: Batch, logits: Logits) -> None:
    def log_softmax(x: np.ndarray) -> np.ndarray:
        return x - np.log(np.exp(x).sum(-1, keepdims=True))

    def smoothed(log: np.ndarray, label: int, smoothing: float) -> float:
        target = np.full(len(log), smoothing / len(log))
        target[label] += 1 - smoothing
        return -float(target @ log)

    for smoothing in (0.0, 0.1):
        want = np.mean([smoothed(log_softmax(row), t, smoothing) for row, t in zip(logits[0], batch.targets[0])])
        tokens = [
            smoothed(log_softmax(logits[1][place]), batch.targets[1][place], smoothing)
            for place in zip(*np.nonzero(batch.targets[1] != IGNORED))
        ]
        got = HeadLoss(smoothing).of_labels(tensors(logits), batch)
        assert float(got) == pytest.approx(want + np.mean(tokens), rel=1e-5)


def test_answers_are_weighed_as_wholes(batch: Batch, logits: Logits, checkpoint: Checkpoint) -> None:
    """-log p of what is labelled, and the loss of the heads; padding and texts without labels make no difference."""
    log_sum, *_ = Answers(checkpoint.labels).marginals(*logits, batch.scored)
    scores = logits[0][np.arange(7), batch.targets[0]].copy()
    for row, t in zip(*np.nonzero(batch.targets[1] != IGNORED)):
        scores[row] += logits[1][row, t, batch.targets[1][row, t]]
    loss = WholeAnswerLoss(checkpoint.labels, 0.1)
    heads = HEADS_WEIGHT * float(HeadLoss(0.1).of_labels(tensors(logits), batch))
    want = np.mean(log_sum - scores) + heads
    assert float(loss.of_labels(tensors(logits), batch)) == pytest.approx(want, rel=1e-5)

    unknown = replace(batch, targets=tuple(target.copy() for target in batch.targets))
    unknown.targets[0][3:], unknown.targets[1][3:] = IGNORED, IGNORED
    heads = HEADS_WEIGHT * float(HeadLoss(0.1).of_labels(tensors(logits), unknown))
    want = (log_sum - scores)[:3].sum() / 7 + heads
    assert float(loss.of_labels(tensors(logits), unknown)) == pytest.approx(want, rel=1e-5)


def test_what_the_decoder_cannot_answer_teaches_the_heads_alone(
    batch: Batch, logits: Logits, checkpoint: Checkpoint
) -> None:
    """Else the loss would have no bound: a checkpoint may be trained further with other data than its labels'."""
    labels = replace(checkpoint.labels, slots_of_intent=dict.fromkeys(checkpoint.labels.intents, ()))
    without = (batch.targets[1] > 0).sum(1) == 0
    assert without.any() and not without.all()
    log_sum, *_ = Answers(labels).marginals(*logits, batch.scored)
    scores = logits[0][np.arange(7), batch.targets[0]] + np.where(batch.scored, logits[1][:, :, 0], 0).sum(1)
    want = (log_sum - scores)[without].sum() / 7 + HEADS_WEIGHT * float(HeadLoss().of_labels(tensors(logits), batch))
    assert float(WholeAnswerLoss(labels).of_labels(tensors(logits), batch)) == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("teachers", [False, True])
def test_gradients_of_answers_are_those_of_the_loss(
    batch: Batch, logits: Logits, checkpoint: Checkpoint, teachers: bool
) -> None:
    """Against differences of the loss, which is computed in another way than its gradients."""
    loss, random = WholeAnswerLoss(checkpoint.labels), np.random.default_rng(1)
    others = random.normal(size=logits[0].shape), random.normal(size=logits[1].shape)
    said = loss.probabilities(tensors((others[0].astype(np.float32), others[1].astype(np.float32))), batch)

    def value(given: Logits) -> tuple[paddle.Tensor, list[paddle.Tensor]]:
        leaves = tensors(given)
        return (loss.of_teachers(leaves, said, batch) if teachers else loss.of_labels(leaves, batch)), list(leaves)

    total, leaves = value(logits)
    total.backward()
    for number, leaf in enumerate(leaves):
        direction = random.normal(size=leaf.shape).astype(np.float32)
        step = 2e-3
        moved = [
            float(value(tuple(x + sign * step * direction if i == number else x for i, x in enumerate(logits)))[0])
            for sign in (1, -1)
        ]
        slope = float((leaf.grad.numpy() * direction).sum())
        assert slope == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=2e-2, abs=2e-3)


@pytest.mark.parametrize("answers", [False, True])
def test_least_where_the_teachers_are(batch: Batch, logits: Logits, checkpoint: Checkpoint, answers: bool) -> None:
    """Who says what the teachers say has nothing to learn, and everybody else has; but heads learn to say it alone."""
    loss = WholeAnswerLoss(checkpoint.labels) if answers else HeadLoss()

    def to_learn(given: tuple[paddle.Tensor, paddle.Tensor]) -> paddle.Tensor:
        whole = loss.of_teachers(given, said, batch)
        return (
            whole - HEADS_WEIGHT * loss.heads.of_teachers(given, said, batch)
            if isinstance(loss, WholeAnswerLoss)
            else whole
        )

    said = loss.probabilities(tensors(logits), batch)
    assert said[1].sum(-1) == pytest.approx(batch.scored.astype(float), abs=1e-4)
    assert said[0].sum(-1) == pytest.approx(1, abs=1e-4)
    same = tensors(logits)
    least = to_learn(same)
    least.backward()
    assert max(float(leaf.grad.abs().max()) for leaf in same) < 1e-5
    random = np.random.default_rng(2)
    for _ in range(5):
        other = tuple(x + random.normal(0, 0.3, x.shape).astype(np.float32) for x in logits)
        assert float(to_learn(tensors(other))) > float(least)


def test_texts_without_tokens(checkpoint: Checkpoint) -> None:
    batch = make_shards(unlabelled_examples(["", ""], checkpoint), np.arange(2), 0, 1)[0]
    shapes = (2, len(checkpoint.labels.intents)), (*batch.ids.shape, len(checkpoint.labels.tags))
    zeros = paddle.zeros(shapes[0]), paddle.zeros(shapes[1])
    loss = WholeAnswerLoss(checkpoint.labels)
    said = loss.probabilities(zeros, batch)
    np.testing.assert_allclose(said[0], 1 / shapes[0][1], rtol=1e-5)
    assert float(loss.of_labels(zeros, batch)) == 0
    assert float(loss.of_teachers(zeros, said, batch)) == pytest.approx(
        (1 + HEADS_WEIGHT) * np.log(shapes[0][1]), rel=1e-5
    )


def test_what_settings_ask_for(checkpoint: Checkpoint) -> None:
    answers = loss_of(TrainingSettings(loss="answers", label_smoothing=0.2), checkpoint)
    heads = loss_of(TrainingSettings(label_smoothing=0.2), checkpoint)
    assert isinstance(answers, WholeAnswerLoss) and answers.heads.smoothing == 0.2
    assert isinstance(heads, HeadLoss) and heads.smoothing == 0.2
    with pytest.raises(ConfigError, match="loss is 'other'; choose one of heads, answers"):
        TrainingSettings(loss="other")
