"""Training a smaller network to imitate a larger one, and to be right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slu.batching import IGNORED, Batch
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
        counted = (paddle.to_tensor(batch.tags) != IGNORED).astype("float32")
        loss = weights.labels * joint_loss(intent, slots, batch, training.label_smoothing)
        soft_intent = -(F.softmax(want_intent) * F.log_softmax(intent)).sum() / batch.utterances
        soft_slots = -((F.softmax(want_slots) * F.log_softmax(slots)).sum(-1) * counted).sum() / batch.tokens
        loss += weights.logits * (soft_intent + soft_slots)
        if [state.shape for state in states] == [state.shape for state in want_states] and states:
            weight = counted.unsqueeze(-1) * (weights.hidden / (batch.tokens * states[0].shape[-1] * len(states)))
            for state, want in zip(states, want_states):
                loss += (((state - want) ** 2) * weight).sum()
        return loss

    return objective
