"""The moving average of the weights, which is evaluated and kept instead of the last weights."""

from __future__ import annotations

import numpy as np
from paddle import nn


class Average:
    """Exponential moving average of a model's parameters, with the decay warmed up over the first steps.

    The averages are NumPy arrays: a call of Paddle for each of many small parameters takes longer than the arithmetic.
    """

    def __init__(self, model: nn.Layer, decay: float):
        self.decay = decay
        self.steps = 0
        self.parameters = dict(model.named_parameters())
        self.values = {name: np.array(parameter.numpy()) for name, parameter in self.parameters.items()}

    def update(self) -> None:
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        of_old, of_new = np.float32(keep), np.float32(1.0 - keep)
        for name, parameter in self.parameters.items():
            value = self.values[name]
            value *= of_old
            value += parameter.numpy() * of_new

    def swap(self) -> None:
        """Exchange the averaged weights and the model's."""
        for name, parameter in self.parameters.items():
            kept = np.array(parameter.numpy())
            parameter.set_value(self.values[name])
            self.values[name] = kept
