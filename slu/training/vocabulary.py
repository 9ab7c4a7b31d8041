"""Vocabularies made from the corpus: for languages that are written in letters.

Either pieces of words, which the library `tokenizers` learns, or whole words. They are made of words that our own
tokenizer has cut and normalised, so that the model, and the engine, cut every text exactly as the pieces were learned.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable

from slu.errors import ConfigError
from slu.inputs.tokenizer import SPECIAL_TOKENS, UNK, words_of


def word_vocab(texts: Iterable[str], size: int, min_count: int = 2, normalisation: str = "") -> list[str]:
    """At most ``size`` tokens: the special ones, the digits, and the words that occur ``min_count`` times in ``texts``.

    The most frequent words come first, of equally frequent ones the smaller string. Every other word is one [UNK], so
    that no slot can begin inside a word; those of the training part teach the model what to make of the words that are
    new to it. (The normalisation "speech-1" reads what is unknown character by character; this vocabulary is for texts
    that are read as they are.) A number that is no word of the vocabulary is cut into numbers that are, and digits.
    Raises `ConfigError` when ``size`` has no room for a word.
    """
    counts = Counter(word for text in texts for word in words_of(text, normalisation))
    least = [*SPECIAL_TOKENS, *string.digits, *(f"##{digit}" for digit in string.digits)]
    if size <= len(least):
        raise ConfigError(f"vocab_size is {size}; the special tokens and the digits alone are {len(least)}: raise it")
    words = sorted(set(counts) - set(least), key=lambda word: (-counts[word], word))
    return [*least, *(word for word in words if counts[word] >= min_count)][:size]


def train_vocab(texts: Iterable[str], size: int, min_count: int = 2, normalisation: str = "") -> list[str]:
    """At most ``size`` tokens: the special ones, every character of ``texts``, ASCII, and the frequent pieces.

    ``min_count``: how often a pair of pieces must occur to become one. Every ASCII letter and digit has its two forms,
    ``a`` and ``##a``, so that a word of them never is [UNK]. The same arguments give the same vocabulary. Raises
    `ConfigError` when ``size`` has no room for the characters.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.trainers import WordPieceTrainer

    words = [word for text in texts for word in words_of(text, normalisation)]
    inside = {char for word in words for char in word[1:]}
    letters = string.ascii_lowercase + string.digits
    single = sorted({*letters, *string.punctuation, *(char for word in words for char in word)})
    continued = [f"##{char}" for char in sorted({*letters, *inside})]
    least = [*SPECIAL_TOKENS, *single, *continued]
    if size < len(least):
        raise ConfigError(f"vocab_size is {size}; the characters of the corpus alone need {len(least)}: raise it")
    learner = Tokenizer(WordPiece(unk_token=UNK))
    learner.pre_tokenizer = WhitespaceSplit()
    # Given as special tokens, the characters have fixed numbers. The trainer would number them as it meets them, in an
    # order that changes from run to run, and between pairs that are equally frequent their numbers decide.
    trainer = WordPieceTrainer(
        vocab_size=size, min_frequency=min_count, show_progress=False, special_tokens=least, initial_alphabet=single
    )
    learner.train_from_iterator(words, trainer)
    learned = learner.get_vocab()
    pieces = sorted(set(learned) - set(least), key=lambda piece: (learned[piece], piece))
    return [*least, *pieces][:size]
