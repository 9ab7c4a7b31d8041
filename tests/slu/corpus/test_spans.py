"""Corpora of spans without intents: every form that is read, what is wrong in one, and pieces of long texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slu.cli import main
from slu.corpus.classified import LabelNames
from slu.corpus.pieces import cut_texts
from slu.corpus.spans import check_spans, labels_of_spans, read_spans, write_spans
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CorpusError

TEXTS = ["李明在北京", "北京大学", "没有人"]
SPANS = [[("PER", 0, 2), ("LOC", 3, 5)], [("ORG", 0, 4)], []]
BIO = ["B-PER I-PER O B-LOC I-LOC", "B-ORG I-ORG I-ORG I-ORG", "O O O"]
BMES = ["B-PER E-PER O B-LOC E-LOC", "B-ORG M-ORG M-ORG E-ORG", "O O O"]
BIOES = ["B-PER E-PER O B-LOC E-LOC", "B-ORG I-ORG I-ORG E-ORG", "O O O"]


def columns(tags: list[str]) -> str:
    blocks = ("\n".join(f"{char} {tag}" for char, tag in zip(text, row.split())) for text, row in zip(TEXTS, tags))
    return "\n\n".join(blocks) + "\n"


def json_lines(make: Callable[[str, str, int, int], Any]) -> str:
    rows = [{"text": t, "entities": [make(t, *span) for span in spans]} for t, spans in zip(TEXTS, SPANS)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def cluener() -> str:
    rows = []
    for text, spans in zip(TEXTS, SPANS):
        names: dict[str, dict[str, list[list[int]]]] = {}
        for name, start, end in spans:
            names.setdefault(name, {}).setdefault(text[start:end], []).append([start, end - 1])
        rows.append(json.dumps({"text": text, "label": names}, ensure_ascii=False))
    return "\n".join(rows)


FORMS = {
    "BIO columns": columns(BIO),
    "BMES columns": columns(BMES),
    "BIOES columns": columns(BIOES),
    "exclusive ends": json_lines(lambda t, n, s, e: [s, e, n]),
    "inclusive ends, told by a span that reaches the end": json_lines(lambda t, n, s, e: [s, e - 1, n])
    + '{"text": "在津", "entities": [[1, 1, "LOC"]]}\n',
    "doccano": json_lines(lambda t, n, s, e: {"id": 1, "label": n, "start_offset": s, "end_offset": e}),
    "objects with their text": json_lines(lambda t, n, s, e: {"type": n, "start": s, "end": e - 1, "text": t[s:e]}),
    "CLUENER": cluener(),
    "a tagged corpus": "1\t李明在北京\tgo\t<PER>李明</PER>在<LOC>北京</LOC>\n\n2\t北京大学\tgo\t<ORG>北京大学</ORG>\n"
    "\n3\t没有人\tgo\t没有人\n",
}


@pytest.mark.parametrize("content", FORMS.values(), ids=list(FORMS))
def test_every_form_is_read_alike(tmp_path: Path, content: str) -> None:
    path = tmp_path / "corpus"
    path.write_text(content, encoding="utf-8")
    found = read_spans(path)[: len(TEXTS)]
    assert [utterance.text for utterance in found] == TEXTS
    assert [[(s.name, s.start, s.end) for s in u.slots] for u in found] == SPANS
    assert all(u.intent == "" and u.text[s.start : s.end] == s.value for u in found for s in u.slots)
    assert len({utterance.session for utterance in found}) == len(TEXTS)
    assert labels_of_spans(found).slots == ("LOC", "ORG", "PER") and labels_of_spans(found).intents == ()
    assert all(problem.severity == "warning" for problem in check_spans(path))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    texts = [
        Utterance("🎵在津门<b>x</b>", "", (Slot("LOC", "津", 2, 3), Slot("人名", "门", 3, 4)), "1"),
        Utterance(" a || b ", "", (), "2"),
    ]
    write_spans(texts, tmp_path / "corpus.jsonl")
    assert read_spans(tmp_path / "corpus.jsonl") == texts
    with pytest.raises(CorpusError, match="no texts to write"):
        write_spans([], tmp_path / "none.jsonl")


WRONG = {
    "both kinds of ends": (
        '{"text": "在津", "entities": [[1, 2, "LOC"]]}\n{"text": "在津", "entities": [[1, 1, "LOC"]]}\n',
        r"corpus:2: a span ends at its last character, but in \S+corpus:1 behind it; say which by slu data con",
    ),
    "outside": (
        '{"text": "在津", "entities": [[0, 1, "LOC"], [1, 9, "LOC"]]}\n',
        r"corpus:1: .* is not inside the 2 char",
    ),
    "another text": (
        '{"text": "在津", "entities": [{"type": "L", "start": 0, "end": 1, "text": "津"}]}\n',
        "corpus:1: 'L'",
    ),
    "overlap": (
        '{"text": "北京大学", "entities": [[0, 4, "ORG"], [0, 2, "LOC"]]}\n',
        "corpus:1: .* slots do not overlap",
    ),
    "no span": ('{"text": "在津", "entities": [[1, 2]]}\n', r"corpus:1: \[1, 2\] is no span"),
    "no offset": ('{"text": "在津", "entities": [["1", 2, "LOC"]]}\n', 'corpus:1: "1" is not an offset'),
    "no place": ('{"text": "在津", "label": {"LOC": {"津": [[1]]}}}\n', r"corpus:1: \[1\] is no place of a LOC"),
    "no text": ('{"text": "津", "entities": []}\n{"entities": []}\n', "corpus:2: text is missing"),
    "cut off": ('{"text": "津", "entities": []}\n{"text": "津", "ent\n', "corpus:2: not JSON"),
    "a tag without a name": ("李 B-PER\n明 X-PER\n在 O\n", "corpus:2: the tag 'X-PER'"),
    "lower-case tags": ("李 O\n\n明 o\n津 b-loc\n", "corpus:3: the tag 'o': O or a prefix"),
    "prefixes behind names": ("李 PER-B\n明 PER-I\n", "corpus:1: the tag 'PER-B'"),
    "a line without a tag": ("李 B-PER\n明 I-PER\n在 O\n北\n", "corpus:4: '北' has no tag"),
    "an empty file": ("", "corpus: none of the formats"),
    "plain text": ("李明在北京\n", "corpus: none of the formats"),
    "nothing usable": ('{"text": " ", "entities": []}\n', "corpus:1: the text is empty"),
}


@pytest.mark.parametrize(("content", "words"), WRONG.values(), ids=list(WRONG))
def test_wrong_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str) -> None:
    path = tmp_path / "corpus"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=words) as raised:
        read_spans(path)
    assert "\n" not in str(raised.value)
    code = main(["data", "check", str(path), "--task", "tokens"])
    told = capsys.readouterr()
    assert (code, told.err) == (1, "") if ": error: " in told.out else code == 2 and told.err.count("\n") == 1


def test_what_is_told_of_files_that_can_be_read(tmp_path: Path) -> None:
    """Each finding about a tag has the line of that tag, and labels of whole texts are no spans."""
    path = tmp_path / "corpus"
    path.write_text("我 O\n在 O\n北 I-LOC\n京 I-LOC\n\n李 B-PER\n明 I-LOC\n津 E-ORG\n", encoding="utf-8")
    found = [(problem.line, problem.message.partition(";")[0]) for problem in check_spans(path)]
    assert found == [(3, "'I-LOC' begins a slot"), (7, "'I-LOC' begins a slot"), (8, "'E-ORG' ends nothing")]
    path.write_text('{"text": "我在北京", "label": ["LOC"]}\n', encoding="utf-8")
    [problem] = check_spans(path)
    assert problem.severity == "warning" and problem.message.startswith("no text has a span")


def test_missing_files_and_directories(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(CorpusError, match="cannot be read|none of the formats"):
            read_spans(path)


def test_names_of_the_labels_file(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    path.write_text(FORMS["exclusive ends"], encoding="utf-8")
    with pytest.raises(CorpusError, match="the name 'ORG' of a span is not among"):
        read_spans(path, LabelNames(("PER", "LOC")))
    problems = check_spans(path, LabelNames(("PER", "LOC", "ORG", "TIME")))
    assert [problem.message for problem in problems] == ["no span is called 'TIME'"]
    names = LabelNames(("PER", "TIME", "LOC", "ORG"))
    assert labels_of_spans(read_spans(path, names), names).slots == names.names
    with pytest.raises(CorpusError, match="no text of the training part has a span"):
        labels_of_spans([Utterance("津", "", (), "1")])


def test_conversion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Inclusive ends that nothing shows have to be said; what does not fit then is left out and reported."""
    path, out = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    path.write_text('{"text": "李明在北京。", "entities": [[0, 1, "PER"], [3, 4, "LOC"]]}\n', encoding="utf-8")
    convert = ["data", "convert", str(path), "--task", "tokens", "--out", str(out)]
    assert main([*convert, "--ends", "inclusive"]) == 0
    assert [slot.value for slot in read_spans(out)[0].slots] == ["李明", "北京"]
    assert (
        main(["data", "convert", str(out), "--task", "tokens", "--to", "conll", "--out", str(tmp_path / "c.txt")]) == 0
    )
    assert read_spans(tmp_path / "c.txt") == read_spans(out)
    capsys.readouterr()
    for changes, words in (
        (["--ends", "open"], "--ends open: must be one of exclusive, inclusive"),
        (["--intent", "x"], "texts of task tokens have no intents"),
        (["--pieces", "-3"], "--pieces -3: needs --task tokens"),
        (["--task", "labels"], "--task labels: must be joint or tokens"),
    ):
        assert main([*convert, *changes]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1


def test_pieces() -> None:
    text = "他来自天津。”她说，北京，上海，广州和深圳都去过很多次了呀"
    spans = [
        Slot("L", name, text.index(name), text.index(name) + 2) for name in ("天津", "北京", "上海", "广州", "深圳")
    ]
    [*found], moved = cut_texts([Utterance(text, "", tuple(spans), "1"), Utterance("短", "", (), "2")], 10)
    assert "".join(piece.text for piece in found) == text + "短"
    assert [piece.text for piece in found[:2]] == ["他来自天津。”", "她说，北京，上海，"]
    assert all(len(piece.text) <= 10 for piece in found) and moved == 0
    assert [s.value for piece in found for s in piece.slots] == [s.value for s in spans]
    assert all(piece.text[s.start : s.end] == s.value for piece in found for s in piece.slots)
    assert [piece.session for piece in found] == [str(i + 1) for i in range(len(found))]
    whole = Utterance("甲乙丙丁戊己", "", (Slot("L", "乙丙丁戊", 1, 5),), "1")
    pieces, moved = cut_texts([whole], 3)
    assert [piece.text for piece in pieces] == ["甲", "乙丙丁戊", "己"] and moved == 2


def test_names_are_checked_in_a_tagged_corpus_too(sample_path: Path) -> None:
    problems = check_spans(sample_path, LabelNames(("singer",)))
    assert any("not among" in problem.message for problem in problems if problem.severity == "error")


def test_no_texts_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.yml"
    path.write_text("nlu: []\n")
    assert [(problem.severity, problem.message) for problem in check_spans(path)] == [("error", "no texts")]
    with pytest.raises(CorpusError, match="no texts"):
        read_spans(path)
