"""Every format there and back: generated utterances keep their spans, and what a format cannot hold is reported."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slu.corpus.formats.annotated import Options
from slu.corpus.formats.convert import read_foreign, write_foreign
from slu.corpus.formats.table import FORMATS, recognise
from slu.corpus.tagged import utterance_problem
from slu.corpus.utterance import Slot, Utterance

CHARACTERS = "ab 1花心é😀𠀀.-"
"""Letters, ideographs, a space, and characters beyond U+FFFF, of which UTF-16 has two units each."""
NAMES = ("song", "歌曲", "snips/number", "Hotel-Inform+Price", "a.b_c", "c#:x")
JOINED = ("jointbert", "paddlenlp")
"""Formats of tokens without the text: white space is guessed."""


@st.composite
def utterances(draw: st.DrawFn) -> Utterance:
    text = draw(st.text(CHARACTERS, min_size=1, max_size=12).filter(str.strip))
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    slots = []
    for start, end in zip(borders[::2], borders[1::2]):
        if text[start:end].strip():
            correction = draw(st.none() | st.just("秋 b"))
            slots.append(Slot(draw(st.sampled_from(NAMES)), text[start:end], start, end, correction))
    return Utterance(text, draw(st.sampled_from(["music.play", "播放", "a b#c/d"])), tuple(slots), "s")


def corpora() -> st.SearchStrategy[list[Utterance]]:
    def numbered(texts: list[Utterance]) -> list[Utterance]:
        return [Utterance(u.text, u.intent, u.slots, str(i)) for i, u in enumerate(texts, 1)]

    return st.lists(utterances().filter(lambda u: not utterance_problem(u)), min_size=1, max_size=5).map(numbered)


def spans(utterance: Utterance) -> list[tuple[str, int, int]]:
    return [(slot.name, slot.start, slot.end) for slot in utterance.slots]


def values(utterance: Utterance) -> list[tuple[str, str]]:
    """Names and values without white space."""
    return [(slot.name, re.sub(r"\s", "", slot.value)) for slot in utterance.slots]


@pytest.mark.parametrize("name", FORMATS)
@given(texts=corpora())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_there_and_back(name: str, texts: list[Utterance]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        check_there_and_back(name, texts, Path(directory) / "foreign")


def check_there_and_back(name: str, texts: list[Utterance], out: Path) -> None:
    form = FORMATS[name]
    if name == "rasa":  # the format sorts texts by their intents
        texts = sorted(texts, key=lambda u: [v.intent for v in texts].index(u.intent))
    lost = write_foreign(texts, form, out)
    left_out = {where for where, _, _, gone in lost.problems if gone}
    kept = [u for i, u in enumerate(texts, 1) if f"utterance {i}" not in left_out]
    if not kept:
        return
    source = out / "tags.tsv" if name == "paddlenlp" else out
    intents = out / "intents.txt" if name == "paddlenlp" else None
    assert recognise(source) is form
    back, findings, formats = read_foreign([source], Options(intents=intents), name)
    assert (len(back), findings.left_out, formats) == (len(kept), 0, [form])
    spaces = {where for where, kind, _, _ in lost.problems if kind == "spaces"}
    corrections = {where for where, kind, _, _ in lost.problems if kind == "corrections"}
    for number, utterance in enumerate(texts, 1):
        where = f"utterance {number}"
        if where in left_out:
            continue
        got = back.pop(0)
        assert got.intent == utterance.intent
        if where in spaces:
            assert name in JOINED
            assert values(got) == values(utterance)
            continue
        if any(slot.value != slot.value.strip() for slot in utterance.slots) and name in (*JOINED, "conll"):
            assert values(got) == values(utterance)  # tokens do not have the white space around them
            continue
        assert (got.text, spans(got)) == (utterance.text, spans(utterance))
        if where not in corrections:
            assert [s.correction for s in got.slots] == [s.correction for s in utterance.slots]


@pytest.mark.parametrize("tags", ["BIO", "BIOES", "BMES", "BILOU"])
@given(text=utterances().filter(lambda u: not utterance_problem(u)))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_scheme_of_tags(tags: str, text: Utterance) -> None:
    end, single, inside = {
        "BIO": ("I", "B", "I"), "BIOES": ("E", "S", "I"), "BMES": ("E", "S", "M"), "BILOU": ("L", "U", "I"),
    }[tags]  # fmt: skip
    lines = [f"# text = {text.text}", "# intent = play"]
    for at, char in enumerate(text.text):
        slot = next((slot for slot in text.slots if slot.start <= at < slot.end), None)
        if char.isspace():
            continue
        tag = "O"
        if slot is not None:
            spoken = [i for i in range(slot.start, slot.end) if not text.text[i].isspace()]
            first, last = at == spoken[0], at == spoken[-1]
            prefix = single if first and last else "B" if first else end if last else inside
            tag = f"{prefix}-{slot.name}"
        lines.append(f"{char}\t{tag}")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "columns.txt"
        path.write_text("\n".join([*lines, "", ""]), "utf-8")
        (back,), findings, _ = read_foreign([path], Options(), "conll")
    assert (back.text, values(back), findings.problems) == (text.text, values(text), [])
