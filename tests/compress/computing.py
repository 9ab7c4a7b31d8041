"""What a model computes, to compare models by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from slu.corpus.utterance import Utterance
from slu.model.checkpoint import Checkpoint
from slu.model.network import load_model
from slu.runtime.backends.dygraph import DygraphBackend
from slu.runtime.loading import checkpoint_parser

Logits = tuple[np.ndarray, np.ndarray]
"""Of one text: ``[intents]`` and ``[tokens, tags]``."""


def logits_of(checkpoint: Checkpoint, utterances: Sequence[Utterance], model: Any = None) -> list[Logits]:
    """Logits of each text alone, by ``model`` or by the network of ``checkpoint``."""
    backend = DygraphBackend(model or load_model(checkpoint))
    tokenizer = checkpoint.tokenizer()
    results = []
    for utterance in utterances:
        intent, slots = backend.run(tokenizer.encode(utterance.text, checkpoint.config.max_length).ids[None])
        results.append((intent[0], slots[0]))
    return results


def largest_difference(one: Sequence[Logits], two: Sequence[Logits]) -> float:
    return max(float(np.abs(a - b).max()) for x, y in zip(one, two, strict=True) for a, b in zip(x, y))


def decisions(checkpoint: Checkpoint, utterances: Sequence[Utterance]) -> list[tuple[Any, ...]]:
    """Intent and slots of each text."""
    results = checkpoint_parser(checkpoint).parse_batch([utterance.text for utterance in utterances])
    return [(result.intent, result.slots, result.truncated) for result in results]


def exact(checkpoint: Checkpoint, utterances: Sequence[Utterance]) -> float:
    """Share of texts that are answered as they are labelled."""
    found = decisions(checkpoint, utterances)
    spans = [(u.intent, {(s.name, s.start, s.end) for s in u.slots}) for u in utterances]
    got = [(intent, {(s.name, s.start, s.end) for s in slots}) for intent, slots, _ in found]
    return sum(a == b for a, b in zip(spans, got)) / len(spans)
