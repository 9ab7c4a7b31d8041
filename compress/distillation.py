"""Training a smaller network to imitate a larger one, and to be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from slu.batching import Batch
from slu.checkpoint import Checkpoint
from slu.errors import ConfigError
from slu.training import Objective, TrainingSettings, inputs, joint_loss


@dataclass(frozen=True)
class DistillationSettings:
    """Weights of the parts of the loss.

    ``labels``: cross entropy with the labels. ``logits``: cross entropy with the teacher's probabilities, of the intent
    and of every tag. ``hidden``: mean squared distance between hidden states after every layer (where both have the
    same number of layers and the same hidden size).
    """

    labels: float = 0.5
    logits: float = 1.0
    hidden: float = 1.0


def soft_loss(intent: Any, slots: Any, wanted_intent: Any, wanted_slots: Any, batch: Batch) -> Any:
    """Cross entropy with wanted probabilities, as `joint_loss` is with labels. Those of unscored positions are 0."""
    import paddle.nn.functional as F

    of_intents = -(wanted_intent * F.log_softmax(intent)).sum() / batch.utterances
    return of_intents - (wanted_slots * F.log_softmax(slots)).sum() / batch.tokens


def imitation_loss(labels: float, logits: float, training: TrainingSettings) -> Objective:
    """The objective of being right (weight ``labels``) and of saying what the batch's teachers say (``logits``)."""
    import paddle
    from paddle import nn

    def objective(student: nn.Layer, batch: Batch) -> paddle.Tensor:
        assert batch.soft is not None
        intent, slots = student(*inputs(batch))
        loss = labels * joint_loss(intent, slots, batch, training.label_smoothing)
        wanted = paddle.to_tensor(batch.soft.intents), paddle.to_tensor(batch.soft.tags)
        return loss + logits * soft_loss(intent, slots, *wanted, batch)

    return objective


def check_float(checkpoint: Checkpoint, step: str) -> None:
    """Raise `ConfigError` when part of ``checkpoint`` is INT8 already: training needs floats."""
    if any(tensor.dtype == np.int8 for tensor in checkpoint.tensors.values()):
        raise ConfigError(f"{step}: the checkpoint is quantised already (INT8); start from the float one")


def distillation_loss(teacher: Checkpoint, weights: DistillationSettings, training: TrainingSettings) -> Objective:
    """The objective of imitating ``teacher``. Its vocabulary must be the student's."""
    import paddle
    import paddle.nn.functional as F
    from paddle import nn

    from slu.model import load_model

    model = load_model(teacher)

    def objective(student: nn.Layer, batch: Batch) -> paddle.Tensor:
        given = inputs(batch)
        with paddle.no_grad():
            want_intent, want_slots, want_states = model.run(*given, hidden=weights.hidden > 0)
        intent, slots, states = student.run(*given, hidden=weights.hidden > 0)
        counted = paddle.to_tensor(batch.scored).astype("float32")
        loss = weights.labels * joint_loss(intent, slots, batch, training.label_smoothing)
        wanted = F.softmax(want_intent), F.softmax(want_slots) * counted.unsqueeze(-1)
        loss += weights.logits * soft_loss(intent, slots, *wanted, batch)
        if [state.shape for state in states] == [state.shape for state in want_states] and states:
            weight = counted.unsqueeze(-1) * (weights.hidden / (batch.tokens * states[0].shape[-1] * len(states)))
            for state, want in zip(states, want_states):
                loss += (((state - want) ** 2) * weight).sum()
        return loss

    return objective
