"""The sample corpus as texts with labels instead of intents and slots: what they are about, and what is to be done."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from slu.corpus.label_sets import SEPARATOR, in_order
from slu.corpus.labels import OTHERS
from slu.corpus.utterance import Utterance

_TWO = 0.25
"""Share of the texts that are two commands."""
_JOINERS = ("，再", "，然后", "，顺便", "，还要")


def with_domains(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Each text with one label, that of its domain: ``music`` of ``music.play``."""
    return [
        Utterance(utterance.text, "", (), str(number), (utterance.intent.partition(".")[0],))
        for number, utterance in enumerate(utterances, 1)
    ]


def with_label_trees(utterances: Sequence[Utterance], count: int, seed: int = 0) -> list[Utterance]:
    """``count`` texts with the labels ``domain`` and ``domain##action`` of one or two commands, none of other texts.

    The same arguments give the same texts.
    """
    random = Random(seed)
    found = []
    for number in range(1, count + 1):
        commands = [utterances[int(random.random() * len(utterances))] for _ in range(1 + (random.random() < _TWO))]
        text = _JOINERS[int(random.random() * len(_JOINERS))].join(command.text for command in commands)
        names = [SEPARATOR.join(c.intent.split(".")) for c in commands if c.intent != OTHERS]
        labels = tuple(sorted(in_order(names)))
        found.append(Utterance(text, "", (), str(number), labels))
    return found
