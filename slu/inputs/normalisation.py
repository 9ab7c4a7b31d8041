"""What stands in a text for the tokenizer: the class of every code point, and the text that replaces it.

`normalise_character` looks at one code point. What else is done to a text is named by ``normalisation`` in a model's
``config.json``; a model keeps what it was trained with. `PLAIN`, which older models have, does nothing. `SPEECH` reads
text as people and recognisers send it:

1. full-width ASCII is ASCII; ‘’ are apostrophes and ‐‑‒–− hyphens;
2. traditional characters are the simplified ones (``simplified.txt``);
3. inside a number up to `MAX_GROUP` white spaces and hyphens are dropped: ``139 0000-1111`` is one number;
4. punctuation that cannot belong to a name separates words as white space does, and is in no token, so that no slot
   begins or ends with it: all of it outside ASCII, emoji and other pictures, quotation marks and brackets. Of ASCII
   these stay where names have them, W being a letter or digit of any alphabetic script:

   * ``!',-/:;?_~`` between two W: ``P!nk``, ``AC/DC``, ``10:30``;
   * ``.`` between two W, also with white space after it, and after a single letter: ``Mr. Big``, ``G.E.M.``;
   * ``(`` between two W, and the ``)`` that follows it after a W: ``f(x)``;
   * ``#$%&*+=@`` everywhere: ``C++``;

5. a combining mark is compared with nothing, but the token of the character before it has it as well.

Every code point keeps its place, so offsets into the text need no table. The C++ runtime does the same
(tests/golden/normalisation.json holds the two together).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

PLAIN, SPEECH = NORMALISATIONS = ("", "speech-1")

DROPPED, SPACE, SINGLE, DIGIT, OTHER, MARK, COMBINING = range(7)
"""Character classes: belongs to no token; separates words; a word of its own; ASCII digit; any other; punctuation
outside ASCII or a picture, a word of its own for `PLAIN`; combining mark, dropped by `PLAIN`."""
UNHEARD = (DROPPED, COMBINING)
"""Classes of what is passed over."""

MAX_GROUP = 3
"""Characters that may separate two groups of a number, such as `` - ``."""

SEPARATORS = frozenset('"<>[\\]^`{|}')
"""ASCII punctuation that is never in a token."""
INNER = frozenset("!',-/:;?_~")
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
_PICTURES = ("So", "Sk")
_WORD = (DIGIT, OTHER)


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
    return category[0] == "P" or category in _PICTURES


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
    before = last = SPACE, ""  # the two in front, without those that are dropped
    in_brackets = False
    group = 0  # characters between groups of a number that are still to be dropped
    for i, (kind, replacement) in enumerate(found):
        if kind in UNHEARD:
            continue
        if kind == SPACE or replacement == "-":
            if not group and last[0] == DIGIT:
                group = _group(found, i)
            if group:
                group -= 1
                found[i] = DROPPED, ""
                continue
        if kind == MARK:
            kind = SPACE
        elif kind == SINGLE and replacement < "\x7f":
            after_word, before_word = last[0] in _WORD, _next(found, i)[0] in _WORD
            if replacement == ".":
                kept = (after_word and _next(found, i, SPACE)[0] in _WORD) or (
                    "a" <= last[1] <= "z" and len(last[1]) == 1 and before[0] not in _WORD
                )
            elif replacement == "(":
                kept = in_brackets = after_word and before_word
            elif replacement == ")":
                kept, in_brackets = in_brackets and after_word, False
            else:
                kept = replacement not in SEPARATORS and (replacement not in INNER or (after_word and before_word))
            if not kept:
                kind = SPACE
        if kind == SPACE:
            in_brackets, replacement = False, ""
        found[i] = kind, replacement
        before, last = last, found[i]
    return found


def _group(found: list[tuple[int, str]], at: int) -> int:
    """How many characters from ``at`` on stand between two digits, and only separate them; 0 if they do not."""
    count = 0
    for i in range(at, len(found)):
        kind, replacement = found[i]
        if kind == DIGIT:
            return count
        if kind in UNHEARD:
            continue
        count += 1
        if (kind != SPACE and replacement != "-") or count > MAX_GROUP:
            return 0
    return 0


def _next(found: list[tuple[int, str]], at: int, passed: int = DROPPED) -> tuple[int, str]:
    """The first character behind ``at`` that is neither dropped nor of the class ``passed``."""
    for i in range(at + 1, len(found)):
        if found[i][0] not in (*UNHEARD, passed):
            return found[i]
    return SPACE, ""


@lru_cache(maxsize=1 << 16)
def _speech_character(char: str) -> tuple[int, str]:
    """`normalise_character` after the rules that look at one code point."""
    code = ord(char)
    if 0xFF01 <= code <= 0xFF5E:
        char = chr(code - 0xFEE0)
    elif char in "\u2018\u2019":
        char = "'"
    elif char in "\u2010\u2011\u2012\u2013\u2212":
        char = "-"
    else:
        char = simplified().get(char, char)
    return normalise_character(char)


@lru_cache(maxsize=1)
def simplified() -> dict[str, str]:
    """Traditional characters, and compatibility ideographs that stand for one, with their simplified characters."""
    lines = Path(__file__).with_name("simplified.txt").read_text(encoding="utf-8").splitlines()
    return {line[0]: line[1] for line in lines}
