"""Batches of utterances of like length, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slu.corpus import Utterance
from slu.errors import CorpusError
from slu.labels import Labels
from slu.tokenizer import Encoding, Tokenizer

IGNORED = -100
"""Tag of a position that is not scored: padding, [CLS] and [SEP]."""
_POOL = 50
"""Batches sorted together: enough that a batch needs little padding, few enough that batches stay random."""


@dataclass(frozen=True)
class Example:
    """``ids`` and ``tags``: int64 ``[tokens]``; ``intent``: index."""

    ids: np.ndarray
    tags: np.ndarray
    intent: int


@dataclass(frozen=True)
class Batch:
    """``ids`` and ``tags``: int64 ``[n, length]``, ``intents``: int64 ``[n]``.

    ``padded``: whether any position is padding. ``utterances`` and ``tokens`` are counts over the whole global batch,
    so that the losses of its shards add up to the mean over it.
    """

    ids: np.ndarray
    tags: np.ndarray
    intents: np.ndarray
    padded: bool
    utterances: int
    tokens: int


def make_examples(
    utterances: Sequence[Utterance], tokenizer: Tokenizer, labels: Labels, max_length: int
) -> list[Example]:
    """Tokenize and tag; raise `CorpusError` when an utterance has a label that is not in ``labels``."""
    intents = {name: i for i, name in enumerate(labels.intents)}
    tags = {name: i for i, name in enumerate(labels.tags)}
    examples = []
    for utterance in utterances:
        if utterance.intent not in intents:
            raise CorpusError(f"{utterance.text!r}: the model does not know the intent {utterance.intent!r}")
        encoding = tokenizer.encode(utterance.text, max_length)
        examples.append(
            Example(encoding.ids.astype(np.int64), tag_tokens(utterance, encoding, tags), intents[utterance.intent])
        )
    return examples


def tag_tokens(utterance: Utterance, encoding: Encoding, tags: dict[str, int]) -> np.ndarray:
    """BIO tags of the tokens, int64 ``[tokens]``, `IGNORED` for [CLS] and [SEP]."""
    result = np.full(len(encoding.ids), IGNORED, np.int64)
    result[1:-1] = tags["O"]
    for slot in utterance.slots:
        if f"B-{slot.name}" not in tags:
            raise CorpusError(f"{utterance.text!r}: the model does not know the slot {slot.name!r}")
        inside = np.flatnonzero((encoding.starts[1:-1] >= slot.start) & (encoding.ends[1:-1] <= slot.end)) + 1
        result[inside] = tags[f"I-{slot.name}"]
        result[inside[:1]] = tags[f"B-{slot.name}"]
    return result


def epoch_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Indices of each batch of an epoch; every example is in exactly one."""
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), batch_size * _POOL):
        pool = order[start : start + batch_size * _POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]


def make_shards(examples: Sequence[Example], indices: np.ndarray, pad_id: int, shards: int) -> list[Batch]:
    """Cut one global batch into ``shards`` parts, the examples dealt out in turn; a part may be empty of examples."""
    tokens = sum(len(examples[i].ids) - 2 for i in indices)
    return [collate([examples[i] for i in indices[s::shards]], pad_id, len(indices), tokens) for s in range(shards)]


def collate(examples: Sequence[Example], pad_id: int, utterances: int = 0, tokens: int = 0) -> Batch:
    """Pad to the longest example."""
    lengths = [len(example.ids) for example in examples]
    longest = max(lengths, default=0)
    ids = np.full((len(examples), longest), pad_id, np.int64)
    tags = np.full((len(examples), longest), IGNORED, np.int64)
    for row, example in enumerate(examples):
        ids[row, : lengths[row]] = example.ids
        tags[row, : lengths[row]] = example.tags
    return Batch(
        ids,
        tags,
        np.array([e.intent for e in examples], np.int64),
        min(lengths, default=0) != longest,
        utterances or len(examples),
        tokens or sum(lengths) - 2 * len(examples),
    )
