"""Width pruning, after DynaBERT (Hou et al. 2020, https://arxiv.org/abs/2004.04037).

Attention heads and feed-forward neurons are ranked by how much the loss would change without them, reordered so that
the important ones come first, cut to the requested ratio, and the pruned model is trained to imitate the full one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from compress.distillation import DistillationSettings, check_float, distillation_loss
from compress.steps import Made, Work
from slu.errors import ConfigError
from slu.heads.examples import Example
from slu.inputs.flags import FlagColumns
from slu.model.checkpoint import Checkpoint
from slu.model.config import ModelConfig
from slu.model.embedding_rows import select_used
from slu.training.batches import epoch_order, make_examples, make_shards
from slu.training.data import Data
from slu.training.fit import Objective, TrainingSettings
from slu.training.train import Select, run_training, training_examples


@dataclass(frozen=True)
class WidthSettings:
    """``ratio``: the share of heads and neurons that is kept, such as "3/4". ``training``: how the pruned model is
    trained."""

    ratio: str = "3/4"
    training: TrainingSettings = field(default_factory=lambda: TrainingSettings(epochs=5, learning_rate=5e-4))
    distillation: DistillationSettings = field(default_factory=DistillationSettings)


@dataclass(frozen=True)
class Importance:
    """Mean |gradient × activation| of every head, ``[layers, heads]``, and neuron, ``[layers, intermediate_size]``."""

    heads: np.ndarray
    neurons: np.ndarray


def step(work: Work) -> Made:
    """See `prune_width`."""
    return prune_width(work.before, work.data, work.settings, work.workspace)


def prune_width(
    checkpoint: Checkpoint, data: Data, settings: WidthSettings, workspace: Path
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Cut a float checkpoint to ``settings.ratio`` and distil it from itself. Returns what `run_training` does."""
    check_float(checkpoint, "width")
    config = shape_after(checkpoint.config, settings)
    student = cut(checkpoint, measure_importance(checkpoint, data), config)

    def plan(small: Checkpoint, select: Select) -> tuple[Objective, Sequence[Example]]:
        objective = distillation_loss(select(checkpoint), settings.distillation, settings.training)
        return objective, training_examples(small, data)

    trained, report, keep = run_training(student, data, settings.training, plan, workspace, f"width {settings.ratio}")
    report |= {"heads": config.num_attention_heads, "neurons": config.intermediate_size}
    return trained, report, keep


def shape_after(config: ModelConfig, settings: WidthSettings) -> ModelConfig:
    """The shape after pruning; raise `ConfigError` for a ratio that does not fit."""
    return cut_config(config, settings.ratio)


def cut_config(config: ModelConfig, ratio: str) -> ModelConfig:
    """The shape after pruning; raise `ConfigError` if ``ratio`` does not give whole numbers of heads and neurons."""
    try:
        part = Fraction(ratio)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"width ratio {ratio!r}: write it as 3/4 or 0.75") from error
    heads, neurons = config.num_attention_heads * part, config.intermediate_size * part
    if not 0 < part <= 1:
        raise ConfigError(f"width ratio {ratio}: it must be above 0 and at most 1")
    for count, whole, what in (
        (heads, config.num_attention_heads, "heads"),
        (neurons, config.intermediate_size, "neurons"),
    ):
        if count.denominator != 1:
            raise ConfigError(
                f"width ratio {ratio}: {whole} {what} would become {float(count):g}; choose one that gives a "
                "whole number"
            )
    return config.replace(num_attention_heads=int(heads), intermediate_size=int(neurons))


def measure_importance(checkpoint: Checkpoint, data: Data, batches: int = 100) -> Importance:
    """Accumulate |gradient × activation| of heads and neurons over ``batches`` of the training part.

    For a mask m (all ones) on the inputs of a linear layer y = (m·a) W, the gradient with respect to m is a·∂L/∂a,
    summed over tokens; and that is the sum over a row of W · ∂L/∂W. So neither a mask has to be inserted nor an
    activation stored: the gradients of ``out_proj`` (rows grouped by head) and ``linear2`` (a row for each neuron)
    are enough.
    """
    from slu.model.network import load_model
    from slu.training.fit import inputs

    checkpoint, _ = select_used(checkpoint, [*data.train, *data.dev])  # the gradients of the other rows are zero
    config, pad_id = checkpoint.config, checkpoint.tokenizer().pad_id
    loss = checkpoint.head.loss(checkpoint.head.losses[0], checkpoint.labels, 0.0)
    columns = FlagColumns.of(config.flags, checkpoint.labels)
    examples = make_examples(data.train, checkpoint)
    model = load_model(checkpoint)
    layers = model.ernie.encoder.layers
    heads = np.zeros((config.num_hidden_layers, config.num_attention_heads))
    neurons = np.zeros((config.num_hidden_layers, config.intermediate_size))
    order = epoch_order(np.array([len(e.ids) for e in examples]), 64, seed=0, epoch=0)[:batches]
    for indices in order:
        [batch] = make_shards(examples, indices, pad_id, 1, columns)
        loss.of_labels(model(*inputs(batch)), batch).backward()
        for i, layer in enumerate(layers):
            rows = _gradient_times_weight(layer.self_attn.out_proj.weight)
            heads[i] += np.abs(rows.reshape(config.num_attention_heads, -1).sum(1))
            neurons[i] += np.abs(_gradient_times_weight(layer.linear2.weight))
        model.clear_gradients()
    return Importance(heads / len(order), neurons / len(order))


def cut(checkpoint: Checkpoint, importance: Importance, config: ModelConfig) -> Checkpoint:
    """Keep the most important heads and neurons of every layer, as many as ``config`` has, most important first."""
    tensors = dict(checkpoint.tensors)
    size = config.attention_head_size
    for i in range(config.num_hidden_layers):
        layer = f"ernie.encoder.layers.{i}"
        heads = np.argsort(-importance.heads[i], kind="stable")[: config.num_attention_heads]
        columns = (heads[:, None] * size + np.arange(size)).reshape(-1)
        for projection in ("q_proj", "k_proj", "v_proj"):
            _take(tensors, f"{layer}.self_attn.{projection}.weight", columns, 1)
            _take(tensors, f"{layer}.self_attn.{projection}.bias", columns, 0)
        _take(tensors, f"{layer}.self_attn.out_proj.weight", columns, 0)
        neurons = np.argsort(-importance.neurons[i], kind="stable")[: config.intermediate_size]
        _take(tensors, f"{layer}.linear1.weight", neurons, 1)
        _take(tensors, f"{layer}.linear1.bias", neurons, 0)
        _take(tensors, f"{layer}.linear2.weight", neurons, 0)
    return replace(checkpoint, config=config, tensors=tensors)


def _take(tensors: dict[str, np.ndarray], name: str, indices: np.ndarray, axis: int) -> None:
    tensors[name] = np.ascontiguousarray(np.take(tensors[name], indices, axis))


def _gradient_times_weight(weight: Any) -> np.ndarray:
    return np.asarray((weight.grad * weight).sum(1).numpy())
