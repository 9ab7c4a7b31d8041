"""Training lines whose label is probably wrong, and labels that contradict each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from slu.analysis.confident import Errors, several_errors, single_errors
from slu.analysis.examples import class_names
from slu.analysis.quick import HeldOut, held_out_classes, held_out_tags, previous_intents
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.inputs.entries import normalise
from slu.inputs.normalisation import SPEECH


@dataclass(frozen=True)
class Dirty:
    """``order``: numbers of all training lines, the one most probably wrong first. ``ranks``: log odds of the label
    (the lower, the worse) of each line, ``[n]``; ``confident``: whether it is confidently wrong, ``[n]``. ``hints``:
    of each line what it should rather have, a few words."""

    order: np.ndarray
    ranks: np.ndarray
    confident: np.ndarray
    hints: list[str] = field(repr=False)


def find_dirty(train: Sequence[Utterance], labels: Labels, seed: int = 0) -> Dirty:
    """Confident learning over folds of the training part, two texts at least: of its classes and, where it has slots,
    of its tags. Classes and slots that the model (``labels``) lacks are judged as well.

    A line is as bad as the worse of both.
    """
    count = len(train)
    ranks, confident, hints = np.full(count, np.inf), np.zeros(count, bool), [""] * count
    if any(utterance.labels or utterance.intent for utterance in train):
        held = held_out_classes(train, class_names(train, labels.intents), seed)
        found = errors_of(held)
        ranks, confident = found.ranks.copy(), found.confident.copy()
        hints = [_class_hint(held, found, row) for row in range(count)]
    if any(utterance.slots for utterance in train):
        others = {slot.name for utterance in train for slot in utterance.slots} - set(labels.slots)
        owners, held = held_out_tags(train, [*labels.slots, *sorted(others)], seed)
        found = errors_of(held)
        confident[np.unique(owners[found.confident])] = True
        for at in found.order[::-1]:  # the worst character of a text comes last
            row = owners[at]
            if found.ranks[at] < ranks[row]:
                ranks[row] = found.ranks[at]
                first = int(np.searchsorted(owners, row))
                hints[row] = _tag_hint(held, found, train[row], at, at - first)
    return Dirty(np.argsort(ranks, kind="stable"), ranks, confident, hints)


def errors_of(held: HeldOut) -> Errors:
    """The errors among classes, one or several a text."""
    if held.single:
        return single_errors(held.given.argmax(1), held.shares)
    return several_errors(held.given, held.shares)


def _class_hint(held: HeldOut, found: Errors, row: int) -> str:
    missing, spare = found.missing[row], found.spare[row]
    parts = [f"+ {held.names[missing]} ({held.shares[row, missing]:.2f})"] if missing >= 0 else []
    parts += [f"− {held.names[spare]} ({held.shares[row, spare]:.2f})"] if spare >= 0 else []
    return ", ".join(parts)


def _tag_hint(held: HeldOut, found: Errors, utterance: Utterance, at: int, place: int) -> str:
    missing, spare = (held.names[names[at]] for names in (found.missing, found.spare))
    shares = held.shares[at, found.missing[at]], held.shares[at, found.spare[at]]
    return f"{utterance.text[place]}: + {missing} ({shares[0]:.2f}), − {spare} ({shares[1]:.2f})"


@dataclass(frozen=True)
class Conflict:
    """One text with several labels. ``variants``: of each, its labels in words and the numbers of its lines.

    ``previous``: the previous intents that each came after. ``best``: how many lines have the most frequent labels of
    the text, ``best_after``: of the text after the same previous intent. ``explained``: that is all of them.
    """

    text: str
    variants: dict[str, list[int]]
    previous: dict[str, list[str]]
    best: int
    best_after: int

    @property
    def lines(self) -> int:
        return sum(map(len, self.variants.values()))

    @property
    def explained(self) -> bool:
        return self.best_after == self.lines


def find_conflicts(utterances: Sequence[Utterance]) -> list[Conflict]:
    """Texts that are labelled in several ways, those of most lines first. Width, case and the like make no difference.

    Where texts have no dialogue, no previous intent explains anything.
    """
    alike: dict[str, list[int]] = defaultdict(list)
    for number, utterance in enumerate(utterances):
        alike[plain(utterance.text)].append(number)
    before = previous_intents(utterances)
    found = []
    for numbers in alike.values():
        variants: dict[str, list[int]] = defaultdict(list)
        after: dict[str, Counter[str]] = defaultdict(Counter)
        for number in numbers:
            name = labelled_as(utterances[number])
            variants[name].append(number)
            after[before[number]][name] += 1
        if len(variants) > 1:
            previous = {name: sorted({before[i] for i in of_name}) for name, of_name in variants.items()}
            best = max(map(len, variants.values()))
            best_after = sum(max(counts.values()) for counts in after.values())
            found.append(Conflict(utterances[numbers[0]].text, dict(variants), previous, best, best_after))
    return sorted(found, key=lambda conflict: -conflict.lines)


def plain(text: str) -> str:
    """A text without differences of width, case and the like: the same for texts that are the same to a reader."""
    return normalise(text, SPEECH) or text


def labelled_as(utterance: Utterance) -> str:
    """The labels of a text in a few words."""
    slots = ", ".join(f"{slot.name}={slot.value}" for slot in utterance.slots)
    classes = ", ".join(utterance.labels) or utterance.intent
    return f"{classes} ({slots})" if classes and slots else classes or slots
