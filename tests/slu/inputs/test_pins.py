"""Pinned phrases in Python: layers, slots by their characters, what cannot be pinned."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.errors import PinError
from slu.inputs.entries import normalise
from slu.inputs.normalisation import PLAIN, SPEECH
from slu.inputs.pins import Pins

LABELS = Labels(("call", "none", "play"), ("name", "song"), {"call": ("name",), "none": (), "play": ("name", "song")})


def test_a_text_is_answered_as_it_was_said() -> None:
    pins = Pins(LABELS, SPEECH)
    assert not pins.any and pins.find("上一首") is None
    pins.add("none", ["上一首", "Next one"])
    pins.add("play", ["来<song>花心</song>，<name>周</name>的"])
    assert pins.find("上一首。") == pins.find("上 一首") == pins.find("ＮＥＸＴone!") == ("none", ())
    assert pins.find("再上一首") is None and pins.find("") is None and pins.find("一" * 100) is None
    answer = pins.find("來《花心》周的！")
    assert answer == ("play", (Slot("song", "花心", 2, 4), Slot("name", "周", 5, 6)))


def test_of_a_long_text_no_more_is_read_than_can_be_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = Pins(LABELS, SPEECH)
    pins.add("none", ["上一首"])
    assert pins.find("上一" + " " * 5000 + "首" + "。" * 5000) == ("none", ())
    assert pins.find("上一" + " " * 5000 + "首" + "。" * 5000 + "首") is None
    read: list[int] = []
    monkeypatch.setattr("slu.inputs.pins.normalise", lambda text, how: read.append(len(text)) or normalise(text, how))
    assert pins.find("上一首，" * 100_000) is None and read[0] < 1100 and len(read) == 1


def test_without_normalisation_punctuation_counts() -> None:
    pins = Pins(LABELS, PLAIN)
    pins.add("none", ["Next one"])
    assert pins.find("next  ONE") and not pins.find("next one.")


def test_layers_and_changes(tmp_path: Path) -> None:
    model = Pins(LABELS, SPEECH)
    session = Pins(LABELS, SPEECH, model)
    model.add("none", ["一", "二"])
    assert session.find("一") == ("none", ())
    session.add("call", ["一"])
    session.remove(["二", "never said"])
    assert (session.find("一"), session.find("二"), model.find("二")) == (("call", ()), None, ("none", ()))
    session.replace({"play": ["三"]})
    assert (session.find("一"), session.find("三")) == (None, ("play", ()))
    session.reset()
    assert session.find("二") == ("none", ())
    path = tmp_path / "pins.txt"
    path.write_text("\ufeff# ours\n\n none\t四 \r\nplay\t<song>五</song>\n", encoding="utf-8")
    session.add_file(path)
    assert session.find("四") == ("none", ()) and session.find("五") == ("play", (Slot("song", "五", 0, 1),))
    path.write_text("none\t六\nplay\t<nme>七</nme>\n", encoding="utf-8")
    with pytest.raises(PinError, match=r"pins\.txt:2: .*cannot have the slot 'nme'"):
        session.add_file(path)
    assert session.find("六") is None, "nothing of a file with an error"


@pytest.mark.parametrize(
    ("intent", "text", "words"),
    [
        ("stop", "a", "no intent 'stop'"),
        ("call", "<song>a</song>", "cannot have the slot"),
        ("play", "<song>a", "'<song>a'"),
        ("play", "<song>。</song>a", "no character of a slot"),
        ("play", "<song>a||b</song>", "no corrections"),
        ("play", " 。", "no character of it"),
        ("play", "一" * 63, "63 characters; at most 62"),
        ("play", "a " * 600, "more than 1,024 bytes"),
        ("play", "<song>一</song>" * 17, "17 slots; at most 16"),
    ],
)
def test_what_cannot_be_pinned(intent: str, text: str, words: str) -> None:
    pins = Pins(LABELS, SPEECH)
    with pytest.raises(PinError, match=words):
        pins.add(intent, ["good", text])
    assert not pins.any


def test_an_intent_that_no_line_can_have_is_refused() -> None:
    labels = Labels(("#call", "none"), ("name",), {"#call": (), "none": ()})
    with pytest.raises(PinError, match="'#call': .* begins with #"):
        Pins(labels).add("#call", ["a"])


def test_slots_have_what_leads_to_them_and_what_trails_them() -> None:
    pins = Pins(LABELS, SPEECH)
    pins.add("call", ["打<name>8613900001111</name>", "给<name>Hello Live</name>"])
    for text, value in (("打+86 (139) 0000-1111。", "+86 (139) 0000-1111"), ("给Hello (Live)", "Hello (Live)")):
        found = pins.find(text)
        assert found is not None and [slot.value for slot in found[1]] == [value]


def test_one_text_is_no_list_of_texts() -> None:
    with pytest.raises(PinError, match="give a list"):
        Pins(LABELS).add("none", "text")
    with pytest.raises(PinError, match="give a list"):
        Pins(LABELS).remove("text")


MARKS = st.lists(st.sampled_from([" ", "。", "《", "》", "\u200b", "🎵", "\u0301"]), max_size=3).map("".join)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(["花心", "a", "長", "ラ", "사랑"]), st.booleans()), min_size=1, max_size=5),
    st.data(),
)
def test_slots_slice_their_names_out_of_any_text(parts: list[tuple[str, bool]], data: st.DataObject) -> None:
    pins = Pins(LABELS, SPEECH)
    pins.add("play", ["".join(f"<song>{part}</song>" if tagged else part for part, tagged in parts)])
    text, expected = data.draw(MARKS), []
    for part, tagged in parts:
        if tagged:
            expected.append(part)
        text += part + data.draw(MARKS).removeprefix("\u0301")
    found = pins.find(text)
    assert found is not None
    for slot, name in zip(found[1], expected, strict=True):
        assert text[slot.start : slot.end] == slot.value
        assert slot.value.rstrip("\u0301") == name
