"""The engine's tokenizer against slu/inputs/tokenizer.py."""

from __future__ import annotations

import ctypes
import json
import random
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from engine_build import ASSIGNED, ROOT, UNASSIGNED, golden
from native_api import Engine, Failure

from slu.inputs.normalisation import normalise_character
from slu.inputs.tokenizer import Tokenizer


@pytest.mark.parametrize("case", golden("tokenizer"), ids=lambda case: case["text"][:12])
def test_golden_texts_have_their_tokens(engine: Engine, case: dict) -> None:
    found = engine.tokenize(case["text"])
    assert found == (case["ids"], case["starts"], case["ends"], case["truncated"])


@pytest.mark.parametrize("blocks", [ASSIGNED, pytest.param(UNASSIGNED, marks=pytest.mark.slow)], ids=["", "rest"])
def test_every_code_point_is_normalised_as_in_python(library: ctypes.CDLL, blocks: list[int]) -> None:
    kind, size, characters = (ctypes.c_uint8() for _ in range(3))
    text = ctypes.create_string_buffer(24)
    normalise = library.hook_normalise
    places = ctypes.byref(kind), ctypes.byref(size), ctypes.byref(characters), text
    for code in (code for first in blocks for code in range(first, first + 0x1000)):
        normalise(code, *places)
        expected_kind, expected = normalise_character(chr(code))
        found = text.raw[: size.value].decode()
        assert (kind.value, found, characters.value) == (expected_kind, expected, len(expected)), hex(code)


def test_random_texts_have_the_tokens_of_python(engine: Engine) -> None:
    sys.path.insert(0, str(ROOT / "tests/golden"))
    from make_golden import MAX_TOKENS, vocabulary

    tokenizer = Tokenizer(vocabulary())
    rng = random.Random(0)
    common = [c for piece in vocabulary() for c in piece.removeprefix("##")] + list(" \t,.-")
    anything = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
    for _ in range(3000):
        pool = common if rng.random() < 0.7 else anything
        text = "".join(rng.choices(pool, k=rng.randrange(40)))
        expected = tokenizer.encode(text, MAX_TOKENS)
        ids, starts, ends, truncated = engine.tokenize(text)
        assert ids == expected.ids.tolist(), text
        assert (starts, ends) == (expected.starts.tolist(), expected.ends.tolist()), text
        assert truncated == expected.truncated, text


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        (b"\xff", 0),
        (b"ab\x80", 2),
        (b"\xc3", 0),
        (b"a\xe4\xb8", 1),
        (b"\xf0\x9f\x98", 0),
        (b"\xc0\xaf", 0),
        (b"\xe0\x80\xaf", 0),
        (b"\xf0\x80\x80\xaf", 0),
        (b"\xed\xa0\x80", 0),
        (b"\xed\xbf\xbf", 0),
        (b"\xf4\x90\x80\x80", 0),
        (b"\xf8\x88\x80\x80\x80", 0),
        ("的".encode() * 50 + b"\xff", 150),
    ],
)
def test_invalid_utf8_is_named_by_its_byte(engine: Engine, raw: bytes, at: int) -> None:
    with pytest.raises(Failure, match=f"not UTF-8 at byte {at}$") as failure:
        engine.tokenize(raw)
    assert failure.value.status == 6
    with pytest.raises(Failure):
        engine.parse(raw)
    engine.parse("a")  # the context is usable after that


def test_long_texts_take_linear_time(engine: Engine) -> None:
    def seconds(text: str) -> float:
        start = time.process_time()
        engine.parse(text)
        return time.process_time() - start

    # One word, many words, only spaces, only characters that are dropped, a word of many that are not known.
    for unit in ("a", "a ", " ", "\u0301", "的", "a1", "q", "\ud7a3"):
        engine.parse(unit * 100)
        small, large = (min(seconds(unit * n) for _ in range(3)) for n in (20_000, 1_000_000))
        assert large < 150 * max(small, 1e-4), unit
        assert large < 1.0, unit


def test_tables_are_what_the_generator_writes(tmp_path: Path) -> None:
    script = ROOT / "cpp_runtime/tools/make_unicode_tables.py"
    done = subprocess.run([sys.executable, str(script), "--check"], env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0


def test_sizes_of_the_tables_are_those_of_the_documentation() -> None:
    command = [sys.executable, str(ROOT / "cpp_runtime/tools/make_unicode_tables.py"), "--sizes"]
    found = json.loads(subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=True).stdout)
    documented = (ROOT / "docs/normalisation.md").read_text(encoding="utf-8")
    for part in found.values():
        assert f"| {part['bytes']:,} |" in documented
