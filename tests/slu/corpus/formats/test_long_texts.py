"""Long texts with many slots: time and messages do not grow with the square of a record."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slu.cli import main
from slu.corpus.formats import values
from slu.corpus.formats.annotated import Findings, Options, Span
from slu.corpus.formats.convert import read_foreign
from slu.errors import CorpusError

SECONDS = 5.0
"""Of processor time; what is measured takes a tenth of it, and took a minute and more."""


def obvious(text: str, wanted: list[tuple[str, str]], placed: list[Span]) -> list[Span] | None:
    """`values._search` without a mask: each place is compared with each slot."""
    spans = list(placed)
    for value in sorted({value for _, value in wanted}, key=lambda value: (-len(value), value)):
        names = [name for name, other in wanted if other == value]
        places = [
            at
            for at in values._places(text, value)
            if not any(span.start < at + len(value) and at < span.end for span in spans)
        ]
        if not value.strip() or len(places) < len(names):
            return None
        spans += [Span(name, at, at + len(value), value) for name, at in zip(names, places)]
    return spans


@given(
    st.text("ab 花", max_size=24),
    st.lists(st.tuples(st.sampled_from("xy"), st.text("ab 花", max_size=3)), max_size=4),
    st.lists(st.tuples(st.integers(-3, 30), st.integers(-3, 30)), max_size=2),
)
def test_values_are_found_where_they_are_looked_for_one_by_one(
    text: str, wanted: list[tuple[str, str]], borders: list[tuple[int, int]]
) -> None:
    placed = [Span("z", *sorted(pair)) for pair in borders if pair[0] != pair[1]]
    assert values._search(text, wanted, placed, "f:1", Findings()) == obvious(text, wanted, placed)


def test_what_is_said_of_many_slots_of_a_long_text_is_short(tmp_path: Path) -> None:
    names = [f"v{i:05d}" for i in range(1500)]
    record = {"text": " ".join(names * 2) + "花" * 100_000, "intent": "x", "slots": {f"n{n}": n for n in names}}
    (tmp_path / "a.json").write_text(json.dumps([record]))
    began = time.process_time()
    utterances, findings, _ = read_foreign([tmp_path / "a.json"], Options())
    assert time.process_time() - began < SECONDS
    assert len(utterances[0].slots) == findings.counts()["ambiguous values"] == 1500
    assert utterances[0].slots[-1].value == "v01499" and utterances[0].slots[-1].start == 7 * 1499
    assert max(len(message) for _, _, message, _ in findings.problems) < 400


@pytest.mark.parametrize("count", [16_000, 60_000])
def test_more_than_can_be_searched_is_left_out_in_one_line(count: int, tmp_path: Path) -> None:
    names = [f"{i:x}." for i in range(count)]
    record = {"text": "".join(names), "intent": "x", "slots": {"n": names}}
    (tmp_path / "a.json").write_text(json.dumps([record]))
    began = time.process_time()
    with pytest.raises(CorpusError, match="a.json: no text that could be used .1 too much to search"):
        read_foreign([tmp_path / "a.json"], Options())
    assert time.process_time() - began < SECONDS


def test_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = {
        "text": "花" * 100_000,
        "intent": "x",
        "slots": {f"n{i}": "花" * i for i in range(1, 3000)},
    }  # more than is read to recognise a format
    (tmp_path / "a.json").write_text(json.dumps([long, {"text": "花", "intent": "x", "slots": {}}]))
    assert (
        main(["data", "convert", str(tmp_path / "a.json"), "--out", str(tmp_path / "out.txt"), "--from", "json"]) == 0
    )
    said = (
        "too much to search: 2999 values in a text of 100000 characters; give each its start and end, or cut the text"
    )
    assert f"a.json:1: record 1: {said} (left out)\n" in capsys.readouterr().out
