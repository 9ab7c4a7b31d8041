"""Normalisation in the engine against slu/inputs/normalisation.py."""

from __future__ import annotations

import ctypes
import json
import random
import sys
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from engine_build import ASSIGNED, GOLDEN, ROOT, UNASSIGNED
from native_api import Engine, Failure

from slu.inputs.lexicon import Lexicon, compile_lexicon, find_matches
from slu.inputs.normalisation import INNER, SEPARATORS, SPEECH, normalise_text
from slu.inputs.tokenizer import Tokenizer

sys.path.insert(0, str(ROOT / "tests/golden"))

from make_golden import MAX_TOKENS, labels, vocabulary
from make_normalisation import RULES

DATA: dict[str, Any] = json.loads((GOLDEN / "normalisation.json").read_text(encoding="utf-8"))
TOKENIZER = Tokenizer(vocabulary(), normalisation=SPEECH)
CHARACTERS = [char for texts in RULES.values() for text in texts for char in text]


@pytest.fixture(scope="module")
def speech(library: ctypes.CDLL) -> Iterator[Engine]:
    with Engine(library, GOLDEN / "speech.gguf") as opened:
        yield opened


def normalised(library: ctypes.CDLL, text: str) -> tuple[str, str]:
    raw = text.encode()
    kinds, characters = (ctypes.create_string_buffer(size + 1) for size in (len(text), 24 * len(text)))
    size = library.hook_normalise_text(raw, ctypes.c_size_t(len(raw)), kinds, characters)
    return "".join(map(str, kinds.raw[: len(text)])), characters.raw[:size].decode()


def random_texts(count: int) -> Iterator[str]:
    rng = random.Random(0)
    anything = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
    for _ in range(count):
        pool = CHARACTERS if rng.random() < 0.8 else anything
        yield "".join(rng.choices(pool, k=rng.randrange(30)))


def flags(lists: Lexicon, text: str) -> np.ndarray:
    from slu.inputs.flags import FlagColumns

    encoding = TOKENIZER.encode(text, MAX_TOKENS)
    columns = FlagColumns(len(labels().slots), 0)
    return columns.of_texts(len(encoding.ids), [find_matches(lists, text, encoding)], [None])[0]


@pytest.mark.parametrize("case", DATA["texts"], ids=lambda case: case["text"][:12])
def test_golden_texts(speech: Engine, library: ctypes.CDLL, case: dict[str, Any]) -> None:
    assert normalised(library, case["text"]) == (case["kinds"], case["characters"])
    assert speech.tokenize(case["text"]) == (case["ids"], case["starts"], case["ends"], case["truncated"])
    for slot, names in DATA["lists"].items():
        speech.change("model", "replace", slot, "\n".join(names).encode())
    expected = np.zeros((len(case["ids"]), speech.info.flag_count), np.float32)
    for first, end, slot in case["matches"]:
        expected[first, 4 * slot + (0 if end - first > 1 else 3)] = 1
        if end - first > 1:
            expected[first + 1 : end - 1, 4 * slot + 1] = expected[end - 1, 4 * slot + 2] = 1
    assert np.array_equal(speech.flags(case["text"]), expected)


def test_the_golden_file_has_every_rule_and_is_what_python_says() -> None:
    from make_normalisation import cases

    assert json.loads(json.dumps(cases())) == DATA["texts"]
    assert {case["rule"] for case in DATA["texts"]} == set(RULES)
    in_rules = {*SEPARATORS, *INNER, *"+#&%.()‘’‐‑‒–−—，⓪①⑨"}
    assert in_rules <= set("".join(case["text"] for case in DATA["texts"]))


def test_random_texts_are_normalised_as_in_python(speech: Engine, library: ctypes.CDLL) -> None:
    lists = Lexicon(compile_lexicon({}, labels().slots, SPEECH))
    for slot, names in DATA["lists"].items():
        speech.change("model", "replace", slot, "\n".join(names).encode())
        lists.replace(slot, names)
    for text in random_texts(4000):
        characters = normalise_text(text, SPEECH)
        expected = "".join(str(kind) for kind, _ in characters), "".join(part for _, part in characters)
        assert normalised(library, text) == expected, text
        encoding = TOKENIZER.encode(text, MAX_TOKENS)
        tokens = encoding.ids.tolist(), encoding.starts.tolist(), encoding.ends.tolist(), encoding.truncated
        assert speech.tokenize(text) == tokens, text
        assert np.array_equal(speech.flags(text), flags(lists, text)), text
        for slot in speech.parse(text)["slots"]:
            assert text[slot["start"] : slot["end"]] == slot["value"]


@pytest.mark.parametrize("blocks", [ASSIGNED, pytest.param(UNASSIGNED, marks=pytest.mark.slow)], ids=["", "rest"])
def test_every_code_point_is_normalised_as_in_python(library: ctypes.CDLL, blocks: list[int]) -> None:
    for first in blocks:
        text = "".join(chr(c) for c in range(first, first + 0x1000) if not 0xD800 <= c < 0xE000)
        characters = normalise_text(text, SPEECH)
        expected = "".join(str(kind) for kind, _ in characters), "".join(part for _, part in characters)
        assert normalised(library, text) == expected, hex(first)


def test_info_says_how_text_is_normalised(speech: Engine, engine: Engine) -> None:
    assert (speech.info.normalisation, speech.info.format_version) == (SPEECH.encode(), 2)
    assert (engine.info.normalisation, engine.info.format_version) == (b"", 1)


def test_an_unknown_normalisation_is_refused(library: ctypes.CDLL) -> None:
    data = (GOLDEN / "speech.gguf").read_bytes()
    with pytest.raises(Failure, match=r"normalises text .*\(speech-9\)") as failure:
        Engine(library, data.replace(b"speech-1", b"speech-9"))
    assert failure.value.status == 4
    at = data.index(b"format_version") + len(b"format_version") + 4
    with pytest.raises(Failure, match="does not agree") as failure:
        Engine(library, data[:at] + b"\1" + data[at + 1 :])
    assert failure.value.status == 3


def test_long_texts_take_linear_time(speech: Engine) -> None:
    def seconds(text: str) -> float:
        start = time.process_time()
        speech.parse(text)
        return time.process_time() - start

    for unit in (
        "1 ",
        "1-",
        ". ",
        "a.",
        "(a",
        "a\u0301.",
        "1" + "\u0301" * 50 + " ",
        "ラ",
        "長",
        "'",
        "(1)",
        "1 (",
        "+",
    ):
        small, large = (min(seconds(unit * n) for _ in range(3)) for n in (10_000, 400_000))
        assert large < 150 * max(small, 1e-4), unit
