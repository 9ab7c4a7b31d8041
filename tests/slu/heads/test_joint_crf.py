"""Probabilities over all answers, against sums over every one of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from slu.corpus.labels import Labels
from slu.heads.joint_crf import Answers
from slu.heads.joint_decoding import JointDecoder

LABELS = Labels(("a", "b", "c"), ("x", "y"), {"a": ("x",), "b": (), "c": ("x", "y")})


def every_answer(tokens: int) -> list[tuple[int, tuple[int, ...]]]:
    """All that the rules allow, said in another way than in the package."""
    found = []
    for intent, name in enumerate(LABELS.intents):
        tags = {"O", *(f"{inside}-{slot}" for slot in LABELS.slots_of_intent[name] for inside in "BI")}
        for path in product(tags, repeat=tokens):
            before = ("O", *path)
            if all(now[0] != "I" or last[2:] == now[2:] for last, now in zip(before, path)):
                found.append((intent, tuple(LABELS.tags.index(tag) for tag in path)))
    return found


@pytest.fixture
def logits() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(0, 2, (4, 3)).astype(np.float32), random.normal(0, 2, (4, 6, 5)).astype(np.float32)


@pytest.mark.parametrize("first", [0, 1])
def test_sums_over_every_answer(logits: tuple[np.ndarray, np.ndarray], first: int) -> None:
    """Texts of 4, 2, 1 and no tokens; with ``first``, as in a batch, there is a [CLS] before them."""
    lengths = [4, 2, 1, 0]
    scored = np.zeros((4, 6), bool)
    for row, tokens in enumerate(lengths):
        scored[row, first : first + tokens] = True
    log_sum, intents, tags = Answers(LABELS).marginals(*logits, scored)
    for row, tokens in enumerate(lengths):
        of_intents, of_tags = np.zeros(3), np.zeros((6, 5))
        for intent, path in every_answer(tokens):
            weight = np.exp(logits[0][row, intent] + sum(logits[1][row, first + t, tag] for t, tag in enumerate(path)))
            of_intents[intent] += weight
            for t, tag in enumerate(path):
                of_tags[first + t, tag] += weight
        assert log_sum[row] == pytest.approx(np.log(of_intents.sum()), abs=1e-5)
        np.testing.assert_allclose(intents[row], of_intents / of_intents.sum(), atol=1e-5)
        np.testing.assert_allclose(tags[row], of_tags / of_intents.sum(), atol=1e-5)


def test_the_decoder_finds_the_likeliest_of_them(logits: tuple[np.ndarray, np.ndarray]) -> None:
    decisions = JointDecoder(LABELS).decode(logits[0], logits[1][:, :4])
    for row, decision in enumerate(decisions):
        weights = {
            answer: logits[0][row, answer[0]] + sum(logits[1][row, t, tag] for t, tag in enumerate(answer[1]))
            for answer in every_answer(4)
        }
        assert (decision.intent, decision.tags) == max(weights, key=weights.__getitem__)


def test_logits_of_any_size(logits: tuple[np.ndarray, np.ndarray]) -> None:
    scored = np.ones((4, 6), bool)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        log_sum, intents, tags = Answers(LABELS).marginals(logits[0] * 1000, logits[1] * 1000, scored)
    assert np.isfinite(log_sum).all()
    np.testing.assert_allclose(intents.sum(1), 1, atol=1e-2)
    np.testing.assert_allclose(tags.sum(2), 1, atol=1e-2)
