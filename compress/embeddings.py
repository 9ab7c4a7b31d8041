"""INT8 embeddings: the rows of the word, position, token type and flag matrices, each with a scale of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compress.steps import Made, Work
from slu.model.checkpoint import Checkpoint
from slu.model.quantization import WEIGHT_SCALE, quantise


@dataclass(frozen=True)
class EmbeddingSettings:
    """This step has no settings."""


def step(work: Work) -> Made:
    """See `quantise_embeddings`."""
    return (*quantise_embeddings(work.before), [])


def quantise_embeddings(checkpoint: Checkpoint) -> tuple[Checkpoint, dict[str, Any]]:
    """Replace every float embedding matrix by INT8 with one scale for each row. Reports the largest error of a
    value."""
    tensors = {}
    largest = 0.0
    for name, tensor in checkpoint.tensors.items():
        if name.endswith("_embeddings.weight") and tensor.dtype == np.float32:
            steps, scale = quantise(tensor, axis=0)
            tensors[name] = steps
            tensors[name.removesuffix("weight") + WEIGHT_SCALE] = scale
            largest = max(largest, float(np.abs(steps * scale[:, None] - tensor).max()))
        else:
            tensors[name] = tensor
    return replace(checkpoint, tensors=tensors), {"largest_error": largest}
