"""The published shapes with random weights: exported, and the engine computes what Paddle does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exporting import LENGTH, random_checkpoint

import slu
from export_lite.export import export_bundle
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.formats import graph_cost
from slu.formats.graph_values import Expected
from slu.formats.nb_check import check_naive_buffer
from slu.formats.onnx_check import check_onnx
from slu.formats.program_check import check_program
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes, save_checkpoint
from slu.model.config import ModelConfig
from slu.model.shapes import published_shape
from slu.runtime.formats import FORMATS, GRAPH, PARAMETERS


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


@pytest.mark.slow
@pytest.mark.parametrize("compressed", [False, True])
def test_base_for_512_tokens_stays_below_a_quarter_of_what_graphs_may_cost(
    compressed: bool, vocab: list[str], labels: Labels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export_lite.onnx import write_onnx
    from export_lite.paddle_lite import write_nb
    from export_lite.static_graph import Numerics, write_static_graph

    length = 512
    sizes = published_shape("base")
    head_size = sizes["hidden_size"] // sizes["num_attention_heads"]
    lengths = {"max_position_embeddings": length, "max_seq_length": length}
    checkpoint = random_checkpoint(vocab, labels, compressed, attention_head_size=head_size, **sizes, **lengths)
    for bound in ("MOST_OPERATORS", "MOST_WORK", "MOST_ALIVE", "MOST_KEPT", "MOST_PREPARED"):
        monkeypatch.setattr(graph_cost, bound, getattr(graph_cost, bound) // 4)
    outputs = dict(zip(checkpoint.head.logits, checkpoint.head.logit_shapes(length, labels)))
    expected = Expected({"input_ids": ("int32", (length,))}, outputs, {"input_ids": len(vocab)})
    numerics = (Numerics.SIMULATED, Numerics.FLOAT, Numerics.INT8) if compressed else (Numerics.SIMULATED,)
    for one in numerics:
        place = tmp_path / one.value
        place.mkdir()
        write_static_graph(checkpoint, length, place, one)
        check_program(place / GRAPH, place / PARAMETERS, expected)
        if one is Numerics.SIMULATED:
            write_nb(place, FORMATS["lite-x86"], place / "model.x86.nb", checkpoint)
            check_naive_buffer(place / "model.x86.nb", expected)
        if one is numerics[min(1, len(numerics) - 1)]:
            write_onnx(checkpoint, place, place / "model.onnx", int8=compressed)
            check_onnx(place / "model.onnx", expected)
