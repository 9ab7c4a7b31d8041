"""Unlabelled texts, made from labelled ones: a student learns the answers of its teachers to them.

Words are replaced by others of the same part of speech, and runs of words are taken alone, as in Tang et al. 2019
(https://arxiv.org/abs/1903.12136); and names are replaced by other entries of the lexicons. Many of the results have
another meaning, or none. That does not matter, because the teachers label them.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from slu.corpus.classified import PAIR
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.training.identity import ADDED_LATER

REPLACED = 0.15
"""Probability that a word is replaced."""
LONGEST_RUN = 5
"""The most words of a run."""
UNKNOWN = "\U0002a6d6"
"""An ideograph that no vocabulary has, in the place of a masked word: so that every teacher, also one that is asked by
texts, reads [UNK] there."""
BETWEEN = "between"
"""In the place of the part of speech of the tab between the two texts of a pair."""

Cut = Callable[[str], list[tuple[str, str]]]
"""Cuts text into (word, part of speech)."""


@dataclass(frozen=True)
class AugmentSettings:
    """How many texts are made from each utterance of the training part: with another name, with other words, runs of
    words, with [UNK] in the place of words (``masked``); ``spoken``: copies with phrases around them, as the section
    [speech] makes them; ``unclear``: two commands in one, or rubbish behind one, as the section [unclear] makes them.
    ``draws``: how often these two are drawn, the epochs take turns with them; 0: as often as their sections say.

    ``replaced``: share of the words that are replaced, or masked. ``longest``: the most words of a run. Fewer are made
    from an utterance without a name, or with a single word.
    """

    names: int = 1
    words: int = 1
    runs: int = 1
    spoken: int = 0
    unclear: int = field(default=0, metadata=ADDED_LATER)
    masked: int = field(default=0, metadata=ADDED_LATER)
    replaced: float = field(default=REPLACED, metadata=ADDED_LATER)
    longest: int = field(default=LONGEST_RUN, metadata=ADDED_LATER)
    draws: int = field(default=0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if min(self.names, self.words, self.runs, self.spoken, self.unclear, self.masked, self.draws) < 0:
            raise ConfigError("names, words, runs, spoken, unclear, masked and draws must not be negative")
        if not 0 < self.replaced <= 1 or self.longest < 1:
            raise ConfigError("replaced must be above 0 and at most 1, longest at least 1")


def augment(
    train: Sequence[Utterance], names: dict[str, list[str]], settings: AugmentSettings, seed: int = 0
) -> list[tuple[int, str]]:
    """New texts, each with the index of the utterance it was made of. ``names``: by slot, to replace values by.

    The same arguments give the same texts.
    """
    random = Random(seed)
    made: list[tuple[int, str]] = []
    if settings.words or settings.runs or settings.masked:
        cut = word_cutter()
        words = [cut_between_slots(utterance, cut) for utterance in train]
        alike: defaultdict[str, list[str]] = defaultdict(list)
        for of_one in words:
            for word, part in of_one:
                alike[part].append(word)
        alike[BETWEEN] = [PAIR]
        share = settings.replaced
        for _ in range(settings.words):
            made += [(i, _with_other_words(random, of_one, alike, share)) for i, of_one in enumerate(words)]
        for _ in range(settings.runs):
            made += [(i, _runs(random, of_one, settings.longest)) for i, of_one in enumerate(words) if len(of_one) > 1]
        for _ in range(settings.masked):
            made += [(i, _with_unknown_words(random, of_one, share)) for i, of_one in enumerate(words)]
    for _ in range(settings.names):
        made += [(i, _with_other_name(random, utterance, names)) for i, utterance in enumerate(train)]
    return [(i, text) for i, text in made if text.strip() and text != train[i].text]


def names_by_slot(train: Sequence[Utterance], files: dict[str, list[str]]) -> dict[str, list[str]]:
    """The names of each slot: those of its lexicon file or, without one, its values in the training part."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    for utterance in train:
        for slot in utterance.slots:
            values[slot.name].append(slot.value)
    return {**values, **{name: phrases for name, phrases in files.items() if phrases}}


def word_cutter() -> Cut:
    """jieba's segmentation with parts of speech, which PaddleNLP depends on as well."""
    import jieba
    import jieba.posseg

    jieba.setLogLevel(logging.ERROR)

    def cut(text: str) -> list[tuple[str, str]]:
        return [(pair.word, pair.flag) for pair in jieba.posseg.lcut(text)]

    return cut


def cut_between_slots(utterance: Utterance, cut: Cut) -> list[tuple[str, str]]:
    """The words of an utterance, each with its part of speech; none reaches over the end of a slot."""
    limits = {0, len(utterance.text), *(end for slot in utterance.slots for end in (slot.start, slot.end))}
    between = utterance.text.find(PAIR) if not utterance.slots else -1
    if between >= 0:
        limits |= {between, between + 1}
    found = []
    for start, end in zip(sorted(limits), sorted(limits)[1:]):
        found += [(PAIR, BETWEEN)] if start == between else cut(utterance.text[start:end])
    return found


def _with_other_words(random: Random, words: list[tuple[str, str]], alike: dict[str, list[str]], share: float) -> str:
    return "".join(_one(random, alike[part]) if random.random() < share else word for word, part in words)


def _with_unknown_words(random: Random, words: list[tuple[str, str]], share: float) -> str:
    hidden = (random.random() < share and part != BETWEEN and not word.isspace() for word, part in words)
    return "".join(UNKNOWN if hide else word for hide, (word, _) in zip(hidden, words))


def _runs(random: Random, words: list[tuple[str, str]], longest: int) -> str:
    """A run of words, of a pair one of each text."""
    at = next((i for i, (_, part) in enumerate(words) if part == BETWEEN), None)
    if at is None:
        return _run_of_words(random, words, longest)
    return PAIR.join(_run_of_words(random, part, longest) for part in (words[:at], words[at + 1 :]))


def _run_of_words(random: Random, words: list[tuple[str, str]], longest: int) -> str:
    if len(words) < 2:
        return "".join(word for word, _ in words)
    length = 1 + int(random.random() * min(longest, len(words) - 1))
    first = int(random.random() * (len(words) - length + 1))
    return "".join(word for word, _ in words[first : first + length])


def _with_other_name(random: Random, utterance: Utterance, names: dict[str, list[str]]) -> str:
    slots = [slot for slot in utterance.slots if names.get(slot.name)]
    if not slots:
        return utterance.text
    slot = _one(random, slots)
    return utterance.text[: slot.start] + _one(random, names[slot.name]) + utterance.text[slot.end :]


def _one(random: Random, choices: Sequence[Any]) -> Any:
    # Not Random.choice, whose results may change between versions of Python.
    return choices[int(random.random() * len(choices))]
