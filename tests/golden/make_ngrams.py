"""Make ``ngrams.json``, which holds the two implementations of n-grams together.

    python tests/golden/make_ngrams.py

The vocabulary is that of ``tiny.gguf`` (`make_golden`).

``codes``  the code of each token of the vocabulary
``keys``   the keys of a model, ascending
``cases``  ``ids`` of tokens and their ``rows``
Everything comes from a fixed seed: running this again changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from make_golden import MAX_TOKENS, TEXTS, vocabulary

from slu.inputs.ngrams import Ngrams, code_of
from slu.inputs.tokenizer import Tokenizer

HERE = Path(__file__).parent


def content() -> dict[str, object]:
    vocab = vocabulary()
    tokenizer = Tokenizer(vocab)
    random = np.random.default_rng(6)
    texts = [tokenizer.encode(text, MAX_TOKENS).ids for text in TEXTS]
    ids = [*texts, *(random.integers(0, len(vocab), size) for size in (1, 2, MAX_TOKENS))]
    found = np.unique(np.concatenate([Ngrams(np.zeros(0, np.uint32), vocab).keys_of(one) for one in ids]))
    # Two of three, and with them the first and the last there can be.
    keys = np.unique(np.concatenate([found[np.arange(len(found)) % 3 > 0], np.array([0, 2**32 - 1], np.uint32)]))
    finder = Ngrams(keys, vocab)
    return {
        "codes": [code_of(token) for token in vocab],
        "keys": keys.tolist(),
        "cases": [{"ids": one.tolist(), "rows": finder.rows(one).tolist()} for one in ids],
    }


def main() -> None:
    (HERE / "ngrams.json").write_text(json.dumps(content()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
