"""The loss of imitation, against the same in NumPy."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from compress.distillation import DistillationSettings, distillation_loss
from slu.corpus.labels import Labels
from slu.heads.examples import IGNORED, Batch
from slu.heads.joint_loss import HeadLoss
from slu.model.checkpoint import Checkpoint
from slu.model.network import ErnieWithHead, load_model, new_model
from slu.training.batches import make_examples, make_shards
from slu.training.data import Data
from slu.training.fit import TrainingSettings

TRAINING = TrainingSettings()


@pytest.fixture
def batch(trained: Checkpoint, data: Data) -> Batch:
    """A padded one."""
    examples = make_examples(data.train, trained)
    batch = make_shards(examples, np.arange(9), trained.config.pad_token_id, 1)[0]
    assert batch.padded
    return batch


def student(trained: Checkpoint, labels: Labels, **changes: int) -> ErnieWithHead:
    model = new_model(trained.config.replace(**changes), labels, seed=3)
    model.eval()
    return model


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def parts(one: ErnieWithHead, two: ErnieWithHead, batch: Batch) -> tuple[float, float]:
    """What imitating ``two`` costs ``one``, in logits and in hidden states."""
    with paddle.no_grad():
        results = [model.run(paddle.to_tensor(batch.ids), None, True, hidden=True) for model in (one, two)]
    (intent, slots, states), (want_intent, want_slots, want_states) = (
        (a.numpy().astype(np.float64), b.numpy().astype(np.float64), [s.numpy().astype(np.float64) for s in c])
        for (a, b), c in results
    )
    counted = batch.targets[1] != IGNORED
    soft = -(np.exp(log_softmax(want_intent)) * log_softmax(intent)).sum(-1).mean()
    soft += -(np.exp(log_softmax(want_slots)) * log_softmax(slots)).sum(-1)[counted].mean()
    distance = np.mean([((a - b) ** 2)[counted].mean() for a, b in zip(states, want_states)])
    return float(soft), float(distance)


def test_each_part_is_what_it_says(trained: Checkpoint, labels: Labels, batch: Batch) -> None:
    pupil = student(trained, labels)
    soft, distance = parts(pupil, load_model(trained), batch)
    hard = float(HeadLoss().of_labels(pupil(paddle.to_tensor(batch.ids), None, True), batch))
    assert min(soft, distance, hard) > 0.1
    for weights in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 2.0, 3.0)):
        objective = distillation_loss(trained, DistillationSettings(*map(float, weights)), TRAINING)
        want = weights[0] * hard + weights[1] * soft + weights[2] * distance
        assert float(objective(pupil, batch)) == pytest.approx(want, rel=1e-5)


def test_who_imitates_itself_has_nothing_to_learn(trained: Checkpoint, batch: Batch) -> None:
    model = load_model(trained)
    loss = distillation_loss(trained, DistillationSettings(labels=0.0), TRAINING)(model, batch)
    loss.backward()
    largest = max(float(p.grad.abs().max()) for p in model.parameters() if p.grad is not None)
    assert largest < 1e-6


def test_the_teacher_does_not_learn(trained: Checkpoint, labels: Labels, batch: Batch) -> None:
    objective = distillation_loss(trained, DistillationSettings(), TRAINING)
    pupil = student(trained, labels)
    first = float(objective(pupil, batch))
    objective(pupil, batch).backward()
    assert all(parameter.grad is not None for parameter in pupil.parameters())
    assert float(objective(pupil, batch)) == first


@pytest.mark.parametrize("changes", [{"num_hidden_layers": 1}, {"hidden_size": 16, "attention_head_size": 4}])
def test_hidden_states_of_another_kind_are_left_out(
    trained: Checkpoint, labels: Labels, batch: Batch, changes: dict[str, int]
) -> None:
    pupil = student(trained, labels, **changes)
    with_hidden = distillation_loss(trained, DistillationSettings(hidden=5.0), TRAINING)
    without = distillation_loss(trained, DistillationSettings(hidden=0.0), TRAINING)
    assert float(with_hidden(pupil, batch)) == float(without(pupil, batch))


@pytest.mark.parametrize("shards", [2, 5])
def test_losses_of_the_shards_add_up(trained: Checkpoint, labels: Labels, data: Data, shards: int) -> None:
    examples = make_examples(data.train, trained)
    objective, pupil = distillation_loss(trained, DistillationSettings(), TRAINING), student(trained, labels)
    whole, *_ = (float(objective(pupil, b)) for b in make_shards(examples, np.arange(16), 0, 1))
    split = sum(float(objective(pupil, b)) for b in make_shards(examples, np.arange(16), 0, shards))
    assert split == pytest.approx(whole, rel=1e-5)
