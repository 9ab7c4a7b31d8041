"""The moving average of the weights, which is evaluated and kept instead of the last weights."""

from __future__ import annotations

import paddle
from paddle import nn


class Average:
    """Exponential moving average of a model's parameters, with the decay warmed up over the first steps."""

    def __init__(self, model: nn.Layer, decay: float):
        self.decay = decay
        self.steps = 0
        self.parameters = dict(model.named_parameters())
        self.values = {name: parameter.clone().detach() for name, parameter in self.parameters.items()}

    def update(self) -> None:
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with paddle.no_grad():
            for name, parameter in self.parameters.items():
                value = self.values[name]
                value.set_value(value * keep + parameter * (1.0 - keep))

    def swap(self) -> None:
        """Exchange the averaged weights and the model's."""
        with paddle.no_grad():
            for name, parameter in self.parameters.items():
                kept = parameter.clone()
                parameter.set_value(self.values[name])
                self.values[name].set_value(kept)
