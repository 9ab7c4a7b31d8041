"""What happens inside a network: the features that its answers are made of, and gradients by what it reads.

Both come from hooks on the layers that every network has, whatever is summed up at its input: the first layer
normalisation reads the sum of all embeddings of a token, and the head's layers read what the encoder gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import paddle

from slu.errors import ConfigError
from slu.heads.reasons import Reason
from slu.inputs.tokenizer import Encoding
from slu.model.checkpoint import Checkpoint
from slu.model.config import ERNIE
from slu.model.network import ErnieWithHead, load_model
from slu.model.quantization import dequantise
from slu.runtime.backends.dygraph import DygraphBackend
from slu.runtime.python_parser import PythonParser

ROWS = 32
"""Points of a path computed at once, of texts that are not long."""
PAIRS = ROWS * 128**2
"""Pairs of tokens in all points that are computed at once: attention holds numbers of each."""


def float_network(checkpoint: Checkpoint) -> ErnieWithHead:
    """The network in floats, without the rounding of inputs that INT8 layers simulate, whose gradient is zero.

    Raises `ConfigError` for an encoder that is not ERNIE's.
    """
    if checkpoint.config.encoder != ERNIE:
        raise ConfigError(
            f"slu analyze looks into models with the encoder {ERNIE!r}; this one has {checkpoint.config.encoder!r}; "
            "analyse a model that was trained without model.encoder"
        )
    network = load_model(replace(checkpoint, tensors=dequantise(checkpoint.tensors)))
    assert isinstance(network, ErnieWithHead)
    for layer in network.sublayers():
        if isinstance(layer, paddle.nn.LayerNorm):
            layer.forward = partial(_normalise, layer)
    return network


def _normalise(layer: paddle.nn.LayerNorm, given: paddle.Tensor) -> paddle.Tensor:
    """What the layer computes. On a processor, Paddle 2.6.2's gradient of it is wrong where that of its input is asked
    for and that of its weights is not (contributions missed their sum by 8 to 13 %), so they are applied outside."""
    plain = paddle.nn.functional.layer_norm(given, layer._normalized_shape, None, None, layer._epsilon)
    return plain * layer.weight + layer.bias


def features(
    network: ErnieWithHead, checkpoint: Checkpoint, texts: Sequence[str], previous: Sequence[str | None] | None = None
) -> np.ndarray:
    """What the head reads of each text, float32 ``[n, hidden]``: the pooled output or, of heads that only answer
    tokens, the mean of those of the tokens; of a question and its passage, the mean of those of the question, read with
    the beginning of the passage."""
    parser = PythonParser(_Features(network), checkpoint)
    found = parser.logits(texts, previous)
    return np.stack([row for (row,) in found]).astype(np.float32, copy=False)


class _Features(DygraphBackend):
    """Gives features in place of logits."""

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        head = self.model.config.task
        output = min(head.outputs, key=lambda output: output.per_token)
        kept: list[np.ndarray] = []
        layer = getattr(self.model, output.layer)
        with _hooked(layer, lambda _, given: kept.append(given[0].numpy())):
            super().run(ids, flags)
        [read] = kept
        if head.windows:
            return (_of_questions(read, ids),)
        return (read[:, 1:-1].mean(1) if output.per_token else read,)


def _of_questions(read: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The mean of the tokens before the first [SEP] of each text, without [CLS]; that of [CLS] where there is none."""
    places = (ids == ids[:, -1:]).argmax(1)
    return np.stack([row[1:place].mean(0) if place > 1 else row[0] for row, place in zip(read, places)])


