"""The measures of a quick model of character n-grams: how good labels are to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slu.analysis.examples import class_table
from slu.analysis.quick import QuickModel
from slu.corpus.label_sets import in_order
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.head import Head, ScoredLabel
from slu.runtime.parser import ParseResult


def quick_f1(train: Sequence[Utterance], data: Sequence[Utterance], head: Head, labels: Labels) -> dict[str, float]:
    """What a quick model that is trained on ``train`` makes of ``data``."""
    given = class_table(train, labels.intents)
    model = QuickModel([u.text for u in train], [""] * len(train), given)
    shares = model.shares([u.text for u in data], [""] * len(data))
    single = bool((given.sum(1) == 1).all())
    answers = []
    for utterance, row in zip(data, shares):
        found = [int(row.argmax())] if single else np.flatnonzero(row >= 0.5).tolist()
        names = in_order(labels.intents[i] for i in found)
        answers.append(ParseResult(utterance.text, "", 1.0, True, (), labels=tuple(ScoredLabel(n, 1.0) for n in names)))
    measured = head.measure(data, answers, labels)
    return {name: round(measured[name], 2) for name in ("exact", "micro_f1", "macro_f1") if name in measured}
