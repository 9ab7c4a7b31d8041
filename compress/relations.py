"""Hidden states as what a student imitates: how the last layer relates the tokens of a text to each other.

The products of the values of every two tokens, of each attention head, become the probabilities of a softmax, and the
student's are brought near to the teacher's (Wang et al. 2020, MiniLMv2, https://arxiv.org/abs/2012.15828). So the two
need not have the same hidden size, the same number of layers, or of heads.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from slu.errors import ConfigError
from slu.model.config import ERNIE

if TYPE_CHECKING:
    import paddle
    from paddle import nn

    from slu.heads.examples import Batch
    from slu.model.checkpoint import Checkpoint

_MASKED = -1e4
"""Added to the relations with padding."""


class Values:
    """The values of the last layer, float32 ``[n, length, inner]``, that a network had in its latest run."""

    def __init__(self, network: nn.Layer):
        attention: Any = network.ernie.encoder.layers[-1].self_attn
        self.heads: int = attention.num_heads
        self.latest: Any = None
        attention.v_proj.register_forward_post_hook(self._keep)

    def _keep(self, layer: nn.Layer, given: Any, found: paddle.Tensor) -> None:
        self.latest = found


class RelationLoss:
    """The distance of a student from ``teacher``, which reads the same tokens.

    Raises `ConfigError` for a teacher without layers that relate tokens.
    """

    def __init__(self, teacher: Checkpoint):
        from slu.model.network import load_model

        check_encoder(teacher.config.encoder)
        self._teacher = load_model(teacher)
        self._wanted = Values(self._teacher)
        self._student: Any = None
        self._own: Values | None = None

    def watch(self, student: nn.Layer) -> None:
        """Keep the values of this network from its next run on; to be called before each run, it does it once."""
        if student is not self._student:
            self._student, self._own = student, Values(student)

    def __call__(self, student: nn.Layer, batch: Batch, given: Any) -> paddle.Tensor:
        """The distance over a batch, a mean over the tokens of the texts of the global batch, after the student has run
        on ``given`` (see `slu.training.fit.inputs`)."""
        import paddle

        with paddle.no_grad():
            self._teacher(*given)
        own = self._own
        assert own is not None and student is self._student
        return relation_loss(own.latest, self._wanted.latest, gcd(own.heads, self._wanted.heads), batch)


def check_encoder(encoder: str) -> None:
    """Raise `ConfigError` for one without layers that relate tokens to each other."""
    if encoder != ERNIE:
        raise ConfigError(f"relations is set, and the encoder {encoder!r} has none; set it to 0, or use {ERNIE!r}")


def relation_loss(values: paddle.Tensor, wanted: paddle.Tensor, heads: int, batch: Batch) -> paddle.Tensor:
    """The mean over heads and tokens of the Kullback-Leibler divergence of the relations of ``values`` from those of
    ``wanted``, both ``[n, length, any multiple of heads]``."""
    import paddle
    from paddle.nn.functional import log_softmax, softmax

    there = np.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    mask = paddle.to_tensor(np.where(there, 0.0, _MASKED).astype(np.float32)).unsqueeze([1, 2])
    counted = paddle.to_tensor(batch.scored.astype(np.float32)).unsqueeze(1)
    own, of_teacher = (_relations(one, heads) + mask for one in (values, wanted))
    probability = softmax(of_teacher)
    apart = (probability * (log_softmax(of_teacher) - log_softmax(own))).sum(-1)  # [n, heads, length]
    return (apart * counted).sum() / float(heads * max(1, batch.tokens))


def _relations(values: paddle.Tensor, heads: int) -> paddle.Tensor:
    """The products of the values of every two tokens, ``[n, heads, length, length]``."""
    import paddle

    n, length, inner = values.shape
    width = inner // heads
    split = values.reshape([n, length, heads, width]).transpose([0, 2, 1, 3])
    return paddle.matmul(split, split, transpose_y=True) * width**-0.5
