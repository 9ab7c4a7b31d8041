"""The second input in the engine: matches as in slu/inputs/lexicon.py, embeddings as in NumPy, and hostile files."""

from __future__ import annotations

import ctypes
import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engine_build import GOLDEN, ROOT
from flagged import COLUMNS, FIRST, LABELS, MAX_TOKENS, UNKNOWN, expected_flags, flagged_checkpoint, write_flagged
from native_api import CHANGES, Engine, Failure, kernel_names

from export_lite.gguf import lexicon_tensors, write_gguf
from slu.errors import CheckpointError, LexiconError
from slu.inputs.entries import parse_lexicon
from slu.inputs.flags import LEXICON, PREVIOUS_INTENT
from slu.inputs.lexicon import Lexicon, compile_lexicon

sys.path.insert(0, str(ROOT / "tests/golden"))

ARGUMENT, FILE, FORMAT, VERSION, INVALID_UTF8 = 1, 2, 3, 4, 6
CASES = json.loads((GOLDEN / "lexicon.json").read_text("utf-8"))


@pytest.fixture
def listed(library: ctypes.CDLL, flagged: Path):
    """The flagged model."""
    with Engine(library, flagged) as opened:
        yield opened


def set_columns(flags: np.ndarray) -> list[list[int]]:
    assert set(np.unique(flags)) <= {0, 1}
    return np.argwhere(flags).tolist()


@pytest.mark.parametrize("case", CASES["scenarios"], ids=lambda case: case["what"])
def test_golden_scenarios(library: ctypes.CDLL, tmp_path: Path, case: dict) -> None:
    with Engine(library, write_flagged(tmp_path / "model.gguf", lists=case["built_in"])) as engine:
        for step in case["steps"]:
            if "text" in step:
                engine.set_previous_intent(step["previous"])
                assert set_columns(engine.flags(step["text"])) == step["flags"], step
                continue
            change = step["layer"], step["change"], step["slot"], bytes.fromhex(step["hex"])
            if step["error_line"] is None:
                engine.change(*change)
                continue
            with pytest.raises(Failure) as failure:
                engine.change(*change)
            if step["error_line"]:
                assert failure.value.message.startswith(f"line {step['error_line']}: ")
            else:
                assert f"the model has no slot {step['slot']}; it has name, singer, song" == failure.value.message


@pytest.mark.parametrize("case", CASES["files"], ids=lambda case: case["hex"][:20])
def test_golden_files(listed: Engine, tmp_path: Path, case: dict) -> None:
    (tmp_path / "list.txt").write_bytes(bytes.fromhex(case["hex"]))
    if case["line"]:
        with pytest.raises(Failure, match=f"list.txt: line {case['line']}: "):
            listed.change("context", "replace", "name", tmp_path / "list.txt")
        return
    listed.change("context", "replace", "name", tmp_path / "list.txt")
    phrases = [phrase for _, phrase in case["phrases"]]
    lists = Lexicon(compile_lexicon({"name": phrases, "song": ["花心", "a b", "1"]}, LABELS.slots))
    for text in (*phrases, "a b c", "花心 周华健 1"):
        assert set_columns(listed.flags(text)) == set_columns(expected_flags(lists, text)), text


