"""A checkpoint, run by Paddle as it was trained (quantisation simulated in floats)."""

from __future__ import annotations

import numpy as np

from slu.model.network import JointErnie


class DygraphBackend:
    """Wraps a `JointErnie`; puts it into evaluation mode for the duration of a call."""

    name = "dygraph"

    def __init__(self, model: JointErnie):
        self.model = model
        self.max_length = model.config.max_length

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        import paddle

        training = self.model.training
        self.model.eval()
        with paddle.no_grad():
            given = None if flags is None else paddle.to_tensor(flags)
            intent, slots = self.model(paddle.to_tensor(ids.astype(np.int64)), given, padded=False)
        if training:
            self.model.train()
        return intent.numpy(), slots.numpy()
