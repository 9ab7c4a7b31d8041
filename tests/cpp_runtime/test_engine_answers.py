"""The engine on models that answer questions about a passage: windows, decisions, scores and files against Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from gguf_pieces import Pieces, string, strings

from export_lite.gguf import write_gguf
from slu.corpus.labels import Labels
from slu.errors import BundleError
from slu.formats.gguf_file import read_gguf
from slu.inputs.normalisation import SPEECH
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.runtime.backends.native import NativeBackend, load_native
from slu.runtime.parser import ParseResult
from slu.runtime.python_parser import PythonParser

LABELS = Labels.of_spans(("answer",))


def checkpoint_of(vocab: list[str], length: int = 24, normalisation: str = "") -> Checkpoint:
    """1 layer of 32 with random weights, and logits that are far apart."""
    random = np.random.default_rng(5)
    config = ModelConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, attention_head_size=16,
        intermediate_size=48, max_position_embeddings=length, max_seq_length=length, head="answer", pairs=True,
        normalisation=normalisation,
    )  # fmt: skip
    tensors = {
        name: (random.standard_normal(shape) * 0.3 + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        for name, shape in parameter_shapes(config, LABELS).items()
    }
    tensors["answer_classifier.weight"] *= 3
    return Checkpoint(config, tensors, list(vocab), LABELS, Manifest(stage="test", threshold=0.05))


def texts(sample: list[str], count: int) -> list[str]:
    """Questions and passages of all lengths, words of several tokens, words that are none, combining marks, spaces."""
    random = np.random.default_rng(6)
    found = [
        "",
        "\t",
        "问",
        "问\t",
        "\t文章",
        "a\tb\tc\n\td",
        "听" * 60,
        "听" * 60 + "\t" + "a1" * 60,
        " \t ",
        "问\t" + "x" * 130,
    ]
    for _ in range(count):
        parts = [str(part) for part in random.choice([*sample, "e\u0301", "12ab", "\u202e", "🎵 ", " ", "\t"], 12)]
        cut = int(random.integers(0, 12))
        found.append("".join(parts[:cut]) + "\t" * int(random.integers(0, 6) > 0) + "".join(parts[cut:]))
    return found


@pytest.mark.parametrize(("length", "normalisation"), [(24, ""), (24, SPEECH), (3, ""), (5, SPEECH), (70, "")])
def test_answers_are_those_of_python(
    vocab: list[str], sample: list[object], tmp_path: Path, length: int, normalisation: str
) -> None:
    checkpoint = checkpoint_of(vocab, length, normalisation)
    write_gguf(checkpoint, tmp_path / "model.gguf")
    engine = load_native(tmp_path / "model.gguf")
    assert engine.head.name == "answer" and engine.labels == LABELS and not engine.uses_previous_intent
    python = PythonParser(engine.backend, checkpoint)
    given = texts([utterance.text for utterance in sample[:300]], 40 if length > 5 else 10)  # type: ignore[attr-defined]
    found = several = 0
    for text, own, wanted in zip(given, engine.parse_batch(given), python.parse_batch(given)):
        assert isinstance(own, ParseResult)
        assert (own.answer, own.truncated, own.understood) == (wanted.answer, wanted.truncated, wanted.understood), text
        assert own.score == pytest.approx(wanted.score, rel=1e-4)
        found += len(own.slots)
        several += len(checkpoint.head.encodings(python.tokenizer, text, length)) > 1
    assert (found > 20 and several > 10) or length < 6
    session = engine.session()
    assert [session.parse(text) for text in given[:20]] == engine.parse_batch(given[:20])


def test_what_the_file_says(vocab: list[str], tmp_path: Path, host_build: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(checkpoint_of(vocab), path)
    contents = read_gguf(path)
    assert contents.labels == {"slots": ["answer"]} and contents.format.endswith("version 3")
    assert [(port.name, port.shape) for port in contents.outputs] == [("answer_logits", (-1, 2))]
    parser, program = load_native(path), host_build / "slu-cli"
    lines = ["哪里\t导航去人民广场" * 3, "谁"]
    done = subprocess.run([program, "parse", path], input="\n".join(lines), text=True, capture_output=True, check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [parser.parse(text).to_dict() for text in lines]
    said = json.loads(subprocess.check_output([program, "info", path], text=True))
    assert (said["head"], said["slots"]) == ("answer", ["answer"]) and "intents" not in said
    bad = subprocess.run(
        [program, "parse", path], input=b"a\tb" + b"c" * 40 + b"\xff\n", capture_output=True, check=False
    )
    assert bad.returncode == 2 and b"not UTF-8" in bad.stderr and bad.stderr.count(b"\n") == 1


def test_memory_is_linear(vocab: list[str], tmp_path: Path, host_build: Path) -> None:
    """A context for 512 tokens of the published nano's shape: less than 3.2 MB, and than twice that of half as many."""
    found = []
    for length in (256, 512):
        config = checkpoint_of(vocab, length).config.replace(
            hidden_size=312, num_attention_heads=12, attention_head_size=26, intermediate_size=1248
        )
        tensors = {name: np.zeros(shape, np.float32) for name, shape in parameter_shapes(config, LABELS).items()}
        for name in [
            name for name in tensors if name.endswith(".weight") and "linear" in name or "_proj.weight" in name
        ]:
            tensors[name] = np.zeros(tensors[name].shape, np.int8)
            tensors[f"{name}_scale"] = np.full(tensors[name].shape[1], 1e-3, np.float32)
            tensors[f"{name.removesuffix('.weight')}.input_scale"] = np.full(1, 0.1, np.float32)
        write_gguf(Checkpoint(config, tensors, list(vocab), LABELS, Manifest(stage="test")), tmp_path / "model.gguf")
        said = subprocess.check_output([host_build / "slu-cli", "info", tmp_path / "model.gguf"], text=True)
        found.append(json.loads(said)["context_bytes"])
    assert found[1] < 3.2e6 and found[1] < 2 * found[0], found


DAMAGE: list[tuple[str, str, bytes | None, str]] = [
    ("no pairs", "pairs", None, "reads pairs and has one slot; wrong values in ernie-slu.pairs"),
    (
        "pairs of another kind",
        "pairs",
        b"\x04\0\0\0\x02\0\0\0",
        "reads pairs and has one slot; wrong values in ernie-slu.pairs",
    ),
    ("two slots", "slots", strings(["a", "b"]), "reads pairs and has one slot; wrong values in ernie-slu.slots"),
    ("no slots", "slots", None, "no ernie-slu.slots"),
    ("the head of spans", "head", string("tokens"), "labels in a model of spans: ernie-slu.pairs"),
    ("labels as well", "labels", strings(["a"]), "labels in a model of spans"),
    ("intents as well", "intents", strings(["a"]), "intents or flags in a model of spans"),
]


@pytest.mark.parametrize(("key", "value", "words"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damaged_files(vocab: list[str], tmp_path: Path, key: str, value: bytes | None, words: str) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(checkpoint_of(vocab), path)
    pieces = Pieces.of(path.read_bytes())
    name = f"ernie-slu.{key}"
    pieces.keys = [pair for pair in pieces.keys if pair[0] != name]
    if value is not None:
        pieces.keys.append((name, value))
    path.write_bytes(bytes(pieces))
    with pytest.raises(BundleError, match=words):
        NativeBackend(path)
