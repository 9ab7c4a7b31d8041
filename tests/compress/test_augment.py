"""Texts made of other texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.augment import UNKNOWN, AugmentSettings, augment, cut_between_slots, word_cutter
from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError
from slu.inputs.tokenizer import Tokenizer
from slu.inputs.vocab import ideograph_vocab
from slu.training.data import Data

NAMES = {"song": ["候鸟不说话"], "singer": ["慕容青川", "上官雪"]}


@st.composite
def utterances(draw: st.DrawFn) -> Utterance:
    """Any text with up to three slots."""
    text = draw(st.text(st.characters(codec="utf-8"), max_size=12) | st.text("来一首周华健的花心 a1", max_size=12))
    limits = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = list(zip(limits[::2], limits[1::2]))
    slots = tuple(Slot(draw(st.sampled_from(["song", "singer", "origin"])), text[a:b], a, b) for a, b in spans)
    return Utterance(text, "music.play", slots, "1")


@settings(deadline=None)  # the first call loads a dictionary
@given(utterances())
def test_words_put_together_are_the_text_and_none_reaches_over_a_slot_s_end(utterance: Utterance) -> None:
    words = [word for word, _ in cut_between_slots(utterance, word_cutter())]
    assert "".join(words) == utterance.text
    ends = {sum(map(len, words[:n])) for n in range(len(words) + 1)}
    assert ends >= {end for slot in utterance.slots for end in (slot.start, slot.end)}


@settings(deadline=None)
@given(st.lists(utterances(), max_size=3), st.builds(AugmentSettings, *[st.integers(0, 2)] * 3), st.integers(0, 9))
def test_what_is_made_of_any_text(train: list[Utterance], kinds: AugmentSettings, seed: int) -> None:
    made = augment(train, NAMES, kinds, seed)
    assert made == augment(train, NAMES, kinds, seed)
    assert len(made) <= len(train) * (kinds.names + kinds.words + kinds.runs)
    assert all(text.strip() and text != train[i].text for i, text in made)


def test_another_name_stands_where_the_old_one_stood() -> None:
    song = Utterance(
        "来一首周华健的花心吧", "music.play", (Slot("singer", "周华健", 3, 6), Slot("song", "花心", 7, 9)), "1"
    )
    nothing = Utterance("取消", "navigation.cancel_navigation", (), "1")
    unknown = Utterance("去人民广场", "navigation.navigation", (Slot("destination", "人民广场", 1, 5),), "1")
    made = augment([song, nothing, unknown], NAMES, AugmentSettings(names=40, words=0, runs=0))
    assert set(made) == {(0, f"来一首{n}的花心吧") for n in NAMES["singer"]} | {(0, "来一首周华健的候鸟不说话吧")}


def test_runs_are_parts_and_other_words_are_of_the_corpus(data: Data) -> None:
    train = data.train[:100]
    runs = augment(train, {}, AugmentSettings(names=0, words=0, runs=2))
    assert len(runs) > 100 and all(text in train[i].text for i, text in runs)
    other = augment(train, {}, AugmentSettings(names=0, words=2, runs=0))
    characters = {character for utterance in train for character in utterance.text}
    assert len(other) > 20 and all(set(text) <= characters for _, text in other)
    assert {text for _, text in other} - {utterance.text for utterance in train}


def test_words_that_are_masked_are_unknown_to_every_vocabulary(data: Data, vocab: list[str]) -> None:
    masked = augment(data.train[:60], {}, AugmentSettings(names=0, words=0, runs=0, masked=2, replaced=0.5))
    assert len(masked) > 60
    for tokens in (vocab, ideograph_vocab()):
        tokenizer = Tokenizer(tokens, normalisation="speech-1")
        for i, text in masked:
            known = set(data.train[i].text)
            assert set(text) <= known | {UNKNOWN} and UNKNOWN in text
            assert tokenizer.tokens(text).count("[UNK]") >= text.count(UNKNOWN)


def test_spaces_are_not_masked() -> None:
    text = Utterance("play a song by the band", "music.play", (), "1", ("1",))
    masked = augment([text] * 9, {}, AugmentSettings(names=0, words=0, runs=0, masked=3, replaced=0.5))
    assert len(masked) > 20 and all(made.count(" ") == 5 for _, made in masked)


def test_a_pair_stays_a_pair() -> None:
    pair = Utterance("请问哪里可以修车\t附近的汽车修理店在哪里", "", (), "1", ("1",))
    made = augment([pair, pair], {}, AugmentSettings(names=3, words=9, runs=9, masked=9, replaced=0.9, longest=2))
    assert len(made) > 40 and all(text.count("\t") == 1 for _, text in made)
    assert all(not text.startswith("\t") and not text.endswith("\t") for _, text in made)


def test_numbers_below_zero_are_refused() -> None:
    with pytest.raises(ConfigError, match="must not be negative"):
        AugmentSettings(words=-1)
    with pytest.raises(ConfigError, match="replaced must be above 0"):
        AugmentSettings(replaced=0.0)
