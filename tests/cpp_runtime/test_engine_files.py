"""Damaged and hostile model files: a status, never a crash. The sanitizers, which see reads outside, run this too."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from engine_build import golden
from native_api import Engine, Failure
from other_heads import other_head_models

from export_lite.gguf import write_gguf

FILE, FORMAT, VERSION = 2, 3, 4


def open_and_parse(library: ctypes.CDLL, data: bytes) -> int:
    """The status of opening; a model that opens has to parse as well, to whatever end."""
    try:
        with Engine(library, data) as engine:
            engine.parse("play abc 100ml 的")
            engine.parse("play\tabc 100ml 的" + "a b 🎵 c" * 4)  # a passage of several windows, where pairs are read
            engine.parse("")
    except Failure as failure:
        assert failure.message, "a refusal says why"
        assert "\n" not in failure.message
        return failure.status
    return 0


def test_every_truncation_is_refused(library: ctypes.CDLL, tiny: Path) -> None:
    data = tiny.read_bytes()
    last = len(data.rstrip(b"\0"))
    # All of the descriptions byte by byte, the tensors behind them in larger steps.
    lengths = [*range(9000), *range(9000, last, 37)]
    for length in lengths:
        assert open_and_parse(library, data[:length]) == FORMAT or (4 <= length < 8), length


@pytest.mark.parametrize("case", golden("malformed"), ids=lambda case: case["what"])
def test_malformed_files_are_refused(library: ctypes.CDLL, tiny: Path, case: dict) -> None:
    data = bytearray(tiny.read_bytes())
    new = bytes.fromhex(case["bytes"])
    assert data[case["at"] : case["at"] + len(new)] != new
    data[case["at"] : case["at"] + len(new)] = new
    assert open_and_parse(library, bytes(data)) == case["status"]


def test_flipped_bits_give_a_status_or_a_result(library: ctypes.CDLL, tiny: Path) -> None:
    assert {0, FORMAT} <= seen_when_flipped(library, tiny.read_bytes(), 4000) <= {0, FORMAT, VERSION}


@pytest.mark.parametrize("kind", ["labels", "spans", "questions"])
def test_flipped_bits_in_models_of_other_heads(library: ctypes.CDLL, tmp_path: Path, kind: str) -> None:
    checkpoint, _ = other_head_models()[kind]
    write_gguf(checkpoint, tmp_path / "model.gguf")
    seen = seen_when_flipped(library, (tmp_path / "model.gguf").read_bytes(), 500)
    assert {0, FORMAT} <= seen <= {0, FORMAT, VERSION}


def seen_when_flipped(library: ctypes.CDLL, original: bytes, count: int) -> set[int]:
    """The statuses of so many files with up to three flipped bits."""
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(count):
        data = bytearray(original)
        # The descriptions are a third of the file and where flips matter most.
        end = 9000 if rng.random() < 0.8 else len(data)
        for at in rng.integers(0, end, rng.integers(1, 4)):
            data[at] ^= 1 << rng.integers(0, 8)
        seen.add(open_and_parse(library, bytes(data)))
    return seen


def test_random_bytes_are_refused(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        data = rng.bytes(int(rng.integers(1, 400)))
        assert open_and_parse(library, data) == FORMAT
        assert open_and_parse(library, b"GGUF\3\0\0\0" + data) in (FORMAT, VERSION)


def test_nan_in_floats_gives_a_result(library: ctypes.CDLL, tiny: Path) -> None:
    data = bytearray(tiny.read_bytes())
    # Everything after the descriptions but scales, which are checked, may be any bits.
    for at in range(len(data) - 2000, len(data) - 4, 4):
        changed = bytearray(data)
        changed[at : at + 4] = np.array([np.nan], np.float32).tobytes()
        assert open_and_parse(library, bytes(changed)) in (0, FORMAT)


def test_missing_and_empty_files(library: ctypes.CDLL, tmp_path: Path) -> None:
    (tmp_path / "empty.gguf").write_bytes(b"")
    for path in (tmp_path / "missing.gguf", tmp_path / "empty.gguf", tmp_path):
        with pytest.raises(Failure, match="cannot be opened, or is empty") as failure:
            Engine(library, path)
        assert failure.value.status == FILE


def test_misaligned_memory_is_refused(library: ctypes.CDLL, tiny: Path) -> None:
    data = tiny.read_bytes()
    memory = ctypes.create_string_buffer(len(data) + 8)
    for shift in range(5):
        ctypes.memmove(ctypes.addressof(memory) + shift, data, len(data))
        model = ctypes.c_void_p()
        status = library.slu_model_open_memory(ctypes.addressof(memory) + shift, len(data), ctypes.byref(model), None)
        assert status == (0 if (ctypes.addressof(memory) + shift) % 4 == 0 else 1)
        library.slu_model_close(model)
