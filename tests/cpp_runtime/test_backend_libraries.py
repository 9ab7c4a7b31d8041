"""The API of slu.h over other runtimes (cpp_runtime/backends): what is the same for all, over a double as runtime.

The double computes a network by the native engine, without its padding, and gives no numbers for padding. So whatever
comes through the adapter must be equal to the native engine's answers, bit for bit.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_build import ROOT, TOOLS, golden
from native_api import Engine, Failure, kernel_names, load_library

from export_lite.labels_file import LABELS_FILE, write_labels_file
from slu.corpus.label_sets import one_label
from slu.corpus.labels import Labels
from slu.model.checkpoint import Checkpoint

sys.path.insert(0, str(ROOT / "tests/golden"))

LENGTH = 9
"""Less than the 12 tokens that the model takes: texts are to be cut where the network ends."""

Bundle = Callable[..., Path]


@pytest.fixture(scope="module")
def double(host_build: Path) -> ctypes.CDLL:
    return load_library(host_build / "tests/libslu-double.so")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    from make_golden import checkpoint

    return checkpoint()


@pytest.fixture
def bundle(tmp_path: Path, tiny: Path, checkpoint: Checkpoint) -> Bundle:
    """A function that makes a bundle with a network called ``name``; returns its path."""

    def make(name: str = "model.double", *others: str, length: int = LENGTH) -> Path:
        for file in (name, *others):
            shutil.copyfile(tiny, tmp_path / file)
        write_labels_file(checkpoint, length, tmp_path, [name, *others])
        return tmp_path / name

    return make


def refused(library: ctypes.CDLL, path: Path, kernel: str | None = None) -> tuple[int, str]:
    with pytest.raises(Failure) as failure:
        Engine(library, path, kernel)
    return failure.value.status, failure.value.message


def test_answers_are_those_of_the_native_engine(double: ctypes.CDLL, engine: Engine, bundle: Bundle) -> None:
    texts = [case["text"] for case in golden("tokenizer")]
    assert len(texts) > 10
    with Engine(double, bundle(length=12)) as other:
        for text in texts:
            assert other.parse(text) == engine.parse(text)
            ids = np.array(engine.tokenize(text)[0])
            for mine, theirs in zip(other.run(ids), engine.run(ids)):
                np.testing.assert_array_equal(mine, theirs)


def test_lists_and_turns_reach_the_network(
    double: ctypes.CDLL, library: ctypes.CDLL, flagged: Path, tmp_path: Path
) -> None:
    from flagged import flagged_checkpoint

    path = tmp_path / "model.double"
    shutil.copyfile(flagged, path)
    lists = {"name": ["周华健"], "song": ["花心", "a b", "1"]}  # those of `flagged`
    write_labels_file(flagged_checkpoint(lists=lists), 12, tmp_path, [path.name])
    text, answers = "来一首周华健的花心", []
    with Engine(double, path) as mine, Engine(library, flagged) as theirs:
        assert mine.info.lexicon_entries == theirs.info.lexicon_entries == 4
        for slot, previous in (("name", -2), ("song", -1), (None, 1)):
            for engine in (mine, theirs):
                engine.change("context", "reset" if slot is None else "add", slot, "来".encode())
                engine.set_previous_intent(previous)
            assert mine.parse(text) == theirs.parse(text)
            answers.append(mine.parse(text)["score"])
            np.testing.assert_array_equal(mine.flags(text), theirs.flags(text))
            ids, flags = np.array(mine.tokenize(text)[0]), theirs.flags(text)
            np.testing.assert_array_equal(mine.run(ids, flags)[1], theirs.run(ids, flags)[1])
            assert not np.array_equal(mine.run(ids, flags)[1], mine.run(ids)[1])
    assert len(set(answers)) == 3


def test_a_text_is_cut_where_the_network_ends(double: ctypes.CDLL, bundle: Bundle) -> None:
    with Engine(double, bundle()) as other:
        ids, _, _, truncated = other.tokenize("打电话给" * 10)
        assert (len(ids), truncated) == (LENGTH, True)
        assert other.parse("打电话给" * 10)["truncated"]
        with pytest.raises(Failure, match="1 to 9"):
            other.run(np.array(ids + ids))


@pytest.mark.parametrize(("head", "what"), [("labels", "of labels"), ("tokens", "of spans alone"), ("joint", "that")])
def test_models_of_other_heads_are_refused(
    double: ctypes.CDLL, bundle: Bundle, checkpoint: Checkpoint, head: str, what: str
) -> None:
    """And models with n-grams, which these libraries do not look up."""
    path = bundle()
    labels = {"labels": Labels.of_sets(("a", "b"), one_label(2)), "tokens": Labels.of_spans(("a", "b"))}
    config = checkpoint.config.replace(head=head, ngram_rows=3 * (head == "joint"), ngram_width=2 * (head == "joint"))
    other = replace(checkpoint, config=config, labels=labels.get(head, checkpoint.labels))
    write_labels_file(other, LENGTH, path.parent, [path.name])
    status, message = refused(double, path)
    assert status == 4 and message.startswith(f"{path}: a model {what}") and message.endswith("take model.gguf")


def test_engines_are_chosen_by_name(double: ctypes.CDLL, bundle: Bundle) -> None:
    assert kernel_names(double) == ["double", "second"]
    Engine(double, bundle(), "double").close()
    path = bundle("model.needs-first")
    assert refused(double, path) == (7, f"{path}: runs by double only")
    Engine(double, path, "double").close()
    assert refused(double, path, "third")[0] == 7


@pytest.mark.parametrize(
    "suffix, reason", [("throws", "the runtime failed: as it was told to"), ("throws-number", "the runtime failed")]
)
def test_no_exception_leaves_the_library(double: ctypes.CDLL, bundle: Bundle, suffix: str, reason: str) -> None:
    path = bundle(f"model.{suffix}")
    assert refused(double, path) == (7, f"{path}: {reason}")


def test_a_network_of_another_version_is_refused(double: ctypes.CDLL, bundle: Bundle) -> None:
    status, message = refused(double, bundle("model.other-version"))
    assert status == 4
    assert message.endswith("written by version 1, this library has 2")


def test_the_parameters_of_a_graph_are_checked_as_well(double: ctypes.CDLL, bundle: Bundle) -> None:
    path = bundle("model.int8.pdmodel", "model.int8.pdiparams")
    Engine(double, path).close()
    path.with_suffix(".pdiparams").unlink()
    assert refused(double, path) == (2, f"{path.parent}/model.int8.pdiparams: cannot be opened, or is empty")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "change, status, reason",
    [
        (truncate, 3, "model.double: .* bytes, labels.gguf says .*; copy the bundle again"),
        (flip_a_bit, 3, "model.double: not the file that labels.gguf describes; copy the bundle again"),
        (Path.unlink, 2, "model.double: cannot be opened, or is empty"),
        (lambda path: path.rename(path.with_name("other.double")), 2, "cannot be opened"),
        (lambda path: (path.parent / LABELS_FILE).unlink(), 2, "labels.gguf: cannot be opened; `slu export` writes it"),
        (lambda path: truncate(path.parent / LABELS_FILE), 3, "labels.gguf: truncated or damaged"),
        (lambda path: shutil.copy(ROOT / "tests/golden/tiny.gguf", path.parent / LABELS_FILE), 3, "lists no network"),
    ],
)
def test_damaged_bundles_are_refused(
    double: ctypes.CDLL, bundle: Bundle, change: Callable[[Path], object], status: int, reason: str
) -> None:
    path = bundle()
    change(path)
    found, message = refused(double, path)
    assert found == status
    assert message.startswith(str(path.parent))
    assert re.search(reason, message), message


def test_what_is_not_a_network_is_refused(double: ctypes.CDLL, bundle: Bundle, tiny: Path) -> None:
    path = bundle()
    shutil.copyfile(path, path.with_name("model.unlisted"))
    assert "not among the networks that labels.gguf describes" in refused(double, path.with_name("model.unlisted"))[1]
    for wrong in (path.parent, path.parent / LABELS_FILE, tiny):
        status, message = refused(double, wrong)
        assert status == 1
        assert message.endswith("such as model.arm.nb")
    assert refused(double, tiny.read_bytes()) == (
        1,
        "this library opens models by their path only; copy the assets to files",
    )


def test_the_native_engine_refuses_a_file_without_network(library: ctypes.CDLL, bundle: Bundle) -> None:
    status, message = refused(library, bundle().parent / LABELS_FILE)
    assert status == 3
    assert "token_embd.weight" in message


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 1000])
def test_crc32_is_that_of_zlib(double: ctypes.CDLL, bundle: Bundle, size: int) -> None:
    """Seen from outside: the file of a network has this size, and its checksum is right or is not."""
    path = bundle()
    path.write_bytes(bytes(range(256)) * 4)
    path.write_bytes(path.read_bytes()[:size])
    labels = path.parent / LABELS_FILE
    data = labels.read_bytes()
    crc = zlib.crc32(path.read_bytes())
    at = data.index(b"ernie-slu.networks.crc32") + len(b"ernie-slu.networks.crc32") + 4 + 4 + 8
    at_bytes = data.index(b"ernie-slu.networks.bytes") + len(b"ernie-slu.networks.bytes") + 4 + 4 + 8
    changed = bytearray(data)
    struct.pack_into("<I", changed, at, crc)
    struct.pack_into("<I", changed, at_bytes, size)
    labels.write_bytes(changed)
    message = refused(double, path)[1]
    assert message.endswith("the double's engine failed" if size else "cannot be opened, or is empty")
    struct.pack_into("<I", changed, at, crc ^ 1)
    labels.write_bytes(changed)
    if size:
        assert "not the file that labels.gguf describes" in refused(double, path)[1]


def test_the_program_is_the_same(host_build: Path, bundle: Bundle, tiny: Path) -> None:
    path = bundle(length=12)
    answers = [
        subprocess.run([host_build / program, "parse", model], input="打电话给妈妈\n\n", capture_output=True, text=True)
        for program, model in (("tests/slu-cli-double", path), ("slu-cli", tiny))
    ]
    assert answers[0].stdout == answers[1].stdout
    assert answers[0].stdout.count("\n") == 2
    assert answers[0].returncode == 0
    path.unlink()
    failed = subprocess.run([host_build / "tests/slu-cli-double", "info", path], capture_output=True, text=True)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("slu-cli: error: ")


@pytest.mark.parametrize("option, file", [("PADDLE_LITE_DIR", "paddle_api.h"), ("FASTDEPLOY_DIR", "libfastdeploy.so")])
def test_a_wrong_directory_of_a_runtime_is_named(tmp_path: Path, option: str, file: str) -> None:
    done = subprocess.run(
        ["cmake", "-G", "Ninja", "-S", ROOT / "cpp_runtime", "-B", tmp_path / "build", f"-D{option}={tmp_path}"],
        env={**os.environ, **TOOLS},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    message = " ".join(done.stderr.split())
    assert f"{option}={tmp_path}: holds no " in message
    assert file in message
    assert "docs/backends.md" in message
