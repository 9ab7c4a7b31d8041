"""Copies of labelled texts in which words are replaced, inserted, swapped or deleted. Labels and slots are carried on.

Words of a slot, and the tab of a pair, stay as they are, and nothing comes between the words of a slot. What is put in
comes from the texts themselves: a word that stood between the same words, or else after the same word, or else any. A
text of one word or slot stays as it is, and so does one that would become another text or copy, or in which a letter or
digit would come to stand at one of a slot.

The same arguments give the same copies on every platform: of Python's generator only ``random()`` is used.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from slu.corpus.classified import PAIR
from slu.corpus.speech import one_of
from slu.corpus.tagged import utterance_problem
from slu.corpus.utterance import Slot, Utterance
from slu.corpus.words import Span, words
from slu.errors import ConfigError

EDITS = ("replace", "insert", "swap", "delete")
_EDGE = ""
_GLUED = re.compile(r"[0-9A-Za-z]{2}")


@dataclass(frozen=True)
class EditSettings:
    """``edits``: which of `EDITS` are made, one a place, drawn evenly. ``share``: of the words of a text that are
    edited, 0 to 1, at least one word. ``copies``: of each text."""

    edits: tuple[str, ...] = EDITS
    share: float = 0.1
    copies: int = 1

    def __post_init__(self) -> None:
        unknown = [name for name in self.edits if name not in EDITS]
        if unknown or not self.edits:
            raise ConfigError(f"the edit {','.join(unknown)!r} is unknown; choose some of {', '.join(EDITS)}")
        if not 0 < self.share <= 1:
            raise ConfigError(f"the share of edited words is {self.share:g}; it must be more than 0 and at most 1")
        if self.copies < 1:
            raise ConfigError(f"{self.copies} copies: at least 1 is needed")


@dataclass(frozen=True)
class _Piece:
    """A word, or all of a slot, or what lies between words; ``slots`` count from its beginning."""

    text: str
    word: bool
    slots: tuple[Slot, ...] = ()


def edited_copies(utterances: Sequence[Utterance], settings: EditSettings, seed: int = 0) -> list[Utterance]:
    """The utterances, and behind each session its edited copies, as sessions of their own: so the previous intent of
    each utterance stays what it was. A copy of a session in which nothing could be changed is left out."""
    random = Random(seed)
    cut = [_pieces(utterance) for utterance in utterances]
    store = _Store(cut)
    known, texts = ({getattr(u, name) for u in utterances} for name in ("session", "text"))
    found: list[Utterance] = []
    for begin, end in _sessions(utterances):
        found += utterances[begin:end]
        for number in range(1, settings.copies + 1):
            name = _new_name(utterances[begin].session, number, known)
            copies = [_edited(utterances[i], cut[i], store, settings, random, name, texts) for i in range(begin, end)]
            if any(copy.text != utterances[begin + i].text for i, copy in enumerate(copies)):
                found += copies
    return found


def _sessions(utterances: Sequence[Utterance]) -> Iterable[tuple[int, int]]:
    begin = 0
    for i in range(1, len(utterances) + 1):
        if i == len(utterances) or utterances[i].session != utterances[begin].session:
            yield begin, i
            begin = i


def _new_name(session: str, number: int, known: set[str]) -> str:
    name = f"{session}~{number}"
    while name in known:
        name += "~"
    known.add(name)
    return name


def _pieces(utterance: Utterance) -> list[_Piece]:
    text, slots = utterance.text, {slot.start: slot for slot in utterance.slots}
    pieces: list[_Piece] = []
    position = 0
    for slot in (*utterance.slots, None):
        until = slot.start if slot else len(text)
        for start, end in _outside(text[position:until]):
            part = text[position + start : position + end]
            pieces.append(_Piece(part, not part.isspace()))
        if slot:
            own = replace(slots[slot.start], start=0, end=slot.end - slot.start)
            pieces.append(_Piece(slot.value, False, (own,)))
            position = slot.end
    return pieces


def _outside(text: str) -> list[Span]:
    """The words of a text and what lies between them, all of it."""
    found: list[Span] = []
    position = 0
    for start, end in (*words(text), (len(text), len(text))):
        if start > position:
            found.append((position, start))
        if end > start:
            found.append((start, end))
        position = end
    return found


class _Store:
    """The words of all texts, by what stands beside them."""

    def __init__(self, texts: Iterable[Sequence[_Piece]]):
        self._all: list[str] = []
        self._between: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._after: dict[str, list[str]] = defaultdict(list)
        for pieces in texts:
            names = [_EDGE, *(_name(piece) for piece in pieces), _EDGE]
            for before, piece, behind in zip(names, pieces, names[2:]):
                if piece.word:
                    self._all.append(piece.text)
                    self._after[before].append(piece.text)
                    self._between[before, behind].append(piece.text)

    def draw(self, random: Random, before: str, behind: str, but: str) -> str | None:
        """A word that may stand between these two, ``but`` not this one."""
        for words_ in (self._between.get((before, behind), ()), self._after.get(before, ()), self._all):
            others = [word for word in words_ if word != but] if len(words_) < 1000 else words_
            if others:
                return one_of(random, others)
        return None


def _name(piece: _Piece) -> str:
    return f"<{piece.slots[0].name}>" if piece.slots else piece.text


def _edited(
    utterance: Utterance,
    pieces: list[_Piece],
    store: _Store,
    settings: EditSettings,
    random: Random,
    session: str,
    texts: set[str],
) -> Utterance:
    """``utterance`` with some words edited, in ``session``; as it was where that makes no text of its own. ``texts``:
    those that there are; a new one is added."""
    as_it_was = replace(utterance, session=session)
    if sum(not piece.text.isspace() for piece in pieces) < 2:
        return as_it_was
    own = list(pieces)
    count = sum(piece.word for piece in own)
    for _ in range(max(1, round(settings.share * count))):
        _EDIT_BY_NAME[one_of(random, settings.edits)](own, store, random)
    text, slots = "", []
    for piece in own:
        slots += [replace(slot, start=slot.start + len(text), end=slot.end + len(text)) for slot in piece.slots]
        text += piece.text
    result = replace(utterance, text=text, slots=tuple(slots), session=session)
    parts = text.split(PAIR)
    unusable = text in texts or not all(part and part == part.strip() for part in parts)
    if unusable or _is_glued(result) or (utterance.intent and utterance_problem(result)):
        return as_it_was
    texts.add(text)
    return result


def _is_glued(utterance: Utterance) -> bool:
    """Whether ASCII letters or digits stand on both sides of a border of a slot, which then cannot be told."""
    borders = {border for slot in utterance.slots for border in (slot.start, slot.end) if border}
    return any(_GLUED.fullmatch(utterance.text[border - 1 : border + 1]) for border in borders)


def _places(pieces: Sequence[_Piece]) -> list[int]:
    return [i for i, piece in enumerate(pieces) if piece.word]


def _around(pieces: Sequence[_Piece], before: int, behind: int) -> tuple[str, str]:
    names = [_name(pieces[i]) if 0 <= i < len(pieces) else _EDGE for i in (before, behind)]
    return names[0], names[1]


def _replace(pieces: list[_Piece], store: _Store, random: Random) -> None:
    if places := _places(pieces):
        at = one_of(random, places)
        word = store.draw(random, *_around(pieces, at - 1, at + 1), pieces[at].text)
        if word:
            pieces[at] = _Piece(word, True)


def _insert(pieces: list[_Piece], store: _Store, random: Random) -> None:
    at = one_of(random, range(len(pieces) + 1))
    word = store.draw(random, *_around(pieces, at - 1, at), "")
    if word:
        pieces.insert(at, _Piece(word, True))


def _swap(pieces: list[_Piece], store: _Store, random: Random) -> None:
    places = _places(pieces)
    if len(places) > 1:
        first = one_of(random, range(len(places) - 1))
        a, b = places[first], places[first + 1]
        pieces[a], pieces[b] = pieces[b], pieces[a]


def _delete(pieces: list[_Piece], store: _Store, random: Random) -> None:
    places = _places(pieces)
    if places and len(pieces) > 1:
        del pieces[one_of(random, places)]


_EDIT_BY_NAME: dict[str, Callable[[list[_Piece], _Store, Random], None]] = dict(
    zip(EDITS, (_replace, _insert, _swap, _delete))
)
