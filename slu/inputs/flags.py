"""Flags, the second input of a network beside the token ids: for every token a row of columns that are 0 or 1.

``config.json`` names the kinds of flags of a model, in the order of `KINDS`. The columns are

* ``lexicon``: four for each slot, in the order of the labels: first token of a match (B), inside (I), last (E), and the
  only token of one (S). Every match sets its flags, also one that lies inside another or overlaps it;
* ``previous_intent``: one for each intent, and one more for the first utterance of a session. If the previous intent is
  known, one of them is set, for [CLS] only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from slu.corpus.labels import Labels
from slu.inputs.lexicon import Match

KINDS = LEXICON, PREVIOUS_INTENT = ("lexicon", "previous_intent")
FIRST_TURN = ""
"""In place of the name of the previous intent, for the first utterance of a session. None stands for "not known"."""
UNKNOWN = -1
"""In place of the number of the previous intent, when it is not known."""
_B, _I, _E, _S = range(4)
NO_SPANS = np.zeros((0, 3), np.int64)


@dataclass(frozen=True)
class FlagColumns:
    """The columns of the flags of a model. ``slots``, ``intents``: how many have flags; 0 without that kind."""

    slots: int
    intents: int

    @classmethod
    def of(cls, kinds: Sequence[str], labels: Labels) -> FlagColumns:
        return cls(len(labels.slots) if LEXICON in kinds else 0, len(labels.intents) if PREVIOUS_INTENT in kinds else 0)

    @property
    def count(self) -> int:
        """The number of columns of all kinds together."""
        return 4 * self.slots + (self.intents + 1 if self.intents else 0)

    @property
    def first_turn(self) -> int:
        """The number in place of the previous intent, for the first utterance of a session."""
        return self.intents

    def of_texts(self, length: int, matches: Sequence[Sequence[Match]], previous: Sequence[int | None]) -> np.ndarray:
        """Flags of texts of the same number of tokens, float32 ``[n, length, count]``.

        ``length``: tokens with [CLS] and [SEP]. ``previous``: number of each text's previous intent, None if not known.
        """
        before = [UNKNOWN if number is None else number for number in previous]
        return Found.of([spans_of(found) for found in matches], before).flags(self, length)


NO_FLAGS = FlagColumns(0, 0)


@dataclass(frozen=True)
class Found:
    """The matches and previous intents of ``n`` texts, which their flags are made of.

    ``spans``: matches (slot, first, end) of all texts, int64 ``[matches, 3]``; ``rows``: the text that each is of.
    ``previous``: number of the previous intent, `UNKNOWN` if not known, int64 ``[n]``.
    """

    rows: np.ndarray
    spans: np.ndarray
    previous: np.ndarray

    @classmethod
    def of(cls, spans: Sequence[np.ndarray], previous: Sequence[int]) -> Found:
        """From the spans and the previous intent of each text."""
        rows = np.repeat(np.arange(len(spans)), [len(one) for one in spans])
        return cls(rows, np.concatenate([NO_SPANS, *spans]), np.array(previous, np.int64))

    def flags(self, columns: FlagColumns, length: int) -> np.ndarray:
        """The flags as the network reads them, float32 ``[n, length, columns]``."""
        flags = np.zeros((len(self.previous), length, columns.count), np.float32)
        if columns.slots:
            slot, first, end = self.spans.T
            rows, column, single = self.rows, 4 * slot, end - first == 1
            flags[rows[single], first[single], column[single] + _S] = 1
            many = ~single
            flags[rows[many], first[many], column[many] + _B] = 1
            flags[rows[many], end[many] - 1, column[many] + _E] = 1
            inside = np.maximum(end - first - 2, 0)
            of = np.repeat(np.arange(len(rows)), inside)
            offset = np.arange(len(of)) - np.repeat(np.cumsum(inside) - inside, inside)
            flags[rows[of], first[of] + 1 + offset, column[of] + _I] = 1
        if columns.intents:
            known = np.flatnonzero(self.previous != UNKNOWN)
            flags[known, 0, 4 * columns.slots + self.previous[known]] = 1
        return flags


def spans_of(matches: Iterable[Match]) -> np.ndarray:
    """The matches of one text as an array (slot, first, end), int64 ``[matches, 3]``."""
    return np.array([match[:3] for match in matches], np.int64).reshape(-1, 3)
