"""Make ``lexicon.json``, which holds the two implementations of lexicons together.

    python tests/golden/make_lexicon.py

The vocabulary, the labels and the number of tokens are those of ``tiny.gguf`` (`make_golden`), 64-bit numbers are
hexadecimal. Token positions count [CLS] as 0.

``phrases``    a phrase, its normalised characters and its ``key``, null where it is too long
``files``      bytes of list files (``hex``), and their phrases as [line, phrase], or the ``line`` that is wrong
``table``      lists, and the compiled table of them
``scenarios``  ``built_in`` lists of a model, then ``steps``. A change (``layer`` model or context, ``change`` as in
               slu.h, ``slot`` null for all, ``hex``: bytes as of a list file) with the ``error_line`` that refuses it
               (0: not a line), or a ``text`` with ``previous`` (an intent's number, -1 first turn, -2 unknown), the
               ``matches`` [slot, first, end], sorted, and the ``flags`` that are 1 as [token, column]
               in a model of both kinds of flags
Everything comes from fixed seeds: running this again changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from make_golden import MAX_TOKENS, TEXTS, labels, vocabulary

from slu.errors import LexiconError
from slu.inputs.entries import MAX_CHARACTERS, key_of, normalise, numbered_lines, parse_lexicon, read_entry
from slu.inputs.flags import KINDS, FlagColumns
from slu.inputs.lexicon import CompiledLexicon, Lexicon, compile_lexicon, find_matches
from slu.inputs.tokenizer import Tokenizer

HERE = Path(__file__).parent
SLOTS = labels().slots
TOKENIZER = Tokenizer(vocabulary())
FIRST, UNKNOWN = -1, -2

PHRASES = (
    *TEXTS,
    "的" * (MAX_CHARACTERS - 1),
    "的" * MAX_CHARACTERS,
    "的" * (MAX_CHARACTERS + 1),
    "豈" * MAX_CHARACTERS,
    " 周 华\t健 ",
    "\U00020000",
    "#1",
)

FILES = (
    b"",
    b"\n\n",
    b"a\nb",
    b"\xef\xbb\xbfa\r\n  b\t\r\n\r\n# c\r\n#\n a # b \n",
    "周华健\n\u3000#一\n\u200b\n花心\u2028来\n\x0b#x\n".encode(),
    b"a\n\xef\xbb\xbfb\n",
    b"a\n\nb\xff\nc",
    b"# \xff is in a comment\na",
    b"a\n" + b"b" * MAX_CHARACTERS + b"\n" + b"c" * (MAX_CHARACTERS + 1) + b"\n",
    b"\xed\xa0\x80\n",
    b"a\r\rb\n",
    b"a\0b\n",
)

CHANGES = ("add", "remove", "replace", "reset")


def phrase_cases() -> list[dict[str, Any]]:
    cases = []
    for phrase in PHRASES:
        characters = normalise(phrase)
        fits = len(characters) <= MAX_CHARACTERS
        key = f"{key_of(characters):016x}" if fits and characters else None
        cases.append({"phrase": phrase, "characters": characters, "key": key})
    return cases


def file_cases() -> list[dict[str, Any]]:
    cases = []
    for content in FILES:
        line = first_problem(content)
        good = [] if line else [[number, read_entry(raw)[1]] for number, raw in numbered_lines(content)]
        cases.append({"hex": content.hex(), "phrases": good, "line": line})
    return cases


def first_problem(content: bytes) -> int | None:
    return next((number for number, raw in numbered_lines(content) if read_entry(raw)[0]), None)


def table_cases() -> list[dict[str, Any]]:
    random = Random(6)
    letters = "abcdefgh来一首周华健的花心"
    many = {
        name: ["".join(random.choice(letters) for _ in range(random.randint(1, 5))) for _ in range(size)]
        for name, size in zip(SLOTS, (3, 70, 200))
    }
    cases = []
    for lists in ({}, {"song": ["a"]}, {"song": ["a", "A", " a "], "name": ["a"]}, many):
        lexicon = compile_lexicon(lists, SLOTS)
        cases.append(
            {
                "lists": lists,
                "hashes": [f"{key:016x}" for key in lexicon.hashes.tolist()],
                "slots": lexicon.owners.tolist(),
                "lengths": f"{lexicon.lengths:016x}",
                "counts": lexicon.counts.tolist(),
            }
        )
    return cases


class Scenario:
    """Runs steps on both layers and writes down what came of them."""

    def __init__(self, what: str, built_in: dict[str, list[str]]):
        base: CompiledLexicon = compile_lexicon(built_in, SLOTS)
        model = Lexicon(base)
        self.layers = {"model": model, "context": Lexicon(model)}
        self.case: dict[str, Any] = {"what": what, "built_in": built_in, "steps": []}

    def change(self, layer: str, change: str, slot: str | None, *phrases: str, content: bytes | None = None) -> None:
        raw = "\n".join(phrases).encode() if content is None else content
        step: dict[str, Any] = {"layer": layer, "change": change, "slot": slot, "hex": raw.hex(), "error_line": None}
        lexicon = self.layers[layer]
        try:
            if change == "reset":
                lexicon.reset(slot)
            else:
                assert slot is not None
                getattr(lexicon, change)(slot, parse_lexicon(raw, "list"))
        except LexiconError:
            step["error_line"] = first_problem(raw) or 0
        self.case["steps"].append(step)

    def parse(self, text: str, previous: int = UNKNOWN) -> None:
        encoding = TOKENIZER.encode(text, MAX_TOKENS)
        matches = find_matches(self.layers["context"], text, encoding)
        columns = FlagColumns.of(KINDS, labels())
        before = {FIRST: columns.first_turn, UNKNOWN: None}.get(previous, previous)
        flags = columns.of_texts(len(encoding.ids), [matches], [before])[0]
        self.case["steps"].append(
            {
                "text": text,
                "previous": previous,
                "matches": sorted([m.slot, m.first, m.end] for m in matches),
                "flags": np.argwhere(flags).tolist(),
            }
        )


def scenarios() -> list[dict[str, Any]]:
    names = {"name": ["周华健", "abc"], "singer": ["周华健", "周", "华健"], "song": ["花心", "的花", "100ml", "心"]}
    simple = Scenario("built-in lists", names)
    for text, previous in (
        ("来一首周华健的花心", UNKNOWN),
        ("来一首周华健的花心", FIRST),
        ("周华 健 的", 0),
        ("100 ML of abc", 1),
        ("100mls abcd ABC", 2),
        ("的花心", UNKNOWN),
        ("", FIRST),
    ):
        simple.parse(text, previous)

    tokens = Scenario(
        "a match ends where tokens end",
        {
            "name": ["unknow", "unknowable", "knowable", "able"],
            "singer": ["xyz", "xyzzy", "plugh", "xyzzyplugh", "가각", "ᄋ"],
            "song": ["café", "cafe", "a b", "ab", "1.5", "①", "≠", "=", "的" * 10, "的" * 9],
        },
    )
    for text in TEXTS:
        tokens.parse(text)
    tokens.parse("unknowable xyzzy plugh a b ab")
    tokens.parse("的" * 30)

    overlapping = Scenario("overlapping, nested, repeated", {"song": ["abab", "ab", "ba", "bab", "a b a"]})
    for text in ("a b a b", "ab ab", "b a b a b", "a b a b a b a", "a a b b"):
        overlapping.parse(text, FIRST)

    long = Scenario("as long as a phrase can be", {"song": ["a" * 50 + "b" * 12, "的" * 10, "a" * 62]})
    for text in ("a" * 50 + " " + "b" * 12, "的" * 12, "a" * 50 + " " + "a" * 12, "a" * 63):
        long.parse(text)

    layers = Scenario("layers", names)
    say = "来周华健花心abc"
    layers.parse(say)
    layers.change("model", "add", "name", "来", "来周")
    layers.parse(say)
    layers.change("context", "remove", "name", "来周", "周华健")
    layers.parse(say)
    layers.change("model", "remove", "name", "abc")
    layers.parse(say)
    layers.change("context", "add", "name", "abc")
    layers.parse(say)
    layers.change("context", "replace", "singer", "健花心", "心")
    layers.parse(say)
    layers.change("model", "add", "singer", "abc")
    layers.parse(say)
    layers.change("context", "add", "singer", "周华", "# no phrase", "")
    layers.parse(say)
    layers.change("context", "remove", "singer", "心", "华健")
    layers.parse(say)
    layers.change("context", "reset", "singer")
    layers.parse(say)
    layers.change("context", "reset", None)
    layers.parse(say)
    layers.change("model", "replace", "song")
    layers.parse(say)
    layers.change("context", "add", "song", "花心")
    layers.parse(say)
    layers.change("model", "reset", None)
    layers.change("context", "reset", "song")
    layers.parse(say)

    refused = Scenario("refused changes change nothing", names)
    refused.change("model", "add", "name", content=b"\xe6\x9d\xa5\n\xff\n")
    refused.parse("来周华健")
    refused.change("context", "replace", "name", "来", "", "的" * 63)
    refused.parse("来周华健")
    refused.change("model", "add", "town", "来")
    refused.change("context", "remove", "name", content=b"\xe5\x91\xa8\xe5\x8d\x8e\xe5\x81\xa5\n\x80")
    refused.change("context", "reset", "town")
    refused.change("context", "add", "name", "\u200b", "　", "来")
    refused.parse("来周华健")
    fixed = [s.case for s in (simple, tokens, overlapping, long, layers, refused)]
    return [*fixed, *(random_scenario(seed) for seed in range(8))]


def random_scenario(seed: int) -> dict[str, Any]:
    """Any changes in any order, on few phrases, so that they meet."""
    random = Random(seed + 100)
    letters = "ab的花"

    def words(most: int) -> list[str]:
        sizes = (random.randint(1, 3) for _ in range(random.randint(0, most)))
        return ["".join(random.choice(letters) for _ in range(size)) for size in sizes]

    scenario = Scenario(f"random {seed}", {name: words(6) for name in SLOTS if random.random() < 0.8})
    for _ in range(12):
        change = random.choice(CHANGES)
        slot = None if change == "reset" and random.random() < 0.3 else random.choice(SLOTS)
        phrases = () if change == "reset" else words(5)
        scenario.change(random.choice(("model", "context")), change, slot, *phrases)
        text = " ".join(random.choice(letters) for _ in range(random.randint(1, 8)))
        scenario.parse(text, random.randint(-2, 2))
    return scenario.case


def parts() -> dict[str, list[dict[str, Any]]]:
    return {"phrases": phrase_cases(), "files": file_cases(), "table": table_cases(), "scenarios": scenarios()}


def main() -> None:
    lines = [f'"{name}": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]" for name, cases in parts().items()]
    (HERE / "lexicon.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
