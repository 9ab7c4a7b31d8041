"""Batches of utterances of similar length, in an order that depends on the seed and the epoch only."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slu.corpus.dialogues import turns_before
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.examples import Batch, Example, collate
from slu.inputs.flags import NO_FLAGS, FlagColumns, spans_of
from slu.inputs.lexicon import Entries, Match
from slu.inputs.matcher import Matcher
from slu.inputs.tokenizer import Encoding, Tokenizer
from slu.runtime.python_parser import Model

_POOL = 50
"""Batches sorted together: enough that a batch needs little padding, few enough that batches stay random."""
_TOGETHER = 4096
"""Texts whose tokens and matches are in memory at a time."""


def make_examples(
    utterances: Sequence[Utterance],
    model: Model,
    lexicon: Entries | None = None,
    singular: Container[tuple[int, int]] = (),
) -> list[Example]:
    """Tokenize and match as ``model`` does, and make its head's targets; raise `CorpusError` for unknown labels.

    ``utterances`` in the order of a corpus: the label of the previous utterance is the previous intent.
    ``lexicon``: what texts are matched with, instead of the model's own. ``singular``: entries (slot number, key)
    whose matches are ignored exactly where a slot has that value, see `TrainingLexicons.singular`.
    """
    tokenizer, labels, max_length = model.tokenizer(), model.labels, model.config.max_length
    head = model.config.task
    if lexicon is None:
        lexicon = model.lexicon
    intents = {name: i for i, name in enumerate(labels.intents)}
    examples = []
    read = _read([utterance.text for utterance in utterances], tokenizer, max_length, lexicon)
    for utterance, before, (encoding, matches) in zip(utterances, turns_before(utterances), read):
        targets = head.targets(utterance, encoding, labels)
        spans = spans_of(
            m for m in matches if (m.slot, m.key) not in singular or not _is_gold(m, utterance, encoding, labels)
        )
        previous = len(intents) if before is None else intents[utterances[before].intent]
        examples.append(Example(encoding.ids.astype(np.int64), targets, spans, previous))
    return examples


def unlabelled_examples(texts: Sequence[str], model: Model) -> list[Example]:
    """Tokenize and match texts without labels and previous intents, as ``model`` does."""
    tokenizer, max_length, lexicon = model.tokenizer(), model.config.max_length, model.lexicon
    examples = []
    for encoding, matches in _read(texts, tokenizer, max_length, lexicon):
        targets = model.config.task.no_targets(len(encoding.ids), model.labels)
        examples.append(Example(encoding.ids.astype(np.int64), targets, spans_of(matches)))
    return examples


def _read(
    texts: Sequence[str], tokenizer: Tokenizer, max_length: int, lexicon: Entries | None
) -> Iterator[tuple[Encoding, list[Match]]]:
    """Each text's tokens and matches."""
    matcher = Matcher(lexicon) if lexicon else None
    for start in range(0, len(texts), _TOGETHER):
        some = texts[start : start + _TOGETHER]
        encodings = [tokenizer.encode(text, max_length) for text in some]
        yield from zip(encodings, matcher.find(some, encodings) if matcher else [[] for _ in some])


def _is_gold(match: Match, utterance: Utterance, encoding: Encoding, labels: Labels) -> bool:
    start, end = encoding.starts[match.first], encoding.ends[match.end - 1]
    name = labels.slots[match.slot]
    return any((slot.name, slot.start, slot.end) == (name, start, end) for slot in utterance.slots)


@dataclass(frozen=True)
class Epochs:
    """Which examples each epoch has: those whose turn it is (see `Example`).

    ``lengths``: tokens of each example; ``turns``: int ``[n, 2]``. ``size``: examples of an epoch. It is the same for
    all of them: where turns differ in number, an epoch leaves out some by chance.
    """

    lengths: np.ndarray
    turns: np.ndarray
    size: int

    @classmethod
    def of(cls, examples: Sequence[Example], epochs: int) -> Epochs:
        turns = np.array([example.turn for example in examples], np.int64).reshape(-1, 2)
        size = min(len(_whose_turn(turns, epoch)) for epoch in range(epochs))
        return cls(np.array([len(example.ids) for example in examples]), turns, size)

    def order(self, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
        """Indices of each batch of an epoch; no example is in two of them."""
        members = _whose_turn(self.turns, epoch)
        order = epoch_order(self.lengths[members], batch_size, seed, epoch, self.size)
        return [members[batch] for batch in order]


def _whose_turn(turns: np.ndarray, epoch: int) -> np.ndarray:
    return np.flatnonzero(epoch % turns[:, 1] == turns[:, 0])


def epoch_order(
    lengths: np.ndarray, batch_size: int, seed: int, epoch: int, most: int | None = None
) -> list[np.ndarray]:
    """Indices of each batch of an epoch; every example is in exactly one. ``most``: use no more examples than that."""
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))[:most]
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
