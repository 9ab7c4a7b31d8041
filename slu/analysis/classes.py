"""Per class: how well it is answered, how often the training part has it, and what it is taken for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slu.analysis.examples import classes_of
from slu.corpus.label_sets import SEPARATOR
from slu.corpus.utterance import Slot, Utterance
from slu.heads.head import Kind
from slu.heads.measures import OTHER_BORDERS

NOTHING = "nothing"
"""In place of a class that another one is taken for: it is not answered at all."""
_SHOWN = 3


def class_tables(
    measured: dict[str, dict[str, dict[str, Any]]],
    dev: Sequence[Utterance],
    answers: Sequence[Utterance],
    train: Sequence[Utterance] | None,
    own: Mapping[str, Kind] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each kind of class (intents, slots, labels, answers), the most frequent first.

    ``measured``: the counts and F1 of each class by kind, as `slu.heads.head.Head.measure` has them. To each row come
    ``name``, ``train`` (how many training texts or slots there are of it; None without a training part), ``level`` in
    a tree, and ``taken_for``: pairs of what was answered in its place, and how often. ``own``: kinds of the head alone.
    """
    tables = {}
    for kind, classes in measured.items():
        names, pairs = (own or {}).get(kind) or _KINDS.get(kind, (classes_of, _classes_taken))
        taken = _taken_for(dev, answers, pairs)
        known = None if train is None else Counter(name for u in train for name in names(u))
        rows = [
            {
                "name": name,
                "level": name.count(SEPARATOR) + 1 if kind == "labels" else 1,
                "train": None if known is None else known[name],
                **row,
                "taken_for": [list(pair) for pair in taken[name].most_common(_SHOWN)],
            }
            for name, row in classes.items()
        ]
        tables[kind] = sorted(rows, key=lambda row: (-row["labelled"], row["name"]))
    return tables


def level_tables(rows: Sequence[dict[str, Any]], levels: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The measures of each level of a tree, with the labels that it has in both parts."""
    found = []
    for level in levels:
        own = [row for row in rows if row["level"] == level["level"]]
        counts = {
            "classes": len(own),
            "labelled": sum(row["labelled"] for row in own),
            "train": sum(row["train"] for row in own) if all(row["train"] is not None for row in own) else None,
        }
        found.append({**level, **counts})
    return found


def _taken_for(
    dev: Sequence[Utterance],
    answers: Sequence[Utterance],
    pairs: Callable[[Utterance, Utterance], list[tuple[str, str]]],
) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for utterance, answer in zip(dev, answers):
        for name, other in pairs(utterance, answer):
            found[name][other] += 1
    return found


def _classes_taken(utterance: Utterance, answer: Utterance) -> list[tuple[str, str]]:
    """Missing classes, each with the spare ones of its level."""
    want, got = set(classes_of(utterance)), set(classes_of(answer))
    found = []
    for name in sorted(want - got):
        others = [other for other in sorted(got - want) if other.count(SEPARATOR) == name.count(SEPARATOR)]
        found += [(name, other) for other in others or [NOTHING]]
    return found


def _slots_taken(utterance: Utterance, answer: Utterance) -> list[tuple[str, str]]:
    want, got = ({_key(slot) for slot in u.slots} for u in (utterance, answer))
    found = []
    for slot in utterance.slots:
        if _key(slot) not in got:
            others = {
                OTHER_BORDERS if other.name == slot.name else other.name
                for other in answer.slots
                if _key(other) not in want and other.start < slot.end and slot.start < other.end
            }
            found += [(slot.name, other) for other in sorted(others) or [NOTHING]]
    return found


def _slot_names(utterance: Utterance) -> list[str]:
    return [slot.name for slot in utterance.slots]


def _key(slot: Slot) -> tuple[str, int, int]:
    return slot.name, slot.start, slot.end


_KINDS: dict[str, Kind] = {"slots": (_slot_names, _slots_taken)}
"""The names that a text has of a kind, and what they are taken for; others are the classes of the text."""
