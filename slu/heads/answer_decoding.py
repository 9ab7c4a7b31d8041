"""From logits to the answer: the most probable part of the passage, or that it has none.

Each token of the passage has two logits, to begin an answer and to end it; the [SEP] before the passage stands for no
answer. The odds of a part against none are e to the sum of its two logits less those of the [SEP] of its window. The
score of an answer is its share in the odds of all parts of all windows, and of none, whose odds are 1. The C++ runtime
computes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.heads.answer_windows import separator
from slu.heads.head import Answered, Evidence
from slu.inputs.tokenizer import Encoding
from slu.platform import SLOTS

NAME = "answer"
"""What the slot of an answer is called."""
MOST_TOKENS = 128
"""Tokens of the longest answer."""


@dataclass(frozen=True, **SLOTS)
class Passage:
    """What was computed for one window: ``logits`` float32 ``[1 + tokens, 2]``, ``starts`` and ``ends`` int32
    ``[1 + tokens]``, of the [SEP] before the passage and of the passage; nothing of a text without one."""

    logits: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def sums(self) -> np.ndarray:
        """The sum of both logits of each part, float32 ``[tokens, MOST_TOKENS]``, by its first token and its number of
        tokens less 1; minus infinity where the passage ends before."""
        begins, ends = self.logits[1:, 0], self.logits[1:, 1]
        padded = np.concatenate([ends, np.full(MOST_TOKENS - 1, -np.inf, np.float32)])
        return begins[:, None] + sliding_window_view(padded, MOST_TOKENS)

    @property
    def none(self) -> np.float32:
        """The sum of the logits of no answer."""
        return np.float32(self.logits[0, 0] + self.logits[0, 1])


@dataclass(frozen=True, **SLOTS)
class AnswerDecision:
    """``start``, ``end``: of the answer in the text, code points, both 0 for none. ``odds``: logarithm of those
    against none, 0 for none."""

    start: int
    end: int
    score: float
    odds: float = field(compare=False)
    passages: tuple[Passage, ...] = field(compare=False)


class AnswerDecoder:
    """Decodes logits ``[n, tokens, 2]``; the labels are always the same."""

    def __init__(self, labels: Labels):
        pass

    def decode(self, *logits: np.ndarray, encodings: Sequence[Encoding] = ()) -> list[AnswerDecision]:
        """See `slu.heads.head.Decoder`: a decision a window."""
        [both] = logits
        return [decide((_passage(rows, encoding),)) for rows, encoding in zip(both, encodings)]

    def answer(self, decision: AnswerDecision, text: str, encoding: Encoding) -> Answered:
        """The answer, as the only slot."""
        start, end = decision.start, decision.end
        return Answered("", (Slot(NAME, text[start:end], start, end),) if end else ())


def join(decisions: Sequence[AnswerDecision]) -> AnswerDecision:
    """The decision about a text from those about its windows."""
    return decide(tuple(passage for decision in decisions for passage in decision.passages))


def decide(passages: tuple[Passage, ...]) -> AnswerDecision:
    """The most probable answer of all windows: the first of equal ones, and only one that is above none."""
    start = end = 0
    odds = np.float32(0)
    for passage in passages:
        if len(passage.logits) < 2:
            continue
        sums = passage.sums()
        first, more = divmod(int(sums.argmax()), MOST_TOKENS)
        own = sums[first, more] - passage.none
        if own > odds:
            odds, start, end = own, int(passage.starts[1 + first]), int(passage.ends[1 + first + more])
    score = float(np.exp(min(float(odds) - log_odds(passages), 0.0)))
    return AnswerDecision(start, end, score, float(odds), passages)


def log_odds(passages: Sequence[Passage], temperature: float = 1.0) -> float:
    """The logarithm of the odds of all answers together, none among them."""
    found = [0.0]
    for passage in passages:
        if len(passage.logits) > 1:
            values = (passage.sums().astype(np.float64) - float(passage.none)) / temperature
            largest = float(values.max())
            found.append(largest + float(np.log(np.exp(values - largest).sum())))
    return float(np.logaddexp.reduce(found))


class AnswerScorer:
    """See `slu.heads.head.Scorer`."""

    def __init__(self, evidence: Sequence[Evidence], labels: Labels):
        self._decisions: list[AnswerDecision] = [one.decision for one in evidence]

    def scores(self, temperature: float = 1.0) -> np.ndarray:
        """The probability of each answer, ``[n]``."""
        found = [one.odds / temperature - log_odds(one.passages, temperature) for one in self._decisions]
        return np.exp(np.minimum(found, 0))

    def alternatives(self) -> dict[str, np.ndarray]:
        """See `slu.heads.head.Scorer`."""
        return {
            "probability of the answer": self.scores(),
            "odds against no answer": np.array([one.odds for one in self._decisions]),
        }


def _passage(logits: np.ndarray, encoding: Encoding) -> Passage:
    """``logits``: those of the tokens of a window without [CLS] and the last [SEP]."""
    place = separator(encoding)
    return Passage(
        np.asarray(logits[place - 1 :], np.float32) if place < len(encoding.ids) - 1 else np.zeros((0, 2), np.float32),
        encoding.starts[place:-1],
        encoding.ends[place:-1],
    )
