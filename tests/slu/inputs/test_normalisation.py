"""Normalisation: each of its rules by example, and what holds for every text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slu.inputs.entries import normalise
from slu.inputs.lexicon import compile_lexicon, find_matches
from slu.inputs.normalisation import (
    COMBINING,
    DIGIT,
    LEADING,
    MARK,
    OTHER,
    PLAIN,
    SINGLE,
    SPACE,
    SPEECH,
    TRAILING,
    UNHEARD,
    WHOLE,
    normalise_character,
    normalise_text,
    simplified,
)
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer

CHARACTERS = (
    "a",
    "Z",
    "é",
    "e\u0301",
    "\u0301",
    "1",
    "９",
    "Ａ",
    "花",
    "長",
    "\uf902",
    "ラ",
    "ピ",
    "사",
    "🎵",
    "👩\u200d👧",
    "👍🏽",
    "\u200d",
    "\ufe0f",
    "\u00a0",
    "\u3000",
    " ",
    "\t",
    *"-－–—‐‑‒−+＋'’‘\"“”.．。,，、!！?？:：;；()（）[]《》「」<>{}/／~～_&#%*@=·・…\\|`^$",
    *"↔◻◼⤴→≧∼♯￥×€⽼⺟⺀㈱㎡Ⓐ①⓪٣९ｶ｢｣｡ก",
    "1\ufe0f\u20e3",
    "\u20e3",
    "\u0e33",
    "ا",
    "\u200f",
    "\u202e",
    "\u00ad",
)


def is_mark_of_an_edge(char: str) -> bool:
    """Whether it separates words at an edge of a name, other than marks that may be its end or join two of them."""
    kinds = {kind for kind, _ in normalise_text(f"{char}花{char}", SPEECH)}
    return kinds == {SPACE, SINGLE} and not char.isspace() and char not in ".．+＋#&*"


TEXTS = st.lists(st.sampled_from(CHARACTERS) | st.characters(codec="utf-8"), max_size=24).map("".join)
VOCAB = [*SPECIAL_TOKENS, *"abcdez0123456789花长.-+'!", "##a", "##b", "##1", "##00", "139"]
TOKENIZER = Tokenizer(VOCAB, normalisation=SPEECH)


def words(text: str) -> str:
    """The characters that are left, with a space where a word ends."""
    found, previous = "", SPACE
    for kind, replacement in normalise_text(text, SPEECH):
        if kind in UNHEARD:
            continue
        if found and (kind != previous or not replacement) and not found.endswith(" "):
            found += " "
        found += replacement
        previous = kind
    return found.strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("１３９ＡＢｃ％１％", "139 abc % 1 %"),
        ("打给139 0000 1111", "打给 13900001111"),
        ("139-0000-1111", "13900001111"),
        ("139 – 0000\u3000\t1111", "13900001111"),
        ("139    0000", "139 0000"),
        ("139--- 0000", "139 0000"),
        ("第1 首", "第 1 首"),
        ("播放《花心》。", "播放 花心"),
        ("“花心”，谢谢！", "花心 谢谢"),
        ("播放'花心'", "播放 花心"),
        ("C++", "c ++"),
        ("G.E.M.的泡沫", "g . e . m .的泡沫"),
        ("Mr. Big.", "mr . big"),
        ("播放hello.", "播放 hello"),
        ("hello...", "hello"),
        ("98.5", "98 . 5"),
        ("P!nk!", "p ! nk"),
        ("don’t", "don ' t"),
        ("A-Lin - 花", "a - lin 花"),
        ("AC/DC R&B", "ac / dc r & b"),
        ("f(x)(live)", "f x live"),
        ("f(x)y", "f x y"),
        ("导航到⽼街", "导航到老街"),
        ("⾞站⺟", "车站母"),
        ("㈱花", "㈱花"),
        ("天安门◾", "天安门"),
        ("人民广场→", "人民广场"),
        ("小明(≧▽≦)", "小明"),
        ("￥1×2€", "1 2"),
        ("打给@小明", "打给 小明"),
        ("播放#花心#", "播放 花心"),
        ("播放#hello#", "播放 hello"),
        ("播放**花心**", "播放 花心"),
        ("傻*和*", "傻*和*"),
        ("138****1", "138 1"),
        ("C#和C", "c #和 c"),
        ("K+咖啡 C++11", "k +咖啡 c ++ 11"),
        ("粉粉 & 大魏&", "粉粉 & 大魏"),
        ("50%", "50 %"),
        ("A$AP a@b", "a $ ap a @ b"),
        ("播放Hello(Live版)", "播放 hello live 版"),
        ("拨打+86 139 0000 1111", "拨打 8613900001111"),
        ("拨打(010) 1234-5678", "拨打 01012345678"),
        ("+7(495)1234", "74951234"),
        ("139.0000.1111", "13900001111"),
        ("139—0000，1111", "13900001111"),
        ("139,0000·1111", "13900001111"),
        ("1,000", "1 , 000"),
        ("13900001111 13800002222", "13900001111 13800002222"),
        ("13900001111，13800002222", "13900001111 , 13800002222"),
        ("139 0000 1111 138 0000 2222", "13900001111 13800002222"),
        ("0755 1234 5678", "075512345678"),
        ("+86 139 0000 1111 123", "8613900001111123"),
        ("0086-139-0000-1111", "008613900001111"),
        ("98.555", "98 . 555"),
        ("①③⑨⓪٣९", "139039"),
        ("1\ufe0f\u20e32\ufe0f\u20e3", "12"),
        ("C++1", "c ++ 1"),
        ("1+1", "1 + 1"),
        ("（Ｌｉｖｅ）", "live"),
        ("周·杰伦", "周 杰伦"),
        ("來一首長髮飄飄", "来一首长发飘飘"),
        ("\uf902", "车"),
        ("花🎵心👍🏽", "花 心"),
        ("ラピュタ！", "ラヒュタ"),
    ],
)
def test_rules(text: str, expected: str) -> None:
    assert words(text) == expected


def test_single_letters_and_brackets_need_a_word() -> None:
    assert normalise("a.", SPEECH) == "a." and normalise("ab.", SPEECH) == "ab" and normalise("1.", SPEECH) == "1"
    kinds = {text: [kind for kind, _ in normalise_text(text, SPEECH)] for text in ("(a)", "f(x", "x)", "f(x b)")}
    assert not any(kind in (LEADING, TRAILING) for found in kinds.values() for kind in found)
    assert [kind for kind, _ in normalise_text("f (x)", SPEECH)] == [OTHER, SPACE, LEADING, OTHER, TRAILING]


def values(text: str) -> list[str]:
    """What the tokens of a text are in it."""
    encoding = TOKENIZER.encode(text, 2 * len(text) + 2)
    return [text[start:end] for start, end in zip(encoding.starts[1:-1], encoding.ends[1:-1])]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("f(x)", "f", "(x)"),
        ("+86 1", "+8", "1"),
        ("打(01)2", "打", "2"),
        ("Hello (Live)", "H", "e)"),
        ("花+\u200b1", "花", "+\u200b1"),
    ],
)
def test_what_leads_to_a_token_or_trails_it_is_in_its_value(text: str, first: str, last: str) -> None:
    assert (values(text)[0], values(text)[-1]) == (first, last)


def test_a_name_in_a_list_may_have_its_brackets_or_not() -> None:
    for entry in ("Hello(Live)", "Hello (Live)", "hello live"):
        lexicon = compile_lexicon({"song": [entry]}, ["song"], SPEECH)
        for name in ("Hello(Live)", "Hello (Live)", "hello live", "HELLO（LIVE）"):
            text = f"听{name}。"
            encoding = TOKENIZER.encode(text, 30)
            assert len(find_matches(lexicon, text, encoding)) == 1, (entry, name)
            assert "".join(values(text)[1:]).replace(" ", "") == name.replace(" ", "")


@settings(max_examples=200)
@given(TEXTS)
@example("1 ")
@example("1 -.")
@example("((1")
def test_every_code_point_keeps_its_place(text: str) -> None:
    found = normalise_text(text, SPEECH)
    assert len(found) == len(text)
    for kind, replacement in found:
        assert kind != MARK and bool(replacement) == (kind in (SINGLE, DIGIT, OTHER))
    assert normalise_text(text) == [normalise_character(char) for char in text]


@settings(max_examples=200)
@given(TEXTS)
def test_offsets_cut_tokens_out_of_the_text(text: str) -> None:
    encoding = TOKENIZER.encode(text, 2 * len(text) + 2)
    found = normalise_text(text, SPEECH)
    covered = np.zeros(len(text), bool)
    end = 0
    for token, start, stop in zip(encoding.ids[1:-1], encoding.starts[1:-1], encoding.ends[1:-1]):
        assert end <= start < stop <= len(text), "in order, apart, not empty"
        end = int(stop)
        assert found[start][1] or found[start][0] == LEADING, "a token begins with a character, or what leads to it"
        assert found[stop - 1][1] or found[stop - 1][0] in (COMBINING, TRAILING), "and ends with one, or what trails it"
        assert stop == len(text) or found[stop][0] not in (COMBINING, TRAILING)
        covered[start:stop] = True
        characters = "".join(replacement for _, replacement in found[start:stop])
        if token != TOKENIZER.unk_id:
            assert characters == TOKENIZER.vocab[token].removeprefix("##")
    assert all(bool(covered[i]) for i, (_, replacement) in enumerate(found) if replacement)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["花", "长", "a", "1", "ラ"]), min_size=1, max_size=6).map("".join), TEXTS, TEXTS)
def test_punctuation_around_a_name_is_never_part_of_it(name: str, before: str, after: str) -> None:
    text = f"{before}。《{name}》，{after}"
    start = len(before) + 2
    lexicon = compile_lexicon({"song": [f"“{name}”！"]}, ["song"], SPEECH)
    encoding = TOKENIZER.encode(text, 2 * len(text) + 2)
    spans = {
        (int(encoding.starts[m.first]), int(encoding.ends[m.end - 1])) for m in find_matches(lexicon, text, encoding)
    }
    assert (start, start + len(name)) in spans


MARKS = st.sampled_from([char for char in CHARACTERS if len(char) == 1 and is_mark_of_an_edge(char)])


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["花", "长", "bc", "ラ"]), min_size=1, max_size=4).map("".join),
    TEXTS,
    MARKS,
    MARKS,
    TEXTS,
)
def test_no_mark_is_at_an_edge_of_a_name(name: str, before: str, first: str, last: str, after: str) -> None:
    text = f"{before} {first}{name}{last} {after}"
    start = len(before) + 2
    encoding = TOKENIZER.encode(text, 2 * len(text) + 2)
    spans = list(zip(encoding.starts[1:-1].tolist(), encoding.ends[1:-1].tolist()))
    inside = [(a, b) for a, b in spans if b > start - 1 and a < start + len(name) + 1]
    found = "".join(text[a:b] for a, b in inside).replace("（", "(").replace("）", ")")
    assert found in (name, f"({name})")


@settings(max_examples=200)
@given(st.text(st.sampled_from("0123456789０９"), min_size=2, max_size=WHOLE), st.data())
def test_groups_of_a_number_do_not_matter(digits: str, data: st.DataObject) -> None:
    gaps = st.sampled_from(["", " ", "-", " - ", "\u00a0", "－", "–", "\u3000\t"])
    grouped = digits[0] + "".join(data.draw(gaps) + digit for digit in digits[1:])
    assert TOKENIZER.encode(f"花{grouped}花", 40).ids.tolist() == TOKENIZER.encode(f"花{digits}花", 40).ids.tolist()


def test_traditional_characters_are_read_as_simplified_ones() -> None:
    pairs = simplified()
    assert len(pairs) > 3000
    for char, other in pairs.items():
        assert normalise(char, SPEECH) == other != char and ord(char) < 0x10000 > ord(other)


@settings(max_examples=100)
@given(st.text(st.sampled_from("听一首花心打电话给小明abc Jay12"), max_size=20))
def test_what_a_corpus_has_is_not_changed(text: str) -> None:
    vocab = [*VOCAB, *(f"##{char}" for char in "cjy12"), "j", "y"]
    if not re.search(r"\d +\d", text):
        plain, other = (Tokenizer(vocab, normalisation=name).encode(text, 50) for name in (PLAIN, SPEECH))
        assert (plain.ids.tolist(), plain.ends.tolist()) == (other.ids.tolist(), other.ends.tolist())


def test_what_the_vocabulary_lacks_is_unknown_a_character_at_a_time() -> None:
    assert TOKENIZER.tokens("花ラピュabラ") == ["花", "[UNK]", "[UNK]", "[UNK]", "##a", "##b", "[UNK]"]
    assert Tokenizer(VOCAB).tokens("ラピュab") == ["[UNK]"]
    lexicon = compile_lexicon({"song": ["ラピュ", "사랑"]}, ["song"], SPEECH)
    text = "aラヒ\u309aュ 사랑"
    encoding = TOKENIZER.encode(text, 12)
    values = [text[encoding.starts[m.first] : encoding.ends[m.end - 1]] for m in find_matches(lexicon, text, encoding)]
    assert values == ["ラヒ\u309aュ", "사랑"]


@pytest.mark.parametrize("text", ["cafe\u0301", "花\u0301\u0302", "ピヒ\u309a", "สวัสดี"])
def test_combining_marks_belong_to_the_character_before_them(text: str) -> None:
    for around in (text, f"{text}。", f"a {text} b", f"{text}\u200d"):
        ends = TOKENIZER.encode(around, 30).ends.tolist()
        assert around.index(text) + len(text) in ends


def test_it_is_linear() -> None:
    for unit in (
        "1 ",
        "1-",
        ".",
        ". ",
        "(a",
        "a\u0301.",
        "1" + "\u0301" * 50 + " ",
        "-\u0301",
        "(1",
        "(1)",
        "1 (",
        "+",
        "111.",
    ):
        assert len(normalise_text(unit * 3_000, SPEECH)) == len(unit) * 3_000


def test_plain_is_the_default() -> None:
    assert normalise("《花》", PLAIN) == normalise("《花》") == "《花》"
