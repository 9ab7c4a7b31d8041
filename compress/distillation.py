"""Training a network to imitate another one and to fit the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compress.relations import RelationLoss
from slu.errors import ConfigError
from slu.heads.examples import Batch
from slu.heads.head import Loss
from slu.model.checkpoint import Checkpoint
from slu.training.fit import Objective, TrainingSettings, inputs, loss_of


@dataclass(frozen=True)
class DistillationSettings:
    """Weights of the parts of the loss.

    ``labels``: the loss (see `slu.heads.joint_loss`) of the labels. ``logits``: that of the teacher's probabilities.
    ``hidden``: mean squared distance between hidden states after every layer (where both have the same number of layers
    and the same hidden size).
    """

    labels: float = 0.5
    logits: float = 1.0
    hidden: float = 1.0


def imitation_loss(labels: float, logits: float, loss: Loss) -> Objective:
    """The sum of the loss of the labels (weight ``labels``) and of the loss of the teachers' answers (``logits``)."""
    import paddle
    from paddle import nn

    def objective(student: nn.Layer, batch: Batch) -> paddle.Tensor:
        assert batch.soft is not None
        return _imitation(loss, labels, logits, student(*inputs(batch)), batch.soft, batch)

    return objective


def _imitation(loss: Loss, labels: float, weight: float, logits: Any, said: Sequence[np.ndarray], batch: Batch) -> Any:
    total = weight * loss.of_teachers(logits, said, batch)
    return total + labels * loss.of_labels(logits, batch) if labels else total


def with_relations(objective: Objective, weight: float, distance: RelationLoss) -> Objective:
    """An objective that also brings the student's relations of tokens near to those of a teacher."""
    from paddle import nn

    def both(student: nn.Layer, batch: Batch) -> Any:
        distance.watch(student)
        return objective(student, batch) + weight * distance(student, batch, inputs(batch))

    return both


def check_float(checkpoint: Checkpoint, step: str) -> None:
    """Raise `ConfigError` if a part of ``checkpoint`` is INT8 already: training needs floats."""
    if any(tensor.dtype == np.int8 for tensor in checkpoint.tensors.values()):
        raise ConfigError(f"{step}: the checkpoint is quantised already (INT8); start from the float one")


def distillation_loss(teacher: Checkpoint, weights: DistillationSettings, training: TrainingSettings) -> Objective:
    """The objective of imitating ``teacher``. Its vocabulary must be the student's."""
    import paddle
    from paddle import nn

    from slu.model.network import load_model

    model, measure = load_model(teacher), loss_of(training, teacher)

    def objective(student: nn.Layer, batch: Batch) -> paddle.Tensor:
        given = inputs(batch)
        with paddle.no_grad():
            wanted, want_states = model.run(*given, hidden=weights.hidden > 0)
        logits, states = student.run(*given, hidden=weights.hidden > 0)
        said = measure.probabilities(wanted, batch)
        loss = _imitation(measure, weights.labels, weights.logits, logits, said, batch)
        if [state.shape for state in states] == [state.shape for state in want_states] and states:
            counted = paddle.to_tensor(batch.scored).astype("float32")
            values = max(1, batch.tokens) * states[0].shape[-1] * len(states)
            weight = counted.unsqueeze(-1) * (weights.hidden / values)
            for state, want in zip(states, want_states):
                loss += (((state - want) ** 2) * weight).sum()
        return loss

    return objective
