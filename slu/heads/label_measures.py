"""The measures of answers that are labels, in percent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from slu.corpus.label_sets import SEPARATOR
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.head import ScoredLabel
from slu.heads.measures import class_row, f1_of, percent

ONE_LABEL = ("exact", "macro_f1", "understood")
SEVERAL_LABELS = ("exact", "micro_precision", "micro_recall", "micro_f1", "macro_f1", "understood")
"""The single numbers, in the order in which they are shown."""
SHOWN_OF_ONE = {"exact": "exact", "macro_f1": "macro F1"}
SHOWN_OF_SEVERAL = {"exact": "exact", "micro_f1": "micro F1", "macro_f1": "macro F1"}
"""See `slu.heads.head.Head.shown`."""


class Answer(Protocol):
    """What is compared with an utterance: a `ParseResult` is one."""

    @property
    def labels(self) -> tuple[ScoredLabel, ...] | None: ...
    @property
    def understood(self) -> bool: ...


def names_of(answer: Answer) -> set[str]:
    """The labels of an answer."""
    return {label.name for label in answer.labels or ()}


def right(utterance: Utterance, answer: Answer, labels: Labels) -> bool:
    """Whether an answer has all labels of a text and no others."""
    return set(utterance.labels) == names_of(answer)


def measure_one(utterances: Sequence[Utterance], answers: Sequence[Answer], labels: Labels) -> dict[str, Any]:
    """Of texts with one label each: `ONE_LABEL`, ``classes``, and ``confusion``: ``counts[i][j]`` texts with the label
    ``names[i]`` were answered with ``names[j]``."""
    result = measure_several(utterances, answers, labels)
    names = sorted({*labels.intents, *(name for utterance in utterances for name in utterance.labels)})
    index = {name: i for i, name in enumerate(names)}
    counts = [[0] * len(names) for _ in names]
    for utterance, answer in zip(utterances, answers):
        for found in names_of(answer):
            counts[index[utterance.labels[0]]][index[found]] += 1
    kept = ("utterances", *ONE_LABEL, "classes")
    return {**{name: result[name] for name in kept}, "confusion": {"names": names, "counts": counts}}


def measure_several(utterances: Sequence[Utterance], answers: Sequence[Answer], labels: Labels) -> dict[str, Any]:
    """`SEVERAL_LABELS`, ``classes``, one row a label, and of a tree ``levels``: the same F1 of each level's labels.

    ``micro``: over all labels of all texts. ``macro_f1``: mean of the F1 of the labels that occur in the file.
    """
    if not utterances or len(utterances) != len(answers):
        raise ValueError("one answer an utterance, and at least one of them")
    pairs = [(set(u.labels), names_of(a)) for u, a in zip(utterances, answers)]
    labelled, predicted, both = (
        Counter(name for pair in pairs for name in chosen(*pair))
        for chosen in (lambda want, got: want, lambda want, got: got, lambda want, got: want & got)
    )
    known = {name: i for i, name in enumerate(labels.intents)}
    names = sorted(labelled | predicted, key=lambda name: (known.get(name, len(known)), name))
    classes = {name: class_row(both[name], predicted[name], labelled[name]) for name in names}
    precision, recall, micro, macro = _averages(classes.values())
    depths = sorted({_level(name) for name in names})
    levels = []
    for depth in depths if labels.sets is not None and max(labels.sets.levels) > 1 else ():
        rows = [row for name, row in classes.items() if _level(name) == depth]
        of_level = [
            ({n for n in want if _level(n) == depth}, {n for n in got if _level(n) == depth}) for want, got in pairs
        ]
        share = percent(sum(want == got for want, got in of_level), len(pairs))
        levels.append({"level": depth, "exact": share, "micro_f1": _averages(rows)[2], "macro_f1": _averages(rows)[3]})
    return {
        "utterances": len(utterances),
        "exact": percent(sum(want == got for want, got in pairs), len(pairs)),
        "micro_precision": precision,
        "micro_recall": recall,
        "micro_f1": micro,
        "macro_f1": macro,
        "understood": percent(sum(a.understood for a in answers), len(answers)),
        **({"levels": levels} if levels else {}),
        "classes": {"labels": classes},
    }


def _averages(rows: Iterable[dict[str, Any]]) -> tuple[float, float, float, float]:
    """Micro precision, recall and F1, and macro F1."""
    rows = list(rows)
    counts = (sum(row[name] for row in rows) for name in ("right", "predicted", "labelled"))
    occurring = [row["f1"] for row in rows if row["labelled"]]
    return *f1_of(*counts), sum(occurring) / len(occurring) if occurring else 0.0


def _level(name: str) -> int:
    return name.count(SEPARATOR) + 1
