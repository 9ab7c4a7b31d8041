"""A stand-in for a network, so that what is around it can be tested without Paddle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models import bare_model
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.joint import tag_tokens
from slu.inputs.tokenizer import Tokenizer
from slu.runtime.python_parser import PythonParser


class KnowingBackend:
    """Answers each text it was told about as that was labelled, with logit ``margin``; others with logits of 0."""

    name = "knowing"

    def __init__(self, utterances: Sequence[Utterance], tokenizer: Tokenizer, labels: Labels, margin: float = 20.0):
        self.max_length = 40
        self.batches: list[tuple[int, ...]] = []
        self._shape = len(labels.intents), len(labels.tags)
        self._margin = margin
        self._known = {}
        for utterance in utterances:
            encoding = tokenizer.encode(utterance.text, self.max_length)
            answer = labels.intents.index(utterance.intent), tag_tokens(utterance, encoding, labels)
            self._known[tuple(encoding.ids.tolist())] = answer

    def run(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.batches.append(ids.shape)
        intents = np.zeros((len(ids), self._shape[0]), np.float32)
        slots = np.zeros((*ids.shape, self._shape[1]), np.float32)
        for row, key in enumerate(map(tuple, ids.tolist())):
            if key in self._known:
                intent, tags = self._known[key]
                intents[row, intent] = self._margin
                slots[row, np.arange(1, len(tags) - 1), tags[1:-1]] = self._margin
        return intents, slots


@pytest.fixture(scope="session")
def tokenizer(vocab: list[str]) -> Tokenizer:
    return Tokenizer(vocab)


@pytest.fixture
def settled(sample: list[Utterance]) -> list[Utterance]:
    """The utterances of the sample corpus whose text has one label only, each text once."""
    by_text: dict[str, list[Utterance]] = {}
    for utterance in sample:
        by_text.setdefault(utterance.text.lower(), []).append(utterance)
    return [group[0] for group in by_text.values() if len({(u.intent, u.slots) for u in group}) == 1]


@pytest.fixture
def knowing(settled: list[Utterance], tokenizer: Tokenizer, labels: Labels) -> PythonParser:
    """A parser that is right about every utterance of ``settled``."""
    return PythonParser(KnowingBackend(settled, tokenizer, labels), bare_model(tokenizer, labels, 0.5))
