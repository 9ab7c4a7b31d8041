"""Windows: a passage that is longer than a model reads is read in several parts, each with the whole question.

Two neighbours share `OVERLAP` tokens of the passage, or half of what a window holds where that is less, so that an
answer at the end of one stands within the next. Of a question, half of the tokens of a window are read at most. The
C++ runtime makes the same windows.
"""

from __future__ import annotations

import numpy as np

from slu.corpus.classified import PAIR
from slu.corpus.utterance import Slot, Utterance
from slu.inputs.tokenizer import Encoding, Tokenizer

OVERLAP = 128
"""Tokens of the passage that two neighbours share."""
SPECIALS = 3
"""[CLS], the [SEP] between question and passage, and the last one."""


def windows(tokenizer: Tokenizer, text: str, max_length: int) -> list[Encoding]:
    """The windows of ``question<TAB>passage``, of at most ``max_length`` tokens each; offsets are those in ``text``.

    ``truncated`` says that the question is cut. A text without a passage is one window.
    """
    whole = tokenizer.encode(text, len(text) + 2)
    last, middle = len(whole.ids) - 1, separator(whole)
    if middle == last or max_length <= SPECIALS:
        return [tokenizer.encode(text, max_length)]
    question = min(middle - 1, (max_length - SPECIALS) // 2)
    room = max_length - SPECIALS - question
    found = []
    first = middle + 1
    while True:
        end = min(first + room, last)
        places = np.array([*range(question + 1), middle, *range(first, end), last])
        cut = question < middle - 1
        found.append(Encoding(whole.ids[places], whole.starts[places], whole.ends[places], cut))
        if end == last:
            return found
        first += room - min(OVERLAP, room // 2)


def separator(encoding: Encoding) -> int:
    """The place of the [SEP] between question and passage; that of the last token where there is no passage."""
    return int(np.flatnonzero(encoding.ids == encoding.ids[-1])[0])


def window_utterances(utterance: Utterance, tokenizer: Tokenizer, max_length: int) -> list[Utterance]:
    """A labelled question as one utterance a window, each with the answers that lie in it.

    One that begins inside a word goes without the rest of that word, which alone would be read as other tokens.
    """
    text = utterance.text
    found = windows(tokenizer, text, max_length)
    if len(found) == 1 and not found[0].truncated:
        return [utterance]
    parts = []
    for encoding in found:
        middle = separator(encoding)
        question = text[: encoding.ends[middle - 1]]  # 0 of [CLS], if no token stands before it
        first, last = middle + 1, len(encoding.ids) - 1
        while first < last and tokenizer.vocab[encoding.ids[first]].startswith("##"):
            first += 1
        start, end = (int(encoding.starts[first]), int(encoding.ends[last - 1])) if first < last else (0, 0)
        shift = len(question) + len(PAIR) - start
        slots = tuple(
            Slot(slot.name, slot.value, slot.start + shift, slot.end + shift)
            for slot in utterance.slots
            if start <= slot.start and slot.end <= end
        )
        parts.append(Utterance(question + PAIR + text[start:end], "", slots, utterance.session))
    return parts
