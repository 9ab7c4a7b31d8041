"""Questions about passages: which windows are explained, and what of a passage is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slu.corpus.classified import PAIR
from slu.corpus.utterance import Slot, Utterance
from slu.heads.reasons import Reason
from slu.inputs.tokenizer import Encoding
from slu.model.checkpoint import Checkpoint
from slu.runtime.backends.dygraph import DygraphBackend

if TYPE_CHECKING:
    from slu.model.network import ErnieWithHead

AROUND = 40
"""Characters that an excerpt has before and after each answer."""
LEFT_OUT = (
    "Wrong labels are not looked for in answers to questions: the quick model that finds them does not read the "
    "question, on which it depends what of a passage is right."
)
"""Why `slu.analysis.dirty.find_dirty` does not judge them."""

Window = tuple[Encoding, tuple[Reason, ...], tuple[Reason, ...]]
"""What is explained together: a window, the reasons of what was answered, and of what is labelled."""


def explained_windows(
    network: ErnieWithHead, checkpoint: Checkpoint, answer: Utterance, labelled: Utterance
) -> list[Window]:
    """Where an answer and the first right one that the network can give are explained: each in the window in which its
    odds against none are the largest, as the decoder takes it; that there is no answer, in the window of the other one.
    """
    windows = checkpoint.head.encodings(checkpoint.tokenizer(), answer.text, checkpoint.config.max_length)
    places = [_likeliest(network, checkpoint, windows, utterance) for utterance in (answer, labelled)]
    home = next((place for place, _ in places if place is not None), 0)
    found: dict[int, list[tuple[Reason, ...]]] = {}
    for which, (place, utterance) in enumerate(places):
        if utterance is not None:
            number = home if place is None else place
            reasons = checkpoint.head.explained(utterance, windows[number], checkpoint.labels)
            found.setdefault(number, [(), ()])[which] = reasons
    return [(windows[number], given, wanted) for number, (given, wanted) in found.items()]


def _likeliest(
    network: ErnieWithHead, checkpoint: Checkpoint, windows: Sequence[Encoding], utterance: Utterance
) -> tuple[int | None, Utterance | None]:
    """The number of the window for the first answer that a window can give, None where there is no answer; and the
    utterance with that answer alone, None where no window can give one."""
    if not utterance.slots:
        return None, utterance
    for slot in utterance.slots:
        alone = replace(utterance, slots=(slot,))
        reasons = [checkpoint.head.explained(alone, window, checkpoint.labels) for window in windows]
        able = [number for number, found in enumerate(reasons) if found]
        if able:
            return max(able, key=lambda number: _odds(network, windows[number], *reasons[number])), alone
    return None, None


def _odds(network: ErnieWithHead, window: Encoding, reason: Reason) -> float:
    """The logarithm of the odds of an answer against none."""
    assert reason.passage is not None
    [[logits]] = DygraphBackend(network).run(window.ids[None])
    begin, end = reason.tokens
    return float(logits[begin, 0] + logits[end, 1] - logits[reason.passage[0]].sum())


def window_of(encoding: Encoding, reason: Reason) -> dict[str, list[int]]:
    """The part of the text, besides the question, that a reason competes in: code points ``[start, end)``."""
    if reason.passage is None:
        return {}
    first, last = reason.passage
    return {"window": [int(encoding.starts[first + 1]), int(encoding.ends[last - 1])]}


def add_excerpts(
    facts: dict[str, Any], dev: Sequence[Utterance], answers: Sequence[Utterance], train: Sequence[Utterance]
) -> None:
    """Add the texts `in_short` to the rows of an analysis that are about labelled ones: around the right answers, and
    around what was answered wrongly."""
    for row in facts["bad"]:
        own, given = (utterances[row["number"] - 1] for utterances in (dev, answers))
        row.update(in_short(own.text, (*own.slots, *given.slots)))
    for one in facts.get("behind", {"texts": ()})["texts"]:
        _add(one["nearest"], train)
    if "sparse" in facts:
        _add(facts["sparse"]["texts"], dev)
    for part, utterances in (("data", dev), ("train", train)):
        for conflict in facts["conflicts"].get(part, ()):
            alike = [utterances[number - 1] for variant in conflict["variants"] for number in variant["lines"]]
            slots = [slot for one in alike if one.text == conflict["text"] for slot in one.slots]
            conflict.update(in_short(conflict["text"], slots))


def _add(rows: Iterable[dict[str, Any]], utterances: Sequence[Utterance]) -> None:
    for row in rows:
        own = utterances[row["number"] - 1]
        row.update(in_short(own.text, own.slots))


def in_short(text: str, slots: Sequence[Slot]) -> dict[str, str]:
    """The ``question`` of a text, and an ``excerpt``: the parts of its passage around these slots, its beginning
    without any."""
    question, _, passage = text.partition(PAIR)
    begin = len(text) - len(passage)
    parts: list[list[int]] = []
    for start, end in sorted((slot.start, slot.end) for slot in slots) or [(begin, begin)]:
        start, end = max(start - AROUND, begin), min(end + AROUND, len(text))
        if parts and start <= parts[-1][1]:
            parts[-1][1] = max(end, parts[-1][1])
        else:
            parts.append([start, end])
    before, after = "… " if parts[0][0] > begin else "", " …" if parts[-1][1] < len(text) else ""
    return {"question": question, "excerpt": before + " … ".join(text[start:end] for start, end in parts) + after}
