"""The measures: accuracies over whole utterances of a labelled file, in percent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slu.corpus.labels import OTHERS, Labels
from slu.corpus.utterance import Slot, Utterance
from slu.heads.measures import class_row, f1_of, percent
from slu.inputs.normalisation import SPACE, normalise_character
from slu.platform import SLOTS

MEASURES = (
    "exact",
    "seed_accuracy",
    "intent_accuracy",
    "intent_macro_f1",
    "slot_precision",
    "slot_recall",
    "slot_f1",
    "understood",
)
"""The single numbers, in the order in which they are shown."""
SHOWN = {
    "exact": "exact",
    "seed_accuracy": "seed_accuracy",
    "intent_accuracy": "intent",
    "intent_macro_f1": "intent macro F1",
    "slot_f1": "slot F1",
}
"""See `slu.heads.head.Head.shown`."""
SEED_TOKENS = 14
"""The published recipe reads 16 tokens, [CLS] and [SEP] among them."""


class Spanned(Protocol):
    """An answer, or an utterance, of which the slots count."""

    @property
    def slots(self) -> tuple[Slot, ...]: ...


class Answer(Protocol):
    """What is compared with an utterance: a `ParseResult` is one."""

    @property
    def intent(self) -> str: ...
    @property
    def slots(self) -> tuple[Slot, ...]: ...
    @property
    def understood(self) -> bool: ...


@dataclass(frozen=True, **SLOTS)
class Outcome:
    """How one utterance was answered. ``seed``: right by the published recipe's measure, None when left out."""

    intent: bool
    slots: bool
    seed: bool | None

    @property
    def exact(self) -> bool:
        return self.intent and self.slots


def compare(utterance: Utterance, answer: Answer, labels: Labels) -> Outcome:
    """Judge one answer."""
    intent = utterance.intent == answer.intent
    seed: bool | None = None
    if not any(slot.correction for slot in utterance.slots):
        seed = intent
        if intent and labels.slots_of_intent.get(utterance.intent):
            seed = _seed_tags(utterance.text, utterance.slots) == _seed_tags(utterance.text, answer.slots)
    return Outcome(intent, spans(utterance.slots) == spans(answer.slots), seed)


def measure(utterances: Sequence[Utterance], answers: Sequence[Answer], labels: Labels) -> dict[str, Any]:
    """Every measure of an evaluation, ready for JSON: percentages, and ``classes``, one row an intent and a slot."""
    if not utterances or len(utterances) != len(answers):
        raise ValueError("one answer an utterance, and at least one of them")
    outcomes = [compare(u, a, labels) for u, a in zip(utterances, answers)]
    seed = [o.seed for o in outcomes if o.seed is not None]
    intents = _classes([(u.intent, a.intent) for u, a in zip(utterances, answers)])
    slots = slot_classes(utterances, answers)
    total = [sum(row[k] for row in slots.values()) for k in ("right", "predicted", "labelled")]
    precision, recall, f1 = f1_of(*total)
    scored = [row["f1"] for name, row in intents.items() if name != OTHERS and row["labelled"]]
    return {
        "utterances": len(utterances),
        "exact": percent(sum(o.exact for o in outcomes), len(outcomes)),
        "seed_accuracy": percent(sum(seed), len(seed)),
        "intent_accuracy": percent(sum(o.intent for o in outcomes), len(outcomes)),
        "intent_macro_f1": sum(scored) / len(scored) if scored else 0.0,
        "slot_precision": precision,
        "slot_recall": recall,
        "slot_f1": f1,
        "understood": percent(sum(a.understood for a in answers), len(answers)),
        "classes": {"intents": intents, "slots": slots},
        "confusion": _confusion(utterances, answers, labels),
    }


def spans(slots: Sequence[Slot]) -> set[tuple[str, int, int]]:
    """What of slots must be right: their name, start and end."""
    return {(slot.name, slot.start, slot.end) for slot in slots}


def _seed_tags(text: str, slots: Sequence[Slot]) -> list[str]:
    """Tags of the first `SEED_TOKENS` characters; characters, as the measure must not depend on the tokenizer."""
    tags = ["O"] * len(text)
    for slot in slots:
        tags[slot.start : slot.end] = [f"I-{slot.name}"] * (slot.end - slot.start)
        tags[slot.start] = f"B-{slot.name}"
    spoken = [tag for char, tag in zip(text, tags) if normalise_character(char)[0] != SPACE]
    return spoken[:SEED_TOKENS]


def _classes(pairs: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    labelled, predicted = Counter(p[0] for p in pairs), Counter(p[1] for p in pairs)
    right = Counter(p[0] for p in pairs if p[0] == p[1])
    names = sorted(labelled | predicted)
    return {n: class_row(right[n], predicted[n], labelled[n]) for n in names}


def slot_classes(utterances: Sequence[Utterance], answers: Sequence[Spanned]) -> dict[str, dict[str, Any]]:
    """The row of each slot's name."""
    right: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    for utterance, answer in zip(utterances, answers):
        want, got = spans(utterance.slots), spans(answer.slots)
        labelled.update(s[0] for s in want)
        predicted.update(s[0] for s in got)
        right.update(s[0] for s in want & got)
    return {n: class_row(right[n], predicted[n], labelled[n]) for n in sorted(labelled | predicted)}


def _confusion(utterances: Sequence[Utterance], answers: Sequence[Answer], labels: Labels) -> dict[str, Any]:
    """``counts[i][j]``: utterances of intent ``names[i]`` answered as ``names[j]``."""
    names = sorted({*labels.intents, *(u.intent for u in utterances)})
    index = {name: i for i, name in enumerate(names)}
    counts = [[0] * len(names) for _ in names]
    for utterance, answer in zip(utterances, answers):
        counts[index[utterance.intent]][index[answer.intent]] += 1
    return {"names": names, "counts": counts}