class Path:
    """The straight path from a text of unknown tokens to ``text``, in the sum of the embeddings of each token.

    ``window``: the part of a text that is read, of heads that read long texts in windows; None for the whole.
    ``start``, ``end``: float32 ``[tokens, hidden]``. They differ where a token is not [CLS] or [SEP], and at [CLS] if
    there is a previous intent.
    """

    def __init__(
        self,
        network: ErnieWithHead,
        checkpoint: Checkpoint,
        text: str,
        previous: str | None = None,
        window: Encoding | None = None,
    ):
        self._network = network
        tokenizer = checkpoint.tokenizer()
        taken = _Sums(network)
        if window is None:
            ids = tokenizer.encode(text, network.config.max_length).ids[None].astype(np.int64)
            PythonParser(taken, checkpoint).logits([text], [previous])
        else:
            ids = window.ids[None].astype(np.int64)
            taken.run(ids)
        unknown = np.where((ids == tokenizer.cls_id) | (ids == tokenizer.sep_id), ids, tokenizer.unk_id)
        taken.run(unknown)
        self.end, self.start = taken.sums
        self._ids, self._unknown = ids, tokenizer.unk_id

    def without(self, places: np.ndarray) -> np.ndarray:
        """``end`` of the text with unknown tokens at ``places``; with n-grams, those beside them change as well."""
        changed = self.end.copy()
        changed[places] = self.start[places]
        if self._network.ngrams is not None:
            taken = _Sums(self._network)
            ids = self._ids.copy()
            taken.run(ids)
            ids[0, places] = self._unknown
            taken.run(ids)
            before, after = taken.sums
            changed = self.end + after - before
            changed[places] = after[places]
        return changed

    def scores(self, points: np.ndarray, reasons: Sequence[Reason]) -> np.ndarray:
        """The score of each reason at each point ``[points, tokens, hidden]``; ``[reasons, points]``."""
        parts = []
        with paddle.no_grad():
            for some in _parts(points):
                logits = self._logits(paddle.to_tensor(some))
                parts.append(np.stack([score(logits, reason).numpy() for reason in reasons]))
        return np.concatenate(parts, 1)

    def gradients(self, shares: np.ndarray, weights: np.ndarray, reasons: Sequence[Reason]) -> np.ndarray:
        """The weighted sum over points of the path of each reason's gradient, float64 ``[reasons, tokens, hidden]``.

        ``shares``: how far along the path each point is, 0..1; ``weights``: of each.
        """
        total = np.zeros((len(reasons), *self.end.shape))
        rows = _rows(len(self.end))
        for first in range(0, len(shares), rows):
            share = shares[first : first + rows, None, None].astype(np.float32)
            point = paddle.to_tensor(self.start + share * (self.end - self.start))
            point.stop_gradient = False
            logits = self._logits(point)
            for number, reason in enumerate(reasons):
                [gradient] = paddle.grad(score(logits, reason).sum(), point, retain_graph=True)
                total[number] += np.tensordot(weights[first : first + rows], gradient.numpy().astype(np.float64), 1)
        return total

    def _logits(self, points: paddle.Tensor) -> tuple[paddle.Tensor, ...]:
        ids = paddle.to_tensor(np.repeat(self._ids, points.shape[0], 0))
        with _hooked(self._network.ernie.embeddings.layer_norm, lambda *_: (points,)):
            logits: tuple[paddle.Tensor, ...] = self._network(ids, None, padded=False)
        return logits


def score(logits: Sequence[paddle.Tensor], reason: Reason) -> paddle.Tensor:
    """The score of a reason for each text of a batch, ``[n]``."""
    own = logits[reason.output]
    total = paddle.zeros([own.shape[0]])
    for place, index, rivals in zip(reason.tokens or (None,), reason.indices, reason.rivals):
        row = own if place is None else own[:, place]
        total = total + row[:, index]
        if rivals:
            total = total - paddle.logsumexp(paddle.index_select(row, paddle.to_tensor(list(rivals)), 1), 1)
    return total - _other_answers(own, reason) if reason.passage else total


def _other_answers(logits: paddle.Tensor, reason: Reason) -> paddle.Tensor:
    """The logarithm of the sum of ``exp`` of what an answer to a question competes with, ``[n]``."""
    assert reason.passage is not None
    first, last = reason.passage
    more = np.arange(last - first) - np.arange(last - first)[:, None]
    competing = (more >= 0) & (more < reason.longest)  # by the token that begins a part, and the one that ends it
    competing[0, 1:] = False  # [SEP] stands for none, and begins nothing else
    begin, end = reason.tokens
    competing[begin - first, end - first] = False
    sums = logits[:, first:last, 0].unsqueeze(2) + logits[:, first:last, 1].unsqueeze(1)
    places = paddle.to_tensor(np.flatnonzero(competing))
    return paddle.logsumexp(paddle.index_select(sums.flatten(1), places, 1), 1)


class _Sums(DygraphBackend):
    """Keeps the sum of the embeddings of each text that it is given, one at a time."""

    def __init__(self, model: ErnieWithHead):
        super().__init__(model)
        self.sums: list[np.ndarray] = []

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        layer = self.model.ernie.embeddings.layer_norm
        with _hooked(layer, lambda _, given: self.sums.append(given[0].numpy()[0])):
            return super().run(ids, flags)


@contextmanager
def _hooked(layer: paddle.nn.Layer, hook: Callable[..., Any]) -> Iterator[None]:
    handle = layer.register_forward_pre_hook(
        lambda *given: result if isinstance(result := hook(*given), tuple) else None
    )
    try:
        yield
    finally:
        handle.remove()


def _parts(points: np.ndarray) -> Iterator[np.ndarray]:
    rows = _rows(points.shape[1])
    for first in range(0, len(points), rows):
        yield points[first : first + rows].astype(np.float32)


def _rows(tokens: int) -> int:
    return max(1, min(ROWS, PAIRS // tokens**2))
