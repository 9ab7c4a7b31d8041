"""Noise as a speech recogniser makes it: what it changes, and labels that follow the text."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from slu.corpus.tagged import parse_tagged
from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError
from slu.evaluation.noise import Noise, _homophones, _with_text, add_noise, check_installed, parse_noise


def tagged(text: str) -> Utterance:
    return Utterance(*parse_tagged(text)[:1], "music.play", parse_tagged(text)[1], "1")


@pytest.mark.parametrize(
    ("said", "heard", "wanted"),
    [
        ("听<singer>周华健</singer>的歌", "听 周 画 健 的 _", "听<singer>周画健</singer>的"),
        ("听<singer>周华健</singer>的歌", "听 _ _ _ 的 歌", "听的歌"),
        ("<song>花心</song><singer>周华健</singer>", "_ 心 周 _ _", "<song>心</song><singer>周</singer>"),
        ("放<song>a b</song>吧", "放 _ + b 吧", "放 <song>b</song>吧"),
        ("放<song>a b</song>吧", "放 a + _ 吧", "放<song>a</song> 吧"),
        ("放<song>a b</song>吧", "放 _ + _ 吧", "放 吧"),
        ("去<destination>东渡||东度</destination>", "去 冬 渡", "去<destination>冬渡||东度</destination>"),
    ],
)
def test_slots_follow_the_text(said: str, heard: str, wanted: str) -> None:
    """``heard``: what each character became: _ for nothing, + for a space."""
    characters = ["" if char == "_" else char.replace("+", " ") for char in heard.split()]
    assert _with_text(tagged(said), characters) == tagged(wanted)


@pytest.mark.parametrize("noise", [Noise(homophone=0.3), Noise(drop=0.3), Noise(0.2, 0.2)], ids=str)
def test_noise_is_what_it_says(sample: list[Utterance], noise: Noise) -> None:
    utterances = sample[:600]
    noisy = add_noise(utterances, noise, seed=3)
    assert noisy == add_noise(utterances, noise, seed=3) != add_noise(utterances, noise, seed=4)
    lost = heard = said = 0
    for before, after in zip(utterances, noisy.utterances, strict=True):
        assert (before.intent, before.session) == (after.intent, after.session) and after.text
        assert all(slot.value == after.text[slot.start : slot.end] and slot.value.strip() for slot in after.slots)
        names = [slot.name for slot in before.slots]
        lost += len(names) - len(after.slots)
        for slot in after.slots:  # what is left is in the order of before
            names = names[names.index(slot.name) + 1 :]
        said, heard = said + len(before.text), heard + len(after.text)
    assert noisy.vanished_slots == lost and noisy.dropped_characters == said - heard
    assert noisy.changed == sum(a != b for a, b in zip(utterances, noisy.utterances))
    chinese = sum("\u4e00" <= char <= "\u9fff" for u in utterances for char in u.text)
    assert noisy.dropped_characters == pytest.approx(noise.drop * said, rel=0.1)
    # A few characters, such as 给, have no homophone among the common ones.
    assert 0.8 * noise.homophone * (1 - noise.drop) * chinese <= noisy.replaced_characters <= noise.homophone * chinese


def test_homophones_sound_the_same(sample: list[Utterance]) -> None:
    utterances = sample[:300]
    pairs = [
        (before.text, i, after.text[i])
        for before, after in zip(utterances, add_noise(utterances, Noise(homophone=1.0)).utterances)
        for i, char in enumerate(before.text)
        if char != after.text[i]
    ]
    assert len(pairs) > 600
    kept_tone = []
    for text, i, heard in pairs:
        reading = lazy_pinyin(text, style=Style.TONE3, errors=list)[i]
        assert lazy_pinyin(heard) == [reading.rstrip("1234")]
        heard.encode("gb2312")  # a common character
        if all(_homophones(text[i], reading)):  # there are some with the tone and some with another
            kept_tone.append(lazy_pinyin(heard, style=Style.TONE3) == [reading])
    assert len(kept_tone) > 500 and np.mean(kept_tone) == pytest.approx(72 / 111, abs=0.05)


def test_a_higher_rate_changes_the_same_and_more(sample: list[Utterance]) -> None:
    few, many = (add_noise(sample[:300], Noise(homophone=rate)).utterances for rate in (0.1, 0.3))
    for before, one, other in zip(sample, few, many):
        assert all(b in (a, c) for a, b, c in zip(before.text, one.text, other.text))


def test_a_text_never_vanishes(sample: list[Utterance]) -> None:
    assert add_noise(sample[:50], Noise(drop=1.0)).utterances == sample[:50]


@given(st.text(max_size=12), st.integers(0, 5))
def test_any_text(text: str, seed: int) -> None:
    slots = (Slot("song", text[1:3], 1, 3),) if text[1:3].strip() and len(text) > 2 else ()
    [after] = add_noise([Utterance(text, "music.play", slots, "1")], Noise(0.5, 0.5), seed).utterances
    assert len(after.text) <= len(text) and bool(after.text) == bool(text)
    assert all(slot.value == after.text[slot.start : slot.end] for slot in after.slots)


def test_it_is_written_as_it_is_read() -> None:
    assert parse_noise("homophone=0.1,drop=0.05") == Noise(0.1, 0.05)
    assert str(parse_noise("drop=.050")) == "drop=0.05"


@pytest.mark.parametrize("text", ["", "drop", "drop=", "drop=0", "drop=1.5", "drop=nan", "echo=0.1", "drop=.1,drop=.2"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write KIND=RATE"):
        parse_noise(text)


def test_homophones_need_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    check_installed(Noise(drop=0.1))
    with pytest.raises(ConfigError, match=r"slu\[noise\]"):
        check_installed(Noise(homophone=0.1))
