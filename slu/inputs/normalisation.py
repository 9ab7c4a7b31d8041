"""What stands in a text for the tokenizer: the class of every code point, and the text that replaces it.

`normalise_character` looks at one code point. What else is done to a text is named by ``normalisation`` in a model's
``config.json``; a model keeps what it was trained with. `PLAIN`, which older models have, does nothing. `SPEECH` reads
text as people and recognisers send it:

1. full-width ASCII is ASCII; ‘’ are apostrophes and ‐‑‒–− hyphens; decimal digits of any script and ⓪①…⑨ are ASCII
   digits; radicals (⼀, ⽼) are their ideographs;
2. traditional characters are the simplified ones (``simplified.txt``);
3. between two digits up to `MAX_GROUP` white spaces and hyphens are dropped, and one of ``.,·—`` between two groups of
   `GROUP` digits or more: ``139 0000-1111`` is one number. So are ``+86 139`` and ``(010)1234``: their ``+`` and ``(``
   are in no token of their own, but the number begins with them. A number of `WHOLE` digits, or of `WHOLE_ABROAD`
   behind ``+`` or ``00``, has no further group: ``13900001111 13800002222`` are two;
4. punctuation that cannot belong to a name separates words as white space does, and is in no token, so that no slot
   begins or ends with it: all of it outside ASCII, emoji and other pictures, signs of currencies and of mathematics,
   quotation marks and brackets. Of ASCII these stay where names have them, W being a letter or digit of any alphabetic
   script:

   * ``!$',-/:;=?@_~`` between two W: ``P!nk``, ``AC/DC``, ``10:30``; ``%`` also after a digit;
   * ``.`` between two W, also with white space after it, and after a single letter: ``Mr. Big``, ``G.E.M.``;
   * ``+#`` after a W: ``C++``, ``C#``; but not ``#`` after one that separates: ``#hello#``;
   * ``&`` between any two characters of words, with white space or without: ``R&B``, ``粉粉 & 大魏``;
   * a single ``*``, which stands for a character that nobody wrote: ``傻*``; but not two or more: ``**花心**``;
   * parentheses around one word of W that follows another: ``f(x)``, ``Hello (Live)``. They are in no token of their
     own, but the word in them begins and ends with them, so lexicons find it written without them as well;
5. a combining mark is compared with nothing, but the token of the character before it has it as well.

Every code point keeps its place, so offsets into the text need no table. The C++ runtime does the same
(tests/golden/normalisation.json holds the two together).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

PLAIN, SPEECH = NORMALISATIONS = ("", "speech-1")

DROPPED, SPACE, SINGLE, DIGIT, OTHER, MARK, COMBINING, LEADING, TRAILING = range(9)
"""Character classes: belongs to no token; separates words; a word of its own; ASCII digit; any other; punctuation
outside ASCII or a picture, a word of its own for `PLAIN`; combining mark, dropped by `PLAIN`; separates words, but the
token behind it has it as well; the same of the token before it. `PLAIN` has neither of the last two."""
UNHEARD = (DROPPED, COMBINING)
"""Classes of what is passed over."""

MAX_GROUP = 3
"""Characters that may separate two groups of a number, such as `` - ``."""
GROUP = 3
"""Digits of the groups that ``.,·—`` separate: ``139.0000``, but not ``98.5``."""
WHOLE, WHOLE_ABROAD = 11, 15
"""Digits of a whole number: those of a mobile telephone in China, and the most of E.164 (with ``00`` two more)."""

SEPARATORS = frozenset('"<>[\\]^`{|}')
"""ASCII punctuation that is never in a token."""
INNER = frozenset("!$',-/:;=?@_~")
"""ASCII punctuation that is in a token between two letters or digits only."""

# BERT's "Chinese characters", https://github.com/google-research/bert (tokenization.py)
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
# Not in a symbol category, but PaddleNLP makes words of them all the same.
_EXTRA_SYMBOLS = frozenset((0x00AD, 0x00B2, 0x00BA, 0x3007, 0x00B5, 0x00D8, 0x014B, 0x01B1))
_PICTURES = ("So", "Sk", "Sm", "Sc")
# Circled, squared and bracketed letters, digits and ideographs, and radicals, which are symbols for Unicode.
_READABLE = ((0x2460, 0x24FF), (0x2E80, 0x2FDF), (0x3200, 0x33FF))
_RADICALS = (0x2E80, 0x2FDF)
_CIRCLED = {"⓪": "0"} | {chr(0x245F + digit): str(digit) for digit in range(1, 10)}
_BARRIER = re.compile("[\u4e00-\u9fff]|[A-Za-z] ")
_WORD = (DIGIT, OTHER)
_TEXT = (*_WORD, SINGLE)


def _is_ideograph(code: int) -> bool:
    return any(low <= code <= high for low, high in _IDEOGRAPHS) or code in _EXTRA_SYMBOLS


def _is_single(char: str) -> bool:
    """Is this (normalised) character an ideograph, a punctuation mark or a symbol?"""
    code = ord(char)
    if code < 128:
        return 33 <= code <= 126 and not char.isalnum()
    return _is_ideograph(code) or unicodedata.category(char)[0] in "PS"


def _is_mark(text: str) -> bool:
    if len(text) != 1 or ord(text) < 128 or _is_ideograph(ord(text)):
        return False
    category = unicodedata.category(text)
    readable = any(low <= ord(text) <= high for low, high in _READABLE)
    return category[0] == "P" or (category in _PICTURES and not readable)


@lru_cache(maxsize=1 << 16)
def normalise_character(char: str) -> tuple[int, str]:
    """Return the class of one character of the text and what it is replaced by (empty when it is in no token)."""
    category = unicodedata.category(char)
    if char in " \t\n\r" or category[0] == "Z":
        return SPACE, ""
    if char == "\ufffd" or category[0] == "C":
        return DROPPED, ""
    decomposed = unicodedata.normalize("NFD", char.lower())
    text = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    if not text:
        return (DROPPED if "VARIATION SELECTOR" in unicodedata.name(char, "") else COMBINING), ""
    if any(map(_is_single, text)):  # compatibility ideographs decompose to ideographs, so theirs are found too
        return (MARK if _is_mark(text) else SINGLE), text
    return (DIGIT if text in "0123456789" else OTHER), text


def normalise_text(text: str, normalisation: str = PLAIN) -> list[tuple[int, str]]:
    """Class and replacement of every code point of ``text``; the replacement is empty where it is in no token."""
    if normalisation == PLAIN:
        return [normalise_character(char) for char in text]
    found = [_speech_character(char) for char in text]
    if all(map(_is_unconditional, text)):
        return found
    before = last = SPACE, ""  # the two in front, without those that are dropped
    digits = number = 0  # digits that stand right in front; all those of the number in front
    whole = WHOLE  # digits of a number that has no further group
    group = 0  # characters between groups of a number that are still to be dropped
    in_number = in_word = False  # behind the "(" of a group of a number, behind that around a word
    tagged = False  # a "#" was a separator
    for i, (kind, replacement) in enumerate(found):
        if kind in UNHEARD:
            continue
        if not group and (number < whole if last[0] == DIGIT else replacement in ("+", "(")):
            group = _separators(found, i, text[i], last, digits, in_number)
        if group:
            group -= 1
            found[i] = (DROPPED if last[0] == DIGIT else LEADING), ""
            in_number = replacement == "(" or (in_number and replacement != ")")
            if replacement == "+":
                whole = WHOLE_ABROAD
            digits = 0
            continue
        if kind == MARK:
            kind = SPACE
        elif replacement == "(" and _is_word(before, last) and _bracketed(found, i, _WORD):
            kind, in_word = LEADING, True
        elif replacement == ")" and in_word:
            kind, in_word = TRAILING, False
        elif kind == SINGLE and replacement < "\x7f" and not _is_kept(found, i, before, last, tagged):
            kind, tagged = SPACE, tagged or replacement == "#"
        found[i] = kind, "" if kind in (SPACE, LEADING, TRAILING) else replacement
        if kind == DIGIT:
            digits, number = digits + 1, number + 1
            if number == 2 == digits and last[1] == replacement == "0":
                whole = WHOLE_ABROAD
        else:
            digits, number, whole = 0, 0, WHOLE
        before, last = last, (found[i] if replacement != "*" else (kind, "*"))
    return found


def beginning(text: str, least: int) -> str:
    """A beginning of ``text`` whose first ``least`` characters are normalised as they are in the whole.

    It ends with an ideograph, or a letter and a space, behind which no rule looks from a place before them.
    """
    found = _BARRIER.search(text, least)
    return text[: found.end()] if found else text


def _is_word(before: tuple[int, str], last: tuple[int, str]) -> bool:
    """Whether these two end in a word, and at most one space behind it."""
    return last[0] in _WORD or (last[0] == SPACE and before[0] in _WORD)


def _is_kept(
    found: list[tuple[int, str]], at: int, before: tuple[int, str], last: tuple[int, str], tagged: bool
) -> bool:
    """Whether the punctuation of ASCII at ``at`` is in a token. ``before``, ``last``: the two in front of it."""
    mark, after_word = found[at][1], last[0] in _WORD
    if mark == ".":
        single_letter = "a" <= last[1] <= "z" and len(last[1]) == 1 and before[0] not in _WORD
        return (after_word and _next(found, at, SPACE)[0] in _WORD) or single_letter
    if mark in ("+", "#"):
        return (after_word or last[1] in ("+", "#")) and not (mark == "#" and tagged)
    if mark == "&":
        return (last[0] != SPACE or before[0] != SPACE) and _next(found, at, SPACE)[0] in _TEXT
    if mark == "*":
        return last[1] != "*" and _next(found, at)[1] != "*"
    if mark == "%" and last[0] == DIGIT:
        return True
    return (mark in INNER or mark == "%") and after_word and _next(found, at)[0] in _WORD


def _separators(
    found: list[tuple[int, str]], at: int, char: str, last: tuple[int, str], digits: int, in_brackets: bool
) -> int:
    """How many characters from ``at`` on stand between two groups of a number, or before its first one, and are no part
    of it. ``char``: what stands there in the text; ``digits``: how many are right before it; ``in_brackets``: behind
    the "(" of a group of the number."""
    kind, mark = found[at]
    if mark == "+":
        return int(last[0] not in _WORD and last[1] not in ("+", "#") and _next(found, at)[0] == DIGIT)
    if mark == "(":
        return int(_group_in_brackets(found, at))
    if mark == ")":
        return _gap(found, at, False) if in_brackets else 0
    if mark in (".", ",") or char in "—·":
        return int(digits >= GROUP and _digits_follow(found, at))
    return _gap(found, at) if last[0] == DIGIT and (kind == SPACE or mark == "-") else 0


def _gap(found: list[tuple[int, str]], at: int, brackets: bool = True) -> int:
    """How many characters, that at ``at`` and white spaces and hyphens behind it, are in front of a digit; 0 if another
    character is, or too many of them. With ``brackets``, the last one may be the "(" of the next group."""
    count = 1
    for i in range(at + 1, len(found)):
        kind, replacement = found[i]
        if kind in UNHEARD:
            continue
        if kind == DIGIT:
            return count
        count += 1
        if count > MAX_GROUP:
            return 0
        if replacement == "(":
            return count if brackets and _group_in_brackets(found, i) else 0
        if kind != SPACE and replacement != "-":
            return 0
    return 0


def _group_in_brackets(found: list[tuple[int, str]], at: int) -> bool:
    """Whether the "(" at ``at`` begins a group of digits that another one follows."""
    end = _bracketed(found, at, (DIGIT,))
    return bool(end) and _gap(found, end, False) > 0


def _bracketed(found: list[tuple[int, str]], at: int, kinds: tuple[int, ...]) -> int:
    """Where the ")" is behind the "(" at ``at`` and characters of these kinds; 0 if there are others, or none."""
    some = False
    for i in range(at + 1, len(found)):
        kind, replacement = found[i]
        if kind in UNHEARD:
            continue
        if kind not in kinds:
            return i if some and replacement == ")" else 0
        some = True
    return 0


def _digits_follow(found: list[tuple[int, str]], at: int) -> bool:
    """Whether `GROUP` digits follow."""
    count = 0
    for i in range(at + 1, len(found)):
        if found[i][0] in UNHEARD:
            continue
        count += 1
        if found[i][0] != DIGIT or count == GROUP:
            return found[i][0] == DIGIT
    return False


def _next(found: list[tuple[int, str]], at: int, passed: int = DROPPED) -> tuple[int, str]:
    """The first character behind ``at`` that is neither dropped nor of the class ``passed``."""
    for i in range(at + 1, len(found)):
        if found[i][0] not in (*UNHEARD, passed):
            return found[i]
    return SPACE, ""


@lru_cache(maxsize=1 << 16)
def _is_unconditional(char: str) -> bool:
    """Whether a character is the same whatever stands around it, and changes nothing around it: as most are, such as
    ideographs, letters and digits."""
    kind, replacement = _speech_character(char)
    return kind in _WORD or (kind == SINGLE and replacement > "\x7f")


@lru_cache(maxsize=1 << 16)
def _speech_character(char: str) -> tuple[int, str]:
    """`normalise_character` after the rules that look at one code point."""
    code, category = ord(char), unicodedata.category(char)
    if 0xFF01 <= code <= 0xFF5E:
        char = chr(code - 0xFEE0)
    elif char in "\u2018\u2019":
        char = "'"
    elif char in "\u2010\u2011\u2012\u2013\u2212":
        char = "-"
    elif category == "Nd":
        char = str(unicodedata.decimal(char))
    elif category == "Me":  # such as that of keycaps
        return COMBINING, ""
    else:
        char = _CIRCLED.get(char, radical(char))
        char = simplified().get(char, char)
    return normalise_character(char)


def radical(char: str) -> str:
    """The ideograph of a radical of Unicode's lists of them; other characters as they are."""
    low, high = _RADICALS
    return unicodedata.normalize("NFKC", char) if low <= ord(char) <= high else char


@lru_cache(maxsize=1)
def simplified() -> dict[str, str]:
    """Traditional characters, and compatibility ideographs that stand for one, with their simplified characters."""
    lines = Path(__file__).with_name("simplified.txt").read_text(encoding="utf-8").splitlines()
    return {line[0]: line[1] for line in lines}
