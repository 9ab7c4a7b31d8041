"""From logits to the labels of a text: the most probable set among those that the tree allows.

The score of an answer is the probability of the set, that of a label the probability that the text has it
(`slu.heads.label_weights`). The C++ runtime computes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from slu.corpus.labels import Labels
from slu.heads.head import Answered, Evidence, ScoredLabel
from slu.heads.label_weights import LabelWeights
from slu.inputs.tokenizer import Encoding
from slu.platform import SLOTS


@dataclass(frozen=True, **SLOTS)
class LabelDecision:
    """``labels``: their indices, ascending. ``score``: probability of the set, 0..1; ``shares``: of each label."""

    labels: tuple[int, ...]
    score: float
    shares: tuple[float, ...] = field(compare=False)


def weights_of(labels: Labels) -> LabelWeights:
    """The weights of the label sets that a model of these labels can answer."""
    assert labels.sets is not None, "these are the labels of a head with intents"
    return LabelWeights(labels.sets)


class LabelDecoder:
    """Decodes logits ``[n, labels]`` for one set of labels."""

    def __init__(self, labels: Labels):
        self.labels = labels
        self.weights = weights_of(labels)

    def decode(self, *logits: np.ndarray, encodings: Sequence[Encoding] = ()) -> list[LabelDecision]:
        """See `slu.heads.head.Decoder`."""
        [own] = logits
        chosen = self.weights.best(own)
        log_sum, shares = self.weights.marginals(own)
        scores = np.exp(np.minimum((np.asarray(own, np.float64) * chosen).sum(1) - log_sum, 0))
        decisions = []
        for row, taken in enumerate(chosen):
            found = np.flatnonzero(taken)
            decisions.append(
                LabelDecision(tuple(found.tolist()), float(scores[row]), tuple(shares[row, found].tolist()))
            )
        return decisions

    def answer(self, decision: LabelDecision, text: str, encoding: Encoding) -> Answered:
        """The names of the labels."""
        names = self.labels.intents
        found = tuple(ScoredLabel(names[i], share) for i, share in zip(decision.labels, decision.shares))
        return Answered("", (), found)


class LabelScorer:
    """See `slu.heads.head.Scorer`."""

    def __init__(self, evidence: Sequence[Evidence], labels: Labels):
        self._weights = weights_of(labels)
        self._logits = np.stack([kept.logits[0] for kept in evidence]).astype(np.float64)
        self._chosen = np.zeros(self._logits.shape, bool)
        for row, kept in enumerate(evidence):
            self._chosen[row, list(kept.decision.labels)] = True

    def scores(self, temperature: float = 1.0) -> np.ndarray:
        """The probability of each answer, ``[n]``."""
        logits = self._logits / temperature
        return np.exp(np.minimum((logits * self._chosen).sum(1) - self._weights.log_sum(logits), 0))

    def alternatives(self) -> dict[str, np.ndarray]:
        """See `slu.heads.head.Scorer`."""
        _, shares = self._weights.marginals(self._logits)
        return {
            "probability of the answer": self.scores(),
            "least sure label": np.where(self._chosen, shares, 1).min(1),
            "least sure label, or one left out": np.where(self._chosen, shares, 1 - shares).min(1),
            "largest logit": self._logits.max(1),
        }
