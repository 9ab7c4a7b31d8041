"""Files of questions: what is read, repaired, left out and refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from slu.cli import main
from slu.corpus.questions import check_questions, read_questions, write_questions
from slu.corpus.sample.questions import generate_questions
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.heads.table import HEADS

PASSAGE = "李明生于北京，后来搬到北京郊外。"


def squad(*questions: dict[str, object], context: str = PASSAGE, indent: int | None = None) -> str:
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": list(questions)}]}]}, indent=indent)


def asked(*answers: object, **more: object) -> dict[str, object]:
    return {"id": "Q1", "question": "在哪里 出生？", "answers": list(answers), **more}


def answers_of(path: Path, text: str) -> list[list[tuple[str, int]]]:
    path.write_text(text, encoding="utf-8")
    found = []
    for utterance in read_questions(path):
        before = utterance.text.index("\t") + 1
        assert all(utterance.text[slot.start : slot.end] == slot.value for slot in utterance.slots)
        found.append([(slot.value, slot.start - before) for slot in utterance.slots])
    return found


READ: list[tuple[dict[str, object], list[tuple[str, int]], str]] = [
    (asked({"text": "北京", "answer_start": 4}), [("北京", 4)], ""),
    (asked({"text": "北京", "answer_start": 11}, {"text": "北京郊", "answer_start": 11}),
     [("北京", 11), ("北京郊", 11)], ""),
    (asked({"text": "北京", "answer_start": 9}), [("北京", 11)], "does not stand at answer_start 9 but at 11"),
    (asked({"text": " 北京 ", "answer_start": 3}), [("北京", 4)], ""),
    (asked({"text": "北京", "answer_start": -1}), [("北京", 4)], "does not stand at answer_start -1 but at 4"),
    (asked({"text": "北京"}), [("北京", 4)], "2 times in the passage; the first one is taken"),
    (asked("郊外"), [("郊外", 13)], ""),
    (asked({"text": "上海", "answer_start": 4}, {"text": "北京", "answer_start": 4}),
     [("北京", 4)], "'上海' is not in the passage"),
    (asked(), [], ""),
    (asked({"text": "", "answer_start": -1}, is_impossible="true"), [], ""),
    (asked({"text": "北京", "answer_start": 4}, is_impossible=True), [], "is_impossible, but it has answers"),
    (asked(is_impossible=True), [], ""),
    (asked({"text": "北京", "answer_start": 4}, is_impossible=False), [("北京", 4)], ""),
    ({**asked(), "answers": {"text": ["北京"], "answer_start": [4]}}, [("北京", 4)], ""),
]  # fmt: skip


@pytest.mark.parametrize(("question", "answers", "words"), READ)
@pytest.mark.parametrize("lines", [False, True])
def test_what_is_read(
    tmp_path: Path, question: dict[str, object], answers: list[tuple[str, int]], words: str, lines: bool
) -> None:
    path = tmp_path / "questions.json"
    text = json.dumps({**question, "context": PASSAGE}, ensure_ascii=False) if lines else squad(question)
    assert answers_of(path, text) == [answers]
    problems = check_questions(path)
    assert len(problems) == bool(words)
    assert all(
        p.severity == "warning" and words in p.message and p.message.startswith("question Q1: ") for p in problems
    )
    write_questions(read_questions(path), tmp_path / "again.jsonl")
    assert read_questions(tmp_path / "again.jsonl") == read_questions(path)


def test_lines_of_problems(tmp_path: Path) -> None:
    """With indentation each question has a line of its own; one without an answer of its passage is left out."""
    path = tmp_path / "questions.json"
    wrong = asked({"text": "YES", "answer_start": -1}, id="Q2")
    path.write_text(squad(asked("郊外"), wrong, asked("北京郊外"), indent=1), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").split("\n")
    assert len(read_questions(path)) == 2
    problems = check_questions(path)
    assert ["YES" in problems[0].message, "the question is left out" in problems[1].message] == [True, True]
    assert all('"question"' in lines[problem.line - 1] for problem in problems) and problems[0].line > 10
    path.write_text(
        "\n".join(json.dumps({**one, "context": PASSAGE}) for one in (asked("郊外"), wrong)), encoding="utf-8"
    )
    assert [problem.line for problem in check_questions(path)] == [2, 2]


def test_the_same_question_answered_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "questions.json"
    path.write_text(squad(asked("郊外"), asked("李明")), encoding="utf-8")
    assert ["other answers in line 1" in problem.message for problem in check_questions(path)] == [True]


REFUSED = [
    ("", "empty"),
    ("{", "not JSON"),
    ("[1]", "[1] is not an object"),
    ('{"data": 1}', "data is no list"),
    ('{"data": [{}]}', "data[0]: paragraphs is missing"),
    ('{"data": [{"paragraphs": [{"qas": []}]}]}', "data[0].paragraphs[0]: context is missing"),
    (squad(), "no questions"),
    (squad({"id": 1, "question": "问"}), "question 1: answers is missing"),
    (squad({"question": 1, "answers": []}), "question is 1; a text is expected"),
    (squad(asked({"text": "北京", "answer_start": "4"})), 'answer_start is "4"'),
    (squad(asked({"text": 3})), "text is 3"),
    (squad(asked({"text": "上海", "answer_start": 0})), "no questions with an answer"),
    (squad(asked("北京"), context=" "), "no questions with an answer"),
    ('{"question": "问", "answers": []}', ":1: context is missing"),
    ('{"question": "问", "context": "文", "answers": []}\n{', ":2: not JSON"),
    ('{"context": "文", "qas": [], "paragraphs": []}', "give the whole file"),
    ('{"question": "问", "context": "文", "answers": [], "answers": []}', ":1: 'answers' is there twice"),
    ('{"data": [], "data": []}', "'data' is there twice"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str) -> None:
    path = tmp_path / "questions.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError) as error:
        read_questions(path)
    assert words in str(error.value) and str(path) in str(error.value)
    code = main(["data", "split", str(path), "--task", "answer", "--out", str(tmp_path / "out")])
    assert code == 2 and capsys.readouterr().err.count("\n") == 1


def test_odd_characters(tmp_path: Path) -> None:
    """Half a surrogate pair is no text; a tab or a line break in a passage is."""
    path = tmp_path / "questions.json"
    path.write_text(squad(asked("郊外"), context="\ud800郊外"), encoding="utf-8")
    assert "surrogate" in check_questions(path)[0].message
    assert answers_of(path, squad(asked("郊外"), context="一\t二\n郊外🎵")) == [[("郊外", 4)]]
    path.write_bytes(b'{"question": "\xff"}')
    with pytest.raises(CorpusError, match=":1: not UTF-8"):
        read_questions(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorpusError, match="a pipe or a device"):
        read_questions(tmp_path / "pipe")


def test_sample(tmp_path: Path) -> None:
    found = generate_questions(40, 1)
    assert found == generate_questions(40, 1) and len(found) == 40
    assert all(isinstance(one, Utterance) and one.text[s.start : s.end] == s.value for one in found for s in one.slots)
    assert 0 < sum(not one.slots for one in found) < 20
    path = tmp_path / "sample.jsonl"
    assert main(["data", "sample", "--task", "answer", "--count", "40", "--out", str(path)]) == 0
    assert check_questions(path) == []
    assert main(["data", "split", str(path), "--task", "answer", "--out", str(tmp_path / "parts")]) == 0
    parts = [
        {u.text.partition("\t")[2] for u in read_questions(tmp_path / f"parts/{name}.txt")} for name in ("train", "dev")
    ]
    assert not parts[0] & parts[1], "a passage is either learned or measured with"
    assert main(["data", "augment", str(path), "--task", "answer", "--out", str(tmp_path / "more")]) == 2
    assert HEADS["answer"].corpus.whole_sessions
