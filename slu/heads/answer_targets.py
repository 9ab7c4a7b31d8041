"""Targets of questions about a passage: which token begins the answer, and which one ends it."""

from __future__ import annotations

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
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
    inside = slice(place, len(encoding.ids) - 1)
    starts, ends = encoding.starts[inside], encoding.ends[inside]
    if not len(starts):
        return (found,)
    target = np.zeros(len(starts), np.int64)
    if not utterance.slots or (encoding.truncated and utterance.slots[0].end > ends[-1]):  # behind what is read
        target[0] = BEGINS | ENDS
    else:
        [slot, *_] = utterance.slots
        tokens = np.flatnonzero((starts < slot.end) & (ends > slot.start))
        if not len(tokens) or tokens[0] == 0 or len(tokens) > MOST_TOKENS:
            return (found,)
        target[tokens[0]] |= BEGINS
        target[tokens[-1]] |= ENDS
    found[inside] = target
    return (found,)


def no_targets(tokens: int, labels: Labels) -> tuple[np.ndarray, ...]:
    """Targets of a question that nobody has answered."""
    return (np.full(tokens, IGNORED, np.int64),)
