"""The engine on models that answer labels: decisions, scores, pairs of texts and files against Python."""

from __future__ import annotations

import ctypes
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engine_build import ROOT
from gguf_pieces import Pieces, integers, string, strings
from native_api import Engine

from export_lite.gguf import write_gguf
from slu.corpus.label_sets import ROOT as TOP
from slu.corpus.label_sets import LabelSets, one_label
from slu.corpus.labels import Labels
from slu.errors import BundleError, PinError
from slu.formats.gguf_file import read_gguf
from slu.heads.label_decoding import LabelDecoder
from slu.inputs.normalisation import SPEECH
from slu.inputs.tokenizer import Tokenizer
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.runtime.backends.native import NativeBackend, load_native

TEXTS = [
    "",
    "来一首歌",
    "导航去人民广场\t然后打电话",
    "\t",
    "a\tb\tc",
    "听" * 60 + "\t歌",
    "打\t1 38 0013",
    "电话3.\t5",
    "\u202e周\t🎵",
]
RANDOM = np.random.default_rng(5)


def any_labels(count: int) -> Labels:
    """A tree of so many labels with any rules."""
    parents = tuple(int(RANDOM.integers(TOP, label)) if label else TOP for label in range(count))
    optional, several = (tuple(map(bool, RANDOM.integers(0, 2, count + 1))) for _ in range(2))
    return Labels.of_sets(tuple(f"label {i}" for i in range(count)), LabelSets(parents, optional, several))