@pytest.mark.parametrize("seed", range(6))
def test_random_changes_are_those_of_python(library: ctypes.CDLL, tmp_path: Path, seed: int) -> None:
    """Lists of few characters, so that they overlap, changed in any order, at both levels; some of them with errors."""
    choose = random.Random(seed)
    letters = "ab的花É가١ "

    def phrases(most: int) -> list[str]:
        return ["".join(choose.choices(letters, k=choose.randint(0, 5))) for _ in range(choose.randint(0, most))]

    built_in = compile_lexicon({slot: phrases(20) for slot in LABELS.slots if choose.random() < 0.8}, LABELS.slots)
    model = flagged_checkpoint()
    model.lexicon = built_in
    write_gguf(model, tmp_path / "model.gguf")
    shared = Lexicon(built_in)
    with Engine(library, tmp_path / "model.gguf") as engine:
        assert engine.info.lexicon_entries == len(built_in)
        levels = {"model": shared, "context": Lexicon(shared)}
        for _ in range(150):
            level, change, slot = choose.choice(list(levels)), choose.choice(CHANGES), choose.choice(LABELS.slots)
            if change == "reset":
                given = None if choose.random() < 0.3 else slot
                engine.change(level, change, given)
                levels[level].reset(given)
            else:
                wrong = choose.choice(["", "", "", "a" * 63])
                content = "\n".join([*phrases(8), wrong, *phrases(3)]).encode()
                try:
                    getattr(levels[level], change)(slot, parse_lexicon(content, "list"))
                    engine.change(level, change, slot, content)
                except LexiconError:
                    with pytest.raises(Failure, match=r"line \d+: 63 characters"):
                        engine.change(level, change, slot, content)
            for _ in range(3):
                text = "".join(choose.choices(letters, k=choose.randint(0, 14)))
                previous = choose.randint(UNKNOWN, len(LABELS.intents) - 1)
                engine.set_previous_intent(previous)
                expected = expected_flags(levels["context"], text, previous)
                assert set_columns(engine.flags(text)) == set_columns(expected), text


