"""What a network of spans is trained to make small: the losses of `slu.heads.joint_loss` with a single intent.

``heads``: cross entropy of the tags, mean over tokens. ``answers``: minus the log probability of the whole sequence of
tags among those that the decoder can give, mean over texts, plus a share of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import paddle

from slu.corpus.labels import Labels
from slu.heads.examples import IGNORED, Batch
from slu.heads.head import Loss
from slu.heads.joint_loss import HeadLoss, WholeAnswerLoss


class SpanLoss:
    """``name``: "heads" or "answers". ``smoothing``: probability mass taken from a tag and spread over all of them."""

    def __init__(self, name: str, labels: Labels, smoothing: float = 0.0):
        self._joint: Loss = HeadLoss(smoothing)
        if name == "answers":
            self._joint = WholeAnswerLoss(labels, smoothing)

    def of_labels(self, logits: Sequence[paddle.Tensor], batch: Batch) -> paddle.Tensor:
        [tags] = batch.targets
        labelled = (tags != IGNORED).any(1)
        intents = np.where(labelled, 0, IGNORED)
        return self._joint.of_labels(_with_intent(logits), replace(batch, targets=(intents, tags)))

    def of_teachers(self, logits: Sequence[paddle.Tensor], soft: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        [tags] = soft
        return self._joint.of_teachers(_with_intent(logits), (np.ones((len(tags), 1), np.float32), tags), batch)

    def probabilities(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        return self._joint.probabilities(_with_intent(logits), batch)[1:]


def _with_intent(logits: Sequence[paddle.Tensor]) -> tuple[paddle.Tensor, paddle.Tensor]:
    [tags] = logits
    return paddle.zeros([tags.shape[0], 1]), tags
