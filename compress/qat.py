"""Quantisation-aware training of the encoder's linear layers, by PaddleSlim.

While training, weights are rounded to INT8 per output channel and inputs to INT8 per layer, with gradients passed
straight through the rounding (Jacob et al. 2018, https://arxiv.org/abs/1712.05877); the inputs' scales are moving
averages of their largest absolute values. The result is stored as INT8 with these scales (see `slu.model.checkpoint`).
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compress.distillation import DistillationSettings, check_float, distillation_loss
from compress.steps import Made, Work
from slu.heads.examples import Example
from slu.model.checkpoint import Checkpoint
from slu.model.quantization import INPUT_SCALE, LEVELS, OUTPUT_SCALE, WEIGHT_SCALE, makes_scores, quantise
from slu.training.data import Data
from slu.training.fit import Objective, TrainingSettings
from slu.training.identity import ADDED_LATER
from slu.training.train import Select, run_training, training_examples


@dataclass(frozen=True)
class QatSettings:
    """``training``: how the rounded network is trained, on the labels and to imitate the float one. ``scores``:
    whether queries and keys are rounded as well, so that attention scores are products of INT8: faster for long texts.
    """

    training: TrainingSettings = field(default_factory=lambda: TrainingSettings(epochs=2, learning_rate=1e-4))
    distillation: DistillationSettings = field(default_factory=DistillationSettings)
    scores: bool = field(default=False, metadata=ADDED_LATER)


def step(work: Work) -> Made:
    """See `train_quantised`."""
    return train_quantised(work.before, work.data, work.settings, work.workspace)


def train_quantised(
    checkpoint: Checkpoint, data: Data, settings: QatSettings, workspace: Path
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Train a float checkpoint with rounding and return it in INT8. See `run_training` for what it returns."""
    check_float(checkpoint, "qat")

    def plan(small: Checkpoint, select: Select) -> tuple[Objective, Sequence[Example]]:
        objective = distillation_loss(small, settings.distillation, settings.training)
        return objective, training_examples(small, data)

    def prepare(model: Any) -> Any:
        return add_rounding(model, settings.scores)

    return run_training(checkpoint, data, settings.training, plan, workspace, "qat", prepare, int8_checkpoint)


def add_rounding(model: Any, scores: bool = False) -> Any:
    """Let PaddleSlim replace the linear layers by ones that round, in place; with ``scores`` queries and keys too."""
    from paddle.nn.quant import quant_layers
    from paddleslim import QAT

    # The heads decide between close logits, and are a hundredth of the size.
    for name in model.config.task.layers:
        getattr(model, name).skip_quant = True
    config = {
        "weight_quantize_type": "channel_wise_abs_max",
        "activation_quantize_type": "moving_average_abs_max",
        "quantizable_layer_type": ["Linear"],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        QAT(config).quantize(model)
    # PaddleSlim also wraps layers to record the range of their outputs, which is not used here.
    for layer in list(model.sublayers(include_self=True)):
        for name, child in list(layer.named_children()):
            if isinstance(child, quant_layers.MAOutputScaleLayer):
                setattr(layer, name, child._layer)
    for name, layer in model.named_sublayers() if scores else ():
        if isinstance(layer, quant_layers.QuantizedLinear) and makes_scores(name):
            layer._fake_quant_output = quant_layers.FakeQuantMovingAverageAbsMax(name=f"{name}.output")
            layer.register_forward_post_hook(lambda one, _, output: one._fake_quant_output(output))
    return model


def int8_checkpoint(model: Any, like: Checkpoint) -> Checkpoint:
    """Store the weights rounded. The result computes with the same rounded values as the trained network."""
    from paddle.nn.quant import quant_layers

    tensors = {
        name: np.array(parameter.numpy()) for name, parameter in model.named_parameters() if "._fake_quant_" not in name
    }
    for name, layer in model.named_sublayers():
        if isinstance(layer, quant_layers.QuantizedLinear):
            steps, scale = quantise(tensors[f"{name}.weight"], axis=1)
            tensors[f"{name}.weight"] = steps
            tensors[f"{name}.{WEIGHT_SCALE}"] = scale
            tensors[f"{name}.{INPUT_SCALE}"] = _step(layer._fake_quant_input)
            if hasattr(layer, "_fake_quant_output"):
                tensors[f"{name}.{OUTPUT_SCALE}"] = _step(layer._fake_quant_output)
    return Checkpoint(like.config, tensors, like.vocab, like.labels, lexicon=like.lexicon, ngrams=like.ngrams)


def _step(rounding: Any) -> np.ndarray:
    """The step of the levels of a rounding layer, float32 ``[1]``."""
    largest = rounding._scale.numpy().reshape(1).astype(np.float32)
    return largest / np.float32(LEVELS)
