"""The score of `joint`'s answers at any temperature, and scores that could be used instead of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slu.corpus.labels import Labels
from slu.heads.head import Evidence
from slu.heads.joint_crf import Answers
from slu.heads.joint_decoding import log_softmax


class JointScorer:
    """See `slu.heads.head.Scorer`."""

    def __init__(self, evidence: Sequence[Evidence], labels: Labels):
        intents, tags = zip(*(kept.logits for kept in evidence))
        self._intents, self._tags = np.stack(intents), np.concatenate(tags)
        self._intent = np.array([kept.decision.intent for kept in evidence])
        self._tag = np.array([tag for kept in evidence for tag in kept.decision.tags], int)
        self._lengths = np.array([len(kept.decision.tags) for kept in evidence], int)
        self._owner = np.repeat(np.arange(len(evidence)), self._lengths)
        self._answers = Answers(labels)

    def log_probabilities(self, temperature: float = 1.0) -> tuple[np.ndarray, list[np.ndarray]]:
        """Of the chosen intents ``[n]``, and of the chosen tags, an array an utterance; logits are divided first."""
        intents, tags = self._chosen(temperature)
        return intents, np.split(tags, np.cumsum(self._lengths)[:-1])

    def _chosen(self, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        intents = log_softmax(self._intents / temperature)[np.arange(len(self._intent)), self._intent]
        return intents, log_softmax(self._tags / temperature)[np.arange(len(self._tag)), self._tag]

    def joint(self, temperature: float = 1.0) -> np.ndarray:
        """The product of both heads' probabilities, ``[n]``."""
        intents, tags = self._chosen(temperature)
        return np.exp(intents + np.bincount(self._owner, tags, len(intents)))

    def scores(self, temperature: float = 1.0) -> np.ndarray:
        """The probability of each answer among all of them, ``[n]``, which is the score of a decision."""
        intents, tags = log_softmax(self._intents / temperature), log_softmax(self._tags / temperature)
        log_sums, starts = np.empty(len(intents), np.float32), np.cumsum(self._lengths) - self._lengths
        for length in np.unique(self._lengths):
            group = np.flatnonzero(self._lengths == length)
            places = starts[group][:, None] + np.arange(length)
            log_sums[group] = self._answers.log_sum(intents[group], tags[places])
        of_intents, of_tags = self._chosen(temperature)
        return np.exp(np.minimum(of_intents + np.bincount(self._owner, of_tags, len(intents)) - log_sums, 0))

    def alternatives(self) -> dict[str, np.ndarray]:
        """See `slu.heads.head.Scorer`."""
        intents, tags = self.log_probabilities()
        two_best = np.sort(self._intents, 1)[:, -2:]
        return {
            "probability of the answer": self.scores(),
            "product of both heads": self.joint(),
            "intent probability": intents,
            "probability of the tags": np.array([t.sum() for t in tags]),
            "intent and mean tag": intents + np.array([t.mean() if len(t) else 0.0 for t in tags]),
            "intent and least sure tag": intents + np.array([t.min() if len(t) else 0.0 for t in tags]),
            "largest intent logit": self._intents.max(1),
            # Liu et al. 2020, https://arxiv.org/abs/2010.03759
            "energy of the intent logits": np.logaddexp.reduce(self._intents, 1),
            "margin of the intent logits": two_best[:, -1] - two_best[:, 0],
        }
