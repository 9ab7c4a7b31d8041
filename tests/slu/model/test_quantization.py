"""Symmetric INT8: errors within half a step, and no row that breaks the arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from slu.model.quantization import dequantise, quantise, quantised_layers

numbers = st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)
weights = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=numbers)


@given(weight=weights, axis=st.sampled_from((0, 1)))
def test_the_error_is_at_most_half_a_step(weight: np.ndarray, axis: int) -> None:
    steps, scale = quantise(weight, axis)
    assert steps.dtype == np.int8
    assert scale.dtype == np.float32
    assert scale.shape == (weight.shape[axis],)
    assert steps.min() >= -127
    assert (scale > 0).all()
    wide = scale.astype(float)[:, None] if axis == 0 else scale.astype(float)
    error = np.abs(weight.astype(float) - steps * wide)
    assert (error <= 0.5 * wide * (1 + 1e-5)).all()
    # The largest number of a row is on the grid's end, so none of the eight bits is wasted.
    largest = np.abs(steps.astype(int)).max(1 - axis)
    assert np.isin(largest, (0, 127)).all()


@pytest.mark.parametrize("value", [0.0, 1e-45, -1e-40, 1e-37])
def test_a_row_of_nothing_has_a_scale(value: float) -> None:
    steps, scale = quantise(np.array([[value, 0.0], [1.0, -2.0]], np.float32), 0)
    assert np.isfinite(scale).all()
    assert (scale > 0).all()
    assert steps.tolist() == [[0, 0], [64, -127]]


@given(weight=weights)
def test_quantising_again_changes_nothing(weight: np.ndarray) -> None:
    steps, scale = quantise(weight, 1)
    again, _ = quantise(steps * scale, 1)
    assert (again == steps).all()


def test_dequantise_takes_rows_of_embeddings_and_columns_of_layers() -> None:
    rows = np.array([[1, 2], [3, -4]], np.int8)
    scale = np.array([0.5, 2.0], np.float32)
    tensors: dict[str, np.ndarray] = {
        "x.word_embeddings.weight": rows,
        "x.word_embeddings.weight_scale": scale,
        "x.linear.weight": rows,
        "x.linear.weight_scale": scale,
        "x.linear.input_scale": np.ones(1, np.float32),
        "x.linear.bias": scale,
    }
    floats = dequantise(tensors)
    assert set(floats) == {"x.word_embeddings.weight", "x.linear.weight", "x.linear.bias"}
    assert floats["x.word_embeddings.weight"].tolist() == [[0.5, 1.0], [6.0, -8.0]]
    assert floats["x.linear.weight"].tolist() == [[0.5, 4.0], [1.5, -8.0]]
    assert all(tensor.dtype == np.float32 for tensor in floats.values())
    assert quantised_layers(tensors) == ["x.linear"]
