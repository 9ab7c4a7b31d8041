"""A checkpoint, run by Paddle as it was trained (quantisation simulated in floats)."""

from __future__ import annotations

import numpy as np

from slu.model import JointErnie


class DygraphBackend:
    """Wraps a `JointErnie`; puts it into evaluation mode for the duration of a call."""

    name = "dygraph"

    def __init__(self, model: JointErnie):
        self.model = model
        self.max_length = model.config.max_length

    def run(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import paddle

        training = self.model.training
        self.model.eval()
        with paddle.no_grad():
            intent, slots = self.model(paddle.to_tensor(ids.astype(np.int64)), padded=False)
        if training:
            self.model.train()
        return intent.numpy(), slots.numpy()
