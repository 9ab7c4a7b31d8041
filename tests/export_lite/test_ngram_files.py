"""Models that read n-grams: every kind of file computes what the checkpoint computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from exporting import LENGTH, random_checkpoint

from export_lite.export import export_bundle
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.formats.gguf_file import read_gguf
from slu.inputs.ngrams import frequent_keys
from slu.inputs.tokenizer import Tokenizer
from slu.model.checkpoint import NGRAMS, save_checkpoint
from slu.runtime.bundle import graph_inputs
from slu.runtime.loading import load


@pytest.mark.parametrize("compressed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_parity(vocab: list[str], labels: Labels, sample: list[Utterance], tmp_path: Path, compressed: bool) -> None:
    keys = frequent_keys([u.text for u in sample], Tokenizer(vocab), LENGTH, 400, 2)
    made = random_checkpoint(vocab, labels, compressed, ngram_rows=len(keys) + 1, ngram_width=20)
    save_checkpoint(replace(made, ngrams=keys), tmp_path / "model")
    formats = ("gguf", "onnx", "onnx-int8") if compressed else ("gguf", "paddle", "lite-arm", "onnx")
    manifest = export_bundle(tmp_path / "model", tmp_path / "bundle", formats, say=lambda line: None)
    assert [one["name"] for one in manifest.config["inputs"]] == ["input_ids", "ngrams"]
    assert [one.name for one in graph_inputs(LENGTH, made.config, labels)] == ["input_ids", "ngrams"]
    matrix = manifest.metrics["parity"]["formats"]
    for name in formats:
        for found in matrix[name].values():
            assert found["largest"] < (0.05 if compressed else 1e-5)
    assert [port.name for port in read_gguf(tmp_path / "bundle/model.gguf").inputs] == ["tokens", "ngrams"]
    text = sample[0].text
    answers = [load(tmp_path / "bundle", backend).parse(text) for backend in ("native", "onnxruntime")]
    assert answers[0].answer == answers[1].answer

    (tmp_path / "bundle" / NGRAMS).unlink()
    with pytest.raises(Exception, match=f"{NGRAMS}: is missing"):
        load(tmp_path / "bundle", "onnxruntime")
