"""Lists and dialogues with the native engine: the same interface and the same answers as every other `Parser`."""

from __future__ import annotations

import inspect
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import slu
from export_lite.gguf import write_gguf
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError, LexiconError, SluError
from slu.inputs.flags import FIRST_TURN, KINDS, FlagColumns
from slu.inputs.lexicon import Lexicon, compile_lexicon
from slu.model.checkpoint import FLAG_EMBEDDINGS, Checkpoint, save_checkpoint
from slu.runtime.backends.native import NativeParser
from slu.runtime.backends.native_lexicon import NativeLexicon
from slu.runtime.formats import FORMATS
from slu.runtime.parser import Backend, Parser, ParseResult
from slu.runtime.python_parser import PythonParser

GGUF = FORMATS["gguf"].files[0]

LISTS = {"song": ["花心", "忘情水"], "singer": ["周华健"]}


class NativeNetwork:
    """The engine's network under Python's tokenizer, matcher and decoder: the reference."""

    name = "reference"

    def __init__(self, backend: Backend):
        self.run, self.max_length = backend.run, backend.max_length


@pytest.fixture
def parsers(checkpoint: Checkpoint, tmp_path: Path) -> tuple[NativeParser, Parser]:
    """The same model natively and with the lists, the flags and the decoding of the Python reference."""
    labels = checkpoint.labels
    shape = (FlagColumns.of(KINDS, labels).count, checkpoint.config.hidden_size)
    checkpoint.config = checkpoint.config.replace(flags=KINDS)
    checkpoint.tensors[FLAG_EMBEDDINGS] = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    checkpoint.lexicon = compile_lexicon(LISTS, labels.slots)
    save_checkpoint(checkpoint, tmp_path / "model")
    write_gguf(checkpoint, tmp_path / "model" / GGUF)
    native = slu.load(tmp_path / "model", "native")
    assert isinstance(native, NativeParser)
    reference = NativeNetwork(native.backend)
    return native, PythonParser(reference, checkpoint)


def same(answers: list[ParseResult], expected: list[ParseResult]) -> None:
    for answer, wanted in zip(answers, expected, strict=True):
        assert (answer.text, answer.intent, answer.slots) == (wanted.text, wanted.intent, wanted.slots)
        assert answer.score == pytest.approx(wanted.score, abs=2e-5)


def test_changes_give_the_answers_of_the_reference(
    parsers: tuple[NativeParser, Parser], sample: list[Utterance], labels: Labels, tmp_path: Path
) -> None:
    choose = random.Random(0)
    texts = sorted({utterance.text for utterance in sample})
    values = sorted({(slot.name, slot.value) for utterance in sample for slot in utterance.slots})
    sessions = [parser.session() for parser in parsers]
    for _ in range(25):
        slot, _ = choose.choice(values)
        phrases = [value for name, value in choose.sample(values, 20) if name == slot or choose.random() < 0.2]
        phrases += choose.choice([[], ["", "# 花", " #1", "\ufeff心", "周\n华 健", "a\ud83c"]])
        change = choose.choice(["add", "remove", "replace", "reset", "add_file"])
        argument: object = phrases
        if change == "add_file":
            argument = tmp_path / "list.txt"
            (tmp_path / "list.txt").write_bytes("\n".join(phrases).encode("utf-8", "replace"))
        of_session = choose.random() < 0.5
        for parser, session in zip(parsers, sessions):
            lexicon = session.lexicon if of_session else parser.lexicon
            getattr(lexicon, change)(*([slot] if change == "reset" else [slot, argument]))
        some = [*choose.sample(texts, 20), "#1 花", "心 # 花", "周华健a"]
        before = [choose.choice([None, FIRST_TURN, *labels.intents]) for _ in some]
        same(*[parser.parse_batch(some, before) for parser in parsers])
        same(*[[session.parse(text) for text in some[:5]] for session in sessions])
        if choose.random() < 0.3:
            for session in sessions:
                session.restart()


def test_interfaces_are_the_same(parsers: tuple[NativeParser, Parser]) -> None:
    native, reference = parsers
    for name in ("add", "remove", "replace", "reset", "add_file"):
        one, other = (inspect.signature(getattr(kind, name)) for kind in (NativeLexicon, Lexicon))
        assert one == other, name
    assert native.columns == reference.columns and native.uses_previous_intent
    for parser in parsers:
        text = "听花心"
        own = parser.session()
        scores = {parser.parse(text).score, parser.parse(text, FIRST_TURN).score, own.parse(text).score}
        assert len(scores) == 2, "a session begins with a first turn"
        assert parser.parse(text, parser.labels.intents[0]).score not in scores
        assert parser.parse(text).score in scores, "nothing is remembered by the parser"
        with pytest.raises(ConfigError, match="previous intent 'nothing'"):
            parser.parse(text, "nothing")
        own.lexicon.add("song", ["听"])
        assert own.parse(text).score not in scores and parser.session().parse(text).score in scores


@pytest.mark.parametrize("level", ["parser", "session"])
def test_what_is_wrong_is_refused_as_a_whole(parsers: tuple[NativeParser, Parser], level: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes("听花\n\n\xff\n".encode("latin-1", "replace"))
    for parser in parsers:
        lexicon = parser.lexicon if level == "parser" else parser.session().lexicon
        before = parser.parse("听花心")
        with pytest.raises(LexiconError, match=r"song: entry 2 has 63 characters|song: entry 2: 63 characters"):
            lexicon.replace("song", ["听花", "花" * 63])
        with pytest.raises(LexiconError, match="the model has no slot"):
            lexicon.add("songs", ["听花"])
        with pytest.raises(LexiconError, match="a single text, '听花'; give a list"):
            lexicon.add("song", "听花")
        with pytest.raises(LexiconError, match=r"bad.txt.*3"):
            lexicon.add_file("song", tmp_path / "bad.txt")
        with pytest.raises(LexiconError, match="none.txt"):
            lexicon.add_file("song", tmp_path / "none.txt")
        assert parser.parse("听花心") == before


def test_lists_change_while_threads_parse(parsers: tuple[NativeParser, Parser]) -> None:
    native, _ = parsers
    texts = ["听花心", "来一首周华健的忘情水"]
    lists = ["听", "首"], ["花", "一首"]
    allowed = []
    for phrases in lists:
        native.lexicon.replace("song", phrases)
        allowed.append([native.parse(text).score for text in texts])
    changed = threading.Event()

    def scores() -> list[list[float]]:
        found = []
        while not changed.is_set() or not found:
            found.append([answer.score for answer in native.parse_batch(texts)])
        return found

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(scores) for _ in range(3)]
        for change in range(200):
            native.lexicon.replace("song", lists[change % 2])
            time.sleep(0.001)
        changed.set()
        for task in running:
            for pair in task.result():
                assert all(score in (first, second) for score, first, second in zip(pair, *allowed))


def test_models_without_the_second_input(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write_gguf(checkpoint, tmp_path / GGUF)
    parser = slu.load(tmp_path / GGUF)
    with pytest.raises(LexiconError, match="trained without lexicons"):
        parser.lexicon.add("song", ["花"])
    session = parser.session()
    with pytest.raises(LexiconError, match="trained without lexicons"):
        _ = session.lexicon
    expected = parser.parse("听花心")
    assert session.parse("听花心") == parser.parse("听花心", "anything") == expected
    with pytest.raises(SluError, match="flags"):
        parser.backend.run(np.ones((1, 3), np.int32), np.zeros((1, 3, 4), np.float32))
