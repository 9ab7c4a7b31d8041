"""The published shapes with random weights: exported, and the engine computes what Paddle does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exporting import LENGTH

import slu
from export_lite.export import export_bundle
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes, save_checkpoint
from slu.model.config import ModelConfig
from slu.model.shapes import published_shape


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pico", "nano", "micro", "mini", "medium", "base"])
def test_engine_and_paddle(
    name: str, vocab: list[str], labels: Labels, sample: list[Utterance], tmp_path: Path
) -> None:
    sizes = published_shape(f"ernie-3.0-tiny-{name}-v2")
    config = ModelConfig(
        vocab_size=len(vocab),
        attention_head_size=sizes["hidden_size"] // sizes["num_attention_heads"],
        max_position_embeddings=LENGTH,
        max_seq_length=LENGTH,
        **sizes,
    )
    rng = np.random.default_rng(5)
    tensors = {}
    for tensor, shape in parameter_shapes(config, labels).items():
        # Sums of as many products stay of the same size.
        spread = 0.5 if len(shape) < 2 or "embeddings" in tensor else 1 / shape[0] ** 0.5
        offset = 1.0 if "norm" in tensor and tensor.endswith("weight") else 0.0
        tensors[tensor] = (rng.standard_normal(shape) * spread + offset).astype(np.float32)
    save_checkpoint(Checkpoint(config, tensors, vocab, labels, Manifest("test", threshold=0.1)), tmp_path / "model")
    del tensors
    manifest = export_bundle(tmp_path / "model", tmp_path / "bundle", ("gguf", "paddle"), say=lambda line: None)
    for found in manifest.metrics["parity"]["formats"].values():
        assert max(one["largest"] for one in found.values()) < 1e-4
    texts = [utterance.text for utterance in sample[::50]]
    native, paddle = (slu.load(tmp_path / "bundle", backend).parse_batch(texts) for backend in ("native", "paddle"))
    assert [one.answer for one in native] == [one.answer for one in paddle]
    assert len({one.slots for one in native}) > len(texts) // 2
