"""What of an answer can be explained by itself: each class of the text, and each slot.

A reason has a score, a sum of logits, each less what competes with it. Its gradient says which parts of a text it rests
on (`slu.analysis.importance`). `reasons_of` holds for every head whose outputs per text are the classes of the labels,
and whose outputs per token are their tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.inputs.tokenizer import Encoding
from slu.platform import SLOTS


@dataclass(frozen=True, **SLOTS)
class Reason:
    """``name``: the class, or ``slot=value``. ``output``: number of the head's output that the logits are of.

    ``tokens``: of a slot, its tokens, counted with [CLS]; empty for a class of the text. ``indices``: the logit of each
    token, or the one of the class. ``rivals``: for each of them the logits that it competes with, none where it has
    none. The score is the sum of the logits, each less the logarithm of the sum of ``exp`` of its rivals: log odds.

    ``passage``: of an answer to a question, the places of the [SEP] before the passage and of the one behind it.
    ``tokens`` are the one that begins the answer and the one that ends it, or twice the first [SEP] for no answer;
    without rivals of their own, as the sum of both competes with those of all other parts that the decoder can give,
    and of none. ``longest``: the most tokens of such a part.
    """

    name: str
    output: int
    tokens: tuple[int, ...]
    indices: tuple[int, ...]
    rivals: tuple[tuple[int, ...], ...]
    passage: tuple[int, int] | None = None
    longest: int = 0


def reasons_of(
    per_token: Sequence[bool], utterance: Utterance, encoding: Encoding, labels: Labels
) -> tuple[Reason, ...]:
    """The reasons of an answer, given as an utterance. What the labels do not have, and slots without a token, are left
    out. ``per_token``: of each output of the head, whether it is per token."""
    found: list[Reason] = []
    for output, of_tokens in enumerate(per_token):
        found += _slots(output, utterance, encoding, labels) if of_tokens else _classes(output, utterance, labels)
    return tuple(found)


def _classes(output: int, utterance: Utterance, labels: Labels) -> list[Reason]:
    places = {name: i for i, name in enumerate(labels.intents)}
    names = (utterance.intent,) if labels.sets is None else utterance.labels
    return [
        Reason(name, output, (), (places[name],), (_rivals(places[name], labels),)) for name in names if name in places
    ]


def _rivals(place: int, labels: Labels) -> tuple[int, ...]:
    """The classes of which a text can have only one: itself or these."""
    everyone = range(len(labels.intents))
    if labels.sets is None:
        return tuple(i for i in everyone if i != place)
    parent = labels.sets.parents[place]
    if labels.sets.several[parent + 1]:
        return ()
    return tuple(i for i in everyone if i != place and labels.sets.parents[i] == parent)


def _slots(output: int, utterance: Utterance, encoding: Encoding, labels: Labels) -> list[Reason]:
    found = []
    places = {name: i for i, name in enumerate(labels.slots)}
    for slot in utterance.slots:
        inside = (encoding.starts[1:-1] >= slot.start) & (encoding.ends[1:-1] <= slot.end)
        tokens = tuple((np.flatnonzero(inside) + 1).tolist())
        if slot.name in places and tokens:
            begin = 2 * places[slot.name] + 1
            indices = (begin, *(begin + 1,) * (len(tokens) - 1))
            rivals = tuple(tuple(i for i in range(len(labels.tags)) if i != index) for index in indices)
            found.append(Reason(f"{slot.name}={slot.value}", output, tokens, indices, rivals))
    return found
