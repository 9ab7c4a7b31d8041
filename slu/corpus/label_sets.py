"""Which labels a text can have at once: the tree that their names write, and what its nodes may have below them.

The name of a label in a tree is its path, ``a##b##c``; a label is never there without those above it. The label sets
that the training part does not contradict are described by two facts about the text as a whole and about every label:
whether it may be without any label directly below it, and whether it may have several of them. So a text of exactly one
of several labels, any selection of labels, single paths and whole trees are all described alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

SEPARATOR = "##"
ROOT = -1
"""In place of a label: the text as a whole."""
OPTIONAL, SEVERAL = 1, 2
"""Bits of `LabelSets.rules`, in GGUF files and in the engine: ``SLU_LABELS_OPTIONAL``, ``SLU_LABELS_SEVERAL``."""


@dataclass(frozen=True)
class LabelSets:
    """The label sets of a model with ``n`` labels.

    ``parents``: of each label the one above it, `ROOT` for none; always a smaller number, ``[n]``. ``optional``:
    whether a text (the first) or a label (the others, in their order) may be without any label directly below it, ``[n
    + 1]``. ``several``: whether it may have more than one. Both are True for labels with nothing below. Raises
    ValueError when the three do not fit each other.
    """

    parents: tuple[int, ...]
    optional: tuple[bool, ...]
    several: tuple[bool, ...]

    @property
    def rules(self) -> tuple[int, ...]:
        """``optional`` and ``several`` as bits, `OPTIONAL` and `SEVERAL`, ``[n + 1]``."""
        return tuple(OPTIONAL * optional + SEVERAL * several for optional, several in zip(self.optional, self.several))

    @staticmethod
    def of_rules(parents: tuple[int, ...], rules: Sequence[int]) -> LabelSets:
        """The label sets of ``parents`` and `rules`."""
        optional, several = (tuple(bool(rule & bit) for rule in rules) for bit in (OPTIONAL, SEVERAL))
        return LabelSets(parents, optional, several)

    def __post_init__(self) -> None:
        if not len(self.parents) + 1 == len(self.optional) == len(self.several):
            raise ValueError("parents, optional and several have different lengths")
        if any(not ROOT <= parent < label for label, parent in enumerate(self.parents)):
            raise ValueError("a label stands before the one above it")

    @property
    def levels(self) -> tuple[int, ...]:
        """How deep in the tree each label is, 1 for those with none above, ``[n]``."""
        found: list[int] = []
        for parent in self.parents:
            found.append(1 if parent == ROOT else found[parent] + 1)
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        return {"parents": list(self.parents), "optional": list(self.optional), "several": list(self.several)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LabelSets:
        """Inverse of `to_json`. Raises ValueError when ``data`` is anything else."""
        for name, kind in (("parents", int), ("optional", bool), ("several", bool)):
            values = data.get(name)
            if not isinstance(values, list) or not all(type(value) is kind for value in values):
                raise ValueError(f"{name} must be a list of {kind.__name__}")
        return cls(tuple(data["parents"]), tuple(data["optional"]), tuple(data["several"]))


def parent_of(name: str) -> str:
    """The name of the label above, "" for none."""
    return name.rpartition(SEPARATOR)[0]


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a label; None if it can be one."""
    if not name.strip() or name != name.strip():
        return "the name of a label is empty, or has white space around it"
    if not all(part.strip() for part in name.split(SEPARATOR)):
        return f"{name!r}: a part between {SEPARATOR} is empty"
    if "," in name:
        return f"{name!r}: a comma separates labels and cannot be part of a name"
    return None


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """``names`` in their order, each after those above it."""
    found: dict[str, None] = {}
    for name in names:
        parts = name.split(SEPARATOR)
        for end in range(1, len(parts) + 1):
            found.setdefault(SEPARATOR.join(parts[:end]))
    return tuple(found)


def with_parents(labels: Iterable[str], places: dict[str, int]) -> tuple[str, ...]:
    """A label set with all labels above those in it, in the order of ``places``."""
    return tuple(sorted(in_order(labels), key=places.__getitem__))


def one_label(count: int) -> LabelSets:
    """The sets of exactly one of ``count`` labels."""
    return LabelSets((ROOT,) * count, (False, *(True,) * count), (False, *(True,) * count))


def tree_sets(names: Sequence[str], seen: Iterable[Sequence[str]]) -> LabelSets:
    """The sets of labels ``names`` (each after those above it) with what ``seen``, whole sets, shows to be possible."""
    places = {name: i for i, name in enumerate(names)}
    parents = tuple(places[above] if (above := parent_of(name)) else ROOT for name in names)
    inner = {ROOT, *parents}
    optional, several = ([i not in inner for i in range(ROOT, len(names))] for _ in range(2))
    known: set[int] = set()
    for labels in seen:
        below = dict.fromkeys((ROOT, *(places[name] for name in labels)), 0)
        for name in labels:
            below[parents[places[name]]] += 1
        known.update(below)
        for label, count in below.items():
            optional[label + 1] = optional[label + 1] or count == 0
            several[label + 1] = several[label + 1] or count > 1
    for label in inner - known:  # nothing is known of it
        optional[label + 1] = several[label + 1] = True
    return LabelSets(parents, tuple(optional), tuple(several))