def checkpoint_of(
    vocab: list[str], labels: Labels, head: str = "labels", pairs: bool = False, normalisation: str = ""
) -> Checkpoint:
    """1 layer of 32 with random weights, and label logits that are far apart."""
    config = ModelConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, attention_head_size=16,
        intermediate_size=48, max_position_embeddings=24, max_seq_length=24, head=head, pairs=pairs,
        normalisation=normalisation,
    )  # fmt: skip
    tensors = {
        name: (RANDOM.standard_normal(shape) * 0.3 + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        for name, shape in parameter_shapes(config, labels).items()
    }
    for layer in config.task.layers:
        tensors[f"{layer}.weight"] *= 5
    return Checkpoint(config, tensors, list(vocab), labels, Manifest(stage="test", threshold=0.25))


def test_decisions_and_scores_are_those_of_python(vocab: list[str], tmp_path: Path) -> None:
    sizes = [1, 2, 3, 8, 20, 74, 300]
    for number, labels in enumerate([*(any_labels(size) for size in sizes for _ in range(4)), any_labels(5000)]):
        path = tmp_path / f"{number}.gguf"
        write_gguf(checkpoint_of(vocab, labels), path)
        parser = load_native(path)
        assert parser.head.name == "labels" and parser.labels == labels
        ids = RANDOM.integers(5, len(vocab), (8, 9)).astype(np.int32)
        [logits] = parser.backend.run(ids)
        assert logits.shape == (8, len(labels.intents))
        texts = ["".join(vocab[i] for i in row if len(vocab[i]) == 1) for row in ids]
        encodings = [Tokenizer(vocab).encode(text, 24) for text in texts]
        decoder = LabelDecoder(labels)
        for text, encoding, answer in zip(texts, encodings, parser.parse_batch(texts)):
            [decision] = decoder.decode(*parser.backend.run(encoding.ids[None]))
            wanted = decoder.answer(decision, text, encoding)
            assert answer.labels is not None and wanted.labels is not None
            assert [label.name for label in answer.labels] == [label.name for label in wanted.labels]
            scores = [(a.score, b.score) for a, b in zip(answer.labels, wanted.labels)]
            scores.append((answer.score, decision.score))
            np.testing.assert_allclose(*zip(*scores), rtol=1e-5, atol=1e-7)
            assert answer.understood == (answer.score >= 0.25) and (answer.intent, answer.slots) == ("", ())


@pytest.mark.parametrize("normalisation", ["", SPEECH])
def test_pairs_are_two_texts(library: ctypes.CDLL, vocab: list[str], tmp_path: Path, normalisation: str) -> None:
    labels = Labels.of_sets(("no", "yes"), one_label(2))
    path = tmp_path / "pairs.gguf"
    checkpoint = checkpoint_of(vocab, labels, "sequence", True, normalisation)
    write_gguf(checkpoint, path)
    parser, tokenizer = load_native(path), checkpoint.tokenizer()
    assert tokenizer.encode("打\t电", 24).ids.tolist().count(tokenizer.sep_id) == 2
    decoder = LabelDecoder(labels)
    with Engine(library, path) as engine:
        for text in ("打\t\u0301电", "a\t\u0301b", "\t\u0301", "1\t+1", "f(\tx)"):
            wanted = tokenizer.encode(text, 24)
            assert engine.tokenize(text)[:3] == (wanted.ids.tolist(), wanted.starts.tolist(), wanted.ends.tolist())
    for text, answer in zip(TEXTS, parser.parse_batch(TEXTS)):
        encoding = tokenizer.encode(text, 24)
        [decision] = decoder.decode(*parser.backend.run(encoding.ids[None]))
        assert answer.labels is not None and answer.truncated == encoding.truncated
        assert [label.name for label in answer.labels] == [labels.intents[i] for i in decision.labels]
        assert answer.score == pytest.approx(decision.score, rel=1e-5)


def test_what_the_file_says(vocab: list[str], tmp_path: Path) -> None:
    labels = any_labels(12)
    path = tmp_path / "model.gguf"
    write_gguf(checkpoint_of(vocab, labels), path)
    contents = read_gguf(path)
    assert contents.labels == {"labels": list(labels.intents)} and contents.format.endswith("version 3")
    assert [(port.name, port.shape) for port in contents.outputs] == [("label_logits", (12,))]
    parser = load_native(path)
    with pytest.raises(PinError, match="of intents and slots only"):
        parser.pins.add("label 1", ["text"])
    assert not parser.uses_previous_intent and parser.columns.count == 0


DAMAGE: list[tuple[str, str, Callable[[list[int]], bytes] | bytes | None, str]] = [
    ("no head", "head", None, "missing .* ernie-slu.head"),
    ("an unknown head", "head", string("riddle"), r"does not know \(riddle\)"),
    ("no labels", "labels", None, "missing .* ernie-slu.labels"),
    ("labels twice", "labels", strings(["a"] * 4), "there twice"),
    ("a label above itself", "labels.parents", integers([-1, 1, 0, 1]), "do not follow"),
    ("a cycle", "labels.parents", integers([1, 0, 0, 1]), "do not follow"),
    ("no such label above", "labels.parents", integers([-2, 0, 0, 1]), "do not follow"),
    ("too few above", "labels.parents", integers([-1, 0, 0]), "wrong number"),
    ("a rule of 4", "labels.rules", integers([0, 1, 2, 3, 4]), "wrong values"),
    ("too few rules", "labels.rules", integers([0, 1, 2, 3]), "wrong number"),
    ("intents as well", "intents", strings(["a"]), "intents, slots or flags beside"),
    ("another version", "format_version", b"\x04\0\0\0\x01\0\0\0", "does not agree with"),
]


@pytest.mark.parametrize(("key", "value", "words"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damaged_files(vocab: list[str], tmp_path: Path, key: str, value: bytes | None, words: str) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(checkpoint_of(vocab, Labels.of_sets(tuple("abcd"), one_label(4)), "sequence"), path)
    pieces = Pieces.of(path.read_bytes())
    name = f"ernie-slu.{key}"
    pieces.keys = [pair for pair in pieces.keys if pair[0] != name]
    if value is not None:
        pieces.keys.append((name, value))
    path.write_bytes(bytes(pieces))
    with pytest.raises(BundleError, match=words):
        NativeBackend(path)


def test_the_program_prints_what_python_prints(vocab: list[str], tmp_path: Path) -> None:
    labels = any_labels(6)
    path = tmp_path / "model.gguf"
    write_gguf(checkpoint_of(vocab, labels), path)
    [program] = [p for p in ROOT.glob("build/*/slu-cli") if p.parent.name.startswith(("py3", "host"))][:1]
    texts = ["来一首歌", "打电话"]
    done = subprocess.run([program, "parse", path], input="\n".join(texts), text=True, capture_output=True, check=True)
    parser = load_native(path)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [parser.parse(text).to_dict() for text in texts]
    said = json.loads(subprocess.check_output([program, "info", path], text=True))
    assert (said["head"], said["labels"], said["slots"]) == ("labels", list(labels.intents), [])
