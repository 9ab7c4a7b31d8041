"""The measures of answers that are spans, in percent. They have the names of those of slots, which spans are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.heads.joint_measures import slot_classes, spans
from slu.heads.measures import f1_of, percent

MEASURES = ("exact", "slot_precision", "slot_recall", "slot_f1", "slot_macro_f1", "understood")
"""The single numbers, in the order in which they are shown."""
SHOWN = {"exact": "exact", "slot_f1": "slot F1", "slot_macro_f1": "slot macro F1"}
"""See `slu.heads.head.Head.shown`."""


class Answer(Protocol):
    """What is compared with an utterance: a `ParseResult` is one."""

    @property
    def slots(self) -> tuple[Slot, ...]: ...
    @property
    def understood(self) -> bool: ...


def right(utterance: Utterance, answer: Answer, labels: Labels) -> bool:
    """Whether an answer has all spans of a text and no others."""
    return spans(utterance.slots) == spans(answer.slots)


def measure(utterances: Sequence[Utterance], answers: Sequence[Answer], labels: Labels) -> dict[str, Any]:
    """`MEASURES`, and ``classes``, one row a name. A span is right if its name and both of its ends are; ``slot_f1`` is
    over all spans of all texts, ``slot_macro_f1`` the mean of the F1 of the names that occur in the file."""
    if not utterances or len(utterances) != len(answers):
        raise ValueError("one answer an utterance, and at least one of them")
    classes = slot_classes(utterances, answers)
    precision, recall, f1 = f1_of(
        *(sum(row[k] for row in classes.values()) for k in ("right", "predicted", "labelled"))
    )
    occurring = [row["f1"] for row in classes.values() if row["labelled"]]
    return {
        "utterances": len(utterances),
        "exact": percent(sum(right(u, a, labels) for u, a in zip(utterances, answers)), len(answers)),
        "slot_precision": precision,
        "slot_recall": recall,
        "slot_f1": f1,
        "slot_macro_f1": sum(occurring) / len(occurring) if occurring else 0.0,
        "understood": percent(sum(a.understood for a in answers), len(answers)),
        "classes": {"slots": classes},
    }
