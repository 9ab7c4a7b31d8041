"""Batches of utterances of like length, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

import numpy as np

from slu.corpus.dialogues import turns_before
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.inputs.flags import NO_FLAGS, NO_SPANS, UNKNOWN, FlagColumns, Found, spans_of
from slu.inputs.lexicon import Entries, Match, find_matches
from slu.inputs.tokenizer import Encoding, Tokenizer

IGNORED = -100
"""Tag of a position that is not scored: padding, [CLS] and [SEP]."""
_POOL = 50
"""Batches sorted together: enough that a batch needs little padding, few enough that batches stay random."""


@dataclass(frozen=True)
class Soft:
    """Probabilities instead of labels, float32: ``intents`` ``[intents]``, ``tags`` ``[tokens - 2, tags]``."""

    intents: np.ndarray
    tags: np.ndarray


@dataclass(frozen=True)
class Example:
    """``ids`` and ``tags``: int64 ``[tokens]``; ``intent``: index. All of its labels are `IGNORED` where nobody knows.

    ``spans``: matches with the model's lists, see `slu.inputs.flags.Found`; ``previous``: the intent of the turn
    before;
    ``soft``: what a teacher says.
    """

    ids: np.ndarray
    tags: np.ndarray
    intent: int
    spans: np.ndarray = field(default_factory=lambda: NO_SPANS)
    previous: int = UNKNOWN
    soft: Soft | None = None


@dataclass(frozen=True)
class Batch:
    """``ids`` and ``tags``: int64 ``[n, length]``, ``intents``: int64 ``[n]``, ``lengths``: tokens of each, ``[n]``.

    ``padded``: whether any position is padding. ``utterances`` and ``tokens`` are counts over the whole global batch,
    so that the losses of its shards add up to the mean over it. ``flags``: float32 ``[n, length, columns]``, None for a
    model without; ``found``: what they are made of. ``soft``: what teachers say, float32 ``[n, intents]`` and ``[n,
    length, tags]`` (0 for [CLS], [SEP] and padding); None unless they were asked about all of them.
    """

    ids: np.ndarray
    tags: np.ndarray
    intents: np.ndarray
    lengths: np.ndarray
    padded: bool
    utterances: int
    tokens: int
    flags: np.ndarray | None = None
    found: Found | None = None
    soft: Soft | None = None

    @property
    def scored(self) -> np.ndarray:
        """Which positions are tokens of a text, bool ``[n, length]``: not [CLS], [SEP] or padding."""
        position = np.arange(self.ids.shape[1])
        return (position > 0) & (position < self.lengths[:, None] - 1)


def make_examples(
    utterances: Sequence[Utterance],
    tokenizer: Tokenizer,
    labels: Labels,
    max_length: int,
    lexicon: Entries | None = None,
    singular: Container[tuple[int, int]] = (),
) -> list[Example]:
    """Tokenize, tag and match; raise `CorpusError` when an utterance has a label that is not in ``labels``.

    ``utterances`` in the order of a corpus: the labelled intent of the turn before is the previous one. ``singular``:
    entries (slot number, key) whose matches right where such a slot is do not count, see `TrainingLists.singular`.
    """
    intents = {name: i for i, name in enumerate(labels.intents)}
    tags = {name: i for i, name in enumerate(labels.tags)}
    examples = []
    for utterance, before in zip(utterances, turns_before(utterances)):
        if utterance.intent not in intents:
            raise CorpusError(f"{utterance.text!r}: the model does not know the intent {utterance.intent!r}")
        encoding = tokenizer.encode(utterance.text, max_length)
        matches = find_matches(lexicon, utterance.text, encoding) if lexicon else []
        spans = spans_of(
            m for m in matches if (m.slot, m.key) not in singular or not _is_gold(m, utterance, encoding, labels)
        )
        previous = len(intents) if before is None else intents[utterances[before].intent]
        tagged, intent = tag_tokens(utterance, encoding, tags), intents[utterance.intent]
        examples.append(Example(encoding.ids.astype(np.int64), tagged, intent, spans, previous))
    return examples


def unlabelled_examples(
    texts: Sequence[str], tokenizer: Tokenizer, max_length: int, lexicon: Entries | None = None
) -> list[Example]:
    """Tokenize and match texts of which nobody knows the labels, nor the turn before."""
    examples = []
    for text in texts:
        encoding = tokenizer.encode(text, max_length)
        spans = spans_of(find_matches(lexicon, text, encoding) if lexicon else [])
        tags = np.full(len(encoding.ids), IGNORED, np.int64)
        examples.append(Example(encoding.ids.astype(np.int64), tags, IGNORED, spans))
    return examples


def _is_gold(match: Match, utterance: Utterance, encoding: Encoding, labels: Labels) -> bool:
    start, end = encoding.starts[match.first], encoding.ends[match.end - 1]
    name = labels.slots[match.slot]
    return any((slot.name, slot.start, slot.end) == (name, start, end) for slot in utterance.slots)


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


def make_shards(
    examples: Sequence[Example], indices: np.ndarray, pad_id: int, shards: int, columns: FlagColumns = NO_FLAGS
) -> list[Batch]:
    """Cut one global batch into ``shards`` parts, the examples dealt out in turn; a part may be empty of examples."""
    tokens = sum(len(examples[i].ids) - 2 for i in indices)
    parts = ([examples[i] for i in indices[s::shards]] for s in range(shards))
    return [collate(part, pad_id, len(indices), tokens, columns) for part in parts]


def collate(
    examples: Sequence[Example], pad_id: int, utterances: int = 0, tokens: int = 0, columns: FlagColumns = NO_FLAGS
) -> Batch:
    """Pad to the longest example. ``columns``: the flags that the model takes."""
    lengths = [len(example.ids) for example in examples]
    longest = max(lengths, default=0)
    ids = np.full((len(examples), longest), pad_id, np.int64)
    tags = np.full((len(examples), longest), IGNORED, np.int64)
    for row, example in enumerate(examples):
        ids[row, : lengths[row]] = example.ids
        tags[row, : lengths[row]] = example.tags
    found = None
    if columns.count:
        found = Found.of([example.spans for example in examples], [example.previous for example in examples])
    return Batch(
        ids,
        tags,
        np.array([e.intent for e in examples], np.int64),
        np.array(lengths, np.int64),
        min(lengths, default=0) != longest,
        utterances or len(examples),
        tokens or sum(lengths) - 2 * len(examples),
        None if found is None else found.flags(columns, longest),
        found,
        _padded_soft(examples, longest),
    )


def _padded_soft(examples: Sequence[Example], longest: int) -> Soft | None:
    asked = [example.soft for example in examples if example.soft is not None]
    if not asked or len(asked) < len(examples):
        return None
    tags = np.zeros((len(asked), longest, asked[0].tags.shape[1]), np.float32)
    for row, soft in enumerate(asked):
        tags[row, 1 : 1 + len(soft.tags)] = soft.tags
    return Soft(np.stack([soft.intents for soft in asked]), tags)
