"""Which rows of the embedding matrices a model has: selecting some, putting them back, making a vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from slu.corpus.utterance import Utterance
from slu.inputs.tokenizer import Tokenizer
from slu.inputs.vocab import count_tokens, special_ids
from slu.model.checkpoint import Checkpoint
from slu.model.quantization import WEIGHT_SCALE

WORDS = "ernie.embeddings.word_embeddings"
POSITIONS = "ernie.embeddings.position_embeddings"


def select_used(checkpoint: Checkpoint, utterances: Iterable[Utterance]) -> tuple[Checkpoint, list[int]]:
    """The model with only the tokens that ``utterances`` need (and the special ones), and the rows that these are.

    Tokenization of ``utterances`` is the same with it. Training it is the same too, as the other rows get no gradient,
    and updating 40,000 rows for the sake of 3,000 would take longer than the encoder.
    """
    tokenizer = checkpoint.tokenizer()
    counts = count_tokens(tokenizer, (utterance.text for utterance in utterances))
    rows = sorted({*special_ids(tokenizer), *np.flatnonzero(counts).tolist()})
    return select_rows(checkpoint, rows, checkpoint.config.max_length), rows


def select_rows(checkpoint: Checkpoint, rows: Sequence[int], positions: int) -> Checkpoint:
    """The same model with the tokens ``rows`` (in this order) and the first ``positions`` positions only."""
    tensors = dict(checkpoint.tensors)
    for name, chosen in ((WORDS, np.asarray(rows)), (POSITIONS, np.arange(positions))):
        for key in (f"{name}.weight", f"{name}.{WEIGHT_SCALE}"):
            if key in tensors:
                tensors[key] = tensors[key][chosen]
    vocab = [checkpoint.vocab[row] for row in rows]
    config = checkpoint.config.replace(
        vocab_size=len(vocab), max_position_embeddings=positions, pad_token_id=Tokenizer(vocab).pad_id
    )
    return replace(checkpoint, config=config, tensors=tensors, vocab=vocab)


def restore_rows(selected: Checkpoint, whole: Checkpoint, rows: Sequence[int]) -> Checkpoint:
    """Inverse of `select_rows`: ``whole`` with what ``selected`` has learned; rows left out are as they were."""
    tensors = dict(selected.tensors)
    for name, chosen in ((WORDS, np.asarray(rows)), (POSITIONS, np.arange(selected.config.max_position_embeddings))):
        if f"{name}.weight" not in tensors:
            continue  # a baseline has no positions
        full = whole.tensors[f"{name}.weight"].copy()
        full[chosen] = tensors[f"{name}.weight"]
        tensors[f"{name}.weight"] = full
    config = selected.config.replace(
        vocab_size=whole.config.vocab_size,
        max_position_embeddings=whole.config.max_position_embeddings,
        pad_token_id=whole.config.pad_token_id,
    )
    return replace(whole, config=config, tensors=tensors)
