"""The C API as its header promises it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from native_api import Engine, Failure, answer_of, kernel_names, network_input

from slu.runtime.backends.native_api import Result

ARGUMENT, INVALID_UTF8, KERNEL = 1, 6, 7


def test_the_header_is_c(host_build: Path, tiny: Path) -> None:
    done = subprocess.run([host_build / "tests/header", tiny, "play abc"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] in ("call", "none", "play")


def test_slots_cut_their_values_out_of_the_text(engine: Engine) -> None:
    texts = ["play 周华 的花心", "caf\u00e9 花心 abc", "\U0001f600 smile 周", "a\0b 的\0", "  来  一  首 "]
    found = 0
    for text in texts:
        for slot in engine.parse(text)["slots"]:
            assert text[slot["start"] : slot["end"]] == slot["value"]
            found += 1
    assert found, "the tiny model finds some slot in these"


def test_nul_bytes_are_text(engine: Engine) -> None:
    assert engine.tokenize("a\0b") == engine.tokenize(b"a\0b")
    ids, starts, _, _ = engine.tokenize("a \0 b")
    assert len(ids) == 4
    assert starts[2] == 4


def test_truncation_is_reported(engine: Engine) -> None:
    assert engine.parse("的" * 11)["truncated"]
    assert not engine.parse("的" * 10)["truncated"]


def test_wrong_arguments_are_refused(engine: Engine) -> None:
    library, context = engine.library, engine.context
    out = ctypes.c_void_p()
    assert library.slu_parse(context, None, 3, ctypes.byref(out)) == ARGUMENT
    assert library.slu_context_message(context) == b"text is NULL"
    assert library.slu_parse(context, None, 0, ctypes.byref(out)) == 0
    assert library.slu_context_message(context) == b""
    assert library.slu_parse(context, b"", 1 << 32, ctypes.byref(out)) == ARGUMENT
    assert library.slu_parse(None, b"", 0, ctypes.byref(out)) == ARGUMENT
    assert library.slu_parse(context, b"", 0, None) == ARGUMENT
    assert library.slu_model_open(None, ctypes.byref(out), None) == ARGUMENT
    assert library.slu_model_open(b"x", None, None) == ARGUMENT
    assert library.slu_context_create(None, None, ctypes.byref(out), None) == ARGUMENT
    library.slu_model_close(None)
    library.slu_context_free(None)


def parse_each(
    library: ctypes.CDLL, contexts: list[int | None], texts: list[bytes | None]
) -> tuple[int, list[Result | None]]:
    """Status and results of ``slu_parse_each``, which finds other values where the results will be."""
    count = len(texts)
    results = (ctypes.POINTER(Result) * count)(*[ctypes.pointer(Result()) for _ in texts])
    handles = (ctypes.c_void_p * count)(*contexts)
    sizes = (ctypes.c_size_t * count)(*[len(text or b"") for text in texts])
    status = library.slu_parse_each(handles, (ctypes.c_char_p * count)(*texts), sizes, count, results)
    return status, [result.contents if result else None for result in results]


def test_each_text_is_parsed_in_its_context(library: ctypes.CDLL, flagged: Path) -> None:
    """As by slu_parse one after the other, with the previous intent, the lexicons and the pins of each context."""
    texts = ["play 周华 的花心", "a\0b 的\0", "", "的" * 40, "花心 a b", "call 周华健"]
    with contextlib.ExitStack() as stack:
        engines = [stack.enter_context(Engine(library, flagged)) for _ in texts]
        engines[0].change("context", "replace", "song", "周华".encode())
        engines[4].change_pins("context", "add", b"play\t<song>\xe8\x8a\xb1\xe5\xbf\x83</song> a b")
        for number, engine in enumerate(engines):
            engine.set_previous_intent(number % 5 - 2)
        expected = [engine.parse(text) for engine, text in zip(engines, texts)]
        assert expected[4]["pinned"] and expected[3]["truncated"]
        raws = [text.encode() for text in texts]
        status, results = parse_each(library, [engine.context.value for engine in engines], list(raws))
        assert status == 0
        assert [answer_of(raw, result) for raw, result in zip(raws, results) if result] == expected


def test_each_text_fails_alone(library: ctypes.CDLL, tiny: Path) -> None:
    with Engine(library, tiny) as one, Engine(library, tiny) as two, Engine(library, tiny) as three:
        handles = [one.context.value, two.context.value, None, three.context.value]
        status, results = parse_each(library, handles, [b"play", b"a\xff", b"play", b"play"])
        assert status == INVALID_UTF8
        assert [result is None for result in results] == [False, True, True, False]
        assert library.slu_context_message(two.context) == b"the text is not UTF-8 at byte 1"
        assert library.slu_context_message(three.context) == b""
        assert parse_each(library, handles[2:], [b"", b"\xff"])[0] == ARGUMENT, "the first failure counts"
        assert parse_each(library, handles[:1], [None])[0] == 0, "NULL is a text of no bytes"
        # A context that is there twice has the last result at both places.
        status, results = parse_each(library, [one.context.value] * 2, [b"a", "的".encode() * 40])
        assert status == 0 and all(result and result.truncated for result in results)
        assert library.slu_parse_each(None, None, None, 0, None) == 0
        for missing in range(4):
            arrays = [ctypes.create_string_buffer(8) for _ in range(4)]
            given = [None if i == missing else array for i, array in enumerate(arrays)]
            assert library.slu_parse_each(*given[:3], 1, given[3]) == ARGUMENT


@pytest.mark.parametrize("ids", [[], [0] * 13, [-1], [100_000], [1, 2, 2**31 - 1]])
def test_token_ids_are_checked(engine: Engine, ids: list[int]) -> None:
    with pytest.raises(Failure) as failure:
        engine.run(np.array(ids, np.int32))
    assert failure.value.status == ARGUMENT
    assert failure.value.message


def test_the_place_of_flags_is_kept_free(engine: Engine) -> None:
    ids = np.array([1, 2], np.int32)
    given = network_input(ids, np.zeros(2, np.float32))
    out = ctypes.c_void_p()
    assert engine.library.slu_run(engine.context, ctypes.byref(given), ctypes.byref(out)) == ARGUMENT
    assert engine.library.slu_context_message(engine.context) == b"this model takes no flags; pass NULL"


def test_kernels_are_named_and_refused(library: ctypes.CDLL, tiny: Path) -> None:
    names = kernel_names(library)
    assert names[-1] == "plain"
    assert len(set(names)) == len(names)
    with pytest.raises(Failure, match="kernel abacus: unknown") as failure:
        Engine(library, tiny, "abacus")
    assert failure.value.status == KERNEL


def test_every_status_has_words(library: ctypes.CDLL) -> None:
    words = [library.slu_status_text(status) for status in range(9)]
    assert len(set(words)) == 9
    assert words[8] == b"unknown status"


def test_a_context_answers_the_same_again_and_again(library: ctypes.CDLL, tiny: Path) -> None:
    texts = ["play abc", "", "的" * 40, "a", "周华健 100ml"]
    with Engine(library, tiny) as one, Engine(library, tiny.read_bytes()) as other:
        first = [one.parse(text) for text in texts]
        assert [other.parse(text) for text in reversed(texts)][::-1] == first
        assert [one.parse(text) for text in texts] == first


def test_opening_and_freeing_leaves_no_memory(library: ctypes.CDLL, tiny: Path) -> None:
    def mapped() -> int:
        return int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[0])

    for _ in range(3):
        Engine(library, tiny).close()
    before = mapped()
    for _ in range(200):
        Engine(library, tiny).close()
    assert mapped() - before < 100  # pages; each model alone has 7
