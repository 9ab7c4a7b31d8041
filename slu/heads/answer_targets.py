"""Targets of questions about a passage: which token begins the answer, and which one ends it."""

from __future__ import annotations

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.heads.answer_decoding import MOST_TOKENS
from slu.heads.answer_windows import separator
from slu.heads.examples import IGNORED
from slu.inputs.tokenizer import Encoding

BEGINS, ENDS = 1, 2
"""Bits of a target: the token begins the answer, and ends it. The [SEP] before the passage has both for none."""


def targets(utterance: Utterance, encoding: Encoding, labels: Labels) -> tuple[np.ndarray, ...]:
    """A target a token, ``[tokens]``: `IGNORED` before the [SEP] of the passage, 0 for what is not the answer.

    The first of the right answers is learned. All is ignored where the network cannot give it: one that is longer than
    the decoder's, or of characters that no token has.
    """
    [found] = no_targets(len(encoding.ids), labels)
    place = separator(encoding)
    last = len(encoding.ids) - 1
    if place == last:
        return (found,)
    if not utterance.slots or (encoding.truncated and utterance.slots[0].end > encoding.ends[last - 1]):
        ends_of_answer: tuple[int, int] | None = place, place  # behind what is read, too
    else:
        ends_of_answer = part(utterance.slots[0], encoding)
    if ends_of_answer:
        found[place:last] = 0
        first, final = ends_of_answer
        found[first] |= BEGINS
        found[final] |= ENDS
    return (found,)


def part(slot: Slot, encoding: Encoding) -> tuple[int, int] | None:
    """The first and the last token of an answer, counted with [CLS]; None where the network cannot give it (see
    `targets`)."""
    place = separator(encoding)
    inside = slice(place, len(encoding.ids) - 1)
    tokens = place + np.flatnonzero((encoding.starts[inside] < slot.end) & (encoding.ends[inside] > slot.start))
    if not len(tokens) or tokens[0] == place or len(tokens) > MOST_TOKENS:
        return None
    return int(tokens[0]), int(tokens[-1])


def no_targets(tokens: int, labels: Labels) -> tuple[np.ndarray, ...]:
    """Targets of a question that nobody has answered."""
    return (np.full(tokens, IGNORED, np.int64),)
