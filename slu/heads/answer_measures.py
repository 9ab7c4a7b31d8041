"""The measures of answers to questions, in percent: exact match and F1 as the CMRC 2018 task counts them.

Case, white space and the marks of `IGNORED_MARKS` do not count, which are those of that task's script: points, commas
and percent signs of numbers are none of them. The units are single Chinese characters, words of everything else, and
what marks are left. (The script cuts words by NLTK; this one by white space and marks.)
F1 is that of the longest run of units that the answer and a right one have in common; of several right ones, the best
counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.heads.measures import OTHER_BORDERS, class_row, percent

MEASURES = ("exact", "answer_f1", "understood")
"""The single numbers, in the order in which they are shown."""
SHOWN = {"exact": "exact", "answer_f1": "answer F1"}
"""See `slu.heads.head.Head.shown`."""
ANSWER, NO_ANSWER = "answer", "no answer"
"""The rows of ``classes``."""
IGNORED_MARKS = "-:_*^/\\~`+=，。：？！“”；’《》……·、「」（）－～『』"
_HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = rf"[^\W{_HAN}]+"
_UNITS = re.compile(rf"[{_HAN}]|{_WORD}(?:[.,'%]{_WORD})*|[^\s]")
_WITHOUT_MARKS = str.maketrans("", "", IGNORED_MARKS)


class Given(Protocol):
    """What is compared with a labelled question: the answer is the only slot."""

    @property
    def slots(self) -> tuple[Slot, ...]: ...


class Answer(Given, Protocol):
    """What is measured: a `ParseResult` is one."""

    @property
    def understood(self) -> bool: ...


def units(text: str) -> list[str]:
    """What of an answer counts."""
    return _UNITS.findall(text.lower().translate(_WITHOUT_MARKS))


def right(utterance: Utterance, answer: Answer, labels: Labels) -> bool:
    """See `exact`; the labels are always the same."""
    return exact(utterance, answer)


def exact(utterance: Utterance, answer: Given) -> bool:
    """Whether an answer is one of the right ones: exact match."""
    if not utterance.slots or not answer.slots:
        return not utterance.slots and not answer.slots
    given = "".join(units(answer.slots[0].value))
    return any(given == "".join(units(slot.value)) for slot in utterance.slots)


def f1(utterance: Utterance, answer: Given) -> float:
    """The F1 of an answer, 0..1; of a question without an answer, whether none is given."""
    if not utterance.slots or not answer.slots:
        return float(not utterance.slots and not answer.slots)
    given = units(answer.slots[0].value)
    return max(_f1(given, units(slot.value)) for slot in utterance.slots)


OTHER_WORDS = "other words"
"""As `OTHER_BORDERS`, where an answer shares no word with a right one."""


def names(utterance: Utterance) -> list[str]:
    """The row of ``classes`` that a labelled question is of."""
    return [ANSWER if utterance.slots else NO_ANSWER]


def taken_for(utterance: Utterance, answer: Utterance) -> list[tuple[str, str]]:
    """What an answer to a question, or that it has none, is taken for."""
    if exact(utterance, answer):
        return []
    if not utterance.slots or not answer.slots:
        return [(names(utterance)[0], names(answer)[0])]
    return [(ANSWER, OTHER_BORDERS if f1(utterance, answer) else OTHER_WORDS)]


def measure(utterances: Sequence[Utterance], answers: Sequence[Answer], labels: Labels) -> dict[str, Any]:
    """`MEASURES`, and ``classes``: questions that have an answer, and those that have none."""
    if not utterances or len(utterances) != len(answers):
        raise ValueError("one answer an utterance, and at least one of them")
    good = [right(u, a, labels) for u, a in zip(utterances, answers)]
    classes = {}
    for name, some in ((ANSWER, True), (NO_ANSWER, False)):
        labelled = [bool(utterance.slots) == some for utterance in utterances]
        predicted = sum(bool(answer.slots) == some for answer in answers)
        classes[name] = class_row(sum(g for g, own in zip(good, labelled) if own), predicted, sum(labelled))
    return {
        "utterances": len(utterances),
        "exact": percent(sum(good), len(good)),
        "answer_f1": percent(sum(f1(u, a) for u, a in zip(utterances, answers)), len(answers)),
        "understood": percent(sum(a.understood for a in answers), len(answers)),
        "classes": {"answers": classes},
    }


def _f1(given: Sequence[str], wanted: Sequence[str]) -> float:
    common = _longest_common_run(given, wanted)
    if not common:
        return float(not given and not wanted)
    return 2 * common / (len(given) + len(wanted))


def _longest_common_run(a: Sequence[str], b: Sequence[str]) -> int:
    longest, before = 0, [0] * (len(b) + 1)
    for unit in a:
        row = [0] * (len(b) + 1)
        for j, other in enumerate(b):
            if unit == other:
                row[j + 1] = before[j] + 1
        longest, before = max(longest, *row), row
    return longest
