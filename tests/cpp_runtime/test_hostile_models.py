"""Model files that somebody made to do harm: what readers would understand differently, what takes long, what lies."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from gguf_pieces import Pieces, integers, string, strings
from native_api import Engine, Failure, kernel_names
from scored import make_golden

from slu.errors import BundleError
from slu.formats.gguf_file import read_gguf

FILE, FORMAT = 2, 3
TEXT = "play abc 100ml 的"
SIZE = "ernie-slu"
HIDDEN = make_golden.checkpoint().config.hidden_size


@pytest.fixture
def pieces(tiny: Path) -> Pieces:
    return Pieces.of(tiny.read_bytes())


def refusal(library: ctypes.CDLL, data: bytes | Pieces) -> str:
    """What the engine says to a file that it does not open."""
    with pytest.raises(Failure) as failure, Engine(library, bytes(data)):
        pass
    assert failure.value.status == FORMAT
    return failure.value.message


def test_the_pieces_make_the_file(tiny: Path, pieces: Pieces) -> None:
    assert bytes(pieces) == tiny.read_bytes()


@pytest.mark.parametrize("key", ["general.architecture", f"{SIZE}.intents", "anything.else"])
def test_a_key_that_is_there_twice_is_refused_by_both_readers(
    library: ctypes.CDLL, pieces: Pieces, tmp_path: Path, key: str
) -> None:
    pieces.keys.append(("anything.else", string("a")))
    with Engine(library, bytes(pieces)) as engine:
        engine.parse(TEXT)
    pieces.keys.append((key, string(SIZE)))
    (tmp_path / "twice.gguf").write_bytes(bytes(pieces))
    assert f"the key {key} is there twice" in refusal(library, pieces)
    with pytest.raises(BundleError, match=f"the key {key} occurs twice"):
        read_gguf(tmp_path / "twice.gguf")


def test_a_tensor_and_a_label_that_are_there_twice_are_refused(library: ctypes.CDLL, pieces: Pieces) -> None:
    name, shape, kind, offset = pieces.tensors[3]
    pieces.tensors.append((name, shape, kind, offset + 64))
    assert f"{name} is there twice" in refusal(library, pieces)
    del pieces.tensors[-1]
    pieces.replace(f"{SIZE}.slots", strings(["song", "name", "song"]))
    assert "there twice in ernie-slu.slots" in refusal(library, pieces)


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        ("embd_norm.weight", np.float32(np.nan)),
        ("embd_norm.bias", np.float32(np.inf)),
        ("constant_embd.weight", np.float32(-1e30)),
        ("blk.0.attn_qkv.bias", np.float32(1e5)),
        ("blk.1.ffn_up.scale", np.float32(0)),
        ("blk.1.ffn_up.scale", np.float32(1e4)),
        ("blk.0.ffn_down.input_scale", np.float32(1e-40)),
        ("pooler.weight", np.float32(-np.inf)),
        ("token_embd.scale", np.float32(np.nan)),
        ("blk.0.attn_out.weight", np.int8(-128)),
        ("blk.0.attn_out.weight", np.int8(1)),
        ("blk.1.attn_qkv.sums", np.int32(12345)),
    ],
)
def test_values_on_which_kernels_could_differ_are_refused(
    library: ctypes.CDLL, pieces: Pieces, tensor: str, value: np.generic
) -> None:
    at = pieces.at(tensor)
    assert bytes(pieces.data[at : at + value.nbytes]) != value.tobytes()
    pieces.data[at : at + value.nbytes] = value.tobytes()
    assert f"in {tensor.rsplit('.', 1)[0]}" in refusal(library, pieces)


@pytest.mark.parametrize("value", [np.nan, 0, -1, 1e4, 1e-16, np.inf])
@pytest.mark.parametrize("index", [0, 1])
def test_steps_of_scores_on_which_kernels_could_differ_are_refused(
    library: ctypes.CDLL, scored: Path, value: float, index: int
) -> None:
    pieces = Pieces.of(scored.read_bytes())
    at = pieces.at("blk.1.attn_qkv.score_steps") + 4 * index
    pieces.data[at : at + 4] = struct.pack("<f", value)
    assert "values that no training gives" in refusal(library, pieces)


@pytest.mark.parametrize(("version", "there"), [(4, False), (1, True), (2, True)])
def test_steps_of_scores_are_there_in_version_4_alone(
    library: ctypes.CDLL, scored: Path, version: int, there: bool
) -> None:
    """A program that reads older versions only would compute something else of the same file."""
    pieces = Pieces.of(scored.read_bytes())
    pieces.replace(f"{SIZE}.format_version", struct.pack("<II", 4, version))
    if version == 2:
        pieces.keys.append((f"{SIZE}.normalisation", string("speech-1")))
    if not there:
        pieces.tensors = [one for one in pieces.tensors if not one[0].endswith("score_steps")]
    assert "do not agree with blk.0.attn_qkv.score_steps" in refusal(library, pieces)


@pytest.mark.parametrize(("shape", "kind"), [((1,), 0), ((3,), 0), ((2, 1), 0), ((2,), 26)])
@pytest.mark.parametrize("version", [1, 4])
def test_steps_of_scores_of_another_shape_or_type_are_refused(
    library: ctypes.CDLL, scored: Path, shape: tuple[int, ...], kind: int, version: int
) -> None:
    pieces = Pieces.of(scored.read_bytes())
    pieces.replace(f"{SIZE}.format_version", struct.pack("<II", 4, version))
    pieces.tensors = [
        (name, shape, kind, offset) if name.endswith("score_steps") else (name, old, type_, offset)
        for name, old, type_, offset in pieces.tensors
    ]
    assert "do not agree with blk.0.attn_qkv.score_steps" in refusal(library, pieces)


@pytest.mark.parametrize("key", ["head", "normalisation", "slots", "pairs", "flags", "ngrams.rows"])
@pytest.mark.parametrize("value", [struct.pack("<If", 6, 1), integers([1, 2])], ids=["a float", "integers"])
def test_a_key_of_another_type_is_not_taken_for_a_missing_one(
    library: ctypes.CDLL, scored: Path, key: str, value: bytes
) -> None:
    pieces = Pieces.of(scored.read_bytes())
    pieces.keys = [pair for pair in pieces.keys if pair[0] != f"{SIZE}.{key}"]
    pieces.keys.append((f"{SIZE}.{key}", value))
    assert f"of another type: the key {SIZE}.{key}" in refusal(library, pieces)


def test_integer_scores_need_integer_queries(library: ctypes.CDLL, scored: Path) -> None:
    pieces = Pieces.of(scored.read_bytes())
    dropped = ("weight", "scale", "sums", "input_scale")
    [(shape, offset)] = [(one[1], one[3]) for one in pieces.tensors if one[0] == "blk.1.attn_qkv.weight"]
    pieces.tensors = [one for one in pieces.tensors if one[0] not in [f"blk.1.attn_qkv.{part}" for part in dropped]]
    panels = (16, HIDDEN, shape[-1])  # stored in reverse
    pieces.data += bytes(-len(pieces.data) % 64)
    pieces.tensors.append(("blk.1.attn_qkv.weight", panels, 0, len(pieces.data)))
    pieces.data += bytes(4 * int(np.prod(panels)))
    assert "do not agree with blk.1.attn_qkv.score_steps" in refusal(library, pieces)


def test_a_head_and_a_normalisation_with_integer_scores(library: ctypes.CDLL, scored: Path) -> None:
    """Version 4 has any of what the others have."""
    pieces = Pieces.of(scored.read_bytes())
    pieces.keys.append((f"{SIZE}.normalisation", string("speech-1")))
    with Engine(library, bytes(pieces)) as engine:
        assert engine.info.normalisation == b"speech-1"
        engine.parse(TEXT)
    pieces.keys.append((f"{SIZE}.head", string("labels")))
    assert f"the key {SIZE}.labels" in refusal(library, pieces)


@pytest.mark.parametrize(("tensor", "column"), [("embd_norm.weight", 20), ("blk.0.ffn_down.bias", 31)])
def test_padding_that_is_not_zero_is_refused(library: ctypes.CDLL, pieces: Pieces, tensor: str, column: int) -> None:
    at = pieces.at(tensor) + 4 * column
    pieces.data[at : at + 4] = struct.pack("<f", 0.5)
    assert "values that no training gives" in refusal(library, pieces)


@pytest.mark.parametrize("model", ["tiny", "scored"])
def test_all_kernels_agree_on_the_largest_values_that_open(
    library: ctypes.CDLL, request: pytest.FixtureRequest, model: str
) -> None:
    """Every float at a limit, by turns up and down: nothing overflows, in which kernels could differ."""
    pieces = Pieces.of(request.getfixturevalue(model).read_bytes())
    for name, shape, kind, offset in pieces.tensors:
        if kind != 0:
            continue
        count, part = int(np.prod(shape)), name.rsplit(".", 1)[1]
        values = np.frombuffer(pieces.data, np.float32, count, offset).copy()
        scale = "scale" in part or part == "score_steps"
        limit = 1e3 if scale else 1e4
        largest = np.full(count, limit) if scale else np.where(np.arange(count) % 2, -limit, limit)
        values = np.where(values == 0, 0, largest).astype(np.float32)  # padding stays as it is
        pieces.data[offset : offset + values.nbytes] = values.tobytes()
    answers = []
    for kernel in kernel_names(library):
        with Engine(library, bytes(pieces), kernel) as engine:
            logits = engine.run(np.arange(1, 10, dtype=np.int32))
            assert all(np.isfinite(one).all() for one in logits)
            answers.append([one.tobytes() for one in logits])
    assert all(answer == answers[0] for answer in answers) and answers


def test_opening_takes_time_linear_in_the_file(library: ctypes.CDLL, pieces: Pieces) -> None:
    """Thousands of intents with as many slots each, all sets different: compared with each other they took minutes."""
    seconds = []
    for count in (2000, 4000):
        names = [f"n{i}" for i in range(count)]
        sets = [[s for s in range(1000) if s != i % 1000 or i < 1000] + [1000 + i // 1000] for i in range(count)]
        pieces.replace(f"{SIZE}.intents", strings(names))
        pieces.replace(f"{SIZE}.slots", strings(names))
        pieces.replace(f"{SIZE}.slots_of_intent.counts", integers([len(one) for one in sets]))
        pieces.replace(f"{SIZE}.slots_of_intent.slots", integers([slot for one in sets for slot in one]))
        data = bytes(pieces)
        began = time.process_time()
        assert "export the model again" in refusal(library, data)  # the heads have other sizes
        seconds.append(time.process_time() - began)
    assert seconds[1] < 1 and seconds[1] < 6 * seconds[0] + 0.1


def test_names_are_printed_without_what_terminals_obey(
    library: ctypes.CDLL, host_build: Path, pieces: Pieces, tmp_path: Path
) -> None:
    pieces.replace(f"{SIZE}.intents", strings(["ca\x1b[31mll", "none", "play"]))
    assert "control character" in refusal(library, pieces)
    pieces.replace(f"{SIZE}.intents", strings(["c\u202eall", "none\u2066", "play"]))
    path = tmp_path / "bidi.gguf"
    path.write_bytes(bytes(pieces))
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer's
    done = subprocess.run([host_build / "slu-cli", "info", path], capture_output=True, check=True, env=environment)
    assert b"c\\u202eall" in done.stdout
    assert json.loads(done.stdout)["intents"] == ["c\u202eall", "none\u2066", "play"]
    pieces.replace("general.architecture", string("\x1b[2J\u202e" + "名" * 200))
    message = refusal(library, pieces)  # decoded as UTF-8: no character is cut
    assert message.startswith("a GGUF file of another kind of model (?[2J?名名") and not set(message) & set(
        "\x1b\ufffd"
    )


def test_pipes_devices_and_sparse_files_are_refused_at_once(library: ctypes.CDLL, tiny: Path, tmp_path: Path) -> None:
    pipe, sparse = tmp_path / "pipe", tmp_path / "sparse"
    os.mkfifo(pipe)
    sparse.write_bytes(tiny.read_bytes())
    os.truncate(sparse, 1 << 40)
    for path, status in ((pipe, FILE), (Path("/dev/zero"), FILE), (sparse, FORMAT)):
        with pytest.raises(Failure) as failure, Engine(library, path):
            pass
        assert failure.value.status == status
