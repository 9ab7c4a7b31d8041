"""The two parts of a corpus: a file for the development part, nothing held out, a vocabulary of the corpus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.manifest import Manifest
from slu.training.data import SEEN, load_data
from slu.training.fit import TrainingSettings
from slu.training.identity import settings_identity
from slu.training.recipe import ModelSettings, load_recipe
from slu.training.train import TrainSettings
from tests.slu.staging import UTTERANCES, make_recipe, train


@pytest.fixture
def recipe_path(tmp_path: Path, sample: list[Utterance], vocab: list[str]) -> Path:
    path = make_recipe(tmp_path / "inputs", sample, vocab)
    write_corpus([*sample[-30:], Utterance("几点了", "clock.ask", (), "new")], path.parent / "dev.txt")
    return path


def test_a_file_is_the_development_part(recipe_path: Path, sample: list[Utterance]) -> None:
    data = load_data(load_recipe(recipe_path, [f"data.dev={recipe_path.parent / 'dev.txt'}"]))
    assert data.train == sample[:UTTERANCES]
    assert [u.text for u in data.dev] == [*(u.text for u in sample[-30:]), "几点了"]
    assert data.held_out
    other = load_data(load_recipe(recipe_path))
    assert len(other.train) + len(other.dev) == UTTERANCES
    assert data.identity["corpus"] == other.identity["corpus"]
    assert data.identity != other.identity


def test_without_a_held_out_part_everything_is_trained_on(recipe_path: Path, sample: list[Utterance]) -> None:
    data = load_data(load_recipe(recipe_path, ["data.dev_fraction=0"]))
    assert data.train == sample[:UTTERANCES]
    assert 0 < len(data.dev) <= SEEN
    assert set(data.dev) <= set(data.train)
    assert not data.held_out


def test_the_manifest_says_how_epoch_and_threshold_were_chosen(
    recipe_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for change in ("data.dev_fraction=0", f"data.dev={recipe_path.parent / 'dev.txt'}"):
        out = tmp_path / "out"
        train(
            recipe_path, out, change, "training.evaluate_every=0", "training.patience=1", "training.learning_rate=1e-9"
        )
        metrics, printed = Manifest.load(out).metrics, capsys.readouterr().out
        log = json.loads((out / "training.json").read_text("utf-8"))
        if "fraction" in change:
            assert "the last epoch is kept" in metrics["held_out"]
            assert metrics["held_out"] in printed
            assert len(log) == 2, "without a held-out part nothing is chosen, so training does not stop early"
        else:
            assert "held_out" not in metrics
            assert metrics["unknown_labels"]["intents"]["clock.ask"] == 1
            assert "of 31 utterances have a label that the model lacks" in printed
        assert metrics["coverage"]["texts"] == UTTERANCES
        assert "train: 160 texts with" in printed


def test_a_vocabulary_of_the_corpus(recipe_path: Path, tmp_path: Path) -> None:
    changes = ("model.vocab=corpus", "model.vocab_size=1000", "training.epochs=1", "training.evaluate_every=0")
    checkpoint = train(recipe_path, tmp_path / "out", *changes)
    assert 300 < len(checkpoint.vocab) <= 1000
    assert Manifest.load(tmp_path / "out").metrics["coverage"]["characters_unknown"] == 0


def test_the_values_of_all_slots_can_be_entries(recipe_path: Path) -> None:
    data = load_data(load_recipe(recipe_path, ['lexicon.own=["*"]']))
    assert data.lexicons is not None
    assert data.lexicons.own == tuple(sorted({slot.name for utterance in data.train for slot in utterance.slots}))


def test_a_setting_that_is_new_does_not_make_older_results_stale() -> None:
    identity = settings_identity(TrainSettings(ModelSettings(), TrainingSettings()))
    assert "vocab_size" not in identity["model"]
    assert identity["model"]["vocab"] == "ideographs"
    changed = settings_identity(TrainSettings(ModelSettings(vocab_size=500), TrainingSettings()))
    assert changed["model"]["vocab_size"] == 500


def test_any_slot(recipe_path: Path) -> None:
    plain, any_slot = (load_data(load_recipe(recipe_path, [f"data.any_slot={word}"])) for word in ("false", "true"))
    assert plain.identity == load_data(load_recipe(recipe_path)).identity != any_slot.identity
    before, after = plain.labels, any_slot.labels
    assert (before.intents, before.slots) == (after.intents, after.slots)
    assert any(before.slots_of_intent[intent] != before.slots for intent in before.intents)
    assert all(after.slots_of_intent[intent] == after.slots for intent in after.intents)
    with pytest.raises(ConfigError, match="any_slot is for intents and slots"):
        load_data(load_recipe(recipe_path, ["data.any_slot=true", "model.task=labels"]))
