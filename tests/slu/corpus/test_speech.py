"""Spoken and written forms of utterances: labels follow the text, whatever is put around and into it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slu.corpus.phrase_files import CHECK, PARTS, TRAINING, read_parts
from slu.corpus.speech import (
    ANY,
    KINDS,
    filled,
    framed,
    grouped,
    joined,
    known_names,
    punctuated,
    read_phrases,
    shuffled,
    spaced,
    spoken_numbers,
    widened,
    with_insertions,
    with_value,
)
from slu.corpus.tagged import parse_tagged
from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError

SPEECH = Path(__file__).parents[3] / "data/speech"


def tagged(text: str) -> Utterance:
    plain, slots = parse_tagged(text)
    return Utterance(plain, "music.play", slots, "1")


@st.composite
def utterances(draw: st.DrawFn) -> Utterance:
    """Any text with slots that touch each other now and then."""
    pieces = draw(st.lists(st.text("打电话给小明1390abé放。", min_size=1, max_size=6), min_size=1, max_size=5))
    text, slots = "", []
    for i, piece in enumerate(pieces):
        if draw(st.booleans()):
            slots.append(Slot(("song", "phone_num")[i % 2], piece, len(text), len(text) + len(piece)))
        text += piece
    return Utterance(text, "music.play", tuple(slots), "1")


def without(text: str) -> str:
    return "".join(char for char in text if char not in ' -，、。！？!?.…,《》“”"「」')


@given(utterances(), st.integers(0, 9))
def test_slots_follow_the_text(utterance: Utterance, seed: int) -> None:
    random = Random(seed)
    marked, with_spaces = punctuated(random, utterance), spaced(random, utterance)
    forms = [marked, with_spaces, grouped(random, utterance), framed(utterance, ("嗯", "吧"), "，")]
    forms += [widened(utterance), spoken_numbers(random, utterance)]
    for form in forms:
        assert [slot.name for slot in form.slots] == [slot.name for slot in utterance.slots]
        assert all(slot.value == form.text[slot.start : slot.end] for slot in form.slots)
        assert (form.intent, form.session) == (utterance.intent, utterance.session)
    assert marked.text != utterance.text and [s.value for s in marked.slots] == [s.value for s in utterance.slots]
    for before, after in zip(utterance.slots, with_spaces.slots):
        assert without(after.value) == without(before.value) and after.value == after.value.strip()
    assert without(with_spaces.text) == without(utterance.text)


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        ({0: "请"}, "请打给<song>小明</song>"),
        ({2: "，"}, "打给，<song>小明</song>"),
        ({4: "。"}, "打给<song>小明</song>。"),
        ({3: " "}, "打给<song>小 明</song>"),
        ({2: "《", 4: "》"}, "打给《<song>小明</song>》"),
    ],
)
def test_what_is_put_in_at_an_edge_stays_outside(pieces: dict[int, str], wanted: str) -> None:
    assert with_insertions(tagged("打给<song>小明</song>"), pieces) == tagged(wanted)


def test_which_slots_are_titles_may_be_said() -> None:
    call = tagged("打给<phone_num>13900001111</phone_num>")
    marked = [
        {"《" in punctuated(Random(seed), call, titles).text for seed in range(20)} for titles in ((), ("phone_num",))
    ]
    assert marked == [{False}, {False, True}]


def test_forms_of_a_command() -> None:
    call = tagged("打给<phone_num>13900001111</phone_num>")
    assert without(grouped(Random(0), call).text) == call.text
    lengths = {tuple(map(len, grouped(Random(i), call).slots[0].value.replace("-", " ").split())) for i in range(9)}
    assert lengths == {(3, 4, 4)}
    assert widened(tagged("放<song>abc 1</song>")) == tagged("放<song>ａｂｃ １</song>")
    assert (
        spoken_numbers(Random(0), call).slots[0].value[0] in "一幺" and len(spoken_numbers(Random(0), call).text) == 13
    )
    assert framed(call, ("小安，", "谢谢")) == tagged("小安，打给<phone_num>13900001111</phone_num>谢谢")
    assert joined(tagged("放<song>花心</song>"), "并", tagged("停")) == tagged("放<song>花心</song>并停")
    assert with_value(tagged("<song>a</song>的<singer>b||c</singer>"), 0, "xyz") == tagged(
        "<song>xyz</song>的<singer>b||c</singer>"
    )
    assert sorted(shuffled(Random(0), "打电话给小明")) == sorted("打电话给小明")


def test_the_phrases_that_are_measured_on_are_not_those_for_training() -> None:
    parts = [read_phrases(SPEECH, part) for part in PARTS]
    for kind in KINDS:
        training, check = (set(part.frames[kind]) for part in parts)
        assert len(training) >= 40 and len(check) >= 50 and not training & check
        assert not any(mark in before + behind for before, behind in check for mark in ANY)
    assert len(parts[0].joiners) >= 8


def test_any_name_in_a_phrase() -> None:
    drawn = {filled(Random(i), ("小*小*", "+*吧"), "甲乙丙") for i in range(50)}
    assert len(drawn) == 9 and all(before[1] == before[3] == behind[1] for before, behind in drawn)
    assert filled(Random(0), ("请", ""), []) == ("请", "")


def test_names_of_lexicons_in_phrases() -> None:
    frames = [("小*小*", ""), ("你好*+", ""), ("", "**"), ("请", ""), ("*", "")]
    known = known_names(frames, ["小雪", "小明", "花心", "花花", "晴天", "小雪花", "雪"], "雪花心小天晴")
    assert known == {"小*": ["小雪"], "*+": ["小雪", "晴天", "花心", "花花"], "**": ["花花"]}
    drawn = [filled(Random(i), frames[0], "甲乙", known) for i in range(60)]
    assert set(drawn) == {("小雪小雪", ""), ("小甲小甲", ""), ("小乙小乙", "")}
    assert 20 < drawn.count(("小雪小雪", "")) < 40
    assert ("你好花心", "") in {filled(Random(i), frames[1], "甲乙", known) for i in range(60)}


def test_names_that_are_kept_apart() -> None:
    kept_apart = {"小甲", "甲乙", "乙乙"}
    for frame, names in ((("嗨小*", ""), {"小乙"}), (("", "*+助手"), {"甲甲", "乙甲"})):
        drawn = {"".join(filled(Random(i), frame, "甲乙", {"*+": ["甲乙"]}, kept_apart)) for i in range(80)}
        assert {phrase.removeprefix("嗨").removesuffix("助手") for phrase in drawn} == names
    with pytest.raises(ConfigError, match="every name for it"):
        filled(Random(0), ("小*", ""), "甲", None, kept_apart)


def test_a_file_of_phrases(tmp_path: Path) -> None:
    path = tmp_path / "polite.txt"
    path.write_text("\ufeff# mine\r\n请…\r\n\r\n[check]\r\n劳驾…\r\n[training]\r\n…谢谢", encoding="utf-8")
    assert read_parts(path) == {TRAINING: [(2, "请…"), (7, "…谢谢")], CHECK: [(5, "劳驾…")]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"polite.txt: cannot be read"),
        (b"\xff", r"polite.txt: not UTF-8 at byte 0"),
        ("请\n".encode(), r"polite.txt:1: '请': write … once"),
        ("…请…\n".encode(), r"polite.txt:1: .*write … once"),
        ("…\n".encode(), r"polite.txt:1: .*write … once"),
        ("[check]\n请…\n".encode(), r"polite.txt: no phrases in \[training\]"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / "polite.txt").write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        read_phrases(tmp_path, TRAINING)
