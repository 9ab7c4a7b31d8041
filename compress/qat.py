"""Quantisation-aware training of the encoder's linear layers, by PaddleSlim.

While training, weights are rounded to INT8 per output channel and inputs to INT8 per layer, with gradients passed
straight through the rounding (Jacob et al. 2018, https://arxiv.org/abs/1712.05877); the inputs' scales are moving
averages of their largest absolute values. The result is stored as INT8 with these scales (see `slu.model.checkpoint`).
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compress.distillation import DistillationSettings, check_float, distillation_loss
from slu.model.checkpoint import Checkpoint
from slu.model.embedding_rows import restore_rows, select_used
from slu.model.quantization import INPUT_SCALE, LEVELS, WEIGHT_SCALE, quantise
from slu.training.data import Data
from slu.training.fit import TrainingSettings
from slu.training.train import run_training

KEPT_FLOAT = ("intent_classifier", "slot_classifier")
"""The last layers decide between close logits, and are a hundredth of the size."""


@dataclass(frozen=True)
class QatSettings:
    """``training``: how the rounded network is trained, on the labels and to imitate the float one."""

    training: TrainingSettings = field(default_factory=lambda: TrainingSettings(epochs=2, learning_rate=1e-4))
    distillation: DistillationSettings = field(default_factory=DistillationSettings)


def train_quantised(
    checkpoint: Checkpoint, data: Data, settings: QatSettings, workspace: Path
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Train a float checkpoint with rounding and return it in INT8. See `run_training` for what it returns."""
    check_float(checkpoint, "qat")
    small, rows = select_used(checkpoint, [*data.train, *data.dev])
    objective = distillation_loss(small, settings.distillation, settings.training)
    trained, report, keep = run_training(
        small, data, settings.training, objective, workspace, "qat", add_rounding, int8_checkpoint
    )
    return restore_rows(trained, checkpoint, rows), report, keep


def add_rounding(model: Any) -> Any:
    """Let PaddleSlim replace the linear layers by ones that round, in place."""
    from paddle.nn.quant import quant_layers
    from paddleslim import QAT

    for name in KEPT_FLOAT:
        getattr(model, name).skip_quant = True
    config = {
        "weight_quantize_type": "channel_wise_abs_max",
        "activation_quantize_type": "moving_average_abs_max",
        "quantizable_layer_type": ["Linear"],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        QAT(config).quantize(model)
    # PaddleSlim also wraps layers to record the range of their outputs, which nothing here reads.
    for layer in list(model.sublayers(include_self=True)):
        for name, child in list(layer.named_children()):
            if isinstance(child, quant_layers.MAOutputScaleLayer):
                setattr(layer, name, child._layer)
    return model


def int8_checkpoint(model: Any, like: Checkpoint) -> Checkpoint:
    """Round the weights for good. What the trained network computed with is computed from the result as well."""
    from paddle.nn.quant import quant_layers

    tensors = {
        name: np.array(parameter.numpy()) for name, parameter in model.named_parameters() if "._fake_quant_" not in name
    }
    for name, layer in model.named_sublayers():
        if isinstance(layer, quant_layers.QuantizedLinear):
            steps, scale = quantise(tensors[f"{name}.weight"], axis=1)
            tensors[f"{name}.weight"] = steps
            tensors[f"{name}.{WEIGHT_SCALE}"] = scale
            largest = layer._fake_quant_input._scale.numpy().reshape(1).astype(np.float32)
            tensors[f"{name}.{INPUT_SCALE}"] = largest / np.float32(LEVELS)
    return Checkpoint(like.config, tensors, like.vocab, like.labels, lexicon=like.lexicon)
