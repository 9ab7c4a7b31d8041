"""A vocabulary that is trained from a corpus."""

from __future__ import annotations

import pytest

from slu.errors import ConfigError
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer
from slu.training.vocabulary import train_vocab, word_vocab

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


def test_whole_words_that_occur_twice() -> None:
    texts = ["Café at 19 30", "cafe AT 7", "at the end 晚安 1066", "the 晚"]
    vocab = word_vocab(texts, 40)
    assert vocab == word_vocab(list(texts), 40)
    assert vocab[: len(SPECIAL_TOKENS)] == list(SPECIAL_TOKENS)
    assert vocab[-4:] == ["at", "cafe", "the", "晚"], "frequent ones first, then by their characters"
    tokenizer = Tokenizer(vocab)
    assert tokenizer.tokens("at the cafe's theatre") == ["at", "the", "cafe", "[UNK]", "[UNK]", "[UNK]"]
    assert tokenizer.tokens("19:07") == ["1", "##9", "[UNK]", "0", "##7"], "numbers have their digits"
    assert word_vocab(texts, 27) == vocab[:27], "the most frequent words"
    assert "end" in word_vocab(texts, 40, min_count=1)
    with pytest.raises(ConfigError, match="vocab_size is 25"):
        word_vocab(texts, 25)
