"""The engine's decoder against slu/heads/joint_decoding.py."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import pytest
from engine_build import ROOT, golden
from native_api import Engine

from slu.heads.joint_decoding import JointDecoder

sys.path.insert(0, str(ROOT / "tests/golden"))


def decode(engine: Engine, intents: np.ndarray, slots: np.ndarray) -> tuple[int, float, list[int]]:
    """``slots`` [tokens, tags] → intent, score, tags."""
    tokens = len(slots)
    score, tags = ctypes.c_float(), np.zeros(max(tokens, 1), np.uint16)
    # Copies: the decoder overwrites them.
    given = [np.array(values, np.float32).copy() for values in (intents, slots)]
    pointers = [ctypes.c_void_p(values.ctypes.data) for values in given]
    intent = engine.library.hook_decode(
        engine.context, *pointers, tokens, ctypes.byref(score), ctypes.c_void_p(tags.ctypes.data)
    )
    return intent, score.value, tags[:tokens].tolist()


@pytest.mark.parametrize("case", golden("decoding"), ids=lambda case: f"{len(case['tags'])} tokens")
def test_golden_decisions(engine: Engine, case: dict) -> None:
    intent, score, tags = decode(engine, case["intents"], case["slots"])
    assert (intent, tags) == (case["intent"], case["tags"])
    assert score == pytest.approx(case["score"], rel=1e-5)


def test_random_logits_are_decided_as_in_python(engine: Engine) -> None:
    from make_golden import MAX_TOKENS, labels

    decoder = JointDecoder(labels())
    rng = np.random.default_rng(0)
    for _ in range(500):
        tokens = int(rng.integers(0, MAX_TOKENS - 1))
        scale = rng.choice([0.1, 1, 5, 40])
        intents, slots = rng.normal(0, scale, 3), rng.normal(0, scale, (tokens, len(labels().tags)))
        expected = decoder.decode(intents[None], slots[None])[0]
        intent, score, tags = decode(engine, intents, slots)
        assert (intent, tags) == (expected.intent, list(expected.tags))
        # Sums of float32 numbers of several hundreds are that coarse.
        assert score == pytest.approx(expected.score, rel=3e-4 if scale == 40 else 2e-5, abs=1e-30)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_logits_that_are_no_numbers_give_some_decision(engine: Engine, value: float) -> None:
    intent, score, tags = decode(engine, np.full(3, value), np.full((10, 7), value))
    assert 0 <= intent < 3
    assert all(0 <= tag < 7 for tag in tags)
    assert 0 <= score <= 1
