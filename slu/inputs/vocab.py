"""Vocabularies: counting the tokens of texts, the special tokens, a generic vocabulary that needs no file."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer


def count_tokens(tokenizer: Tokenizer, texts: Iterable[str]) -> np.ndarray:
    """How often each token of the vocabulary occurs in ``texts``, int64 ``[vocab_size]``."""
    counts = np.zeros(len(tokenizer.vocab), np.int64)
    for text in texts:
        encoding = tokenizer.encode(text, max_length=len(text) + 2)
        np.add.at(counts, encoding.ids[1:-1], 1)
    return counts


def special_ids(tokenizer: Tokenizer) -> list[int]:
    """The numbers of [PAD], [CLS], [SEP], [MASK] and [UNK], in this order."""
    return [tokenizer.pad_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id, tokenizer.unk_id]


def ideograph_vocab() -> list[str]:
    """A generic vocabulary that needs no file: one token a character.

    The special tokens, ASCII (with ``##`` forms of letters and digits), CJK punctuation and full-width forms, kana, and
    the 20,992 unified ideographs of the basic block.
    """
    ascii_characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    continued = [f"##{c}" for c in ascii_characters if c.isalnum()]
    blocks = ((0x3001, 0x3003), (0x3008, 0x3011), (0xFF01, 0xFF0F), (0xFF1A, 0xFF1F), (0x2018, 0x201D))
    others = [chr(code) for low, high in blocks for code in range(low, high + 1)]
    ideographs = [chr(code) for code in range(0x4E00, 0xA000)]
    return [*SPECIAL_TOKENS, *ascii_characters, *continued, *others, *ideographs]
