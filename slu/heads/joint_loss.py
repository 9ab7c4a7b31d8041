"""What a network is trained to make small: of labels, and of what teachers say instead of labels.

``heads``: cross entropy of the intent, mean over utterances, plus that of the slot tags, mean over tokens, each head by
itself. ``answers``: minus the log probability of the whole answer among all that the decoder can give
(`slu.heads.joint_crf`), mean over utterances, plus `HEADS_WEIGHT` times the loss of the heads: the network learns to
choose between answers, as it is used, and from the heads how unlikely tags are that cannot follow each other or do not
fit the intent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
import paddle.nn.functional as F

from slu.corpus.labels import Labels
from slu.heads.examples import IGNORED, Batch
from slu.heads.joint_crf import Answers

HEADS_WEIGHT = 0.5
"""Of the loss of the heads beside that of the answers. On NLPCC 2018 Task 4, 1 gave about as much, 0 half of it."""


class HeadLoss:
    """``smoothing``: probability mass taken from a label and spread over all classes."""

    def __init__(self, smoothing: float = 0.0):
        self.smoothing = smoothing

    def of_labels(self, logits: Sequence[paddle.Tensor], batch: Batch) -> paddle.Tensor:
        (intent, slots), (intents, tags) = logits, batch.targets
        return _cross_entropy(intent, intents, self.smoothing) / batch.utterances + _cross_entropy(
            slots.reshape([-1, slots.shape[-1]]), tags.reshape(-1), self.smoothing
        ) / max(1, batch.tokens)

    def of_teachers(self, logits: Sequence[paddle.Tensor], soft: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        (intent, slots), (intents, tags) = logits, soft
        of_intents = -(paddle.to_tensor(intents) * F.log_softmax(intent)).sum() / batch.utterances
        return of_intents - (paddle.to_tensor(tags) * F.log_softmax(slots)).sum() / max(1, batch.tokens)

    def probabilities(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        intent, slots = logits
        return F.softmax(intent).numpy(), F.softmax(slots).numpy() * batch.scored[:, :, None].astype(np.float32)


class WholeAnswerLoss:
    """``labels``: what the answers consist of. ``smoothing``: of the heads' loss."""

    def __init__(self, labels: Labels, smoothing: float = 0.0):
        self._answers = Answers(labels)
        self._known: tuple[Sequence[paddle.Tensor], Batch, tuple[np.ndarray, ...]] | None = None
        self.heads = HeadLoss(smoothing)

    def of_labels(self, logits: Sequence[paddle.Tensor], batch: Batch) -> paddle.Tensor:
        intent, slots = logits
        # No network can learn an answer that the decoder cannot give: a slot that the intent had nowhere in the data
        # that the labels come from. Such utterances teach the heads alone.
        labelled, scored = batch.targets[0] != IGNORED, batch.targets[1] != IGNORED
        intent_of, tag_of = np.where(labelled, batch.targets[0], 0), np.where(scored, batch.targets[1], 0)
        known = np.flatnonzero(labelled & self._answers.allowed[intent_of[:, None], tag_of].all(1))
        intents, tags = np.zeros(intent.shape, np.float32), np.zeros(slots.shape, np.float32)
        intents[known, intent_of[known]] = 1
        rows, places = np.nonzero(scored[known])
        tags[known[rows], places, tag_of[known[rows], places]] = 1
        of_heads = self.heads.of_labels(logits, batch)
        return self._of_wanted(logits, (intents, tags), batch) + HEADS_WEIGHT * of_heads

    def of_teachers(self, logits: Sequence[paddle.Tensor], soft: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        of_heads = self.heads.of_teachers(logits, soft, batch)
        return self._of_wanted(logits, soft, batch) + HEADS_WEIGHT * of_heads

    def probabilities(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        return self._marginals(logits, batch)[-2:]

    def _of_wanted(self, logits: Sequence[paddle.Tensor], wanted: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        """The cross entropy of a distribution over answers that has the marginals ``wanted``, all 0 for some texts.

        It is the logarithm of the sum over all answers less the expected logits. Its derivative by a logit is the
        probability less the wanted one, so all of it is computed outside of Paddle, which only has to pass it on.
        """
        intent, slots, log_sum, intents, tags = self._marginals(logits, batch)
        counted = (wanted[0].sum(1) > 0.5).astype(np.float32)
        by_intent = (intents * counted[:, None] - wanted[0]) / batch.utterances
        by_tag = (tags * counted[:, None, None] - wanted[1]) / batch.utterances
        expected = float((wanted[0] * intent).sum()) + float((wanted[1] * slots).sum())
        value = (float((log_sum * counted).sum()) - expected) / batch.utterances
        linear = (paddle.to_tensor(by_intent) * logits[0]).sum() + (paddle.to_tensor(by_tag) * logits[1]).sum()
        return linear - linear.detach() + value

    def _marginals(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        """Logits and what `Answers.marginals` says of them; kept, as labels and teachers ask about the same ones."""
        if not (self._known and self._known[0] is logits and self._known[1] is batch):
            intent, slots = (array.numpy() for array in logits)
            self._known = logits, batch, (intent, slots, *self._answers.marginals(intent, slots, batch.scored))
        return self._known[2]


def _cross_entropy(logits: paddle.Tensor, labels: np.ndarray, smoothing: float) -> paddle.Tensor:
    wanted = paddle.to_tensor(labels)
    loss = F.cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum")
    if smoothing:
        counted = (wanted != IGNORED).astype("float32")
        spread = -(F.log_softmax(logits).mean(-1) * counted).sum()
        loss = (1.0 - smoothing) * loss + smoothing * spread
    return loss
