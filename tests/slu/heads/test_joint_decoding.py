"""The decoder against the definition of what it computes: every answer tried, the best one taken."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.heads.joint_decoding import Decision, JointDecoder, log_softmax

INTENTS = ("none", "both", "second", "again")
SLOTS = ("a", "b")
LABELS = Labels(INTENTS, SLOTS, {"none": (), "both": SLOTS, "second": ("b",), "again": SLOTS})
TAGS = LABELS.tags
EXACT = 1e-4
"""Float32 sums of at most five logarithms in another order differ by less."""

numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-30, 30, width=32))


def allowed(intent: str, tags: tuple[int, ...]) -> bool:
    for previous, tag in zip((0, *tags), tags):
        name = TAGS[tag]
        if name != "O" and name[2:] not in LABELS.slots_of_intent[intent]:
            return False
        if name.startswith("I-") and TAGS[previous] not in (name, f"B-{name[2:]}"):
            return False
    return True


def every_answer(intents: np.ndarray, tags: np.ndarray) -> dict[tuple[int, tuple[int, ...]], float]:
    """Logarithm of the probability of each answer that is not contradictory, in float64."""
    weights = {
        (i, path): float(intents[i]) + sum(float(row[t]) for row, t in zip(tags, path))
        for path in product(range(len(TAGS)), repeat=len(tags))
        for i, name in enumerate(INTENTS)
        if allowed(name, path)
    }
    log_sum = np.logaddexp.reduce(list(weights.values()))
    return {answer: weight - log_sum for answer, weight in weights.items()}


@st.composite
def logits(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    tokens = draw(st.integers(0, 4))
    intents = draw(arrays(np.float32, len(INTENTS), elements=numbers))
    return intents, draw(arrays(np.float32, (tokens, len(TAGS)), elements=numbers))


@settings(max_examples=250, deadline=None)
@given(example=logits())
def test_the_best_of_all_answers_is_found(example: tuple[np.ndarray, np.ndarray]) -> None:
    intents, tags = example
    answers = every_answer(intents.astype(float), tags.astype(float))
    best = max(answers.values())
    [decision] = JointDecoder(LABELS).decode(intents[None], tags[None])
    chosen = decision.intent, decision.tags
    assert answers[chosen] == pytest.approx(best, abs=EXACT)  # a KeyError would be a contradictory answer
    assert decision.score == pytest.approx(np.exp(best), rel=EXACT, abs=1e-30)
    if sum(score > best - EXACT for score in answers.values()) == 1:
        assert chosen == max(answers, key=answers.__getitem__)


@settings(max_examples=50, deadline=None)
@given(st.lists(logits(), min_size=2, max_size=5))
def test_a_batch_is_decoded_as_its_members(examples: list[tuple[np.ndarray, np.ndarray]]) -> None:
    tokens = min(len(tags) for _, tags in examples)
    intents = np.stack([i for i, _ in examples])
    tags = np.stack([t[:tokens] for _, t in examples])
    decoder = JointDecoder(LABELS)
    together = decoder.decode(intents, tags)
    assert together == [decoder.decode(intents[i : i + 1], tags[i : i + 1])[0] for i in range(len(examples))]


def test_the_lower_index_wins_a_tie() -> None:
    decoder = JointDecoder(LABELS)
    [decision] = decoder.decode(np.zeros((1, 4)), np.zeros((1, 3, 5)))
    assert decision == Decision(0, decision.score, (0, 0, 0))
    assert decision.score == pytest.approx(1 / len(every_answer(np.zeros(4), np.zeros((3, 5)))), rel=1e-5)
    # The second tag may be B-a or I-a.
    tags = np.full((1, 3, 5), -50.0)
    tags[0, 0, 1] = tags[0, 1, [1, 2]] = tags[0, 2, 2] = 0.0
    assert decoder.decode(np.array([[-50.0, 0, -50, 0]]), tags)[0].tags == (1, 1, 2)
    # B-a and B-b tie, then B-a and I-a do: tags are compared from the last token back.
    tags = np.full((1, 2, 5), -50.0)
    tags[0, 0, [1, 3]] = tags[0, 1, [1, 2]] = 0.0
    assert decoder.decode(np.array([[-50.0, 0, -50, 0]]), tags)[0].tags == (1, 1)


def test_intent_and_slots_do_not_contradict() -> None:
    """The likeliest intent takes no slots; together with the tags another one is likelier."""
    tags = np.zeros((1, 2, 5))
    tags[0, 0, 1] = tags[0, 1, 2] = 8.0
    [decision] = JointDecoder(LABELS).decode(np.array([[2.0, 1.0, 1.5, 0.5]]), tags)
    assert (INTENTS[decision.intent], decision.tags) == ("both", (1, 2))
    [decision] = JointDecoder(LABELS).decode(np.array([[20.0, 0.0, 0.0, 0.0]]), tags)
    assert (INTENTS[decision.intent], decision.tags) == ("none", (0, 0))


def test_a_model_without_slots() -> None:
    decoder = JointDecoder(Labels(("x", "y"), (), {"x": (), "y": ()}))
    assert decoder.decode(np.array([[0.0, 1.0]]), np.zeros((1, 2, 1)))[0].intent == 1


def test_slots_are_read_off_the_tags() -> None:
    text = "0 23456"
    starts, ends = np.array([0, 2, 3, 4, 5, 6]), np.array([1, 3, 4, 5, 6, 7])
    slots = JointDecoder(LABELS).slots((1, 2, 1, 3, 4, 0), text, starts, ends)
    assert slots == (Slot("a", "0 2", 0, 3), Slot("a", "3", 3, 4), Slot("b", "45", 4, 6))
    assert JointDecoder(LABELS).slots((), "", starts[:0], ends[:0]) == ()


@given(arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)))
def test_log_softmax_is_stable(logits: np.ndarray) -> None:
    result = log_softmax(logits)
    assert np.allclose(np.exp(result.astype(float)).sum(-1), 1, atol=1e-5)
