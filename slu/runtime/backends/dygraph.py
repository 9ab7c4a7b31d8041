"""A checkpoint, run by Paddle as it was trained (quantisation simulated in floats)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slu.model.checkpoint import load_checkpoint
from slu.platform import native_output_on_stderr, prepare_paddle
from slu.runtime.bundle import ModelDirectory

if TYPE_CHECKING:
    from slu.model.network import Network


class DygraphBackend:
    """Wraps a network; puts it into evaluation mode for the duration of a call."""

    name = "dygraph"

    def __init__(self, model: Network):
        self.model = model
        self.max_length = model.config.max_length

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        import paddle

        training = self.model.training
        self.model.eval()
        with paddle.no_grad():
            given = None if flags is None else paddle.to_tensor(flags)
            logits = self.model(paddle.to_tensor(ids.astype(np.int64)), given, padded=False)
        if training:
            self.model.train()
        return tuple(array.numpy() for array in logits)


def open_dygraph(model: ModelDirectory, name: str = "dygraph", threads: int = 1) -> DygraphBackend:
    """Open a checkpoint. ``threads``: Paddle decides on them by itself."""
    checkpoint = load_checkpoint(model.path)
    prepare_paddle()
    with native_output_on_stderr():
        from slu.model.network import load_model

        return DygraphBackend(load_model(checkpoint))
