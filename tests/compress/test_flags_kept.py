"""Every step of compression carries the flags' matrix and the lexicons through, and trains with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compress.embeddings import quantise_embeddings
from compress.qat import QatSettings, train_quantised
from compress.vocab import VocabSettings, prune_vocab
from compress.width import WidthSettings, prune_width
from slu.errors import ConfigError
from slu.inputs.flags import KINDS
from slu.model.checkpoint import FLAG_EMBEDDINGS, Checkpoint, load_checkpoint, parameter_shapes, save_checkpoint
from slu.model.network import load_model
from slu.model.quantization import dequantise
from slu.runtime.backends.dygraph import DygraphBackend
from slu.runtime.loading import load
from slu.training.data import Data
from slu.training.fit import TrainingSettings
from slu.training.flag_dropout import Dropping
from slu.training.lexicons import TrainingLexicons

SHORT = TrainingSettings(epochs=1, batch_size=250, learning_rate=1e-3)


@pytest.fixture
def lexicons(data: Data) -> TrainingLexicons:
    songs = {slot.value for u in data.train for slot in u.slots if slot.name == "song"}
    return TrainingLexicons({"song": sorted(songs)}, ("destination",), False, KINDS, Dropping())


@pytest.fixture
def flagged(trained: Checkpoint, data: Data, lexicons: TrainingLexicons) -> Checkpoint:
    config = trained.config.replace(flags=KINDS)
    shape = parameter_shapes(config, trained.labels)[FLAG_EMBEDDINGS]
    table = np.random.default_rng(1).normal(0, 0.3, shape).astype(np.float32)
    lexicon = lexicons.compile(trained.labels, data.train)
    return replace(trained, config=config, tensors={**trained.tensors, FLAG_EMBEDDINGS: table}, lexicon=lexicon)


def test_every_step_keeps_them(flagged: Checkpoint, data: Data, lexicons: TrainingLexicons, tmp_path: Path) -> None:
    data = replace(data, lexicons=lexicons)
    small, _ = prune_vocab(flagged, data.train, data.dev, VocabSettings())
    assert np.array_equal(small.tensors[FLAG_EMBEDDINGS], flagged.tensors[FLAG_EMBEDDINGS])
    narrow, _, _ = prune_width(small, data, WidthSettings("1/2", SHORT), tmp_path / "width")
    int8, _, _ = train_quantised(narrow, data, QatSettings(SHORT), tmp_path / "qat")
    for before, after in ((small, narrow), (narrow, int8)):
        assert after.tensors[FLAG_EMBEDDINGS].dtype == np.float32
        moved = np.abs(after.tensors[FLAG_EMBEDDINGS] - before.tensors[FLAG_EMBEDDINGS]).max(1) > 1e-5
        assert moved[: 4 * len(flagged.labels.slots)].any() and moved[-1]
    last, _ = quantise_embeddings(int8)
    assert last.tensors[FLAG_EMBEDDINGS].dtype == np.int8
    scale = last.tensors[f"{FLAG_EMBEDDINGS}_scale"]
    error = np.abs(dequantise(last.tensors)[FLAG_EMBEDDINGS] - int8.tensors[FLAG_EMBEDDINGS])
    assert scale.shape == error.shape[:1] and (error <= scale[:, None] * 0.5001).all()
    for checkpoint in (small, narrow, int8, last):
        assert checkpoint.config.flags == KINDS and checkpoint.lexicon is flagged.lexicon
    assert last.size_bytes - flagged.lexicon.nbytes == sum(t.nbytes for t in last.tensors.values())  # type: ignore[union-attr]

    save_checkpoint(last, tmp_path / "last")
    again = load_checkpoint(tmp_path / "last")
    assert again.lexicon and again.lexicon.count_of_slot() == flagged.lexicon.count_of_slot()  # type: ignore[union-attr]
    parser = load(tmp_path / "last", "dygraph")
    song = lexicons.files["song"][0]
    assert parser.parse(song) == load(tmp_path / "last", "dygraph").parse(song)
    ids, flags = np.array([[2, 6, 7, 3]]), np.zeros((1, 4, len(scale)), np.float32)
    flags[0, 1, 3] = 1
    backend = DygraphBackend(load_model(again))
    assert np.abs(backend.run(ids, flags)[1] - backend.run(ids)[1]).max() > 1e-3


def test_a_recipe_for_another_model_is_refused(
    flagged: Checkpoint, trained: Checkpoint, data: Data, lexicons: TrainingLexicons, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="takes the flags lexicon, previous_intent; "):
        prune_width(flagged, data, WidthSettings("1/2", SHORT), tmp_path)
    with pytest.raises(ConfigError, match="takes the flags none; "):
        prune_width(trained, replace(data, lexicons=lexicons), WidthSettings("1/2", SHORT), tmp_path)
