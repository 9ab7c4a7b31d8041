"""Probabilities over all label sets that the tree allows, and the most probable of them.

The weight of a label set is exp(sum of the logits of its labels), and its probability is its share in the weight of all
sets that `slu.corpus.label_sets.LabelSets` allows. With exactly one label a text that is the softmax; with any
selection of labels without a tree, the sigmoid of each. Sums over all sets are computed from the leaves to the root, in
time linear in the labels. The C++ runtime computes the same.
"""

from __future__ import annotations

import numpy as np

from slu.corpus.label_sets import ROOT, LabelSets

_NEVER = -1e30
"""Logarithm of no weight at all, in sums that must stay finite."""


class LabelWeights:
    """Sums over the sets of ``sets``, for logits ``[n, labels]``."""

    def __init__(self, sets: LabelSets):
        self.sets = sets
        self._count = len(sets.parents)

    def log_sum(self, logits: np.ndarray) -> np.ndarray:
        """Logarithm of the sum of the weights of all sets, float64 ``[n]``."""
        return self._inner(np.asarray(logits, np.float64))[2][:, ROOT]

    def marginals(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """That sum, and the probability that a set has each label, float64 ``[n]`` and ``[n, labels]``."""
        own, free, inner = self._inner(np.asarray(logits, np.float64))
        found = np.ones((len(own), self._count + 1))
        for label, parent in enumerate(self.sets.parents):
            weight = own[:, label]
            if self.sets.several[parent + 1]:
                # Among any selections by itself; where one label is needed, among those that are not empty.
                share = weight - np.logaddexp(0, weight) + free[:, parent] - inner[:, parent]
            else:
                share = weight - inner[:, parent]
            found[:, label] = found[:, parent] * np.exp(np.minimum(share, 0))
        return inner[:, ROOT], found[:, :-1]

    def best(self, logits: np.ndarray) -> np.ndarray:
        """The set of largest weight, bool ``[n, labels]``; of equal ones that of fewer labels, then of lower ones."""
        own = np.array(logits, np.float64)
        n, rows = len(own), np.arange(len(own))
        total = np.zeros((n, self._count + 1))  # of what is best below each label, at last the text
        top, place = np.full((n, self._count + 1), -np.inf), np.full((n, self._count + 1), ROOT)
        inner = {*self.sets.parents}
        for label in range(self._count - 1, ROOT - 1, -1):
            if label in inner:
                if not self.sets.several[label + 1]:
                    total[:, label] = top[:, label]
                    if self.sets.optional[label + 1]:
                        total[:, label] = np.maximum(total[:, label], 0)
                elif not self.sets.optional[label + 1]:
                    total[:, label] = np.where(top[:, label] > 0, total[:, label], top[:, label])
            if label == ROOT:
                break
            parent = self.sets.parents[label]
            own[:, label] += total[:, label]
            total[:, parent] += np.maximum(own[:, label], 0)
            better = own[:, label] >= top[:, parent]  # the later of them has the lower number
            top[better, parent], place[better, parent] = own[better, label], label
        chosen = np.zeros((n, self._count + 1), bool)
        chosen[:, ROOT] = True
        for label, parent in enumerate(self.sets.parents):
            optional, several = self.sets.optional[parent + 1], self.sets.several[parent + 1]
            is_top, positive = place[:, parent] == label, own[:, label] > 0
            taken = is_top if not several else positive | (is_top if not optional else False)
            chosen[:, label] = chosen[rows, parent] & (taken & positive if optional else taken)
        return chosen[:, :-1]

    def _inner(self, own: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logarithms of the weight of each label with all that can be below it ``[n, labels]``; and of what can be
        below a label, at last the text, if any selection were allowed, and as it is allowed, ``[n, labels + 1]``."""
        own = own.copy()
        free, some = np.zeros((len(own), self._count + 1)), np.full((len(own), self._count + 1), _NEVER)
        inner = np.zeros_like(free)
        parents = {*self.sets.parents}
        for label in range(self._count - 1, ROOT - 1, -1):
            if label in parents:
                inner[:, label] = np.logaddexp(0, some[:, label]) if self.sets.optional[label + 1] else some[:, label]
            if label == ROOT:
                break
            parent = self.sets.parents[label]
            own[:, label] += inner[:, label]
            weight, with_it = own[:, label], np.logaddexp(0, own[:, label])
            free[:, parent] += with_it
            if self.sets.several[parent + 1]:
                some[:, parent] += with_it
            some[:, parent] = np.logaddexp(some[:, parent], weight)
        return own, free, inner
