"""A vocabulary that is trained from a corpus."""

from __future__ import annotations

import pytest

from slu.errors import ConfigError
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer
from slu.training.vocabulary import train_vocab

TEXTS = [
    "Wake me at seven",
    "wake up",
    "Wakening to Café music",
    "play 晚安 in the café",
    "seventeen 7 77",
    "d'accord",
] * 3


def test_it_is_the_same_every_time_and_fits_the_tokenizer() -> None:
    vocab = train_vocab(TEXTS, 400)
    assert vocab == train_vocab(list(TEXTS), 400)
    assert vocab[: len(SPECIAL_TOKENS)] == list(SPECIAL_TOKENS)
    assert len(vocab) == len(set(vocab)) <= 400
    tokenizer = Tokenizer(vocab)
    assert tokenizer.tokens("Wake me at seven") == ["wake", "me", "at", "seven"], "frequent words are whole"
    assert tokenizer.tokens("CAFÉ 晚安") == ["cafe", "晚", "安"], "pieces are learned of normalised words"
    assert "[UNK]" not in tokenizer.tokens("an unheard-of word, xylophone 1234567890?"), "no word of ASCII is unknown"


def test_a_small_vocabulary_has_the_most_frequent_pieces() -> None:
    whole = train_vocab(TEXTS, 400)
    least = next(i for i, token in enumerate(whole) if len(token.removeprefix("##")) > 1 and i > 5)
    small = train_vocab(TEXTS, least + 10)
    assert len(small) == least + 10
    assert set(small) <= set(whole)
    with pytest.raises(ConfigError, match=f"need {least}"):
        train_vocab(TEXTS, least - 1)
