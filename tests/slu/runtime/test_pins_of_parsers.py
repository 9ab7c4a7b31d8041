"""Pinned phrases of a model in use: the same by the engine and in Python, from a file beside the model, in commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import slu
from export_lite.export import export_up_to_date
from export_lite.gguf import write_gguf
from slu.cli import main
from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.errors import PinError
from slu.inputs.normalisation import SPEECH
from slu.inputs.pins import PINS
from slu.model.checkpoint import load_checkpoint, save_checkpoint
from slu.runtime.formats import FORMATS

GGUF = FORMATS["gguf"].files[0]
TEXTS = ("上一首。", "带我回《家》！", "随便听听", "来一首周华健的花心")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, _whole_checkpoint: Path) -> Path:
    """A checkpoint that normalises text, with its GGUF file and pinned texts beside it."""
    directory = tmp_path_factory.mktemp("pins") / "model"
    checkpoint = load_checkpoint(_whole_checkpoint)
    checkpoint.config = checkpoint.config.replace(normalisation=SPEECH)
    save_checkpoint(checkpoint, directory)
    write_gguf(load_checkpoint(directory), directory / GGUF)
    (directory / PINS).write_text("music.prev\t上一首\n", encoding="utf-8")
    return directory


@pytest.mark.parametrize("backend", ["native", "dygraph"])
def test_pins_of_a_parser_and_a_session(model: Path, backend: str) -> None:
    parser = slu.load(model, backend)
    assert [parser.parse(text).pinned for text in TEXTS] == [True, False, False, False], "those of the file"
    parser.pins.add("navigation.navigation", ["带我回<destination>家</destination>"])
    parsed = parser.parse_batch(TEXTS)
    assert [result.pinned for result in parsed] == [True, True, False, False]
    first, second = parsed[:2]
    assert (first.intent, first.score, first.understood, first.slots) == ("music.prev", 1.0, True, ())
    assert second.slots == (Slot("destination", "家", 4, 5),)
    assert first.to_dict()["pinned"] is True and "pinned" not in parsed[2].to_dict()
    session = parser.session()
    session.pins.replace({"OTHERS": ["随便 听听"]})
    assert [session.parse(text).pinned for text in TEXTS] == [False, False, True, False]
    assert not parser.parse(TEXTS[2]).pinned
    session.pins.reset()
    session.pins.remove(["上一首"])
    assert [session.parse(text).pinned for text in TEXTS] == [False, True, False, False]
    parser.pins.reset()
    assert not any(result.pinned for result in parser.parse_batch(TEXTS))
    for intent, text in (("stop", "a"), ("music.prev", "<song>"), ("music.prev", "。")):
        with pytest.raises(PinError):
            parser.pins.add(intent, [text])
    with pytest.raises(PinError, match="give a list"):
        parser.pins.add("music.prev", "上一首")
    with pytest.raises(PinError, match="nowhere"):
        parser.pins.add_file("nowhere/pins.txt")


def test_a_bundle_has_the_pins_of_its_checkpoint(model: Path, tmp_path: Path) -> None:
    bundle, said = tmp_path / "bundle", list[str]()
    for _ in range(2):
        export_up_to_date(model, bundle, ["gguf"], say=said.append)
        assert (bundle / PINS).read_bytes() == (model / PINS).read_bytes()
        assert slu.load(bundle, "native").parse(TEXTS[0]).pinned
        (bundle / PINS).write_text("OTHERS\t停\n", encoding="utf-8")  # which makes it no other bundle
        assert slu.load(bundle, "native").parse("停").pinned
    assert said[-1] == f"export: up to date in {bundle}"


@pytest.mark.parametrize("backend", ["native", "dygraph"])
def test_an_intent_that_begins_like_a_comment_is_refused(model: Path, tmp_path: Path, backend: str) -> None:
    checkpoint = load_checkpoint(model)
    old = checkpoint.labels
    names = {intent: f"#{intent}" if intent == "OTHERS" else intent for intent in old.intents}
    of_intent = {names[intent]: slots for intent, slots in old.slots_of_intent.items()}
    checkpoint.labels = Labels(tuple(names.values()), old.slots, of_intent)
    save_checkpoint(checkpoint, tmp_path / "model")
    write_gguf(load_checkpoint(tmp_path / "model"), tmp_path / "model" / GGUF)
    with pytest.raises(PinError, match="'#OTHERS': .* begins with #"):
        slu.load(tmp_path / "model", backend).pins.add("#OTHERS", ["a"])


@pytest.mark.parametrize("backend", ["native", "dygraph"])
def test_what_is_no_text_unpins_nothing(model: Path, backend: str) -> None:
    for pinned in ("remove", "#remove", "\u3000remove"):
        parser = slu.load(model, backend)
        pins = parser.pins
        pins.add("OTHERS", [pinned])
        for empty in ("", " ", "\t", "\n", "\u3000", "。"):
            with pytest.raises(PinError):
                pins.remove([empty])
        assert parser.parse(pinned).pinned
        pins.remove([pinned])
        assert not parser.parse(pinned).pinned


def test_both_parsers_answer_alike(model: Path) -> None:
    texts = [*TEXTS, "１３９ ００００-1111", "播放ラピュタ", "周華健", "G.E.M.", "", "e\u0301🎵"]
    native, python = (slu.load(model, backend).parse_batch(texts) for backend in ("native", "dygraph"))
    for one, other in zip(native, python, strict=True):
        assert (one.text, one.intent, one.slots, one.pinned) == (other.text, other.intent, other.slots, other.pinned)
        assert abs(one.score - other.score) < 1e-4


def test_commands_pin(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = shutil.copyfile(model / PINS, tmp_path / "own.txt")
    arguments = ["--pins", str(file), "--pin", "OTHERS=随便听听"]
    assert main(["parse", str(model / GGUF), *arguments, *TEXTS]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("pinned", False) for line in lines] == [True, False, True, False]
    assert main(["parse", str(model / GGUF), "--pin", "随便听听", "a"]) == 2
    assert "INTENT=TEXT" in capsys.readouterr().err
    assert main(["parse", str(model / GGUF), "--pin", "stop=a", "a"]) == 2
    assert "no intent 'stop'" in capsys.readouterr().err


NAMES = ("歌曲", "snips/number", "Hotel-Inform+Price", "from city", "имя#1:x")


def test_names_of_slots_in_any_script(tmp_path: Path, _whole_checkpoint: Path) -> None:
    """The engine reads tags as Python does, those of names with spaces included."""
    checkpoint = load_checkpoint(_whole_checkpoint)
    old = checkpoint.labels
    renamed = dict(zip(old.slots, (*NAMES, *old.slots[len(NAMES) :])))
    slots = tuple(renamed[name] for name in old.slots)
    taken = {intent: tuple(n for n in slots if n in NAMES) for intent in old.intents}
    checkpoint.labels = Labels(old.intents, slots, taken)
    save_checkpoint(checkpoint, tmp_path / "model")
    write_gguf(load_checkpoint(tmp_path / "model"), tmp_path / "model" / GGUF)
    intent = old.intents[0]
    tagged = ["".join(f"放<{name}>花心</{name}>吧" for name in NAMES), "a <b c> d", "a </from city> d", "<from city> d"]
    answers = []
    for backend in ("native", "dygraph"):
        parser = slu.load(tmp_path / "model", backend)
        parser.pins.add(intent, tagged)
        answers.append(parser.parse_batch(["放花心吧" * len(NAMES), *tagged[1:]]))
        for wrong in ("<歌曲>x", "</歌曲>x", "<nobody>x</nobody>", "<no body>x</no body>"):
            with pytest.raises(PinError):
                parser.pins.add(intent, [wrong])
    for one, other in zip(*answers):
        assert (
            (one.intent, one.slots, one.pinned)
            == (other.intent, other.slots, other.pinned)
            == (intent, one.slots, True)
        )
    assert [slot.name for slot in answers[0][0].slots] == list(NAMES)
    assert not any(answer.slots for answer in answers[0][1:])
