"""What a network of labels is trained to make small.

``heads``: cross entropy of each output by itself: of the softmax where a text has one label, of the sigmoid of every
label where it can have several. ``answers``: minus the log probability of the label set among all that the tree allows
(`slu.heads.label_weights`), as it is used in decoding. All are means over texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
import paddle.nn.functional as F

from slu.corpus.labels import Labels
from slu.heads.examples import IGNORED, Batch
from slu.heads.label_decoding import weights_of


class OneLabelLoss:
    """Cross entropy of the softmax. ``smoothing``: probability mass taken from a label and spread over all of them."""

    def __init__(self, smoothing: float = 0.0):
        self._smoothing = smoothing

    def of_labels(self, logits: Sequence[paddle.Tensor], batch: Batch) -> paddle.Tensor:
        [own], [targets] = logits, batch.targets
        labelled = targets != IGNORED
        wanted = np.zeros(own.shape, np.float32)
        wanted[labelled, targets[labelled]] = 1 - self._smoothing
        wanted[labelled] += self._smoothing / wanted.shape[1]
        return -(paddle.to_tensor(wanted) * F.log_softmax(own)).sum() / batch.utterances

    def of_teachers(self, logits: Sequence[paddle.Tensor], soft: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        return -(paddle.to_tensor(soft[0]) * F.log_softmax(logits[0])).sum() / batch.utterances

    def probabilities(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        return (F.softmax(logits[0]).numpy(),)


class EachLabelLoss:
    """Cross entropy of the sigmoids, summed over the labels. ``smoothing``: half of it is what absent labels get."""

    def __init__(self, smoothing: float = 0.0):
        self._smoothing = smoothing

    def of_labels(self, logits: Sequence[paddle.Tensor], batch: Batch) -> paddle.Tensor:
        [targets] = batch.targets
        labelled = (targets[:, :1] != IGNORED).astype(np.float32)
        wanted = np.clip(targets, 0, 1) * (1 - self._smoothing) + self._smoothing / 2
        return self._of_wanted(logits[0], wanted, labelled, batch)

    def of_teachers(self, logits: Sequence[paddle.Tensor], soft: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        return self._of_wanted(logits[0], soft[0], np.ones((len(soft[0]), 1), np.float32), batch)

    def probabilities(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        return (F.sigmoid(logits[0]).numpy(),)

    def _of_wanted(self, own: paddle.Tensor, wanted: np.ndarray, counted: np.ndarray, batch: Batch) -> paddle.Tensor:
        each = F.binary_cross_entropy_with_logits(own, paddle.to_tensor(wanted.astype(np.float32)), reduction="none")
        return (each * paddle.to_tensor(counted)).sum() / batch.utterances


class LabelSetLoss:
    """Minus the log probability of the whole set."""

    def __init__(self, labels: Labels):
        self._weights = weights_of(labels)

    def of_labels(self, logits: Sequence[paddle.Tensor], batch: Batch) -> paddle.Tensor:
        [targets] = batch.targets
        labelled = (targets[:, :1] != IGNORED).astype(np.float64)
        return self._of_wanted(logits[0], targets * labelled, labelled, batch)

    def of_teachers(self, logits: Sequence[paddle.Tensor], soft: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        return self._of_wanted(logits[0], soft[0], np.ones((len(soft[0]), 1)), batch)

    def probabilities(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        return (self._weights.marginals(logits[0].numpy())[1].astype(np.float32),)

    def _of_wanted(self, own: paddle.Tensor, wanted: np.ndarray, counted: np.ndarray, batch: Batch) -> paddle.Tensor:
        """The cross entropy of a distribution over sets that has the marginals ``wanted``.

        It is the logarithm of the sum over all sets less the expected logits. Its derivative by a logit is the
        probability less the wanted one, so all of it is computed outside of Paddle, which only has to pass it on.
        """
        values = own.numpy().astype(np.float64)
        log_sum, shares = self._weights.marginals(values)
        by_label = ((shares * counted - wanted) / batch.utterances).astype(np.float32)
        value = float((log_sum * counted[:, 0]).sum() - (wanted * values).sum()) / batch.utterances
        linear = (paddle.to_tensor(by_label) * own).sum()
        return linear - linear.detach() + value
