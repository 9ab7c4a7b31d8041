"""Targets of texts with labels, for the heads that answer them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.heads.examples import IGNORED
from slu.inputs.tokenizer import Encoding


def one_target(utterance: Utterance, encoding: Encoding, labels: Labels) -> tuple[np.ndarray, ...]:
    """The index of the label, ``[]``."""
    [index] = _indices(utterance, labels)
    return (np.array(index),)


def no_target(tokens: int, labels: Labels) -> tuple[np.ndarray, ...]:
    return (np.array(IGNORED),)


def several_targets(utterance: Utterance, encoding: Encoding, labels: Labels) -> tuple[np.ndarray, ...]:
    """1 for the labels of the text, 0 for the others, float32 ``[labels]``."""
    wanted = np.zeros(len(labels.intents), np.float32)
    wanted[_indices(utterance, labels)] = 1
    return (wanted,)


def no_targets(tokens: int, labels: Labels) -> tuple[np.ndarray, ...]:
    return (np.full(len(labels.intents), IGNORED, np.float32),)


def log_odds(utterances: Sequence[Utterance], labels: Labels) -> np.ndarray:
    """The logarithm of the odds of each label, float32 ``[labels]``.

    As the first bias of a network it says about how often each label is. Without it, a training on many labels learns
    their frequencies first, and nothing of the texts for many hundreds of steps.
    """
    counts = np.full(len(labels.intents), 0.5)  # a label that never occurs has odds as well
    for utterance in utterances:
        counts[_indices(utterance, labels)] += 1
    return np.log(counts / (len(utterances) + 1 - counts)).astype(np.float32)


def _indices(utterance: Utterance, labels: Labels) -> list[int]:
    places = {name: i for i, name in enumerate(labels.intents)}
    unknown = [name for name in utterance.labels if name not in places]
    if unknown:
        text = repr(utterance.text[:60])
        raise CorpusError(f"{text}: the model has no label {unknown[0]!r}; use a corpus with its labels")
    return [places[name] for name in utterance.labels]
