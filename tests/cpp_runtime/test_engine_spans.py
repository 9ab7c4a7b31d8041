"""The engine on models that answer spans alone: decisions, scores and files against Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from gguf_pieces import Pieces, integers, string, strings

from export_lite.gguf import write_gguf
from slu.corpus.labels import Labels
from slu.errors import BundleError, PinError
from slu.formats.gguf_file import read_gguf
from slu.heads.tokens import SpanDecoder
from slu.inputs.normalisation import SPEECH
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.runtime.backends.native import NativeBackend, load_native

TEXTS = ["", "李明在北京", "导航去人民广场", "a 1,000 b", "听" * 60, "\u202e周🎵", " ", "打电话给张三和李四。"]


def checkpoint_of(vocab: list[str], labels: Labels, normalisation: str = "") -> Checkpoint:
    """1 layer of 32 with random weights, and logits that are far apart."""
    random = np.random.default_rng(5)
    config = ModelConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, attention_head_size=16,
        intermediate_size=48, max_position_embeddings=24, max_seq_length=24, head="tokens", normalisation=normalisation,
    )  # fmt: skip
    tensors = {
        name: (random.standard_normal(shape) * 0.3 + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        for name, shape in parameter_shapes(config, labels).items()
    }
    tensors["slot_classifier.weight"] *= 5
    tensors["slot_classifier.bias"][0] = -5  # so that there are spans
    return Checkpoint(config, tensors, list(vocab), labels, Manifest(stage="test", threshold=0.001))


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("normalisation", ["", SPEECH])
def test_answers_are_those_of_python(vocab: list[str], tmp_path: Path, count: int, normalisation: str) -> None:
    labels = Labels.of_spans(tuple(f"name {i}" for i in range(count)))
    checkpoint = checkpoint_of(vocab, labels, normalisation)
    assert not any("pooler" in name for name in checkpoint.tensors)
    write_gguf(checkpoint, tmp_path / "model.gguf")
    parser = load_native(tmp_path / "model.gguf")
    assert parser.head.name == "tokens" and parser.labels == labels and not parser.uses_previous_intent
    tokenizer, decoder, found = checkpoint.tokenizer(), SpanDecoder(labels), 0
    for text, answer in zip(TEXTS, parser.parse_batch(TEXTS)):
        encoding = tokenizer.encode(text, 24)
        [logits] = parser.backend.run(encoding.ids[None])
        assert logits.shape == (1, len(encoding.ids), 2 * count + 1)
        [decision] = decoder.decode(logits[:, 1:-1])
        wanted = decoder.answer(decision, text, encoding)
        assert (answer.intent, answer.slots, answer.labels) == wanted
        assert answer.score == pytest.approx(decision.score, rel=1e-4)
        assert answer.understood == (answer.score >= 0.001) and answer.truncated == encoding.truncated
        found += len(answer.slots)
    assert found > 0
    session = parser.session()
    assert [session.parse(text) for text in TEXTS] == parser.parse_batch(TEXTS)


def test_what_the_file_says(vocab: list[str], tmp_path: Path, host_build: Path) -> None:
    labels = Labels.of_spans(("LOC", "人名"))
    path = tmp_path / "model.gguf"
    write_gguf(checkpoint_of(vocab, labels), path)
    contents = read_gguf(path)
    assert contents.labels == {"slots": ["LOC", "人名"]} and contents.format.endswith("version 3")
    assert [(port.name, port.shape) for port in contents.outputs] == [("slot_logits", (-1, 5))]
    parser = load_native(path)
    with pytest.raises(PinError, match="of intents and slots only"):
        parser.pins.add("LOC", ["text"])
    program = host_build / "slu-cli"
    done = subprocess.run(
        [program, "parse", path], input="\n".join(TEXTS[1:3]), text=True, capture_output=True, check=True
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [parser.parse(t).to_dict() for t in TEXTS[1:3]]
    said = json.loads(subprocess.check_output([program, "info", path], text=True))
    assert (said["head"], said["slots"]) == ("tokens", ["LOC", "人名"]) and "intents" not in said
    refused = subprocess.run([program, "parse", path, "--pin", "LOC=text"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "this one answers spans alone" in refused.stderr
    assert refused.stderr.count("\n") == 1


DAMAGE: list[tuple[str, str, bytes | None, str]] = [
    ("no head", "head", None, "missing .* ernie-slu.head"),
    ("an unknown head", "head", string("riddle"), r"does not know \(riddle\)"),
    ("the head of intents and slots", "head", string("joint"), r"does not know \(joint\)"),
    ("the head of labels", "head", string("labels"), "missing .* ernie-slu.labels"),
    ("no names", "slots", None, "no ernie-slu.slots"),
    ("no name", "slots", strings([]), "too few or too many names"),
    ("a name twice", "slots", strings(["a", "a"]), "there twice"),
    ("more names than there are outputs", "slots", strings(list("abcdefgh")), "wrong shape .* slot"),
    ("labels as well", "labels", strings(["a"]), "labels in a model of spans"),
    ("intents as well", "intents", strings(["a"]), "intents or flags in a model of spans"),
    ("flags as well", "flags", strings(["lexicon"]), "intents or flags in a model of spans"),
    ("slots of intents", "slots_of_intent.counts", integers([1]), "intents or flags in a model of spans"),
    ("another version", "format_version", b"\x04\0\0\0\x01\0\0\0", "does not agree with"),
]


@pytest.mark.parametrize(("key", "value", "words"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damaged_files(vocab: list[str], tmp_path: Path, key: str, value: bytes | None, words: str) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(checkpoint_of(vocab, Labels.of_spans(("a", "b"))), path)
    pieces = Pieces.of(path.read_bytes())
    name = f"ernie-slu.{key}"
    pieces.keys = [pair for pair in pieces.keys if pair[0] != name]
    if value is not None:
        pieces.keys.append((name, value))
    path.write_bytes(bytes(pieces))
    with pytest.raises(BundleError, match=words):
        NativeBackend(path)
