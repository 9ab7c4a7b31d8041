"""Names of slots and intents: any script, what tags allow, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slu.corpus.tagged import check_corpus, format_tagged, name_problem, parse_tagged, read_corpus
from slu.corpus.utterance import Slot, Utterance

NAMES = ["歌曲", "snips/number", "Hotel-Inform+Price", "имя", "ชื่อ", "a.b:c#1", "from city", "é", "원곡"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_tags_can_hold(name: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text(f"1\t播放花心吧\t播放/音乐 x\t播放<{name}>花心</{name}>吧\n", "utf-8")
    assert check_corpus(path) == []
    (utterance,) = read_corpus(path)
    assert utterance.slots == (Slot(name, "花心", 2, 4),)
    assert utterance.intent == "播放/音乐 x"
    assert format_tagged(utterance) == f"播放<{name}>花心</{name}>吧"
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["1st", "a|b", "a<b", "a ", " a", "a  b", "", "a\u200bb", "a\u3000b", "a\u202eb", "a=b"]
)
def test_other_names_are_named_with_the_rule(name: str) -> None:
    problem = name_problem(name)
    assert problem is not None
    assert "a name begins with a letter" in problem


def test_a_name_with_an_invisible_character_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("1\t花心\tplay\t<so\u200bng>花心</so\u200bng>\n1\t花心\tpl\u202eay\t花心\n", "utf-8")
    first, second = (problem for problem in check_corpus(path) if problem.severity == "error")
    assert (first.line, second.line) == (1, 2)
    assert "U+200B" in first.message
    assert "U+202E" in second.message


@pytest.mark.parametrize("field", range(4))
@pytest.mark.parametrize("control", ["\x00", "\x1b", "\x7f", "\x85"])
def test_control_characters_are_refused_with_their_line(field: int, control: str, tmp_path: Path) -> None:
    fields = ["1", "花心", "play", "花心"]
    fields[field] = f"花{control}心"
    path = tmp_path / "corpus.txt"
    path.write_text("1\t花心\tplay\t花心\n" + "\t".join(fields) + "\n", "utf-8")
    errors = [problem for problem in check_corpus(path) if "control character" in problem.message]
    assert [problem.line for problem in errors] == [2]
    assert f"U+{ord(control):04X} at character 2" in errors[0].message


def test_spaces_make_a_tag_only_of_a_pair() -> None:
    assert parse_tagged("a <b c> d") == ("a <b c> d", ())
    assert parse_tagged("a </b c> d") == ("a </b c> d", ())
    assert parse_tagged("</b c> <b c>") == ("</b c> <b c>", ())
    assert parse_tagged("a <b c>d</b c>") == ("a d", (Slot("b c", "d", 2, 3),))
    text = "<a b>" * 30_000
    assert parse_tagged(text) == (text, ())


@given(st.text("ab/<>|: 花", max_size=16))
def test_what_is_read_is_written_the_same(tagged: str) -> None:
    try:
        text, slots = parse_tagged(tagged)
    except Exception:  # wrong tags
        return
    assert format_tagged(Utterance(text, "x", slots, "1")) == tagged
