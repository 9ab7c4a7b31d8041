"""Sums over label sets, the best of them and their losses, against all sets one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from slu.corpus.label_sets import ROOT, LabelSets, one_label
from slu.corpus.labels import Labels
from slu.heads.head import Evidence
from slu.heads.label_decoding import LabelDecoder, LabelScorer
from slu.heads.label_weights import LabelWeights

RANDOM = np.random.default_rng(0)


def any_sets() -> LabelSets:
    """A tree of 1 to 7 labels with any rules."""
    count = int(RANDOM.integers(1, 8))
    parents = tuple(int(RANDOM.integers(ROOT, label)) if label else ROOT for label in range(count))
    optional, several = (tuple(map(bool, RANDOM.integers(0, 2, count + 1))) for _ in range(2))
    return LabelSets(parents, optional, several)


def every_set(sets: LabelSets) -> Iterator[np.ndarray]:
    """All that the rules allow, said in another way than in the package."""
    count = len(sets.parents)
    for chosen in product((False, True), repeat=count):
        here = [ROOT, *(label for label in range(count) if chosen[label])]
        if any(sets.parents[label] not in here for label in here[1:]):
            continue
        below = {label: [c for c in range(count) if sets.parents[c] == label] for label in here}
        taken = {label: sum(chosen[c] for c in below[label]) for label in here if below[label]}
        if all(
            (number > 0 or sets.optional[label + 1]) and (number < 2 or sets.several[label + 1])
            for label, number in taken.items()
        ):
            yield np.array(chosen)


@pytest.mark.parametrize("round_", range(40))
def test_against_every_set(round_: int) -> None:
    sets = any_sets()
    logits = RANDOM.normal(0, 3, (6, len(sets.parents)))
    allowed = np.array(list(every_set(sets)))
    weights = logits @ allowed.T
    log_sum, shares = LabelWeights(sets).marginals(logits)
    np.testing.assert_allclose(log_sum, np.logaddexp.reduce(weights, 1), atol=1e-9)
    np.testing.assert_allclose(LabelWeights(sets).log_sum(logits), log_sum)
    np.testing.assert_allclose(shares, np.exp(weights - log_sum[:, None]) @ allowed, atol=1e-9)
    np.testing.assert_array_equal(LabelWeights(sets).best(logits), allowed[weights.argmax(1)])


def test_exactly_one_is_the_softmax_and_any_are_sigmoids() -> None:
    logits = RANDOM.normal(0, 2, (3, 5))
    _, shares = LabelWeights(one_label(5)).marginals(logits)
    np.testing.assert_allclose(shares, np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    free = LabelSets((ROOT,) * 5, (True,) * 6, (True,) * 6)
    np.testing.assert_allclose(LabelWeights(free).marginals(logits)[1], 1 / (1 + np.exp(-logits)))
    np.testing.assert_array_equal(LabelWeights(free).best(logits), logits > 0)


def test_extreme_logits() -> None:
    sets = LabelSets((ROOT, 0, 0, ROOT), (False, True, True, True, True), (True, False, True, True, True))
    for logits in (np.full((1, 4), -1e4), np.full((1, 4), 1e4), np.array([[1e4, -1e4, 0, -1e4]])):
        log_sum, shares = LabelWeights(sets).marginals(logits)
        assert np.isfinite(log_sum).all() and ((shares >= 0) & (shares <= 1)).all()
        assert LabelWeights(sets).best(logits)[0, [0, 3]].any(), "one label is needed"


def test_the_first_of_equal_ones() -> None:
    assert LabelWeights(one_label(3)).best(np.zeros((1, 3))).tolist() == [[True, False, False]]
    free = LabelSets((ROOT,) * 2, (True,) * 3, (True,) * 3)
    assert not LabelWeights(free).best(np.zeros((1, 2))).any()


def test_answers_and_scores() -> None:
    labels = Labels.of_sets(("a", "a##x", "b"), LabelSets((ROOT, 0, ROOT), (False, True, True, True), (True,) * 4))
    logits = RANDOM.normal(0, 2, (5, 3)).astype(np.float32)
    decoder = LabelDecoder(labels)
    decisions = decoder.decode(logits)
    assert decisions == [decoder.decode(row[None])[0] for row in logits]
    scorer = LabelScorer([Evidence(d, (row,)) for d, row in zip(decisions, logits)], labels)
    np.testing.assert_allclose(scorer.scores(), [decision.score for decision in decisions], rtol=1e-6)
    cooler = decoder.decode(logits / 2)
    same = [a == b for a, b in zip(cooler, decisions)]
    np.testing.assert_allclose(scorer.scores(2)[same], [d.score for d, s in zip(cooler, same) if s], rtol=1e-6)
    assert all(len(values) == 5 for values in scorer.alternatives().values())
    encoding: object = None
    answered = decoder.answer(decisions[0], "text", encoding)  # type: ignore[arg-type]
    assert answered.labels is not None and (answered.intent, answered.slots) == ("", ())
    assert [label.name for label in answered.labels] == [labels.intents[i] for i in decisions[0].labels]
