"""Small models of labels, spans alone and answers, and what the engine answers, for the tests of other languages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export_lite.gguf import write_gguf
from slu.corpus.label_sets import tree_sets
from slu.corpus.labels import Labels
from slu.inputs.tokenizer import SPECIAL_TOKENS
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.runtime.backends.native import load_native

TEXTS = ["", "来一首歌", "打电话给周华健", "歌歌打给", "花心"]
QUESTIONS = [
    "",
    "谁打电话",
    "谁\t",
    "\t周华健打电话",
    "谁打电话\t周华健打电话",
    "\U0001f600\U00020000\t\U0001f3b5歌\U00020000花心",
    "谁\U0001f600\t来一首\U0001f3b5歌，周华健的花心\t打电话给周华健来一首歌",
    "来一首歌来一首歌\te\u0301花心" + "周华健打电话" * 3 + "\U0001f600歌",
]
"""A question and its passage each: without one, with characters of two units of UTF-16, longer than the model reads."""
TREE = ("music", "music##play", "phone", "phone##call")


def other_head_models() -> dict[str, tuple[Checkpoint, Sequence[str]]]:
    """Random models of 32 that read 12 tokens, by what they answer, and texts for them."""
    kinds = {
        "labels": ("labels", Labels.of_sets(TREE, tree_sets(TREE, [("music", "music##play"), ("phone",), ()])), TEXTS),
        "spans": ("tokens", Labels.of_spans(("name", "song")), TEXTS),
        "questions": ("answer", Labels.of_spans(("answer",)), QUESTIONS),
    }
    random = np.random.default_rng(2)
    models = {}
    for kind, (head, labels, texts) in kinds.items():
        vocab = [*SPECIAL_TOKENS, *sorted({char for text in texts for char in text if char > " "})]
        config = ModelConfig(
            vocab_size=len(vocab), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, attention_head_size=16,
            intermediate_size=32, max_position_embeddings=12, max_seq_length=12, head=head, pairs=head == "answer",
        )  # fmt: skip
        tensors = {
            name: (random.normal(0, 0.4, shape) + ("norm" in name and name.endswith("weight"))).astype(np.float32)
            for name, shape in parameter_shapes(config, labels).items()
        }
        models[kind] = Checkpoint(config, tensors, vocab, labels, Manifest("test", threshold=0.1)), texts
    return models


def write_other_heads(directory: Path) -> dict[str, Path]:
    """``labels.gguf``, ``spans.gguf`` and ``questions.gguf``; ``answers.tsv``: which of them, a text with ``\\t`` for
    tabs, its labels or slots with offsets of UTF-16, the score."""
    paths, lines = {"answers": directory / "answers.tsv"}, []
    for kind, (checkpoint, texts) in other_head_models().items():
        paths[kind] = directory / f"{kind}.gguf"
        write_gguf(checkpoint, paths[kind])
        answers = load_native(paths[kind]).parse_batch(texts)
        for answer in answers:
            found = [label.name for label in answer.labels or ()]
            for slot in answer.slots:
                start, end = (_units(answer.text[:place]) for place in (slot.start, slot.end))
                found.append(f"{slot.name}={slot.value}[{start},{end})")
            text = answer.text.replace("\t", "\\t")
            lines.append("\t".join((kind, text, " ".join(found), f"{answer.score:.6f}")))
        assert len({answer.answer for answer in answers}) > 1, "the answers differ"
    paths["answers"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
