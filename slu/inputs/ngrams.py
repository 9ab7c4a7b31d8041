"""N-grams of tokens, a further input of the network: for every token the row of the pair that it ends.

A pair is a token and the one before it, mostly two characters; the first token after [CLS] and [SEP] at the end make
pairs with these. A pair is known by a 32-bit hash of the two strings, so that it stays the same when a vocabulary is
cut. A model has the hashes of its pairs in ascending order, ``keys`` uint32 ``[rows - 1]``, and pair ``i`` has row
``i + 1`` of the table; row 0 is that of every other pair, and of [CLS]. A pair that no training text has can share its
key with one of the table by chance: of 50,000 pairs, one in 86,000 does.

The C++ engine finds the same rows (both are tested against tests/golden/ngrams.json). Only NumPy is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from slu.errors import CheckpointError
from slu.inputs.tokenizer import Tokenizer

FACTOR = 0x9E3779B1
"""That of the first code of a pair, see `keys_of`."""
_FNV_START, _FNV_FACTOR, _WORD = 0x811C9DC5, 0x01000193, (1 << 32) - 1


def code_of(token: str) -> int:
    """The code of a token: FNV-1a of its UTF-8, 32 bits."""
    value = _FNV_START
    for byte in token.encode("utf-8"):
        value = ((value ^ byte) * _FNV_FACTOR) & _WORD
    return value


class Ngrams:
    """Finds the rows of a model's pairs. ``keys``: see the head of this module. ``vocab``: the model's tokens."""

    def __init__(self, keys: np.ndarray, vocab: Sequence[str]):
        self.keys = keys
        self._codes = np.array([code_of(token) for token in vocab], np.uint32)

    def keys_of(self, ids: np.ndarray) -> np.ndarray:
        """The key of each pair, uint32 ``[..., tokens - 1]``: ``code(before) * FACTOR + code(token)``, 32 bits."""
        codes = self._codes[ids]
        return codes[..., :-1] * np.uint32(FACTOR) + codes[..., 1:]

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """The row of each token, int64 ``[..., tokens]``, of ids of that shape."""
        found = np.zeros(ids.shape, np.int64)
        if len(self.keys):
            keys = self.keys_of(ids)
            at = np.searchsorted(self.keys, keys)
            known = self.keys[np.minimum(at, len(self.keys) - 1)] == keys
            found[..., 1:] = np.where(known, at + 1, 0)
        return found


def frequent_keys(texts: Iterable[str], tokenizer: Tokenizer, max_length: int, rows: int, min_count: int) -> np.ndarray:
    """The keys of the pairs that occur ``min_count`` times in ``texts``, ascending.

    Of more than ``rows - 1`` the most frequent ones are taken, of equally frequent ones those of smaller keys.
    """
    finder = Ngrams(np.zeros(0, np.uint32), tokenizer.vocab)
    found = [finder.keys_of(tokenizer.encode(text, max_length).ids) for text in texts]
    keys, counts = np.unique(np.concatenate([np.zeros(0, np.uint32), *found]), return_counts=True)
    keys, counts = keys[counts >= min_count], counts[counts >= min_count]
    return np.sort(keys[np.argsort(-counts, kind="stable")[: max(0, rows - 1)]])


def check_keys(keys: np.ndarray, rows: int, where: str) -> np.ndarray:
    """The keys of a file; raise `CheckpointError` unless they are those of a table of ``rows`` rows."""
    if keys.dtype != np.uint32 or keys.shape != (rows - 1,):
        raise CheckpointError(
            f"{where}: keys is {keys.dtype} of shape {list(keys.shape)}, uint32 [{rows - 1}] was expected; "
            "copy the model again"
        )
    if (keys[1:] <= keys[:-1]).any():
        raise CheckpointError(f"{where}: the keys are not in ascending order; copy the model again")
    return keys
