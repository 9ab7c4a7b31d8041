"""The label set of a model: which intents there are, which slots, and which slots an intent takes."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from slu.corpus.label_sets import LabelSets
from slu.corpus.utterance import Utterance
from slu.errors import CheckpointError, SluError
from slu.files import write_file
from slu.manifest import read_json

OUTSIDE = "O"
"""The tag of a token that belongs to no slot. It has index 0."""
OTHERS = "OTHERS"
"""The intent of utterances that are not meant for the assistant. Answering it counts as rejecting, and the mean over
intents leaves it out."""


@dataclass(frozen=True)
class Labels:
    """Intents and slots in the order of a model's outputs.

    ``intents``: row ``i`` of the intent logits is ``intents[i]``. ``slots``: two tags each, see `tags`.
    ``slots_of_intent``: for every intent, the slots it can have: those it was seen with, or all; in the order of
    ``slots``.
    ``sets``: for heads that answer labels, which label sets there are; ``intents`` are then the names of the labels. A
    model that answers spans alone has slots and no intents.
    Raises ValueError when names repeat, are empty, or when ``slots_of_intent`` or ``sets`` does not match them.
    """

    intents: tuple[str, ...]
    slots: tuple[str, ...]
    slots_of_intent: Mapping[str, tuple[str, ...]]
    sets: LabelSets | None = None

    def __post_init__(self) -> None:
        if self.sets is not None and len(self.sets.parents) != len(self.intents):
            raise ValueError(f"there are {len(self.intents)} labels, but parents of {len(self.sets.parents)}")
        own = "intent" if self.sets is None else "label"
        if not self.intents and (self.sets is not None or not self.slots):
            raise ValueError(f"there are no {own}s; at least one is needed")
        for kind, names in ((own, self.intents), ("slot", self.slots)):
            if not all(names):
                raise ValueError(f"{'an' if kind == 'intent' else 'a'} {kind} name is empty")
            if len(set(names)) != len(names):
                seen: set[str] = set()
                twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
                raise ValueError(f"the {kind} {twice} occurs twice")
            for name in names:
                if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
                    raise ValueError(f"the {kind} {name!r} has a control character")
        if set(self.slots_of_intent) != set(self.intents):
            odd = min(set(self.slots_of_intent) ^ set(self.intents))
            raise ValueError(f"slots_of_intent and intents disagree on {odd}")
        place = {name: i for i, name in enumerate(self.slots)}
        for intent, slots in self.slots_of_intent.items():
            places = [place.get(name, -1) for name in slots]
            if any(a >= b for a, b in zip([-1, *places], places)):
                raise ValueError(f"the slots of {intent} are not a selection of slots in their order")

    @classmethod
    def from_corpus(cls, utterances: Iterable[Utterance]) -> Labels:
        """The labels that occur, names sorted. Raises ValueError without utterances."""
        seen: dict[str, set[str]] = {}
        for utterance in utterances:
            names = seen.setdefault(utterance.intent, set())
            for slot in utterance.slots:
                names.add(slot.name)
        intents = tuple(sorted(seen))
        slots = tuple(sorted(set().union(*seen.values())))
        return cls(intents, slots, {intent: tuple(sorted(seen[intent])) for intent in intents})

    def with_any_slot(self) -> Labels:
        """The same labels, where every intent can have every slot."""
        return replace(self, slots_of_intent=dict.fromkeys(self.intents, self.slots))

    @classmethod
    def of_sets(cls, names: tuple[str, ...], sets: LabelSets) -> Labels:
        """The labels of a head without intents and slots."""
        return cls(names, (), dict.fromkeys(names, ()), sets)

    @classmethod
    def of_spans(cls, names: tuple[str, ...]) -> Labels:
        """The labels of a head that answers spans alone. Raises ValueError without any."""
        return cls((), names, {})

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """``("O", "B-a", "I-a", "B-b", ...)``: slot ``s`` begins with tag ``2 * s + 1``."""
        return (OUTSIDE, *(f"{prefix}-{name}" for name in self.slots for prefix in "BI"))

    def to_json(self) -> dict[str, Any]:
        """The object that ``labels.json`` holds."""
        if self.sets is not None:
            return {"labels": list(self.intents), **self.sets.to_json()}
        if not self.intents:
            return {"slots": list(self.slots)}
        return {
            "intents": list(self.intents),
            "slots": list(self.slots),
            "slots_of_intent": {intent: list(self.slots_of_intent[intent]) for intent in self.intents},
        }

    @classmethod
    def from_json(cls, data: Any) -> Labels:
        """Inverse of `to_json`. Raises ValueError when ``data`` is anything else."""
        if isinstance(data, dict) and "labels" in data:
            return cls.of_sets(_names(data["labels"], "labels"), LabelSets.from_json(data))
        if isinstance(data, dict) and list(data) == ["slots"]:
            return cls.of_spans(_names(data["slots"], "slots"))
        if not isinstance(data, dict) or not isinstance(data.get("slots_of_intent"), dict):
            raise ValueError("the fields must be intents, slots and slots_of_intent")
        intents, slots = _names(data.get("intents"), "intents"), _names(data.get("slots"), "slots")
        if not intents:
            raise ValueError("there are no intents; at least one is needed")
        taken = {name: _names(value, f"slots of {name}") for name, value in data["slots_of_intent"].items()}
        return cls(intents, slots, taken)

    @classmethod
    def load(cls, path: str | Path, error: type[SluError] = CheckpointError) -> Labels:
        """Read ``labels.json``; raise ``error`` when the file is missing or not valid."""
        data = read_json(Path(path), error)
        try:
            return cls.from_json(data)
        except ValueError as problem:
            raise error(f"{path}: not a labels file ({problem}); give the labels.json of a checkpoint") from problem

    def save(self, path: str | Path) -> None:
        """Write ``labels.json``, whole or not at all; raise `OutputError` when that fails."""
        write_file(path, json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n")


def shown_labels(labels: Labels) -> dict[str, list[str]]:
    """The names of a model by their kind."""
    if labels.sets is not None:
        return {"labels": list(labels.intents)}
    return {**({"intents": list(labels.intents)} if labels.intents else {}), "slots": list(labels.slots)}


def _names(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{what} must be a list of names")
    return tuple(value)
