"""From texts to results, with a stand-in for the network: order, batches, offsets, thresholds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import bare_model
from slu.corpus.utterance import Slot, Utterance
from slu.runtime.parser import Parser, ParseResult
from slu.runtime.python_parser import BATCH, PythonParser


def test_every_utterance_is_answered_as_labelled(settled: list[Utterance], knowing: Parser) -> None:
    answers = knowing.parse_batch(utterance.text for utterance in settled)
    assert len(answers) == len(settled) > 2000
    for utterance, answer in zip(settled, answers):
        assert (answer.text, answer.intent) == (utterance.text, utterance.intent)
        assert [(s.name, s.start, s.end) for s in answer.slots] == [(s.name, s.start, s.end) for s in utterance.slots]
        assert all(s.value == answer.text[s.start : s.end] for s in answer.slots)
        assert answer.understood
        assert answer.score > 0.99
    # Nothing was padded, and no batch was larger than it may be.
    batches = knowing.backend.batches  # type: ignore[attr-defined]
    assert max(rows for rows, _ in batches) <= BATCH
    assert len(batches) < len(settled) / 30
    assert [length for _, length in batches] == sorted(length for _, length in batches)


def test_one_at_a_time_is_the_same(settled: list[Utterance], knowing: Parser) -> None:
    texts = [utterance.text for utterance in settled[:200]]
    assert [knowing.parse(text) for text in texts] == knowing.parse_batch(texts)
    assert knowing.parse_batch([]) == []


def test_the_threshold_decides_what_is_understood(settled: list[Utterance], knowing: Parser) -> None:
    known = knowing.parse(settled[0].text)
    unknown = knowing.parse("嗯嗯嗯")
    assert (known.understood, unknown.understood) == (True, False)
    assert unknown.score < knowing.threshold
    knowing.threshold = known.score
    assert knowing.parse(settled[0].text).understood  # reaching it is enough


def test_a_long_text_is_cut_and_says_so(knowing: Parser) -> None:
    assert not knowing.parse("听" * 38).truncated
    result = knowing.parse("听" * 39)
    assert result.truncated
    assert result.to_dict()["truncated"] is True


def test_an_answer_is_read_from_its_json(knowing: Parser, settled: list[Utterance]) -> None:
    pinned = ParseResult("停", "music.pause", 1.0, True, (), pinned=True)
    for result in (*knowing.parse_batch([settled[0].text, "嗯嗯嗯", "听" * 39]), pinned):
        again = ParseResult.from_dict({**json.loads(json.dumps(result.to_dict())), "end_to_end_ms": [0.1]})
        assert again.to_dict() == result.to_dict() and again.slots == result.slots


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.one_of(st.characters(), st.sampled_from("听1aA \ud800\u0301🎵")), max_size=60))
def test_any_text_has_an_answer(knowing_anything: Parser, text: str) -> None:
    result = knowing_anything.parse(text)
    assert result.text == text
    assert 0 <= result.score <= 1
    ends = 0
    for slot in result.slots:
        assert ends <= slot.start < slot.end <= len(text)
        assert slot.value == text[slot.start : slot.end]
        ends = slot.end


@pytest.fixture(scope="module")
def knowing_anything(request: pytest.FixtureRequest) -> Parser:
    import numpy as np

    labels, tokenizer = request.getfixturevalue("labels"), request.getfixturevalue("tokenizer")

    class Noise:
        name, max_length = "noise", 24

        def run(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            rng = np.random.default_rng(int(ids.sum()))
            shape = len(labels.intents), len(labels.tags)
            return rng.normal(0, 3, (len(ids), shape[0])), rng.normal(0, 3, (*ids.shape, shape[1]))

    return PythonParser(Noise(), bare_model(tokenizer, labels))


def test_a_result_as_json() -> None:
    result = ParseResult("听花心", "music.play", 0.12345678, True, (Slot("song", "花心", 1, 3, "x"),))
    assert json.dumps(result.to_dict(), ensure_ascii=False) == (
        '{"text": "听花心", "intent": "music.play", "score": 0.123457, "understood": true, '
        '"slots": [{"name": "song", "value": "花心", "start": 1, "end": 3}]}'
    )
