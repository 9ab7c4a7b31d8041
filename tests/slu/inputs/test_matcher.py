"""Matches of many texts at once against those of each text alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slu.corpus.utterance import Utterance
from slu.inputs.lexicon import Lexicon, compile_lexicon, find_matches
from slu.inputs.matcher import Matcher
from slu.inputs.normalisation import NORMALISATIONS
from slu.inputs.tokenizer import SPECIAL_TOKENS, Encoding, Tokenizer

SLOTS = ("name", "singer", "song")
VOCAB = [*SPECIAL_TOKENS, "a", "b", "ab", "##b", "##ab", "c", "花", "心", "1"]
# Hangul, which is several characters to the normalisation; what is dropped, what joins, what separates, pairs.
CHARACTERS = "aAbcz 花心1é\u0301\u200b한(),-\t🎵\U00020000"

texts = st.text(CHARACTERS, max_size=12)


@given(
    given_entries=st.dictionaries(st.sampled_from(SLOTS), st.lists(texts, max_size=6)),
    added=st.lists(texts, max_size=3),
    removed=st.lists(texts, max_size=3),
    asked=st.lists(texts, max_size=6),
    normalisation=st.sampled_from(NORMALISATIONS),
    length=st.integers(2, 14),
    pairs=st.booleans(),
)
def test_as_each_text_alone(
    given_entries: dict[str, list[str]],
    added: list[str],
    removed: list[str],
    asked: list[str],
    normalisation: str,
    length: int,
    pairs: bool,
) -> None:
    tokenizer = Tokenizer(VOCAB, normalisation=normalisation, pairs=pairs)
    entries = Lexicon(compile_lexicon(given_entries, SLOTS, normalisation))
    entries.add("song", added)
    entries.remove("song", removed)
    encodings = [tokenizer.encode(text, length) for text in asked]
    alone = [find_matches(entries, text, encoding) for text, encoding in zip(asked, encodings)]
    assert Matcher(entries).find(asked, encodings) == alone


def test_a_corpus(sample: list[Utterance], vocab: list[str]) -> None:
    """Real lengths and numbers of entries; and texts without any token."""
    tokenizer = Tokenizer(vocab)
    entries = compile_lexicon({"song": {slot.value for u in sample for slot in u.slots}}, SLOTS)
    asked = ["", *(utterance.text for utterance in sample[:500]), " "]
    encodings = [tokenizer.encode(text, 32) for text in asked]
    matches = Matcher(entries).find(asked, encodings)
    assert matches == [find_matches(entries, text, encoding) for text, encoding in zip(asked, encodings)]
    assert sum(map(len, matches)) > 300
    assert Matcher(compile_lexicon({}, SLOTS)).find(asked, encodings) == [[] for _ in asked]
    assert Matcher(entries).find([], []) == []


def test_a_window_of_a_text() -> None:
    entries = compile_lexicon({"song": ["b", "bc"]}, SLOTS)
    whole = Tokenizer(VOCAB).encode("a b c b", 32)
    places = np.array([0, 2, 3, 5])
    window = Encoding(whole.ids[places], whole.starts[places], whole.ends[places], True)
    assert Matcher(entries).find(["a b c b"], [window]) == [find_matches(entries, "a b c b", window)]
