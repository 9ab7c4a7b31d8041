"""Every step of compression carries n-grams through, trains them, and leaves out those that no text reaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compress.embeddings import quantise_embeddings
from compress.qat import QatSettings, train_quantised
from compress.student import StudentSettings, new_student
from compress.vocab import VocabSettings, prune_vocab
from compress.width import WidthSettings, prune_width
from slu.errors import ConfigError
from slu.inputs.ngrams import Ngrams, frequent_keys
from slu.model.checkpoint import (
    NGRAM_EMBEDDINGS,
    NGRAM_PROJECTION,
    Checkpoint,
    load_checkpoint,
    parameter_shapes,
    save_checkpoint,
)
from slu.model.network import load_model
from slu.model.quantization import dequantise
from slu.runtime.backends.dygraph import DygraphBackend
from slu.training.data import Data
from slu.training.fit import TrainingSettings

SHORT = TrainingSettings(epochs=1, batch_size=250, learning_rate=1e-3)
TABLE = f"{NGRAM_EMBEDDINGS}.weight"


@pytest.fixture
def paired(trained: Checkpoint, data: Data) -> Checkpoint:
    keys = frequent_keys([utterance.text for utterance in data.train], trained.tokenizer(), 36, 500, 1)
    keys = np.unique(np.concatenate([keys, np.array([7, 8], np.uint32)]))  # two that no text has
    config = trained.config.replace(ngram_rows=len(keys) + 1, ngram_width=12, ngram_dropout_prob=0.2)
    shapes = parameter_shapes(config, trained.labels)
    random = np.random.default_rng(1)
    more = {name: random.normal(0, 0.3, shapes[name]).astype(np.float32) for name in (TABLE, NGRAM_PROJECTION)}
    return replace(trained, config=config, tensors={**trained.tensors, **more}, ngrams=keys)


def test_every_step_keeps_them(paired: Checkpoint, data: Data, tmp_path: Path) -> None:
    small, report = prune_vocab(paired, data.train, data.dev, VocabSettings())
    assert small.ngrams is not None and paired.ngrams is not None
    assert report["ngrams_before"] == len(paired.ngrams) and report["ngrams"] == len(small.ngrams)
    assert len(small.ngrams) < len(paired.ngrams) - 1 and not {7, 8} & set(small.ngrams.tolist())
    text = data.train[0].text
    before, after = (Ngrams(c.ngrams, c.vocab).rows(c.tokenizer().encode(text, 36).ids) for c in (paired, small))
    assert np.array_equal(paired.tensors[TABLE][before], small.tensors[TABLE][after])
    few, _ = prune_vocab(paired, data.train, data.dev, VocabSettings(ngram_min_count=20))
    assert 0 < len(few.ngrams) < len(small.ngrams)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="ngram_min_count is 100000"):
        prune_vocab(paired, data.train, data.dev, VocabSettings(ngram_min_count=100_000))

    narrow, _, _ = prune_width(small, data, WidthSettings("1/2", SHORT), tmp_path / "width")
    int8, _, _ = train_quantised(narrow, data, QatSettings(SHORT), tmp_path / "qat")
    for first, second in ((small, narrow), (narrow, int8)):
        for name in (TABLE, NGRAM_PROJECTION):
            assert second.tensors[name].dtype == np.float32
            assert np.abs(second.tensors[name] - first.tensors[name]).max() > 1e-5
    last, _ = quantise_embeddings(int8)
    assert last.tensors[TABLE].dtype == np.int8 and last.tensors[NGRAM_PROJECTION].dtype == np.float32
    error = np.abs(dequantise(last.tensors)[TABLE] - int8.tensors[TABLE])
    assert (error <= last.tensors[f"{NGRAM_EMBEDDINGS}.weight_scale"][:, None] * 0.5001).all()

    save_checkpoint(last, tmp_path / "last")
    again = load_checkpoint(tmp_path / "last")
    assert np.array_equal(again.ngrams, small.ngrams)
    ids = small.tokenizer().encode(text, 36).ids[None]
    logits = DygraphBackend(load_model(again)).run(ids)
    without = replace(again, tensors={**again.tensors, NGRAM_PROJECTION: np.zeros_like(last.tensors[NGRAM_PROJECTION])})
    assert np.abs(DygraphBackend(load_model(without)).run(ids)[0] - logits[0]).max() > 1e-3

    student = new_student(small, StudentSettings(hidden_size=16, num_attention_heads=2))
    assert np.array_equal(student.ngrams, small.ngrams) and student.tensors[NGRAM_PROJECTION].shape == (12, 16)
