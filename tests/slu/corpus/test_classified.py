"""Files of texts with labels: the three forms that users have, and everything that can be wrong in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slu.corpus.classified import check_classified, read_classified, read_label_names, write_classified
from slu.corpus.label_sets import in_order
from slu.errors import CorpusError

ROOT = Path(__file__).parents[3]


def written(tmp_path: Path, content: str | bytes, name: str = "data.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("好\t1\r\n坏的\t0\r\n", ["好", "坏的"]),
        ("\ufeff好\t1\n\n坏的\t0", ["好", "坏的"]),
        ("label\ttext_a\n1\t好\n0\t坏的\n", ["好", "坏的"]),
        ("qid\ttext_a\tlabel\n7\t好\t1\n8\t坏的\t0\n", ["好", "坏的"]),
        ('{"label": "1", "sentence": "好"}\n{"label": 0, "sentence": "坏的", "id": 3}\n', ["好", "坏的"]),
        ('{"text": "好", "label": ["1"]}\n{"text": "坏\\t的", "label": "0"}\n', ["好", "坏 的"]),
        ("问\t答\t1\n问\t不答\t0\n", ["问\t答", "问\t不答"]),
        ("text_a\ttext_b\tlabel\n问\t答\t1\n问\t不答\t0\n", ["问\t答", "问\t不答"]),
        ('{"sentence1": "问", "sentence2": "答", "label": "1"}\n{"sentence1": "a", "sentence2": "b", "label": "0"}',
         ["问\t答", "a\tb"]),
    ],
)  # fmt: skip
def test_forms(tmp_path: Path, content: str, texts: list[str]) -> None:
    found = read_classified(written(tmp_path, content), single=True)
    assert [utterance.text for utterance in found] == texts
    assert [utterance.labels for utterance in found] == [("1",), ("0",)]
    assert not check_classified(written(tmp_path, content.removeprefix("\ufeff")), single=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("好", "1 fields between tabs"),
        ("a\tb\tc\td", "4 fields between tabs"),
        ("\t1", "the text is empty"),
        ("a\t \t1", "the text is empty"),
        ("好\t", "0 labels; the task sequence has exactly one"),
        ('{"label": "1"}', "no text"),
        ('{"sentence": "a"}', "no label"),
        ('{"sentence": "a", "label": null}', "the label is None"),
        ('{"sentence": "a", "label": true}', "the label is True"),
        ('{"sentence": "a", "label": ["1", "2"]}', "2 labels"),
        ('{"sentence1": "a", "sentence2": 3, "label": "1"}', "sentence2 is not a text"),
        ('{"sentence": ', "not JSON"),
        ('{"sentence": "a", "label": "1", "label": "2"}', "'label' is there twice"),
        ("好\t1,2", "a comma separates labels"),
        ("a\0b\t1", "control character U+0000 at character 2 of the text"),
        ("a\x1b[31mb\t1", "control character U+001B"),
        ("a\rb\t1", "a carriage return inside the text"),
        ('{"sentence": "a\\u0000", "label": "1"}', "control character U+0000"),
        ('{"sentence": "\\ud800a", "label": "1"}', "half a surrogate pair"),
        ('{"sentence": "a", "label": "x\\ny"}', "cannot be a label (it has U+000A)"),
        ('{"sentence": "a", "label": "x\\u202ey"}', "cannot be a label (it has U+202E)"),
    ],
)
def test_wrong_lines(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path, f"好的\t1\n{line}\n")
    with pytest.raises(CorpusError, match=f"^{path}:2: .*{re.escape(message)}"):
        read_classified(path, single=True)
    [problem] = check_classified(path, single=True)
    assert (problem.line, problem.severity) == (2, "error") and message in problem.message


def test_not_utf8(tmp_path: Path) -> None:
    path = written(tmp_path, "好\t1\n".encode() + b"\xff\t1\n")
    with pytest.raises(CorpusError, match=f"^{path}:2: not UTF-8 at byte 1 of the line"):
        read_classified(path, single=True)


def test_no_texts(tmp_path: Path) -> None:
    for content in ("", "\n\n", "label\ttext_a\n"):
        with pytest.raises(CorpusError, match="no texts"):
            read_classified(written(tmp_path, content), single=True)


def test_a_tree(tmp_path: Path) -> None:
    path = written(tmp_path, "甲\ta,a##x\n乙\ta##y\n丙\t\n丁\tb,b\n甲\ta\n")
    names = read_label_names(written(tmp_path, "b\na\na##x\na##y\nc\n", "label.txt"))
    assert names.names == ("b", "a", "a##x", "a##y", "c")
    found = read_classified(path, single=False, names=names)
    assert [utterance.labels for utterance in found] == [("a", "a##x"), ("a", "a##y"), (), ("b",), ("a",)]
    problems = [(p.line, p.severity, p.message) for p in check_classified(path, single=False, names=names)]
    assert problems == [
        (2, "warning", "a is missing above a label of the text; it is added"),
        (4, "warning", "a label is there twice"),
        (5, "warning", "'甲' is labelled otherwise in line 1"),
        (0, "warning", "no text has the label 'c'"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a##x\n", ":1: 'a##x' has no label above it"),
        ("a\nb\na\n", ":3: the label 'a' is in line 1 already"),
        ("a##\n", ":1: 'a##': a part between ## is empty"),
        ("a,b\n", "a comma separates labels"),
        ("", "no labels"),
        ('{"label_des": "a"}\n', ":1: the label is None"),
    ],
)
def test_wrong_label_files(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_label_names(written(tmp_path, content))


def test_labels_have_titles(tmp_path: Path) -> None:
    """CLUE numbers its labels, and names them in a file beside."""
    names = read_label_names(
        written(tmp_path, '{"label": "1", "label_des": "教育"}\n{"label": "0", "label_des": "财经"}\n')
    )
    path = written(tmp_path, '{"label": "0", "sentence": "a"}\n{"label": 1, "sentence": "b"}\n', "data.json")
    assert [u.labels for u in read_classified(path, single=True, names=names)] == [("财经",), ("教育",)]
    with pytest.raises(CorpusError, match=":1: the label '7' is not among"):
        read_classified(written(tmp_path, '{"label": "7", "sentence": "a"}\n'), single=True, names=names)


def test_many_labels(tmp_path: Path) -> None:
    names = [f"{i // 100}" if i % 100 == 0 else f"{i // 100}##{i}" for i in range(5000)]
    path = written(tmp_path, "".join(f"text {i}\t{name}\n" for i, name in enumerate(names)))
    labels = read_label_names(written(tmp_path, "\n".join(names), "label.txt"))
    found = read_classified(path, single=False, names=labels)
    assert len(found) == 5000 and found[4999].labels == ("49", "49##4999")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = ROOT / "data/labels/corpus.txt"
    found = read_classified(path, single=False, names=read_label_names(path.with_name("label.txt")))
    write_classified(found, tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == path.read_bytes()
    assert in_order(name for utterance in found for name in utterance.labels)
