"""Vocabulary pruning: keep the tokens that the corpus uses, and the positions that its texts need.

The removed rows of the embedding matrices are most of a small ERNIE: 40,000 words of 312 floats are 50 of its 71 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from compress.steps import Made, Work
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.inputs.coverage import coverage
from slu.inputs.ngrams import Ngrams
from slu.inputs.vocab import count_tokens, special_ids
from slu.model.checkpoint import NGRAM_EMBEDDINGS, Checkpoint
from slu.model.config import ModelConfig
from slu.model.embedding_rows import select_rows
from slu.model.quantization import WEIGHT_SCALE
from slu.training.identity import ADDED_LATER


@dataclass(frozen=True)
class VocabSettings:
    """``min_count``: how often a token must occur in the training part. ``max_tokens``: most tokens kept, the frequent
    ones first, 0 for no bound. ``positions``: tokens that a text may have, [CLS] and [SEP] counted.
    ``ngram_min_count``: how often one of the model's n-grams must occur, read with the tokens that are kept."""

    min_count: int = 1
    max_tokens: int = 0
    positions: int = 32
    ngram_min_count: int = field(default=1, metadata=ADDED_LATER)


def step(work: Work) -> Made:
    """See `prune_vocab`."""
    pruned, report = prune_vocab(work.before, work.data.learned, work.data.dev, work.settings)
    covered = coverage(work.data.train, pruned.tokenizer(), pruned.config.max_length)
    work.say("\n".join(f"vocab: {line}" for line in covered.lines()))
    return pruned, {**report, "coverage": covered.to_json()}, []


def prune_vocab(
    checkpoint: Checkpoint, train: Sequence[Utterance], dev: Sequence[Utterance], settings: VocabSettings
) -> tuple[Checkpoint, dict[str, Any]]:
    """Cut both embedding matrices. Reports the numbers of kept tokens and positions, and the share of [UNK] (percent).

    Special tokens stay, and so do single letters and digits: with them every name in Latin letters has a tokenization.
    """
    config = shape_after(checkpoint.config, settings)
    tokenizer = checkpoint.tokenizer()
    counts = count_tokens(tokenizer, (utterance.text for utterance in train))
    always = special_ids(tokenizer) + [
        i for i, token in enumerate(checkpoint.vocab) if len(token.removeprefix("##")) == 1 and token[-1].isascii()
        and token[-1].isalnum()
    ]  # fmt: skip
    frequent = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i] >= max(1, settings.min_count)]
    kept = list(dict.fromkeys(always + frequent))
    if settings.max_tokens:
        if settings.max_tokens < len(always):
            raise ConfigError(
                f"max_tokens is {settings.max_tokens}; {len(always)} special tokens, letters and digits are "
                "always kept, so raise it"
            )
        kept = kept[: settings.max_tokens]
    pruned = select_rows(checkpoint, sorted(kept), settings.positions)
    pruned.config = pruned.config.replace(max_seq_length=config.max_seq_length)
    report = {
        "tokens": len(pruned.vocab),
        "tokens_before": len(checkpoint.vocab),
        "positions": settings.positions,
        "unk_percent_train": unk_percent(pruned, train),
        "unk_percent_dev": unk_percent(pruned, dev),
    }
    if pruned.ngrams is not None:
        report["ngrams_before"] = len(pruned.ngrams)
        pruned = _with_frequent_ngrams(pruned, train, settings.ngram_min_count)
        report["ngrams"] = pruned.config.ngram_rows - 1
    return pruned, report


def _with_frequent_ngrams(checkpoint: Checkpoint, train: Sequence[Utterance], min_count: int) -> Checkpoint:
    """The model without the rows of n-grams that occur less than ``min_count`` times, and at least once."""
    assert checkpoint.ngrams is not None
    tokenizer, config = checkpoint.tokenizer(), checkpoint.config
    finder = Ngrams(checkpoint.ngrams, checkpoint.vocab)
    counts = np.zeros(config.ngram_rows, np.int64)
    for utterance in train:
        np.add.at(counts, finder.rows(tokenizer.encode(utterance.text, config.max_length).ids), 1)
    kept = np.flatnonzero(counts[1:] >= max(1, min_count)) + 1
    if not len(kept):
        raise ConfigError(f"ngram_min_count is {min_count}; no n-gram of the model is so frequent, so lower it")
    tensors = dict(checkpoint.tensors)
    for name in (f"{NGRAM_EMBEDDINGS}.weight", f"{NGRAM_EMBEDDINGS}.{WEIGHT_SCALE}"):
        if name in tensors:
            tensors[name] = tensors[name][[0, *kept]]
    config = config.replace(ngram_rows=len(kept) + 1)
    return replace(checkpoint, config=config, tensors=tensors, ngrams=checkpoint.ngrams[kept - 1])


def shape_after(config: ModelConfig, settings: VocabSettings) -> ModelConfig:
    """The shape after pruning, but for the number of tokens; raise `ConfigError` for positions that do not fit."""
    if not 3 <= settings.positions <= config.max_position_embeddings:
        raise ConfigError(f"positions is {settings.positions}; it must be 3 to {config.max_position_embeddings}")
    length = min(config.max_length, settings.positions)
    return config.replace(max_position_embeddings=settings.positions, max_seq_length=length)


def unk_percent(checkpoint: Checkpoint, utterances: Sequence[Utterance]) -> float:
    """Share of tokens that are [UNK], in percent."""
    tokenizer = checkpoint.tokenizer()
    counts = count_tokens(tokenizer, (utterance.text for utterance in utterances))
    return round(100.0 * float(counts[tokenizer.unk_id]) / max(1, int(counts.sum())), 4)
