"""Every measure on cases small enough to be counted by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.heads.joint_measures import compare, measure

LABELS = Labels(
    ("OTHERS", "call", "play"), ("name", "song"), {"OTHERS": (), "call": ("name",), "play": ("name", "song")}
)


@dataclass(frozen=True)
class Reply:
    intent: str
    slots: tuple[Slot, ...] = ()
    understood: bool = True


def slot(name: str, text: str, start: int, end: int, correction: str | None = None) -> Slot:
    return Slot(name, text[start:end], start, end, correction)


def said(text: str, intent: str, *slots: tuple[str, int, int] | tuple[str, int, int, str]) -> Utterance:
    return Utterance(text, intent, tuple(slot(s[0], text, *s[1:]) for s in slots), "1")


def heard(text: str, intent: str, *slots: tuple[str, int, int], understood: bool = True) -> Reply:
    return Reply(intent, tuple(slot(s[0], text, *s[1:]) for s in slots), understood)


def test_all_measures_of_five_utterances() -> None:
    utterances = [
        said("呼叫甲乙", "call", ("name", 2, 4)),
        said("听甲的丙丁", "play", ("name", 1, 2), ("song", 3, 5)),
        said("听丙丁", "play", ("song", 1, 3)),
        said("你好", "OTHERS"),
        said("嗯", "OTHERS"),
    ]
    answers = [
        heard("呼叫甲乙", "call", ("name", 2, 4)),
        heard("听甲的丙丁", "play", ("name", 1, 2), ("song", 3, 4), understood=False),
        heard("听丙丁", "call", ("song", 1, 3)),
        heard("你好", "OTHERS"),
        heard("嗯", "call", ("name", 0, 1)),
    ]
    result = measure(utterances, answers, LABELS)
    assert result["utterances"] == 5
    assert result["exact"] == result["seed_accuracy"] == 40
    assert result["intent_accuracy"] == 60
    # call: 1 right of 3 answered and 1 labelled, F1 1/2; play: 1 of 1 and 2, F1 2/3; OTHERS does not count.
    assert result["intent_macro_f1"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    assert result["slot_precision"] == 60
    assert result["slot_recall"] == 75
    assert result["slot_f1"] == pytest.approx(200 / 3)
    assert result["understood"] == 80
    song = {"labelled": 2, "predicted": 2, "right": 1, "precision": 50.0, "recall": 50.0, "f1": 50.0}
    assert result["classes"]["slots"]["song"] == song
    assert result["classes"]["intents"]["OTHERS"]["recall"] == 50
    assert result["confusion"] == {"names": ["OTHERS", "call", "play"], "counts": [[1, 1, 0], [0, 1, 0], [0, 1, 1]]}


def test_what_cannot_be_divided_is_zero() -> None:
    result = measure([said("嗯", "OTHERS")], [heard("嗯", "OTHERS")], LABELS)
    assert (result["slot_precision"], result["slot_recall"], result["slot_f1"]) == (0, 0, 0)
    assert (result["intent_macro_f1"], result["exact"]) == (0, 100)
    only_corrected = measure(
        [said("听丙", "play", ("song", 1, 2, "丁"))], [heard("听丙", "play", ("song", 1, 2))], LABELS
    )
    assert (only_corrected["seed_accuracy"], only_corrected["exact"]) == (0, 100)


@pytest.mark.parametrize(("utterances", "answers"), [([], []), ([said("嗯", "OTHERS")], [])])
def test_nothing_to_measure_is_a_mistake(utterances: list[Utterance], answers: list[Reply]) -> None:
    with pytest.raises(ValueError, match="one answer an utterance"):
        measure(utterances, answers, LABELS)


def test_an_intent_that_the_model_lacks_is_wrong() -> None:
    utterances = [said("嗯", "sing"), said("嗯", "OTHERS")]
    result = measure(utterances, [heard("嗯", "OTHERS")] * 2, LABELS)
    assert result["exact"] == 50
    assert result["confusion"]["counts"][result["confusion"]["names"].index("sing")] == [1, 0, 0, 0]


LONG = "听一二三四五六七八九十甲乙丙丁戊"
SPACED = "听一二三 四五六七 八九十甲乙丙丁戊"


@pytest.mark.parametrize(
    ("labelled", "answered", "seed", "exact"),
    [
        # Characters past the fourteenth do not count ...
        (said(LONG, "play", ("song", 14, 16)), heard(LONG, "play"), True, False),
        (said(LONG, "play", ("song", 12, 16)), heard(LONG, "play", ("song", 12, 14)), True, False),
        (said(LONG, "play", ("song", 12, 16)), heard(LONG, "play", ("song", 12, 13)), False, False),
        (said(LONG, "play", ("song", 13, 16)), heard(LONG, "play"), False, False),
        # ... white space is none of them ...
        (said(SPACED, "play", ("song", 15, 18)), heard(SPACED, "play"), False, False),
        (said(SPACED, "play", ("song", 16, 18)), heard(SPACED, "play"), True, False),
        # ... and inside, every tag does: name, start and end.
        (said(LONG, "play", ("song", 1, 4)), heard(LONG, "play", ("name", 1, 4)), False, False),
        (said(LONG, "play", ("song", 1, 4)), heard(LONG, "play", ("song", 1, 2), ("song", 2, 4)), False, False),
        (said(LONG, "play", ("song", 1, 4)), heard(LONG, "play", ("song", 1, 4)), True, True),
        # Intents that take no slots ignore them; the others do not.
        (said(LONG, "OTHERS"), heard(LONG, "OTHERS", ("song", 1, 4)), True, False),
        (said(LONG, "call"), heard(LONG, "call", ("name", 1, 4)), False, False),
        (said(LONG, "play", ("song", 1, 4)), heard(LONG, "call", ("song", 1, 4)), False, False),
        # A corrected value leaves the line out, but only of this measure.
        (said(LONG, "play", ("song", 1, 4, "正")), heard(LONG, "play", ("song", 1, 4)), None, True),
        (said(LONG, "play", ("song", 1, 4, "正")), heard(LONG, "OTHERS"), None, False),
    ],
)
def test_the_published_measure_is_looser(labelled: Utterance, answered: Reply, seed: bool | None, exact: bool) -> None:
    outcome = compare(labelled, answered, LABELS)
    assert (outcome.seed, outcome.exact) == (seed, exact)
