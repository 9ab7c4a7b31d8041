"""What people and their recognisers do to a command: polite words, fillers, wake words, punctuation, spaces, widths.

Every function takes an utterance and returns one that means the same: intent and slots are those from before, and the
slots stand where their values now are. Random numbers come from `random.Random.random` alone, whose sequence Python
guarantees.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeVar

from slu.corpus.phrase_files import read_parts
from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError

COMMAND = "…"
"""Stands for the command in a phrase."""
ANY = "*+"
"""Each stands for a character that is drawn anew for each use of the phrase, the same wherever it stands in it."""
NAME = re.compile(r"\*[*+]|[^…*+]\*(?![*+])")
"""What is drawn, or the character before it and what is drawn: a name of two characters."""
DRAWS = 100
"""Attempts to draw a name that is not kept apart."""
KNOWN = 0.5
"""How often a drawn name is one of a lexicon, if there is any: then its matches are no reason to take it for a slot."""
KINDS = ("polite", "filler", "wake")
"""Files of a directory of phrases: `KIND.txt`, and `JOINER`."""
JOINER = "joiner"
WHOLE_MARKS = "。。。。！？!?.…"
"""What is put at the end of a text; a full stop most often."""
TITLES = ("song", "toplist")
"""Slots whose values are titles, unless a recipe says others: they are put into 《》, others into quotation marks."""
_DIGITS = re.compile(r"[0-9]{5,}")
_SPOKEN_DIGITS = ("零一二三四五六七八九", "零幺二三四五六七八九")

T = TypeVar("T")


@dataclass(frozen=True)
class Phrases:
    """``frames``: by kind, what stands before a command and what behind it. ``joiners``: between two commands."""

    frames: dict[str, list[tuple[str, str]]]
    joiners: list[str]


def read_phrases(directory: str | Path, part: str) -> Phrases:
    """The phrases of one part (see `slu.corpus.phrase_files`); raise `ConfigError` where they are missing or wrong."""
    frames = {kind: _frames(Path(directory) / f"{kind}.txt", part) for kind in KINDS}
    joiners = [phrase for _, phrase in read_parts(Path(directory) / f"{JOINER}.txt")[part]]
    return Phrases(frames, joiners)


def _frames(path: Path, part: str) -> list[tuple[str, str]]:
    frames = []
    for number, phrase in read_parts(path)[part]:
        before, mark, behind = phrase.partition(COMMAND)
        if not mark or not (before or behind) or COMMAND in behind:
            raise ConfigError(f"{path}:{number}: {phrase!r}: write {COMMAND} once, where the command stands")
        frames.append((before, behind))
    if not frames:
        raise ConfigError(f"{path}: no phrases in [{part}]")
    return frames


def one_of(random: Random, choices: Sequence[T]) -> T:
    """One of them. Not `Random.choice`: what it draws may change between versions of Python."""
    return choices[int(random.random() * len(choices))]


def with_insertions(utterance: Utterance, pieces: Mapping[int, str]) -> Utterance:
    """With text put in at code point offsets: before a slot that starts there, behind one that ends there."""
    text, last = "", 0
    for place in sorted(pieces):
        text += utterance.text[last:place] + pieces[place]
        last = place
    slots = []
    for slot in utterance.slots:
        start = slot.start + sum(len(piece) for place, piece in pieces.items() if place <= slot.start)
        end = slot.end + sum(len(piece) for place, piece in pieces.items() if place < slot.end)
        slots.append(replace(slot, start=start, end=end))
    text += utterance.text[last:]
    return replace(utterance, text=text, slots=tuple(replace(s, value=text[s.start : s.end]) for s in slots))


def filled(
    random: Random,
    frame: tuple[str, str],
    alphabet: Sequence[str],
    known: Mapping[str, Sequence[str]] | None = None,
    kept_apart: Container[str] = (),
) -> tuple[str, str]:
    """A phrase with characters of ``alphabet`` in place of those of `ANY`: so that names of any kind are learned.

    ``known``: by what `NAME` finds in a phrase, names to put there half of the time (see `known_names`).
    ``kept_apart``: names that are not drawn.
    """
    found = NAME.search(COMMAND.join(frame))
    for _ in range(DRAWS if found else 1):
        drawn = {mark: one_of(random, alphabet) for mark in ANY if mark in frame[0] or mark in frame[1]}
        if found:
            kind = found.group()
            if known and known.get(kind) and random.random() < KNOWN:
                drawn.update(zip(kind, one_of(random, known[kind])))
            if "".join(drawn.get(char, char) for char in kind) in kept_apart:
                continue
        for mark in ANY:
            frame = frame[0].replace(mark, drawn.get(mark, mark)), frame[1].replace(mark, drawn.get(mark, mark))
        return frame
    raise ConfigError(f"{COMMAND.join(frame)!r}: every name for it is one that no model may be trained with")


def known_names(
    frames: Iterable[tuple[str, str]], words: Iterable[str], alphabet: Container[str]
) -> dict[str, list[str]]:
    """For every kind of name in ``frames`` (``*+``, ``小*``), those ``words`` that are such a name.

    Only words whose drawn characters are in ``alphabet``.
    """
    pairs = sorted({word for word in words if len(word) == 2})
    kinds = {found.group() for frame in frames if (found := NAME.search("…".join(frame)))}
    return {kind: [pair for pair in pairs if _is_such(kind, pair, alphabet)] for kind in sorted(kinds)}


def _is_such(kind: str, pair: str, alphabet: Container[str]) -> bool:
    drawn: dict[str, str] = {}
    return all(
        drawn.setdefault(mark, char) == char and char in alphabet if mark in ANY else mark == char
        for mark, char in zip(kind, pair)
    )


def framed(utterance: Utterance, frame: tuple[str, str], comma: str = "") -> Utterance:
    """With a phrase around it; ``comma`` stands between the two."""
    before, behind = frame
    before, behind = before + comma if before else "", comma + behind if behind else ""
    moved = len(before)
    slots = tuple(Slot(s.name, s.value, s.start + moved, s.end + moved, s.correction) for s in utterance.slots)
    return replace(utterance, text=before + utterance.text + behind, slots=slots)


def punctuated(random: Random, utterance: Utterance, titles: Container[str] = TITLES) -> Utterance:
    """With a mark at the end, and now and then a comma before its last name, or marks around a name.

    ``titles``: slots whose values are titles.
    """
    pieces = {place: "" for slot in utterance.slots for place in (slot.start, slot.end)} | {len(utterance.text): ""}
    for slot in utterance.slots:
        chance = random.random()
        if chance < (0.4 if slot.name in titles else 0.1):
            pair = "《》" if slot.name in titles else one_of(random, ["“”", '""', "「」"])
            pieces[slot.start] += pair[0]
            pieces[slot.end] = pair[1] + pieces[slot.end]
    chance = random.random()
    if utterance.slots and utterance.slots[-1].start > 0 and chance < 0.3:
        place = utterance.slots[-1].start
        pieces[place] = one_of(random, "，，，、,") + pieces[place]
    elif utterance.slots and utterance.slots[-1].end < len(utterance.text) and chance < 0.4:
        pieces[utterance.slots[-1].end] += "，"
    if not any(pieces.values()) or random.random() < 0.8:
        pieces[len(utterance.text)] += one_of(random, WHOLE_MARKS)
    return with_insertions(utterance, pieces)


def grouped(random: Random, utterance: Utterance) -> Utterance:
    """With long numbers in groups: 139 0000 1111, 139-0000-1111."""
    pieces: dict[int, str] = {}
    for match in _DIGITS.finditer(utterance.text):
        mark = one_of(random, "  -")
        length = match.end() - match.start()
        first = 3 if length == 11 else 3 + int(random.random() * 2)
        for place in range(match.start() + first, match.end() - 1, 4):
            pieces[place] = mark
    return with_insertions(utterance, pieces)


def spaced(random: Random, utterance: Utterance) -> Utterance:
    """With spaces around names, between two scripts, in long numbers; or else between any two Chinese characters."""
    utterance = grouped(random, utterance)
    text = utterance.text
    limits = {place for slot in utterance.slots for place in (slot.start, slot.end)}
    limits |= {i for i in range(1, len(text)) if _is_ascii_word(text[i - 1]) != _is_ascii_word(text[i])}
    pieces = {place: " " for place in sorted(limits) if random.random() < 0.5}
    between = [i for i in range(1, len(text)) if not (_is_ascii_word(text[i - 1]) or _is_ascii_word(text[i]))]
    outside = [i for i in between if not any(slot.start < i < slot.end for slot in utterance.slots)]
    if not pieces and outside:
        pieces[one_of(random, outside)] = " "
    return with_insertions(utterance, pieces)


def widened(utterance: Utterance) -> Utterance:
    """With full-width forms in place of ASCII."""
    return with_text(utterance, "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in utterance.text))


def spoken_numbers(random: Random, utterance: Utterance) -> Utterance:
    """With Chinese numerals in place of the digits of long numbers, as some recognisers write them."""
    digits = one_of(random, _SPOKEN_DIGITS)
    text = _DIGITS.sub(lambda match: "".join(digits[int(c)] for c in match.group()), utterance.text)
    return with_text(utterance, text)


def joined(first: Utterance, joiner: str, second: Utterance) -> Utterance:
    """Two utterances in one; intent and slots are the first one's."""
    return replace(first, text=first.text + joiner + second.text)


def with_value(utterance: Utterance, place: int, value: str) -> Utterance:
    """With another value in the slot of index ``place``; the slots behind it move."""
    old = utterance.slots[place]
    moved = len(value) - len(old.value)
    slots = (
        *utterance.slots[:place],
        Slot(old.name, value, old.start, old.start + len(value)),
        *(replace(slot, start=slot.start + moved, end=slot.end + moved) for slot in utterance.slots[place + 1 :]),
    )
    text = utterance.text[: old.start] + value + utterance.text[old.end :]
    return replace(utterance, text=text, slots=slots)


def shuffled(random: Random, text: str) -> str:
    """The same characters in another order."""
    keys = [random.random() for _ in text]
    return "".join(text[i] for i in sorted(range(len(text)), key=keys.__getitem__))


def with_text(utterance: Utterance, text: str) -> Utterance:
    """With another text of the same length."""
    slots = (Slot(s.name, text[s.start : s.end], s.start, s.end, s.correction) for s in utterance.slots)
    return replace(utterance, text=text, slots=tuple(slots))


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()
