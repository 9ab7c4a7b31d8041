"""What a recipe adds to the training part: how much, with which labels, and nothing that is measured on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from slu.corpus.everyday_commands import read_commands
from slu.corpus.phrase_files import CHECK
from slu.corpus.speech import KINDS, read_phrases
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError, SluError
from slu.heads.examples import EVERY_EPOCH
from slu.model.checkpoint import Checkpoint
from slu.training.added import Added
from slu.training.augmentation import added_utterances, more_spoken, more_unclear
from slu.training.data import Data
from slu.training.recipe import Recipe
from slu.training.train import training_examples

ROOT = Path(__file__).parents[3]
SECTIONS = {
    "speech": {"phrases": "data/speech", "share": 0.4},
    "commands": {"phrases": "data/commands", "copies": 3, "alike": [["destination", "origin"]]},
    "balance": {"below": 30, "copies": 2},
    "unclear": {"two_commands": 0.1, "rubbish": 0.1},
}


def made(train: list[Utterance], **sections: dict[str, object]) -> list[Added]:
    return added_utterances(Recipe(ROOT / "recipe.toml", dict(sections)), train, None)[0]


def test_without_sections_nothing_is_added(sample: list[Utterance]) -> None:
    assert added_utterances(Recipe(ROOT / "recipe.toml", {}), sample, None) == ([], {})


def test_the_same_arguments_add_the_same(sample: list[Utterance]) -> None:
    train = sample[:600]
    added, identity = added_utterances(Recipe(ROOT / "recipe.toml", SECTIONS), train, None)
    assert (added, identity) == added_utterances(Recipe(ROOT / "recipe.toml", SECTIONS), train, None)
    assert set(identity) == set(SECTIONS)
    for one in added:
        slots = one.utterance.slots
        assert all(slot.value == one.utterance.text[slot.start : slot.end] for slot in slots)
        assert list(slots) == sorted(slots, key=lambda slot: slot.start)


def test_spoken_copies_are_labelled_as_what_they_were_made_of(sample: list[Utterance]) -> None:
    added = made(sample, speech={"phrases": "data/speech", "share": 0.5, "numbers": 0.0, "spacing": 0.0})
    assert len(added) == pytest.approx(0.5 * len(sample), rel=0.1)
    for one in added:
        assert one.source is not None
        before, after = sample[one.source], one.utterance
        assert after.text != before.text and after.intent == before.intent
        assert [(s.name, s.value) for s in after.slots] == [(s.name, s.value) for s in before.slots]


def test_a_share_of_nothing_is_nothing(sample: list[Utterance]) -> None:
    assert made(sample[:50], speech={"phrases": "data/speech", "share": 0.0}) == []


def test_nothing_that_is_measured_on_is_trained_with(sample: list[Utterance]) -> None:
    of_corpus = {utterance.text for utterance in sample}
    check = {c.utterance.text for c in read_commands(ROOT / "data/commands") if c.part == CHECK} - of_corpus
    assert not check & {one.utterance.text for one in made(sample, **SECTIONS)}
    frames = read_phrases(ROOT / "data/speech", CHECK).frames
    copies = made(sample, speech={"phrases": "data/speech", "punctuation": 0.0, "spacing": 0.0, "numbers": 0.0})
    for kind in KINDS:
        whole = {
            before + sample[one.source or 0].text + behind for before, behind in frames[kind] for one in copies[:40]
        }
        assert not whole & {one.utterance.text for one in copies} - of_corpus


def test_more_spoken_copies_for_a_student(sample: list[Utterance]) -> None:
    recipe = Recipe(ROOT / "recipe.toml", SECTIONS)
    copies = more_spoken(recipe, sample[:300], None, 2, 1)
    assert copies == more_spoken(recipe, sample[:300], None, 2, 9) and 590 < len(copies) <= 600
    assert len({one.utterance.text for one in copies if one.source == 7}) == 2
    with pytest.raises(ConfigError, match=r"need the section \[speech\]"):
        more_spoken(Recipe(ROOT / "recipe.toml", {}), sample[:3], None, 1, 1)


def test_draws_take_turns_and_differ(sample: list[Utterance]) -> None:
    train, once = sample[:400], dict(SECTIONS)
    drawn = {name: {**once[name], "draws": 3} for name in ("speech", "unclear")}
    added = made(train, **{**once, **drawn})
    first = made(train, **once)
    assert [replace(one, turn=EVERY_EPOCH) for one in added if one.turn in (EVERY_EPOCH, (0, 3))] == first
    texts = [{one.utterance.text for one in added if one.turn == (turn, 3)} for turn in range(3)]
    assert all(len(of_turn) > 200 for of_turn in texts)
    assert all(len(a & b) < 0.1 * len(a) for a, b in combinations(texts, 2))
    with pytest.raises(ConfigError, match="draws is 0"):
        made(train, speech={**once["speech"], "draws": 0})


def test_more_unclear_texts_for_a_student(sample: list[Utterance]) -> None:
    recipe = Recipe(ROOT / "recipe.toml", {**SECTIONS, "unclear": {"draws": 2}})
    texts = more_unclear(recipe, sample[:300], 2, 9)
    assert texts == more_unclear(recipe, sample[:300], 2, 2)
    assert [one for one in texts if one.turn[0] == 0] == more_unclear(recipe, sample[:300], 2, 1)
    assert [sum(one.turn == (turn, 2) for one in texts) for turn in (0, 1)] == pytest.approx([550, 550], rel=0.1)
    assert len({one.utterance.text for one in texts}) > 0.98 * len(texts)
    with pytest.raises(ConfigError, match=r"need the sections \[speech\] and \[unclear\]"):
        more_unclear(Recipe(ROOT / "recipe.toml", {"speech": SECTIONS["speech"]}), sample[:3], 1, 1)


def test_wake_words_that_are_measured_with_are_never_drawn(sample: list[Utterance]) -> None:
    only = {"phrases": "data/speech", "share": 1.0, "polite": 0.0, "filler": 0.0, "wake": 1.0}
    copies = made(sample, speech={**only, "punctuation": 0.0, "spacing": 0.0, "numbers": 0.0})
    frames = read_phrases(ROOT / "data/speech", CHECK).frames["wake"]
    assert len(copies) > 1000
    for one in copies:
        for before, behind in frames:
            assert one.utterance.text != before + sample[one.source or 0].text + behind


def test_commands_have_names_of_the_corpus(sample: list[Utterance]) -> None:
    added = made(sample, commands=SECTIONS["commands"])
    assert len(added) == 3 * 15 * 11 and all(one.source is None for one in added)
    values = {slot.value for utterance in sample for slot in utterance.slots}
    origins = {s.value for one in added for s in one.utterance.slots if s.name == "origin"}
    canonical = {s.value for c in read_commands(ROOT / "data/commands") for s in c.utterance.slots}
    assert len(origins) > 6 and origins <= values | canonical and not origins <= canonical


def test_commands_that_the_corpus_cannot_label_are_left_out(sample: list[Utterance]) -> None:
    plain = [utterance for utterance in sample if not utterance.slots]
    assert all(not one.utterance.slots for one in made(plain, commands=SECTIONS["commands"]))


def test_rare_intents_get_copies(sample: list[Utterance]) -> None:
    counts = Counter(utterance.intent for utterance in sample)
    more = Counter(one.utterance.intent for one in made(sample, balance={"below": 30, "copies": 2}))
    assert more == {intent: 2 * count for intent, count in counts.items() if count < 30} and more


def test_unclear_utterances_have_no_label_to_rely_on(sample: list[Utterance]) -> None:
    train = sample[:1000]
    added = made(train, speech={"phrases": "data/speech", "share": 0.0}, unclear=SECTIONS["unclear"])
    assert 120 < len(added) <= 200
    kept = 0
    for one in added:
        assert one.source is not None and one.utterance.text.startswith(train[one.source].text)
        kept += one.utterance.intent == train[one.source].intent
    assert 0.1 < kept / len(added) < 0.5


def test_unclear_needs_joiners(sample: list[Utterance]) -> None:
    with pytest.raises(ConfigError, match=r"add the section \[speech\]"):
        made(sample, unclear={})


def test_a_wrong_setting_is_refused(sample: list[Utterance]) -> None:
    with pytest.raises(ConfigError, match=r"\[speech\]: polite is 2"):
        made(sample, speech={"phrases": "data/speech", "polite": 2})
    with pytest.raises(ConfigError, match="copies is 0"):
        made(sample, commands={"phrases": "data/commands", "copies": 0})
    with pytest.raises(SluError, match="nowhere: cannot be read"):
        made(sample, speech={"phrases": "nowhere"})


def test_examples_keep_the_previous_intent(checkpoint: Checkpoint, sample: list[Utterance]) -> None:
    train = sample[:300]
    added = made(train, **SECTIONS)
    examples = training_examples(checkpoint, Data(train, [], {}, None, added))
    assert len(examples) == len(train) + len(added)
    for one, example in zip(added, examples[len(train) :]):
        assert checkpoint.labels.intents[int(example.targets[0])] == one.utterance.intent
        if one.source is not None:
            assert example.previous == examples[one.source].previous
    free = {example.previous for one, example in zip(added, examples[len(train) :]) if one.source is None}
    assert free == set(range(-1, len(checkpoint.labels.intents) + 1))


def test_strange_names_are_no_reason_for_a_row(sample: list[Utterance]) -> None:
    strange = Added(sample[0], 0, strange=True)
    assert Data(sample[:2], [], {}, None, [strange, Added(sample[5], 5)]).learned == [*sample[:2], sample[5]]
