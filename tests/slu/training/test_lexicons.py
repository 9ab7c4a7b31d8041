"""Copies of training utterances with new names: right labels, names in the lexicons, the previous intent kept."""

from __future__ import annotations

import numpy as np
import pytest

from slu.corpus.tagged import format_tagged, parse_tagged
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.heads.examples import IGNORED
from slu.inputs.flags import KINDS
from slu.inputs.lexicon import compile_lexicon
from slu.model.checkpoint import Checkpoint
from slu.training import lexicons as training_lexicons
from slu.training.data import Data
from slu.training.flag_dropout import Dropping
from slu.training.lexicons import TrainingLexicons
from slu.training.recipe import LexiconSettings
from slu.training.train import training_examples

SLOTS = ("contact_name", "song")


def lexicons(new_names: tuple[str, ...] = SLOTS) -> TrainingLexicons:
    return TrainingLexicons({}, (), True, KINDS, Dropping(), new_names)


def test_copies_are_labelled_utterances(sample: list[Utterance]) -> None:
    copies = lexicons().with_new_names(sample)
    assert copies == lexicons().with_new_names(sample) and lexicons(()).with_new_names(sample) == []
    chosen = {name for _, copy in copies for name in (slot.name for slot in copy.slots)}
    assert set(SLOTS) <= chosen and len(copies) > 300
    changed = 0
    for index, copy in copies:
        original = sample[index]
        assert parse_tagged(format_tagged(copy)) == (copy.text, copy.slots)
        assert (copy.intent, copy.session) == (original.intent, original.session)
        different = [(a, b) for a, b in zip(original.slots, copy.slots) if a.value != b.value]
        assert len(original.slots) == len(copy.slots) and len(different) <= 1
        for before, after in different:
            assert before.name == after.name in SLOTS
            rest = original.text[: before.start] + original.text[before.end :]
            assert copy.text[: after.start] + copy.text[after.end :] == rest
        changed += len(different)
    assert changed > 0.8 * len(copies)  # the others happened to get their own name again


def test_as_many_as_wanted(sample: list[Utterance], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_lexicons, "COPIES", 50)
    for name in SLOTS:
        assert 20 < len(lexicons((name,)).with_new_names(sample)) < 90


def test_examples_have_the_new_names_flagged(checkpoint: Checkpoint, sample: list[Utterance]) -> None:
    train = sample[:400]
    checkpoint.config = checkpoint.config.replace(flags=KINDS)
    checkpoint.lexicon = compile_lexicon({}, checkpoint.labels.slots)
    examples = training_examples(checkpoint, Data(train, [], {}, lexicons()))
    plain = training_examples(checkpoint, Data(train, [], {}, lexicons(())))
    copies = lexicons().with_new_names(train)
    assert len(plain) == len(train) and len(examples) == len(train) + len(copies)
    assert all(len(example.spans) == 0 for example in examples[: len(train)])
    for (index, copy), example in zip(copies, examples[len(train) :]):
        assert example.previous == examples[index].previous and example.targets[0] == examples[index].targets[0]
        slots = {checkpoint.labels.slots.index(slot.name) for slot in copy.slots if slot.name in SLOTS}
        begins = {2 * slot + 1 for slot in slots}
        found = {(slot, first) for slot, first, _ in example.spans.tolist()}
        tagged = {((tag - 1) // 2, at) for at, tag in enumerate(example.targets[1].tolist()) if tag in begins}
        assert tagged & found
    assert (np.concatenate([e.targets[1] for e in examples]) != IGNORED).any()


def test_settings() -> None:
    assert LexiconSettings(own=("song",), new_names=("song",)).flags == ("lexicon",)
    with pytest.raises(ConfigError, match="leave out the section"):
        LexiconSettings(new_names=("song",))
