"""Evaluation: measures, the lines of what went wrong, and the threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import bare_model
from slu.corpus.labels import Labels
from slu.corpus.tagged import parse_tagged
from slu.corpus.utterance import Slot, Utterance
from slu.errors import LexiconError
from slu.evaluation.evaluate import KEPT, MEASURES, choose_threshold, error_lines, evaluate, summary
from slu.heads.joint_measures import compare
from slu.inputs.tokenizer import Tokenizer
from slu.runtime.parser import Parser, ParseResult
from slu.runtime.python_parser import PythonParser


def test_a_parser_that_is_right_reaches_everything(settled: list[Utterance], knowing: Parser) -> None:
    result, answers = evaluate(knowing, settled)
    measures = knowing.head.measures
    assert set(measures) < set(MEASURES), "those of other heads are among them"
    assert {name: result[name] for name in measures} == dict.fromkeys(measures, 100)
    assert error_lines(settled, answers, knowing) == []
    row = summary(result)
    assert list(row) == ["utterances", *measures]
    assert row["utterances"] == len(settled)


class Following:
    """Answers the intent after the one before, the fourth where that is not known; knows no slots."""

    name = "following"
    max_length = 40

    def __init__(self, labels: Labels):
        self.labels = labels
        self.calls = 0

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        assert flags is not None and flags[:, 1:].sum() == 0
        self.calls += 1
        intents, tags = len(self.labels.intents), len(self.labels.tags)
        after = np.where(flags[:, 0].any(1), (flags[:, 0].argmax(1) + 1) % (intents + 1), 3)
        outside = np.zeros((*ids.shape, tags), np.float32)
        outside[..., 0] = 20
        return np.eye(intents, dtype=np.float32)[after] * 20, outside


def test_a_model_is_told_its_own_answer_to_the_turn_before(
    sample: list[Utterance], tokenizer: Tokenizer, labels: Labels
) -> None:
    backend = Following(labels)
    parser = PythonParser(backend, bare_model(tokenizer, labels, flags=("previous_intent",)))
    names, turn, session = [], 0, ""
    for utterance in sample[:1000]:
        turn = turn + 1 if utterance.session == session else 0
        session = utterance.session
        names.append(labels.intents[turn])
    _, answers = evaluate(parser, sample[:1000])
    assert [answer.intent for answer in answers] == names
    assert backend.calls < 250  # turns of all sessions are computed together
    dialogue = parser.session()
    assert [dialogue.parse("嗯").intent for _ in range(3)] == list(labels.intents[:3])
    assert parser.parse("嗯").intent == labels.intents[3]
    assert parser.parse("嗯", previous_intent=labels.intents[6]).intent == labels.intents[7]
    with pytest.raises(LexiconError, match="trained without lexicons"):
        _ = parser.lexicon


def test_every_wrong_utterance_has_its_line(settled: list[Utterance], knowing: Parser) -> None:
    _, answers = evaluate(knowing, settled)
    at = next(i for i, u in enumerate(settled) if u.slots and u.intent == "music.play")
    answers[at] = replace(answers[at], intent="OTHERS", score=0.5)
    [line] = error_lines(settled, answers, knowing)
    session, text, intent, tagged, answered, answered_tagged, score = line.split("\t")
    assert (session, text, intent, answered, score) == (
        settled[at].session, settled[at].text, "music.play", "OTHERS", "0.5000",
    )  # fmt: skip
    assert parse_tagged(tagged)[1] == settled[at].slots
    assert parse_tagged(answered_tagged)[1] == answers[at].slots


def test_an_answer_that_tags_cannot_hold_has_a_line_too(knowing: Parser) -> None:
    """``||`` inside a text is possible only where a slot's border parts it, and an answer need not have that slot."""
    text, slots = parse_tagged("听a|<song>|b</song>")
    utterance = Utterance(text, "music.play", slots, "1")
    [line] = error_lines([utterance], [ParseResult(text, "music.play", 0.5, True, (Slot("song", "b", 4, 5),))], knowing)
    fields = line.split("\t")
    assert len(fields) == 7
    assert "song" in fields[5]
    assert "4" in fields[5]


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 99, 100, 101, 1000])
def test_the_threshold_keeps_its_share_of_the_right_answers(count: int, knowing: Parser) -> None:
    utterance = Utterance("听", "OTHERS", (), "1")
    scores = [((i * 7919) % count + 1) / (count + 1) for i in range(count)]
    right = [ParseResult("听", "OTHERS", score, True, ()) for score in scores]
    wrong = [ParseResult("听", "music.play", 0.0, True, ())] * 50
    answers = [*right, *wrong]
    threshold = choose_threshold(knowing, [utterance] * len(answers), answers)
    assert all(compare(utterance, answer, knowing.labels).exact for answer in right)
    kept = sum(score >= threshold for score in scores)
    assert kept >= KEPT * count
    # A higher one would keep too few.
    assert sum(score > threshold for score in scores) < KEPT * count + 1
    assert threshold in scores


def test_without_right_answers_everything_is_understood(knowing: Parser) -> None:
    wrong = ParseResult("听", "music.play", 0.9, True, ())
    assert choose_threshold(knowing, [Utterance("听", "OTHERS", (), "1")], [wrong]) == 0
