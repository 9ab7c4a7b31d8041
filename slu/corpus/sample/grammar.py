"""A grammar of in-car commands in Chinese, and the dialogues made with it.

``intents.txt`` and ``words.txt`` hold sections, ``[name]``, of alternatives separated by ``、`` or line
breaks. A line may begin with its weight, ``12: ``; without one it weighs as much as it has alternatives.
Within an alternative,

    (a|b|)         is one of a, b and nothing
    {name}         is an alternative of the section ``name``
    <name>         is a slot whose value is an alternative of the section ``name``
    <name:other>   is a slot ``name`` with a value from the section ``other``
    heard||meant   in a slot: the value ``heard`` with the correction ``meant``
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate
from random import Random

from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError

_PART = re.compile(r"\((?P<choice>[^()]*)\)|\{(?P<section>\w+)\}|<(?P<slot>\w+)(?::(?P<source>\w+))?>")
_WEIGHTED_LINE = re.compile(r"(?:(\d+): )?(.*)")
_AFTER = " after"
"""A section ``<intent> after`` holds utterances that are only clear after one of the same domain."""

# Chances of a turn, chosen so that the corpus resembles real sessions.
_SAME_DOMAIN = 0.35
_ELLIPSIS = 0.3
_SAME_VALUE = 0.15
_REMEMBERED = frozenset({"song", "singer", "destination", "contact_name", "phone_num"})

LISTED = ("contact_name", "singer", "song")
"""Slots that have a lexicon."""
_KNOWN = 0.75
_DRAWN = 300

_Section = list[tuple[int, list[str]]]


def generate_sample(count: int = 4000, seed: int = 0) -> list[Utterance]:
    """Make ``count`` utterances in sessions of 1 to 10, the last one cut where the count is reached.

    The same arguments give the same utterances on every platform: of Python's generator only ``random()`` is
    used, whose sequence is guaranteed. Raises `ConfigError` for a count below 1.
    """
    if count < 1:
        raise ConfigError(f"cannot make {count} utterances; the count must be at least 1")
    writer = _Writer(seed)
    utterances: list[Utterance] = []
    session = 100000
    while len(utterances) < count:
        session += 1
        utterances += writer.session(str(session))
    return utterances[:count]


def generate_lexicons(utterances: Sequence[Utterance], seed: int = 0) -> dict[str, list[str]]:
    """Lexicons, sorted, for the slots that have one on a real device: contacts, singers, songs.

    Like real ones, they lack some of the names that occur in ``utterances`` (a quarter), and have others.
    """
    writer = _Writer(seed)
    lexicons = {}
    for slot in LISTED:
        spoken = sorted({s.correction or s.value for u in utterances for s in u.slots if s.name == slot})
        known = {name for name in spoken if writer.chance(_KNOWN)}
        drawn = {writer.name(slot) for _ in range(_DRAWN)}
        lexicons[slot] = sorted(known | (drawn - set(spoken)))
    return lexicons


class _Writer:
    """Draws from the grammar; remembers what the current session spoke of."""

    def __init__(self, seed: int) -> None:
        self._grammar = _grammar()
        self._random = Random(seed).random
        self._memory: dict[str, str] = {}

    def session(self, name: str) -> list[Utterance]:
        """One dialogue. Names come up again in it, and some utterances only make sense after the previous one."""
        self._memory = {}
        utterances: list[Utterance] = []
        before = ""
        for _ in range(int(self._words("turns"))):
            intent = self._words("intent")
            if before and self._random() < _SAME_DOMAIN:
                while _domain(intent) != _domain(before):
                    intent = self._words("intent")
            follows = _domain(intent) == _domain(before) and f"{intent}{_AFTER}" in self._grammar
            section = f"{intent}{_AFTER}" if follows and self._random() < _ELLIPSIS else intent
            utterances.append(self._utterance(section, intent, name))
            before = intent
        return utterances

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self._random() < share

    def name(self, section: str) -> str:
        """One alternative, as the person says it (not as it is recognised)."""
        return self._words(section).rpartition("||")[2]

    def _utterance(self, section: str, intent: str, session: str) -> Utterance:
        text = ""
        slots = []
        parts = self._expand(self._alternative(section))
        self._memory.update((slot, words) for slot, words in parts if slot in _REMEMBERED)
        after_slot = False
        for slot, words in parts:
            value, bar, correction = words.partition("||")
            if not value:
                continue
            # A slot ends where a token ends: between two Latin letters or digits that takes a space.
            if text and (slot or after_slot) and _joins(text[-1]) and _joins(value[0]):
                text += " "
            after_slot = bool(slot)
            if slot:
                slots.append(Slot(slot, value, len(text), len(text) + len(value), correction if bar else None))
            text += value
        return Utterance(text, intent, tuple(slots), session)

    def _expand(self, template: str) -> list[tuple[str, str]]:
        """(slot name or "", words) of a template from left to right."""
        parts: list[tuple[str, str]] = []
        position = 0
        for match in _PART.finditer(template):
            parts.append(("", template[position : match.start()]))
            position = match.end()
            if match["choice"] is not None:
                parts += self._expand(self._pick(match["choice"].split("|")))
            elif match["section"]:
                parts += self._expand(self._alternative(match["section"]))
            else:
                parts.append((match["slot"], self._value(match["slot"], match["source"] or match["slot"])))
        return [*parts, ("", template[position:])]

    def _value(self, slot: str, source: str) -> str:
        if slot in self._memory and self._random() < _SAME_VALUE:
            return self._memory[slot]
        return self._words(source)

    def _words(self, section: str) -> str:
        return "".join(words for _, words in self._expand(self._alternative(section)))

    def _alternative(self, section: str) -> str:
        lines = self._grammar[section]
        totals = list(accumulate(weight for weight, _ in lines))
        drawn = self._random() * totals[-1]
        return self._pick(next(line for total, (_, line) in zip(totals, lines) if drawn < total))

    def _pick(self, alternatives: Sequence[str]) -> str:
        return alternatives[int(self._random() * len(alternatives))]


@cache
def _grammar() -> dict[str, _Section]:
    """Sections by name; each is a list of (weight, alternatives)."""
    sections: dict[str, _Section] = {}
    for name in ("intents.txt", "words.txt"):
        lines = (files("slu.corpus.sample") / name).read_text(encoding="utf-8").splitlines()
        section: _Section = []
        for line in lines:
            if line.startswith("["):
                section = sections.setdefault(line[1:-1], [])
            elif line and not line.startswith("#"):
                weight, rest = _WEIGHTED_LINE.fullmatch(line).groups()  # type: ignore[union-attr]
                alternatives = rest.split("、")
                section.append((int(weight or len(alternatives)), alternatives))
    return sections


def _domain(intent: str) -> str:
    return intent.partition(".")[0]


def _joins(character: str) -> bool:
    """Whether a tokenizer may join it to a neighbour: Latin letters and digits, full-width too."""
    return character.isalnum() and (character.isascii() or "\uff00" <= character <= "\uffef" or character == "π")
