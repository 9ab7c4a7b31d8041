"""The tokenizer: PaddleNLP's tokens, and spans that never lie about the text."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CheckpointError
from slu.heads.joint import tag_tokens
from slu.heads.joint_decoding import JointDecoder
from slu.inputs.lexicon import characters_of_tokens
from slu.inputs.normalisation import NORMALISATIONS, OTHER, SPACE, SPEECH, UNHEARD, normalise_character, normalise_text
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer, read_vocab

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789ασжшкｋあいかㄱ한"
PIECES = ["play", "##ing", "pl", "##ay", "100", "##00", "ab", "##bc", "σσ", "##あい", "jay", "##z"]
SYMBOLS = "，。！？!?,.-_#$^`~+<=>|[](){}·…“”《》、🎵👍©℃０"
IDEOGRAPHS = "听周杰伦的歌来一首花心㐀𠀀豈〇"
VOCAB = [*SPECIAL_TOKENS, *LETTERS, *(f"##{c}" for c in LETTERS), *PIECES, *SYMBOLS, *IDEOGRAPHS, "豈"]

FRAGMENTS = (
    *("play", "PLAYING", "jay z", "100ml", "10号线", "ab1c22", "周杰伦", "听", "ＫＫ", "１２", "𠀀", "豈", "〇", "ﬁ"),
    *("🎵", "👨\u200d👩\u200d👧", "❤\ufe0f", "🇨🇳", "e\u0301", "é", "Åb", "a\u0300\u0301b"),
    *("あい", "が", "か\u3099", "≠"),
    *(" ", "\t", "\r\n", "\u3000", "\u00a0", "\u2028", "\x00", "\x0b", "\x85", "\ufffd", "\ufeff", "\u200b", "\xad"),
    *("##", "##a", "[", "]", "[CLS", "ς", "ß", "µ", "²", "½", "ⅷ", "𝟗", "٣", "\u20dd", "1\u03012", "\u037e", "İ"),
    *("x" * 99, "y" * 101, "7" * 101),
)
PARTS = st.one_of(st.sampled_from(FRAGMENTS), st.characters(), st.sampled_from(LETTERS))
texts = st.lists(PARTS, max_size=12).map("".join)


def one_of_the_departures(char: str) -> bool:
    """What the head of the module says is done otherwise: final sigma, and what decomposes to several characters."""
    kept = [c for c in unicodedata.normalize("NFD", char.lower()) if unicodedata.category(c) != "Mn"]
    reordered = unicodedata.combining(char) and unicodedata.category(char) != "Mn"
    return char in "Σ\ud800" or len(kept) > 1 or bool(reordered)


def with_digits_apart(text: str) -> str:
    """A space wherever ASCII digits and others meet; marks and control characters, which vanish, do not count."""
    result, previous = "", " "
    for char in text:
        if unicodedata.category(char) != "Mn" and unicodedata.category(char)[0] != "C" and char != "\ufffd":
            digit, after_digit = char in "0123456789", previous in "0123456789"
            if digit != after_digit:
                result += " "
            previous = char
        result += char
    return result


def bare(text: str) -> str:
    """Lower case without marks, white space and what is dropped: what the pieces of ``text`` spell."""
    decomposed = unicodedata.normalize(
        "NFD", "".join(c.lower() for c in text if unicodedata.category(c)[0] not in "CZ")
    )
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn" and c != "\ufffd")


@pytest.fixture(scope="module")
def ours() -> Tokenizer:
    return Tokenizer(VOCAB)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from paddlenlp.transformers import ErnieTokenizer

    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
    return ErnieTokenizer(str(path))


@settings(max_examples=600, deadline=None)
@given(text=texts)
@example("x" * 100)
@example("1" * 100 + "x" * 101)
def test_tokens_are_those_of_paddlenlp(ours: Tokenizer, theirs: Any, text: str) -> None:
    text = "".join(char for char in text if not one_of_the_departures(char))
    assume(not any(token in text for token in SPECIAL_TOKENS))
    tokens = theirs.tokenize(with_digits_apart(text))
    assert ours.tokens(text) == tokens
    encoding = ours.encode(text, len(text) + 2)
    assert encoding.ids.tolist() == [ours.cls_id, *theirs.convert_tokens_to_ids(tokens), ours.sep_id]
    assert encoding.ids.dtype == encoding.starts.dtype == encoding.ends.dtype == np.int32


def test_every_character_is_classified_as_by_paddlenlp(ours: Tokenizer, theirs: Any) -> None:
    """All of Unicode: each character alone, and between letters, where it may join a word, be one or vanish."""
    wrong = []
    for code in (*range(0xD800), *range(0xE000, 0x30000, 1), *range(0xE0000, 0xE0200)):
        char = chr(code)
        if one_of_the_departures(char):
            continue
        kind, text = normalise_character(char)
        words = theirs.basic_tokenizer.tokenize(with_digits_apart(f"a{char}b"))
        if kind in UNHEARD:
            expected = ["ab"]
        elif kind == SPACE:
            expected = ["a", "b"]
        elif kind == OTHER:
            expected = [f"a{text}b"]
        else:
            expected = ["a", text, "b"]
        if words != expected:
            wrong.append((hex(code), kind, words))
    assert not wrong


@settings(max_examples=400, deadline=None)
@given(text=texts, max_length=st.integers(2, 60))
def test_spans_are_ordered_apart_and_complete(ours: Tokenizer, text: str, max_length: int) -> None:
    encoding = ours.encode(text, len(text) + 2)
    assert not encoding.truncated
    assert [encoding.starts[0], encoding.ends[0], encoding.starts[-1], encoding.ends[-1]] == [0] * 4
    spans = list(zip(encoding.starts[1:-1].tolist(), encoding.ends[1:-1].tolist()))
    assert all(a < b for a, b in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    inside = {i for a, b in spans for i in range(a, b)}
    assert all(normalise_character(text[i])[0] in (SPACE, *UNHEARD) for i in range(len(text)) if i not in inside)
    assert not any(normalise_character(text[i])[0] == SPACE for i in inside)
    for token, (a, b) in zip(encoding.ids[1:-1], spans):
        if token != ours.unk_id:
            assert bare(text[a:b]) == unicodedata.normalize("NFD", VOCAB[token].removeprefix("##"))

    # A shorter encoding is the beginning of the longer one.
    short = ours.encode(text, max_length)
    kept = min(len(spans), max_length - 2)
    assert short.truncated == (len(spans) > max_length - 2)
    assert short.ids.tolist() == [*encoding.ids[: kept + 1].tolist(), ours.sep_id]
    assert short.ends.tolist() == [*encoding.ends[: kept + 1].tolist(), 0]


@pytest.mark.parametrize(
    ("text", "tokens", "values"),
    [
        ("来一首 Jay Z的歌", "来 一 首 jay z 的 歌", "来 一 首 Jay Z 的 歌"),
        ("100ml", "100 m ##l", "100 m l"),
        ("10号", "10 号", None),
        ("ab12", "ab 1 ##2", "ab 1 2"),
        ("Playing", "play ##ing", "Play ing"),
        ("🎵听👍🏽", "🎵 听 👍 [UNK]", "🎵 听 👍 🏽"),
        ("ＫＫ０", "[UNK]", "ＫＫ０"),
        ("ｋＫ", "ｋ ##ｋ", "ｋ Ｋ"),
        ("Be\u0301b", "b ##e ##b", "B e b"),
        ("É", "e", "É"),
        ("豈", "豈", "豈"),
        ("[CLS]听", "[ c ##l ##s ] 听", "[ C L S ] 听"),
        ("\ud83d听\udc00", "听", "听"),
        ("ΑΣ", "α ##σ", "Α Σ"),
        ("", "", ""),
        ("\u200b\ufeff \t\u3000", "", ""),
    ],
)
def test_by_example(text: str, tokens: str, values: str | None) -> None:
    ours = Tokenizer([*VOCAB, "10", "号"] if "号" in text else VOCAB)
    encoding = ours.encode(text, 64)
    assert ours.tokens(text) == tokens.split()
    spans = zip(encoding.starts[1:-1], encoding.ends[1:-1])
    assert [text[a:b] for a, b in spans] == (tokens if values is None else values).split()


def test_a_piece_never_ends_inside_a_hangul_syllable() -> None:
    han, geul = (unicodedata.normalize("NFD", c) for c in "한글")
    jamo = Tokenizer([*SPECIAL_TOKENS, han[0], f"##{han[1:]}", f"##{geul}"])
    assert jamo.tokens("한글") == ["[UNK]"]  # PaddleNLP would cut the first syllable in two
    whole = Tokenizer([*jamo.vocab, han])
    assert whole.tokens("한글") == [han, f"##{geul}"]
    assert whole.encode("한글", 9).ends.tolist() == [0, 1, 2, 0]
    # Jamo that come one by one are characters of their own.
    assert whole.encode(han, 9).ends.tolist() == [0, 3, 0]


def test_a_token_that_is_there_twice_has_its_last_number() -> None:
    assert Tokenizer([*SPECIAL_TOKENS, "a", "b", "a"]).encode("ab a", 9).ids.tolist() == [1, 4, 7, 2]


def test_slots_of_the_corpus_survive(sample: list[Utterance], tokenizer: Tokenizer, labels: Labels) -> None:
    """Tokenize, tag, decode from one-hot logits: the same spans. That is what makes 100 % reachable."""
    decoder = JointDecoder(labels)
    for utterance in sample[::2]:
        encoding = tokenizer.encode(utterance.text, len(utterance.text) + 2)
        wanted = tag_tokens(utterance, encoding, labels)[1:-1]
        intent = labels.intents.index(utterance.intent)
        decision = decoder.decode(
            30 * np.eye(len(labels.intents))[[intent]], 30 * np.eye(len(labels.tags))[wanted][None]
        )[0]
        assert decision.intent == intent
        slots = decoder.slots(decision.tags, utterance.text, encoding.starts[1:-1], encoding.ends[1:-1])
        assert slots == tuple(Slot(s.name, s.value, s.start, s.end) for s in utterance.slots)


@pytest.mark.parametrize("unit", ["听", "a", "1", "a1", " ", "e\u0301", "🎵", "a" * 99 + " ", "ab" * 30 + ","])
def test_work_is_linear_in_the_length_of_the_text(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(dict):
        lookups = 0

        def get(self, key: str, default: Any = None) -> Any:
            Counting.lookups += len(key)
            return super().get(key, default)

    longest = 20
    ours = Tokenizer([*SPECIAL_TOKENS, "a", "##a", "ab", "##ab", "听", "1", "a" * longest])
    monkeypatch.setattr(ours, "_ids", Counting(ours._ids))
    work = []
    for size in (1 << 12, 1 << 14):
        Counting.lookups = 0
        ours.encode(unit * (size // len(unit)), size + 2)
        work.append(Counting.lookups)
    assert work[1] <= 4.2 * work[0] + 100
    assert work[1] <= (longest + 3) ** 2 * (1 << 14)


@pytest.mark.parametrize("unit", ["听", "a", "a1"])
def test_a_megabyte_is_tokenized(unit: str, ours: Tokenizer) -> None:
    text = unit * ((1 << 20) // len(unit))
    encoding = ours.encode(text, 32)
    assert len(encoding.ids) <= 32
    assert encoding.truncated == (unit != "a")  # one word of a million letters is one [UNK]
    assert encoding.ends.max() == (len(text) if unit == "a" else 30)


def test_a_vocabulary_is_a_line_a_token(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes("[PAD]\r\n听\r\n\u2028\r\n".encode())
    assert read_vocab(path) == ["[PAD]", "听", "\u2028"]
    path.write_bytes("\n".join(VOCAB).encode())
    assert Tokenizer.from_file(path).vocab == tuple(VOCAB)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"[PAD]\n\xff\n", "not UTF-8 at byte 6"), (b"", "PAD"), (b"a\nb\n", "not an ERNIE")],
)
def test_what_cannot_be_a_vocabulary_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as caught:
        Tokenizer.from_file(path)
    assert "vocab.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


TRICKY = ["花", "a", "b ", "1", "12", "(", ")", "((", "1(", "a(", "+", "-", " - ", "&", " & ", ".", "*", "#"]
TRICKY += [
    "\u0301",
    "\u200b",
    "\t",
    "，",
    "139 0000",
    "(010)1",
    "+86 1",
    "Mr. ",
    "e\u0301 ",
    "AC/DC",
    "g" * 101,
    "𠀀",
    "長",
    "か",
    "  ",
]


@given(
    st.lists(st.sampled_from(TRICKY), max_size=40).map("".join),
    st.integers(2, 12),
    st.sampled_from(NORMALISATIONS),
    st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_a_long_text_is_read_as_far_as_it_counts(text: str, length: int, normalisation: str, pairs: bool) -> None:
    """A beginning of it has the tokens of the whole, and the characters of these. Here it begins with one character."""
    tokenizer = Tokenizer(VOCAB, normalisation=normalisation, pairs=pairs)
    with pytest.MonkeyPatch.context() as patch:
        whole = tokenizer._encode(text, length)
        patch.setattr("slu.inputs.tokenizer.READ", 0)
        found = tokenizer.encode(text, length)
        for name in ("ids", "starts", "ends"):
            assert getattr(found, name).tolist() == getattr(whole, name).tolist()
        assert found.truncated == whole.truncated
        characters, borders = characters_of_tokens(text, found, normalisation)
        patch.setattr("slu.inputs.lexicon.beginning", lambda text, least: text)
        all_characters, all_borders = characters_of_tokens(text, whole, normalisation)
        assert borders.tolist() == all_borders.tolist() and all_characters.startswith(characters)


def test_the_rest_of_a_long_text_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = normalise_text
    for module in ("tokenizer", "lexicon"):
        monkeypatch.setattr(
            f"slu.inputs.{module}.normalise_text", lambda text, how: read.append(len(text)) or original(text, how)
        )
    tokenizer = Tokenizer(VOCAB, normalisation=SPEECH)
    for sentence in ("听周杰伦的歌，来一首 (Live) 。", "play a song, please. "):
        encoding = tokenizer.encode(sentence * 50_000, 32)
        assert encoding.truncated and len(encoding.ids) == 32
        characters_of_tokens(sentence * 50_000, encoding, SPEECH)
    assert len(read) == 4 and max(read) < 600