@pytest.mark.parametrize("quantised", [True, False])
def test_flags_are_embedded_as_in_numpy(library: ctypes.CDLL, tmp_path: Path, quantised: bool) -> None:
    from numpy_network import run

    model = flagged_checkpoint(quantised=quantised)
    write_gguf(model, tmp_path / "model.gguf")
    rng = np.random.default_rng(0)
    for tokens in (1, 2, 7, MAX_TOKENS):
        ids = rng.integers(0, model.config.vocab_size, tokens)
        flags = (rng.random((tokens, COLUMNS.count)) < rng.choice([0.05, 0.5, 1])).astype(np.float32)
        flags[tokens // 2] = 0
        expected = run(model, ids, flags)
        exact = set()
        for kernel in kernel_names(library):
            with Engine(library, tmp_path / "model.gguf", kernel) as engine:
                found = engine.run(ids, flags)
                for one, other in zip(found, expected):
                    np.testing.assert_allclose(one, other, atol=2e-4)
                exact.add(b"".join(values.tobytes() for values in found))
                zero = engine.run(ids, np.zeros_like(flags))
                assert all(np.array_equal(one, other) for one, other in zip(zero, engine.run(ids)))
        assert len(exact) == 1


def test_parsing_uses_the_flags(library: ctypes.CDLL, flagged: Path) -> None:
    """slu_parse computes what its parts do, and flags make a difference."""
    text = "来 a b 周华健"
    with Engine(library, flagged) as engine:
        plain = engine.parse(text)
        seen = {plain["score"]}
        for previous in (FIRST, 0, len(LABELS.intents) - 1):
            engine.set_previous_intent(previous)
            seen.add(engine.parse(text)["score"])
        engine.set_previous_intent(UNKNOWN)
        engine.change("context", "replace", "name")
        seen.add(engine.parse(text)["score"])
        engine.change("context", "reset", None)
        assert engine.parse(text) == plain
        assert len(seen) == 5
        # Another context does not see what was said for this one, and does see what is said for the model.
        engine.change("context", "add", "singer", "来".encode())
        with Engine(library, flagged) as other:
            assert other.parse(text) == plain
        second = ctypes.c_void_p()
        assert library.slu_context_create(engine.model, None, ctypes.byref(second), None) == 0
        own, engine.context = engine.context, second
        assert engine.parse(text) == plain
        engine.change("model", "remove", "name", "周华健".encode())
        assert engine.parse(text) != plain
        library.slu_context_free(own)


@pytest.mark.parametrize("kinds", [(LEXICON,), (PREVIOUS_INTENT,), (LEXICON, PREVIOUS_INTENT)])
def test_kinds_of_flags(library: ctypes.CDLL, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    with Engine(library, write_flagged(tmp_path / "model.gguf", kinds)) as engine:
        info = engine.info
        uses = info.uses_lexicon, info.uses_previous_intent
        assert uses == (LEXICON in kinds, PREVIOUS_INTENT in kinds)
        assert info.flag_count == 4 * len(LABELS.slots) * uses[0] + (len(LABELS.intents) + 1) * uses[1]
        for level in ("model", "context"):
            if LEXICON in kinds:
                engine.change(level, "add", "name", b"a")
                assert engine.flags("a")[1, 3] == 1
            else:
                with pytest.raises(Failure, match="trained without lexicons") as failure:
                    engine.change(level, "add", "name", b"a")
                assert failure.value.status == ARGUMENT
        if PREVIOUS_INTENT in kinds:
            engine.set_previous_intent(1)
            assert np.argwhere(engine.flags("b")).tolist() == [[0, info.flag_count - len(LABELS.intents)]]
        else:
            with pytest.raises(Failure, match="without the previous intent"):
                engine.set_previous_intent(UNKNOWN)


def test_a_model_without_the_second_input_takes_none(engine: Engine) -> None:
    info = engine.info
    assert (info.flag_count, info.uses_lexicon, info.lexicon_entries, info.uses_previous_intent) == (0, 0, 0, 0)
    with pytest.raises(Failure, match="trained without lexicons"):
        engine.change("model", "reset", None)
    with pytest.raises(Failure, match="this model takes no flags"):
        engine.flags("a")


def test_wrong_arguments_are_refused(listed: Engine, tmp_path: Path) -> None:
    library, error = listed.library, ctypes.create_string_buffer(256)
    for level in ("model", "context"):
        owner = getattr(listed, level)
        change, of_file = (getattr(library, f"slu_{level}_change_lexicon{end}") for end in ("", "_file"))
        assert change(None, 0, b"name", b"", 0, error) == ARGUMENT
        assert change(owner, 4, b"name", b"", 0, error) == ARGUMENT
        assert change(owner, 0, None, b"", 0, error) == ARGUMENT
        assert change(owner, 0, b"name", None, 1, error) == ARGUMENT
        assert change(owner, 0, b"name", b"\xff", 1, error) == INVALID_UTF8
        assert error.value == b"line 1: not UTF-8"
        assert change(owner, 0, b"name", b"a", 1, None) == 0
        assert of_file(None, 0, b"name", b"list", error) == ARGUMENT
        assert of_file(owner, 0, b"name", None, error) == ARGUMENT
        assert of_file(owner, 0, b"name", str(tmp_path / "none").encode(), error) == FILE
        assert error.value.endswith(b"none: cannot be opened")
    for intent in (-3, len(LABELS.intents), 2**31 - 1):
        with pytest.raises(Failure, match="no intent has this index"):
            listed.set_previous_intent(intent)
    for value in (0.5, -1, np.nan, 2):
        with pytest.raises(Failure, match="neither 0 nor 1"):
            listed.run(np.array([1]), np.full((1, COLUMNS.count), value))
    assert library.slu_flags(listed.context, b"a", 1, None, 1000) == ARGUMENT
    assert library.slu_flags(listed.context, b"a", 1, error, COLUMNS.count * 3 - 1) == ARGUMENT


def tensor_at(data: bytes, name: str) -> int:
    """Where the description behind the name of a tensor begins: dimensions, shape, type, offset."""
    return data.index(len(name).to_bytes(8, "little") + name.encode()) + 8 + len(name)


def test_hostile_lists_are_refused(library: ctypes.CDLL, flagged: Path) -> None:
    original = flagged.read_bytes()
    capacity = 6  # of 4 entries, see the fixture

    def word(value: int, size: int = 8) -> bytes:
        return value.to_bytes(size, "little")

    changes: dict[str, tuple[int, bytes]] = {}
    for name in ("hashes", "slots", "lengths", "counts"):
        at = tensor_at(original, f"lexicon.{name}")
        size = {"lengths": 1, "counts": len(LABELS.slots)}.get(name, capacity)
        assert original[at + 4 : at + 12] == word(size), name
        changes |= {
            f"{name} of no length": (at + 4, word(0)),
            f"{name} too long": (at + 4, word(size + 1)),
            f"{name} of 2^61": (at + 4, word(1 << 61)),
            f"{name} of floats": (at + 12, word(0, 4)),
            f"{name} outside the file": (at + 16, word(len(original))),
            f"{name} of two dimensions": (at, word(2, 4)),
            f"{name} renamed": (at - 2, b"XX"),
        }
    table = original.index((1 << 1 | 1 << 2 | 1 << 3).to_bytes(8, "little"), tensor_at(original, "lexicon.counts"))
    changes |= {"length 0": (table, word(3)), "length 63": (table, word(1 << 63))}
    kinds = original.index(b"ernie-slu.flags") + len("ernie-slu.flags") + 4
    changes |= {"no kinds": (kinds + 4, word(0)), "2^63 kinds": (kinds + 4, word(1 << 63))}
    changes["an input that is missing"] = (original.index(b"ernie-slu.inputs") + 16 + 8, word(1))
    changes["the same kind twice"] = (original.index(b"lexicon", kinds) - 8, b"\x0f\0\0\0\0\0\0\0previous_intent")
    for what, (at, new) in changes.items():
        data = bytearray(original)
        data[at : at + len(new)] = new
        if what == "hashes renamed":  # a model without lists
            with Engine(library, bytes(data)) as engine:
                assert engine.info.lexicon_entries == 0
                assert not engine.flags("花心").any()
            continue
        with pytest.raises(Failure) as failure:
            Engine(library, bytes(data)).close()
        assert failure.value.status in (FORMAT, VERSION), what
        assert failure.value.message, what
    unknown = original.replace(b"previous_intent", b"precious_intent")
    with pytest.raises(Failure, match=r"flags of a kind .*precious_intent") as failure:
        Engine(library, unknown)
    assert failure.value.status == VERSION


def test_damaged_tables_are_borne(library: ctypes.CDLL, tmp_path: Path) -> None:
    """Any table of the right size: a slot that does not exist matches nothing, a full table is not searched whole."""
    rng = np.random.default_rng(0)
    model = flagged_checkpoint(lists={"name": ["周华健"]})
    tensors = lexicon_tensors(model)
    key = tensors["lexicon.hashes"][tensors["lexicon.hashes"] != 0][0]

    class Damaged:
        """Stands for a `CompiledLexicon`."""

        def __init__(self, hashes: np.ndarray, slots: np.ndarray):
            self.content = hashes.view(np.uint64), slots.astype(np.uint16)

        def tensors(self) -> dict[str, np.ndarray]:
            counts = np.ones(len(LABELS.slots), np.uint32)
            lengths = np.array([(1 << 63) - 2], np.uint64)
            return {"hashes": self.content[0], "slots": self.content[1], "lengths": lengths, "counts": counts}

    def engine_of(hashes: np.ndarray, slots: np.ndarray) -> Engine:
        model.lexicon = Damaged(hashes, slots)  # type: ignore[assignment]
        monkey = pytest.MonkeyPatch()
        monkey.setattr("export_lite.gguf.MOST_PROBES", 1 << 40)
        write_gguf(model, tmp_path / "model.gguf")
        monkey.undo()
        return Engine(library, tmp_path / "model.gguf")

    with engine_of(np.full(8, key), np.array([0, 3, 0xFFFF, 0x8000, 1, 2, 0, 0x8001])) as engine:
        found = engine.flags("周华健")
        assert set_columns(found) == [[1, 0], [1, 4], [1, 8], [2, 1], [2, 5], [2, 9], [3, 2], [3, 6], [3, 10]]
        engine.change("context", "remove", "name", "周华健".encode())
        assert not engine.flags("周华健")[:, :4].any()
    full = rng.integers(1, 1 << 62, 1_000_000)
    with engine_of(full, rng.integers(0, 1 << 16, len(full))) as engine:
        start = time.process_time()
        engine.flags("的" * 10)
        assert time.process_time() - start < 0.1
    for _ in range(50):
        size = int(rng.integers(4, 40))
        with engine_of(rng.integers(0, 4, size) * key, rng.integers(0, 1 << 16, size)) as engine:
            engine.parse("周华健 a b 周华健")


def test_a_table_that_is_searched_in_vain_is_not_written() -> None:
    model = flagged_checkpoint(lists={"name": ["a"]})
    assert model.lexicon
    model.lexicon.hashes = np.ones(5000, np.uint64)
    with pytest.raises(CheckpointError, match="a run of 5000 entries"):
        lexicon_tensors(model)
    model.lexicon.hashes[[4, 4990]] = 0
    with pytest.raises(CheckpointError, match="a run of 4985 entries"):
        lexicon_tensors(model)
    model.lexicon.hashes[[2000, 3000]] = 0
    assert len(lexicon_tensors(model)) == 4


def test_many_phrases(library: ctypes.CDLL, tmp_path: Path) -> None:
    """Built in and added later, more than a phone has contacts: each is found, none that was not said."""
    letters = "abcdefghijklmnopqrstuvw的来一首周华健花心"
    rng = random.Random(1)
    phrases = sorted({"".join(rng.choices(letters, k=4)) for _ in range(30_000)})
    others = [str(number) for number in range(60_000)]  # so many that the file's lists get no filter
    for built_in, more in ((True, []), (True, others), (False, [])):
        lists = {"song": [*phrases[::2], *more]} if built_in else None
        with Engine(library, write_flagged(tmp_path / "model.gguf", lists=lists)) as engine:
            if not built_in:
                engine.change("model", "add", "song", "\n".join(phrases[::2]).encode())
            for said, some in ((True, phrases[:2000:2]), (False, phrases[1:2000:2])):
                for phrase in some:
                    spaced = " ".join(phrase)
                    flags = engine.flags(spaced)
                    assert bool(flags.any()) == said, phrase
                    if said:
                        assert set_columns(flags) == [[1, 8], [2, 9], [3, 9], [4, 10]]


def test_nothing_is_leaked(library: ctypes.CDLL, flagged: Path) -> None:
    def mapped() -> int:
        return int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[0])

    def use() -> None:
        content = "\n".join(map(str, range(2000))).encode()
        with Engine(library, flagged) as engine:
            for level in ("model", "context"):
                for change in ("add", "remove", "replace"):
                    engine.change(level, change, "name", content)
                with pytest.raises(Failure):
                    engine.change(level, "add", "name", content + b"\n\xff")
            engine.flags("1 2 3")

    for _ in range(3):
        use()
    before = mapped()
    for _ in range(50):
        use()
    assert mapped() - before < 100  # pages; the lists of one level alone have 7


def test_texts_and_lists_of_any_size_take_little_time(library: ctypes.CDLL, tmp_path: Path) -> None:
    def seconds(call: Callable[[], object]) -> float:
        start = time.process_time()
        call()
        return time.process_time() - start

    with Engine(library, write_flagged(tmp_path / "model.gguf")) as engine:
        engine.change("model", "add", "name", "\n".join("a" * n for n in range(1, 63)).encode())
        for unit in ("a", "a ", "\u0301", "的", "가"):
            assert seconds(lambda unit=unit: engine.flags(unit * 300_000)) < 1, unit
        numbers = "\n".join(map(str, range(200_000))).encode()
        assert seconds(lambda: engine.change("model", "replace", "name", numbers)) < 2
        assert seconds(lambda: engine.change("context", "remove", "name", b"\n" * 3_000_000)) < 1
