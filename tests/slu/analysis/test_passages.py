"""What is said of questions and passages, without a network."""

from __future__ import annotations

import pytest

from slu.analysis.classes import class_tables
from slu.analysis.page import _read, coloured
from slu.analysis.passages import AROUND, add_excerpts, in_short
from slu.corpus.utterance import Slot, Utterance
from slu.heads.answer_measures import ANSWER, NO_ANSWER, OTHER_WORDS
from slu.heads.measures import OTHER_BORDERS, class_row
from slu.heads.table import HEADS

QUESTION = "谁住在这里？"
BEGIN = len(QUESTION) + 1


def asked(passage: str, *answers: str) -> Utterance:
    slots = tuple(Slot("answer", a, BEGIN + passage.index(a), BEGIN + passage.index(a) + len(a)) for a in answers)
    return Utterance(f"{QUESTION}\t{passage}", "", slots, "1")


def test_an_excerpt_is_around_the_answers() -> None:
    long = "一" * 100
    passage = f"{long}甲乙{long}丙{'二' * 30}丁{long}"
    text = asked(passage).text
    assert in_short(text, asked(passage, "甲乙").slots) == {
        "question": QUESTION,
        "excerpt": f"… {'一' * AROUND}甲乙{'一' * AROUND} …",
    }
    both = in_short(text, asked(passage, "丁", "甲乙", "丙").slots)["excerpt"]
    some = "一" * AROUND
    assert both == f"… {some}甲乙{some} … {some}丙{'二' * 30}丁{some} …"
    assert in_short(text, ())["excerpt"] == f"{'一' * AROUND} …"
    assert in_short(asked("甲。乙").text, asked("甲。乙", "乙").slots)["excerpt"] == "甲。乙"
    assert in_short("没有文章", ()) == {"question": "没有文章", "excerpt": ""}


def test_rows_about_texts_have_excerpts_of_their_own_text() -> None:
    dev, train = [asked("甲住在这里。", "甲"), asked("没有人。")], [asked("乙住在这里。", "乙"), asked("乙住在这里。")]
    answers = [asked("甲住在这里。"), asked("没有人。", "人")]
    conflict = {"text": train[0].text, "variants": [{"lines": [1]}, {"lines": [2]}]}
    facts = {
        "bad": [{"number": 2}],
        "behind": {"texts": [{"nearest": [{"number": 1}]}]},
        "sparse": {"texts": [{"number": 1}]},
        "conflicts": {"data": [], "train": [conflict]},
    }
    add_excerpts(facts, dev, answers, train)
    assert facts["bad"] == [{"number": 2, "question": QUESTION, "excerpt": "没有人。"}]
    assert facts["sparse"]["texts"][0]["excerpt"] == "甲住在这里。"
    assert facts["behind"]["texts"][0]["nearest"][0]["excerpt"] == conflict["excerpt"] == "乙住在这里。"


@pytest.mark.parametrize(
    ("right", "given", "name", "other"),
    [
        ("张三", "", ANSWER, NO_ANSWER),
        ("张三", "三", ANSWER, OTHER_BORDERS),
        ("张三", "李四", ANSWER, OTHER_WORDS),
        ("张三", "《张三》", ANSWER, ""),
        ("", "张三", NO_ANSWER, ANSWER),
        ("", "", NO_ANSWER, ""),
    ],
)
def test_answers_are_taken_for_others(right: str, given: str, name: str, other: str) -> None:
    passage = "《张三》和李四住在这里。"
    own, got = (asked(passage, *([value] if value else [])) for value in (right, given))
    measured = {"answers": {ANSWER: class_row(0, 1, 1), NO_ANSWER: class_row(0, 1, 1)}}
    rows = {
        row["name"]: row for row in class_tables(measured, [own], [got], [own, own], HEADS["answer"].kinds)["answers"]
    }
    assert rows[name]["taken_for"] == ([[other, 1]] if other else []) and rows[name]["train"] == 2
    [rest] = {ANSWER, NO_ANSWER} - {name}
    assert rows[rest]["taken_for"] == [] and rows[rest]["train"] == 0


@pytest.mark.parametrize(
    ("window", "read"), [((0, 4), "\n甲住东城 …"), ((4, 9), "\n… 。乙住西城"), ((0, 9), "\n甲住东城。乙住西城")]
)
def test_the_window_of_a_passage_is_coloured(window: tuple[int, int], read: str) -> None:
    text = asked("甲住东城。乙住西城").text
    start, end = (BEGIN + place for place in window)
    units = [[0, 1, 3.0, 0.0], [start + 1, start + 3, -1.5, 0.5]]
    case = {"text": text, "question": QUESTION}
    pieces = coloured(*_read(case, {"window": [start, end], "units": units}))
    assert "".join(piece[0] for piece in pieces) == QUESTION + read
    assert [(piece, strength) for piece, strength, told in pieces if told] == [
        ("谁", 1.0),
        (text[start + 1 : start + 3], -0.5),
    ]
    assert _read(case, {"units": units}) == (text, units)
