"""Errors of a speech recogniser: homophones in place of what was said, and characters that are missing.

What it and its users put around and between the words is in `slu.evaluation.written`.

The reading of a character is that of pypinyin in the context of the text. A homophone is drawn from those of the 3,755
most common characters (GB 2312, level 1) whose first reading has the same syllable: with the same tone as often as with
real recognisers. Of the 111 characters of NLPCC 2018 Task 4 that were recognised as another one of the same syllable
(in values with a correction), 72 kept the tone.

The draws for a character do not depend on the rates: with the same seed, a higher rate changes what a lower one
changes, and more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random

from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError
from slu.evaluation.written import traditional_of, write_otherwise
from slu.platform import not_installed

SAME_TONE = 72 / 111
"""Share of homophones that keep the tone; for a character that has only one of the two sorts, that one is drawn."""


CHARACTERS = ("homophone", "drop")
"""Kinds whose rate is a probability of each character."""
SHARES = ("punctuation", "width", "spacing", "polite", "filler", "wake", "traditional", "mixed")
"""Kinds whose rate is a share of utterances (see `slu.evaluation.written`); 1 where none is given."""


@dataclass(frozen=True)
class Noise:
    """``homophone``: probability that a Chinese character is replaced by a homophone, of those that have one.

    ``drop``: probability that a character (but white space) is missing. ``shares``: of utterances, by kind (`SHARES`).
    """

    homophone: float = 0.0
    drop: float = 0.0
    shares: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        rates = [f"{kind}={rate:g}" for kind in CHARACTERS if (rate := getattr(self, kind))]
        return ",".join([*(kind if share == 1 else f"{kind}={share:g}" for kind, share in self.shares), *rates])


@dataclass(frozen=True)
class Noisy:
    """Utterances with noise, one for each of those given, and how much there is of it."""

    utterances: list[Utterance]
    changed: int
    replaced_characters: int
    dropped_characters: int
    vanished_slots: int


def parse_noise(text: str) -> Noise:
    """Read ``homophone=0.1,drop=0.05`` or ``polite,wake=0.5``; raise `ConfigError` for anything else."""
    rates: dict[str, float] = {}
    for part in text.split(","):
        kind, equals, value = part.partition("=")
        try:
            rate = float(value) if equals or kind in CHARACTERS else 1.0
        except ValueError:
            rate = -1.0
        if kind not in (*CHARACTERS, *SHARES) or kind in rates or not 0 < rate <= 1:
            raise ConfigError(
                f"--noise {text}: write KIND=RATE[,KIND=RATE], KIND {', '.join(CHARACTERS)}, or one of "
                f"{', '.join(SHARES)}, which need no rate; RATE above 0 to 1"
            )
        rates[kind] = rate
    shares = tuple((kind, rates[kind]) for kind in SHARES if kind in rates)
    return Noise(rates.get("homophone", 0.0), rates.get("drop", 0.0), shares)


def check_installed(noise: Noise) -> None:
    """Raise `ConfigError` if a library that the noise needs is missing."""
    if noise.homophone:
        _pypinyin()
    if {"traditional", "mixed"} & {kind for kind, _ in noise.shares}:
        traditional_of("")


def add_noise(utterances: Sequence[Utterance], noise: Noise, seed: int = 0, speech: Path | None = None) -> Noisy:
    """Add noise. The labels follow the text: intents stay, and a slot covers the remaining characters of its value.

    A slot without remaining characters is removed. A text never becomes empty: where every character would be dropped,
    it stays unchanged (a recogniser that heard nothing sends nothing). Corrections of the corpus stay.
    Phrases are put around what remains at the end. ``speech``: a directory of phrases, if the noise needs one.
    """
    rng = Random(seed)
    noisy = []
    replaced = dropped = vanished = 0
    for utterance in utterances:
        readings = _readings(utterance.text) if noise.homophone else [""] * len(utterance.text)
        heard = [_hear(char, reading, noise, rng) for char, reading in zip(utterance.text, readings)]
        if not "".join(heard).strip():
            heard = list(utterance.text)
        spoilt = _with_text(utterance, heard)
        noisy.append(spoilt)
        dropped += sum(not char for char in heard)
        replaced += sum(bool(char) and char != said for char, said in zip(heard, utterance.text))
        vanished += len(utterance.slots) - len(spoilt.slots)
    for kind, share in noise.shares:
        noisy = write_otherwise(noisy, kind, share, seed, speech)
    changed = sum(one.text != other.text for one, other in zip(noisy, utterances))
    return Noisy(noisy, changed, replaced, dropped, vanished)


def _hear(char: str, reading: str, noise: Noise, rng: Random) -> str:
    drop, change, tone, which = (rng.random() for _ in range(4))
    if drop < noise.drop and not char.isspace():
        return ""
    if change < noise.homophone and reading:
        same, other = _homophones(char, reading)
        drawn = (same or other) if tone < SAME_TONE else (other or same)
        if drawn:
            return drawn[int(which * len(drawn))]
    return char


def _with_text(utterance: Utterance, heard: Sequence[str]) -> Utterance:
    """The utterance with ``heard[i]`` in place of its character ``i``."""
    text = "".join(heard)
    if text == utterance.text:
        return utterance
    places = [0]
    for char in heard:
        places.append(places[-1] + len(char))
    slots = []
    for slot in utterance.slots:
        start, end = places[slot.start], places[slot.end]
        value = text[start:end].strip()
        if value:  # and without the space beside a removed character, which no answer could include
            start = text.index(value, start)
            slots.append(Slot(slot.name, value, start, start + len(value), slot.correction))
    return replace(utterance, text=text, slots=tuple(slots))


def _readings(text: str) -> list[str]:
    """The syllable with its tone of every Chinese character of a text, "" for other characters."""
    lazy_pinyin, style = _pypinyin()
    found = lazy_pinyin(text, style=style, errors=list)
    if len(found) != len(text):
        found = [lazy_pinyin(char, style=style, errors=list)[0] for char in text]
    return [reading if "\u4e00" <= char <= "\u9fff" else "" for char, reading in zip(text, found)]


@lru_cache(maxsize=1 << 14)
def _homophones(char: str, reading: str) -> tuple[list[str], list[str]]:
    """Other common characters of the same syllable: with the same tone, and with another."""
    syllable = _by_syllable().get(reading.rstrip("1234"), {})
    same = [other for other in syllable.get(reading, []) if other != char]
    return same, [c for tone, chars in syllable.items() if tone != reading for c in chars if c != char]


@lru_cache(maxsize=1)
def _by_syllable() -> dict[str, dict[str, list[str]]]:
    """The characters of GB 2312, level 1 (rows 16 to 55), by syllable and by syllable with tone."""
    lazy_pinyin, style = _pypinyin()
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in range(0xB0, 0xD8):
        for cell in range(0xA1, 0xFF):
            char = bytes((row, cell)).decode("gb2312", "ignore")
            if char:  # the last five cells are empty
                reading = lazy_pinyin(char, style=style)[0]
                found[reading.rstrip("1234")][reading].append(char)
    return found


def _pypinyin():  # type: ignore[no-untyped-def]
    try:
        from pypinyin import Style, lazy_pinyin
    except ImportError as error:
        raise ConfigError(not_installed("--noise homophone: pypinyin", "noise")) from error
    return lazy_pinyin, Style.TONE3
