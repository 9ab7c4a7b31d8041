"""Symmetric INT8: how numbers become -127..127 and back, in one place for weights, embeddings and inputs."""

from __future__ import annotations

import numpy as np

WEIGHT_SCALE = "weight_scale"
INPUT_SCALE = "input_scale"
OUTPUT_SCALE = "output_scale"
"""Of the query and key projections of a layer whose attention scores are products of INT8."""
LEVELS = 127
"""-128 is not used: the grid is symmetric, and products of two values fit the saturating kernels of x86."""


def quantise(weight: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Round a float matrix ``[rows, columns]`` to int8 with one scale for each index of ``axis``.

    Returns (int8 of the same shape, float32 scales ``[shape[axis]]``). The largest error is half a scale.
    """
    largest = np.abs(weight).max(axis=1 - axis)
    # An all-zero row needs a scale that is positive all the same, and so does one of denormal numbers.
    scale = np.asarray(largest / LEVELS, np.float32)
    scale = np.where(scale >= np.finfo(np.float32).tiny, scale, np.float32(1.0))
    steps = np.rint(weight / (scale[:, None] if axis == 0 else scale))
    return np.clip(steps, -LEVELS, LEVELS).astype(np.int8), scale


def dequantise(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every parameter of a checkpoint as float32, without its scales."""
    floats = {}
    for name, tensor in tensors.items():
        if name.endswith((WEIGHT_SCALE, INPUT_SCALE, OUTPUT_SCALE)):
            continue
        if tensor.dtype == np.int8:
            scale = tensors[name.removesuffix("weight") + WEIGHT_SCALE]
            by_row = name.endswith("_embeddings.weight")
            tensor = tensor.astype(np.float32) * (scale[:, None] if by_row else scale)
        floats[name] = tensor
    return floats


def integer_scores(tensors: dict[str, np.ndarray]) -> bool:
    """Whether attention scores are products of INT8 queries and keys."""
    return any(name.endswith(f".{OUTPUT_SCALE}") for name in tensors)


def without_integer_scores(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The parameters of the same model with attention scores in floats."""
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(f".{OUTPUT_SCALE}")}


def makes_scores(layer: str) -> bool:
    """Whether the linear layer of this name makes queries or keys."""
    return layer.endswith(("self_attn.q_proj", "self_attn.k_proj"))


def quantised_layers(tensors: dict[str, np.ndarray]) -> list[str]:
    """Names of the linear layers with INT8 weights and inputs."""
    return [name.removesuffix(f".{INPUT_SCALE}") for name in tensors if name.endswith(f".{INPUT_SCALE}")]
