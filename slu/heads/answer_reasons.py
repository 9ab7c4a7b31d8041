"""What of an answer to a question can be explained: one part of the passage, or that it has none (see
`slu.heads.reasons`)."""

from __future__ import annotations

from collections.abc import Sequence

from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.answer_decoding import MOST_TOKENS, NAME
from slu.heads.answer_measures import NO_ANSWER
from slu.heads.answer_targets import part
from slu.heads.answer_windows import separator
from slu.heads.reasons import Reason
from slu.inputs.tokenizer import Encoding


def answer_reasons(
    per_token: Sequence[bool], utterance: Utterance, encoding: Encoding, labels: Labels
) -> tuple[Reason, ...]:
    """The reason of the first answer of an utterance, or of none, in one window: at most one. There is none for an
    answer that does not lie in the window as a whole, or that the network cannot give."""
    place, last = separator(encoding), len(encoding.ids) - 1
    if place + 1 >= last:
        return ()
    if not utterance.slots:
        return (_reason(NO_ANSWER, (place, place), (place, last)),)
    slot = utterance.slots[0]
    if slot.start < encoding.starts[place + 1] or slot.end > encoding.ends[last - 1]:
        return ()
    found = part(slot, encoding)
    return (_reason(f"{NAME}={slot.value}", found, (place, last)),) if found else ()


def _reason(name: str, tokens: tuple[int, int], passage: tuple[int, int]) -> Reason:
    return Reason(name, 0, tokens, (0, 1), ((), ()), passage, MOST_TOKENS)
