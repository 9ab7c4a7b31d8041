"""Models to export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slu.corpus.labels import Labels
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.model.quantization import INPUT_SCALE, OUTPUT_SCALE, WEIGHT_SCALE, makes_scores, quantise
from slu.runtime.formats import FORMATS

LENGTH = 16
FLOAT_FORMATS = ("gguf", "paddle", "lite-x86", "lite-arm", "lite-arm-fp16", "onnx")
FORMATS_OF = {"float": None, "compressed": tuple(FORMATS), "compressed-scores": tuple(FORMATS)}
"""What the models are exported to; None for all that makes sense."""


@dataclass(frozen=True)
class Exported:
    """A checkpoint, its bundle, and what the export said."""

    checkpoint: Path
    bundle: Path
    said: list[str]

    @property
    def compressed(self) -> bool:
        """Whether it is the INT8 one."""
        return self.checkpoint.parent.name.startswith("compressed")


def random_checkpoint(
    vocab: list[str], labels: Labels, compressed: bool = False, scores: bool = False, **changes: object
) -> Checkpoint:
    """2 layers of 48 with 4 heads of 12, or 3 heads and INT8, with ``scores`` those of the attention too; logits of a
    few units, and random biases."""
    config = ModelConfig(
        vocab_size=len(vocab),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=3 if compressed else 4,
        attention_head_size=12,
        intermediate_size=72 if compressed else 96,
        max_position_embeddings=20,
        max_seq_length=LENGTH,
    ).replace(**changes)
    rng = np.random.default_rng(11)
    tensors = {}
    for name, shape in parameter_shapes(config, labels).items():
        values = rng.standard_normal(shape) * 0.2 + ("norm" in name and name.endswith("weight"))
        tensors[name] = values.astype(np.float32)
        layer = name.removesuffix(".weight")
        if compressed and name.endswith("_embeddings.weight"):
            tensors[name], tensors[f"{layer}.{WEIGHT_SCALE}"] = quantise(tensors[name], axis=0)
        elif compressed and ".encoder." in name and len(shape) == 2:
            tensors[name], tensors[f"{layer}.{WEIGHT_SCALE}"] = quantise(tensors[name], axis=1)
            tensors[f"{layer}.{INPUT_SCALE}"] = np.array([0.02], np.float32)  # the largest inputs are clipped
            if scores and makes_scores(layer):
                tensors[f"{layer}.{OUTPUT_SCALE}"] = np.array([0.025], np.float32)  # and the largest queries
    return Checkpoint(config, tensors, list(vocab), labels, Manifest(stage="test", threshold=0.125))
