"""INT8 embeddings: every value within half a step of its row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from computing import decisions, logits_of

from compress.embeddings import quantise_embeddings
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.model.network import load_model
from slu.model.quantization import dequantise
from slu.training.data import Data

NAMES = [f"ernie.embeddings.{kind}_embeddings" for kind in ("word", "position", "token_type")]


def test_error_is_at_most_half_a_step(trained: Checkpoint) -> None:
    quantised, report = quantise_embeddings(trained)
    errors = []
    for name in NAMES:
        before, steps = trained.tensors[f"{name}.weight"], quantised.tensors[f"{name}.weight"]
        scale = quantised.tensors[f"{name}.weight_scale"]
        assert steps.dtype == np.int8 and steps.shape == before.shape and steps.min() >= -127
        assert scale.dtype == np.float32 and scale.shape == (len(before),) and (scale > 0).all()
        error = np.abs(steps * scale[:, None].astype(np.float64) - before)
        # Half a step, and the rounding of the scale itself: 127 steps of it.
        assert (error <= scale[:, None] * (0.5 + 127 * 2.0**-24)).all()
        np.testing.assert_array_equal(np.abs(steps).max(1), np.where(np.abs(before).max(1) > 0, 127, 0))
        errors.append(error.max())
    assert report["largest_error"] == pytest.approx(max(errors), rel=1e-4)
    assert all(np.array_equal(quantised.tensors[n], t) for n, t in trained.tensors.items() if "_embeddings" not in n)


def test_size_falls_to_what_is_stored(trained: Checkpoint) -> None:
    quantised, _ = quantise_embeddings(trained)
    rows = sum(len(trained.tensors[f"{name}.weight"]) for name in NAMES)
    assert trained.size_bytes - quantised.size_bytes == rows * (4 * 32 - 32 - 4)


def test_the_network_computes_with_the_rounded_rows(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    quantised, _ = quantise_embeddings(trained)
    save_checkpoint(quantised, tmp_path / "int8")
    again = load_checkpoint(tmp_path / "int8")
    rounded = Checkpoint(trained.config, dequantise(quantised.tensors), trained.vocab, trained.labels)
    for one, two in zip(logits_of(again, data.dev), logits_of(rounded, data.dev)):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])
    same = sum(a == b for a, b in zip(decisions(again, data.dev), decisions(trained, data.dev)))
    assert same >= 0.97 * len(data.dev)


def test_a_second_time_changes_nothing(trained: Checkpoint) -> None:
    once, _ = quantise_embeddings(trained)
    twice, report = quantise_embeddings(once)
    assert report["largest_error"] == 0 and twice.tensors.keys() == once.tensors.keys()
    assert all(twice.tensors[name] is once.tensors[name] for name in once.tensors)


def test_rows_of_zeros(trained: Checkpoint) -> None:
    words = trained.tensors[f"{NAMES[0]}.weight"]
    words[3] = 0.0
    quantised, _ = quantise_embeddings(trained)
    assert not quantised.tensors[f"{NAMES[0]}.weight"][3].any()
    load_model(quantised)


def test_task_embeddings_are_quantised_as_well(trained: Checkpoint, tmp_path: Path) -> None:
    name = "ernie.embeddings.task_type_embeddings"
    trained.config = trained.config.replace(use_task_id=True, task_id=1)
    trained.tensors[f"{name}.weight"] = np.random.default_rng(0).standard_normal((3, 32)).astype(np.float32)
    quantised, _ = quantise_embeddings(trained)
    assert quantised.tensors[f"{name}.weight"].dtype == np.int8
    save_checkpoint(quantised, tmp_path / "int8")
    load_model(load_checkpoint(tmp_path / "int8"))
