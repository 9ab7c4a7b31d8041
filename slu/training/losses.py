"""What a network is trained to make small: of labels, and of what teachers say instead of labels.

``heads``: cross entropy of the intent, mean over utterances, plus that of the slot tags, mean over tokens, each head by
itself. ``answers``: minus the log probability of the whole answer among all that the decoder can give
(`slu.heads.joint_crf`), mean over utterances, plus `HEADS_WEIGHT` times the loss of the heads: the network learns to
choose between answers, as it is used, and from the heads how unlikely tags are that cannot follow each other or do not
fit the intent.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import paddle
import paddle.nn.functional as F

from slu.corpus.labels import Labels
from slu.heads.joint_crf import Answers
from slu.training.batches import IGNORED, Batch, Soft

HEADS_WEIGHT = 0.5
"""Of the loss of the heads beside that of the answers. On NLPCC 2018 Task 4, 1 gave about as much, 0 half of it."""


class Loss(Protocol):
    """Losses of one shard: a sum over its utterances and tokens, divided by the counts of the global batch.

    ``intent``: logits ``[n, intents]``, ``slots``: logits ``[n, length, tags]``. What teachers say has the shapes of
    `Batch.soft`.
    """

    def of_labels(self, intent: paddle.Tensor, slots: paddle.Tensor, batch: Batch) -> paddle.Tensor:
        """From the labels of ``batch``; utterances that have none count nothing."""
        ...

    def of_teachers(self, intent: paddle.Tensor, slots: paddle.Tensor, soft: Soft, batch: Batch) -> paddle.Tensor:
        """From the probabilities of teachers."""
        ...

    def probabilities(self, intent: paddle.Tensor, slots: paddle.Tensor, batch: Batch) -> Soft:
        """What a network says as a teacher."""
        ...


class HeadLoss:
    """``smoothing``: probability mass taken from a label and spread over all classes."""

    def __init__(self, smoothing: float = 0.0):
        self.smoothing = smoothing

    def of_labels(self, intent: paddle.Tensor, slots: paddle.Tensor, batch: Batch) -> paddle.Tensor:
        return _cross_entropy(intent, batch.intents, self.smoothing) / batch.utterances + _cross_entropy(
            slots.reshape([-1, slots.shape[-1]]), batch.tags.reshape(-1), self.smoothing
        ) / max(1, batch.tokens)

    def of_teachers(self, intent: paddle.Tensor, slots: paddle.Tensor, soft: Soft, batch: Batch) -> paddle.Tensor:
        of_intents = -(paddle.to_tensor(soft.intents) * F.log_softmax(intent)).sum() / batch.utterances
        return of_intents - (paddle.to_tensor(soft.tags) * F.log_softmax(slots)).sum() / max(1, batch.tokens)

    def probabilities(self, intent: paddle.Tensor, slots: paddle.Tensor, batch: Batch) -> Soft:
        return Soft(F.softmax(intent).numpy(), F.softmax(slots).numpy() * batch.scored[:, :, None].astype(np.float32))


class AnswerLoss:
    """``labels``: what the answers consist of. ``smoothing``: of the heads' loss."""

    def __init__(self, labels: Labels, smoothing: float = 0.0):
        self._answers = Answers(labels)
        self.heads = HeadLoss(smoothing)

    def of_labels(self, intent: paddle.Tensor, slots: paddle.Tensor, batch: Batch) -> paddle.Tensor:
        # No network can learn an answer that the decoder cannot give: a slot that the intent had nowhere in the data
        # that the labels come from. Such utterances teach the heads alone.
        labelled, scored = batch.intents != IGNORED, batch.tags != IGNORED
        intent_of, tag_of = np.where(labelled, batch.intents, 0), np.where(scored, batch.tags, 0)
        known = np.flatnonzero(labelled & self._answers.allowed[intent_of[:, None], tag_of].all(1))
        intents, tags = np.zeros(intent.shape, np.float32), np.zeros(slots.shape, np.float32)
        intents[known, batch.intents[known]] = 1
        rows, places = np.nonzero(scored[known])
        tags[known[rows], places, batch.tags[known[rows], places]] = 1
        of_heads = self.heads.of_labels(intent, slots, batch)
        return self._of_wanted(intent, slots, Soft(intents, tags), batch) + HEADS_WEIGHT * of_heads

    def of_teachers(self, intent: paddle.Tensor, slots: paddle.Tensor, soft: Soft, batch: Batch) -> paddle.Tensor:
        of_heads = self.heads.of_teachers(intent, slots, soft, batch)
        return self._of_wanted(intent, slots, soft, batch) + HEADS_WEIGHT * of_heads

    def probabilities(self, intent: paddle.Tensor, slots: paddle.Tensor, batch: Batch) -> Soft:
        _, intents, tags = self._answers.marginals(intent.numpy(), slots.numpy(), batch.scored)
        return Soft(intents, tags)

    def _of_wanted(self, intent: paddle.Tensor, slots: paddle.Tensor, wanted: Soft, batch: Batch) -> paddle.Tensor:
        """The cross entropy of a distribution over answers that has the marginals ``wanted``, all 0 for some texts.

        It is the logarithm of the sum over all answers less the expected logits. Its derivative by a logit is the
        probability less the wanted one, so all of it is computed outside of Paddle, which only has to pass it on.
        """
        logits = intent.numpy(), slots.numpy()
        log_sum, intents, tags = self._answers.marginals(*logits, batch.scored)
        counted = (wanted.intents.sum(1) > 0.5).astype(np.float32)
        by_intent = (intents * counted[:, None] - wanted.intents) / batch.utterances
        by_tag = (tags * counted[:, None, None] - wanted.tags) / batch.utterances
        expected = float((wanted.intents * logits[0]).sum()) + float((wanted.tags * logits[1]).sum())
        value = (float((log_sum * counted).sum()) - expected) / batch.utterances
        linear = (paddle.to_tensor(by_intent) * intent).sum() + (paddle.to_tensor(by_tag) * slots).sum()
        return linear - linear.detach() + value


def _cross_entropy(logits: paddle.Tensor, labels: np.ndarray, smoothing: float) -> paddle.Tensor:
    wanted = paddle.to_tensor(labels)
    loss = F.cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum")
    if smoothing:
        counted = (wanted != IGNORED).astype("float32")
        spread = -(F.log_softmax(logits).mean(-1) * counted).sum()
        loss = (1.0 - smoothing) * loss + smoothing * spread
    return loss
