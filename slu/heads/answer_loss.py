"""What a network of answers is trained to make small.

``heads``: cross entropy of the token that begins the answer and of the one that ends it, each among those of the
passage and the [SEP] before it, mean of both. ``answers``: minus the logarithm of the probability of the answer among
all parts of the passage that the decoder can give, and none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
from numpy.lib.stride_tricks import sliding_window_view

from slu.heads.answer_decoding import MOST_TOKENS
from slu.heads.answer_targets import BEGINS, ENDS
from slu.heads.examples import IGNORED, Batch

_LEAST = 1e-300


class AnswerLoss:
    """``whole``: whether answers compete as a whole ("answers"). ``smoothing``: probability mass that is taken from
    the right token and spread over all that compete; of "heads" only."""

    def __init__(self, whole: bool, smoothing: float = 0.0):
        self._whole, self._smoothing = whole, 0.0 if whole else smoothing

    def of_labels(self, logits: Sequence[paddle.Tensor], batch: Batch) -> paddle.Tensor:
        [targets] = batch.targets
        wanted = np.stack([(targets & bit > 0) & (targets != IGNORED) for bit in (BEGINS, ENDS)], -1).astype(np.float64)
        competing = targets != IGNORED
        spread = competing / np.maximum(competing.sum(1, keepdims=True), 1)
        wanted = wanted * (1 - self._smoothing) + self._smoothing * spread[..., None]
        return self._of_wanted(logits[0], wanted, competing, batch)

    def of_teachers(self, logits: Sequence[paddle.Tensor], soft: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        return self._of_wanted(logits[0], soft[0].astype(np.float64), passages(batch), batch)

    def probabilities(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        return (self._shares(logits[0].numpy(), passages(batch))[1].astype(np.float32),)

    def _of_wanted(self, own: paddle.Tensor, wanted: np.ndarray, competing: np.ndarray, batch: Batch) -> paddle.Tensor:
        """The cross entropy with what is wanted; computed outside of Paddle, which passes its derivative on."""
        values, counted = own.numpy().astype(np.float64), competing.any(1)
        log_sums, shares = self._shares(values, competing)
        scale = (1.0 if self._whole else 0.5) / batch.utterances
        by_logit = ((shares - wanted) * counted[:, None, None] * scale).astype(np.float32)
        value = float((log_sums * counted).sum() - (wanted * values * counted[:, None, None]).sum()) * scale
        linear = (paddle.to_tensor(by_logit) * own).sum()
        return linear - linear.detach() + value

    def _shares(self, values: np.ndarray, competing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``[n]``: the logarithms of the sums over all that competes; ``[n, length, 2]``: the probability that each
        token begins and ends the answer."""
        values = np.where(competing[..., None], values.astype(np.float64), -np.inf)
        none = np.zeros_like(competing)  # the first of those that compete
        rows = np.flatnonzero(competing.any(1))
        none[rows, competing[rows].argmax(1)] = True
        if not self._whole:
            largest = np.where(competing.any(1)[:, None], values.max(1), 0)
            powers = np.exp(values - largest[:, None])
            sums = np.maximum(powers.sum(1), _LEAST)
            return (largest + np.log(sums)).sum(1), powers / sums[:, None]
        inner = competing & ~none
        tokens = np.where(inner[..., None], values, -np.inf)
        largest = np.where(inner.any(1)[:, None], tokens.max(1), 0)
        begins, ends = np.moveaxis(np.exp(tokens - largest[:, None]), -1, 0)
        after, before = _window_sums(ends), _window_sums(begins[:, ::-1])[:, ::-1]
        sums = np.maximum((begins * after).sum(1), _LEAST)
        of_parts = largest.sum(1) + np.log(sums)
        of_none = np.where(none[..., None], values, 0).sum((1, 2))
        log_sums = np.logaddexp(of_parts, of_none)
        part, nothing = np.exp(of_parts - log_sums), np.exp(of_none - log_sums)
        shares = np.stack([begins * after, ends * before], -1) * (part / sums)[:, None, None]
        return log_sums, shares + (none * nothing[:, None])[..., None]


def passages(batch: Batch) -> np.ndarray:
    """Which tokens are of a passage or the [SEP] before it, bool ``[n, length]``; none of a text without a passage, or
    whose [SEP] training has read as an unknown token."""
    rows = np.arange(len(batch.ids))
    separators = batch.ids == batch.ids[rows, batch.lengths - 1][:, None]
    place = np.arange(batch.ids.shape[1])
    return (place >= separators.argmax(1)[:, None]) & (place < batch.lengths[:, None] - 1)


def _window_sums(values: np.ndarray) -> np.ndarray:
    """The sum of each value and those up to `MOST_TOKENS` after it, ``[n, length]``. No differences of running sums:
    small ones would be lost in them."""
    padded = np.pad(values, ((0, 0), (0, MOST_TOKENS - 1)))
    return sliding_window_view(padded, MOST_TOKENS, axis=1).sum(-1)
