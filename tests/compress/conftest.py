"""A small model that has learned something, on a part of the sample corpus."""

from __future__ import annotations

import pytest

from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint
from slu.training.data import Data
from slu.training.fit import TrainingSettings
from slu.training.recipe import ModelSettings
from slu.training.start import initial_checkpoint
from slu.training.train import train


@pytest.fixture(scope="session")
def data(sample: list[Utterance]) -> Data:
    """500 utterances to train on and 150 to measure on."""
    return Data(sample[:500], sample[500:650], {"corpus": "sample"})


@pytest.fixture(scope="session")
def _trained(data: Data, vocab: list[str], labels: Labels, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    place = tmp_path_factory.mktemp("trained")
    (place / "vocab.txt").write_text("\n".join([*vocab, "[unused]", "##never"]) + "\n", encoding="utf-8")
    model = ModelSettings(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=40,
        max_length=36, dropout=0.0,
    )  # fmt: skip
    start = initial_checkpoint(model, labels, place / "vocab.txt")
    settings = TrainingSettings(epochs=16, batch_size=16, learning_rate=1e-2, average=0.9, unk_probability=0.02)
    checkpoint, _, _ = train(start, data, settings, place)
    return checkpoint


@pytest.fixture
def trained(_trained: Checkpoint) -> Checkpoint:
    """2 layers of 32, 4 heads of 8, 48 neurons, 40 positions of which 36 are used; right about most of the corpus."""
    tensors = {name: tensor.copy() for name, tensor in _trained.tensors.items()}
    return Checkpoint(_trained.config, tensors, list(_trained.vocab), _trained.labels, Manifest(stage="fp32"))
