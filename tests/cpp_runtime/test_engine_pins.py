"""Pinned phrases in the engine, by its C API, against slu/inputs/pins.py."""

from __future__ import annotations

import ctypes
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_build import GOLDEN
from native_api import Engine, Failure
from test_engine_normalisation import labels

from slu.errors import PinError
from slu.inputs.normalisation import PLAIN, SPEECH
from slu.inputs.pins import Pins

LABELS = labels()
TEXTS = (
    "来花心",
    "周华健",
    "a b",
    "花🎵心",
    "長",
    "사랑",
    "ラピ",
    "1 2",
    "C++",
    "花心。",
    "。",
    "e\u0301",
    "一" * 62,
    "一" * 63,
    "+86 (1)2",
    "f (x)",
    "(x)",
    "（心",
    "花）",
    "》和《",
    "((",
    "”心）",
)


@pytest.fixture(params=["speech.gguf", "tiny.gguf"])
def pinned(library: ctypes.CDLL, request: pytest.FixtureRequest) -> Iterator[tuple[Engine, dict[str, Pins]]]:
    """A model, and the same levels in Python."""
    with Engine(library, GOLDEN / request.param) as engine:
        normalisation = SPEECH if request.param == "speech.gguf" else PLAIN
        model = Pins(LABELS, normalisation)
        yield engine, {"model": model, "context": Pins(LABELS, normalisation, model)}


def answer(engine: Engine, text: str) -> tuple[str, list[tuple[str, str, int, int]]] | None:
    result = engine.parse(text)
    slots = [(s["name"], s["value"], s["start"], s["end"]) for s in result["slots"]]
    for _, value, start, end in slots:
        assert text[start:end] == value
    if not result["pinned"]:
        return None
    assert (result["score"], result["understood"], result["truncated"]) == (1, True, False)
    return result["intent"], slots


def expected(pins: Pins, text: str) -> tuple[str, list[tuple[str, str, int, int]]] | None:
    found = pins.find(text)
    return found and (found[0], [(s.name, s.value, s.start, s.end) for s in found[1]])


def test_random_changes_give_the_answers_of_python(pinned: tuple[Engine, dict[str, Pins]], tmp_path: Path) -> None:
    engine, levels = pinned
    rng = random.Random(1)
    answered = refused = 0
    for step in range(1500):
        level = rng.choice(("model", "context"))
        change = rng.choice(("add", "add", "add", "remove", "replace", "reset"))
        intent = rng.choice(LABELS.intents)
        given = []
        for _ in range(rng.randrange(4)):
            slots = LABELS.slots_of_intent[intent] or ("name",)
            parts = [
                (rng.choice(TEXTS), rng.choice(slots) if rng.random() < 0.4 else "") for _ in range(rng.randrange(1, 3))
            ]
            given.append("".join(f"<{name}>{part}</{name}>" if name else part for part, name in parts))
        content = "\n".join(f"{intent}\t{text}" for text in given).encode()
        path = None
        if change != "reset" and rng.random() < 0.3:
            path = tmp_path / "pins.txt"
            path.write_bytes(b"\xef\xbb\xbf# pins\n" + content)
        python, error = levels[level], ""
        try:
            if change == "add":
                python.add(intent, given)
            elif change == "remove":
                python.remove(given)
            elif change == "replace":
                python.replace({intent: given})
            else:
                python.reset()
        except PinError as problem:
            error = str(problem)
        if error:
            refused += 1
            with pytest.raises(Failure, match="line "):
                engine.change_pins(level, change, path or content)
        else:
            engine.change_pins(level, change, path or content)
        for text in [rng.choice(TEXTS) + rng.choice((*TEXTS, "")) for _ in range(6)]:
            found = answer(engine, text)
            assert found == expected(levels["context"], text), (step, text)
            answered += found is not None
    assert answered > 50 and refused > 20


def test_what_is_wrong_with_lines_is_said(pinned: tuple[Engine, dict[str, Pins]]) -> None:
    engine, _ = pinned
    for line, words in (
        (b"play", "line 2: an intent, a tab and a text"),
        (b"stop\ta", "line 2: the model has no intent stop"),
        (b"call\t<song>a</song>", "cannot have the slot song"),
        (b"play\t<song>a", "does not end: song"),
        (b"play\t</song>a", "wrong tags"),
        (b"play\t<song><singer>a</singer></song>", "wrong tags"),
        (b"play\t<song> </song>a", "no character of a slot"),
        (b"play\t<song>a||b</song>", "correction"),
        (b"play\t\xff", "not UTF-8"),
        (b"play\t" + b"a" * 63, "62 characters"),
        (b"play\t" + b"a " * 600, "more than 1,024 bytes"),
        (b"play\t" + b"<song>a</song>" * 17, "too many slots"),
    ):
        with pytest.raises(Failure, match=words):
            engine.change_pins("model", "add", b"call\tgood\n" + line)
    assert answer(engine, "good") is None, "an error changes nothing"
    with pytest.raises(Failure, match="cannot be opened"):
        engine.change_pins("model", "add", Path("/nowhere/pins.txt"))
    assert engine.library.slu_model_change_pins(engine.model, 7, None, 0, None) == 1
    assert engine.library.slu_context_change_pins(engine.context, 0, None, 3, None) == 1
    assert engine.library.slu_model_change_pins(None, 0, None, 0, None) == 1


def test_tags_may_look_like_text(pinned: tuple[Engine, dict[str, Pins]]) -> None:
    engine, levels = pinned
    engine.change_pins("model", "add", b"play\ta <3 <b <song>c</song> > d")
    levels["model"].add("play", ["a <3 <b <song>c</song> > d"])
    text = "A <3 <b c > d"
    assert answer(engine, text) == expected(levels["model"], text) is not None


def test_many_pins_and_the_same_again(pinned: tuple[Engine, dict[str, Pins]]) -> None:
    engine, _ = pinned
    lines = [f"call\tcall <name>{i}x</name> now" for i in range(20_000)]
    for _ in range(3):
        engine.change_pins("model", "add", "\n".join(lines).encode())
    for i in (0, 777, 19_999):
        assert answer(engine, f"Call {i}x now") == ("call", [("name", f"{i}x", 5, 6 + len(str(i)))])
    assert answer(engine, "call 20000x now") is None


def test_threads_see_all_of_a_change_or_nothing(library: ctypes.CDLL) -> None:
    with Engine(library, GOLDEN / "speech.gguf") as engine, Engine(library, GOLDEN / "speech.gguf") as other:
        stop = threading.Event()
        wrong: list[object] = []

        def parse() -> None:
            context = ctypes.c_void_p()
            assert library.slu_context_create(engine.model, None, ctypes.byref(context), None) == 0
            other_context, other.context = other.context, context
            while not stop.is_set():
                for text in ("花心", "周"):
                    found = answer(other, text)
                    if found not in (None, ("play", []), ("call", [])):
                        wrong.append(found)
            other.context = other_context
            library.slu_context_free(context)

        thread = threading.Thread(target=parse)
        thread.start()
        for i in range(400):
            intent = ("play", "call")[i % 2]
            engine.change_pins("model", "replace", f"{intent}\t花心\n{intent}\t周".encode())
        stop.set()
        thread.join()
        assert not wrong
