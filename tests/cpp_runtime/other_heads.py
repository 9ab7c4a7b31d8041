"""Small models of labels and of spans alone, and what the engine answers, for the tests of other languages."""

from __future__ import annotations

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
TREE = ("music", "music##play", "phone", "phone##call")


def write_other_heads(directory: Path) -> dict[str, Path]:
    """``labels.gguf`` and ``spans.gguf``, random models of 32; ``answers.tsv``: model, text, its labels or spans."""
    vocab = [*SPECIAL_TOKENS, *sorted({char for text in TEXTS for char in text})]
    kinds = {
        "labels": ("labels", Labels.of_sets(TREE, tree_sets(TREE, [("music", "music##play"), ("phone",), ()]))),
        "spans": ("tokens", Labels.of_spans(("name", "song"))),
    }
    random = np.random.default_rng(2)
    paths, lines = {"answers": directory / "answers.tsv"}, []
    for kind, (head, labels) in kinds.items():
        config = ModelConfig(
            vocab_size=len(vocab), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, attention_head_size=16,
            intermediate_size=32, max_position_embeddings=12, max_seq_length=12, head=head,
        )  # fmt: skip
        tensors = {
            name: (random.normal(0, 0.4, shape) + ("norm" in name and name.endswith("weight"))).astype(np.float32)
            for name, shape in parameter_shapes(config, labels).items()
        }
        paths[kind] = directory / f"{kind}.gguf"
        write_gguf(Checkpoint(config, tensors, vocab, labels, Manifest("test", threshold=0.1)), paths[kind])
        for answer in load_native(paths[kind]).parse_batch(TEXTS):
            found = [label.name for label in answer.labels or ()]
            found += [f"{slot.name}={slot.value}[{slot.start},{slot.end})" for slot in answer.slots]
            lines.append("\t".join((kind, answer.text, " ".join(found), f"{answer.score:.6f}")))
    assert len({line.split("\t")[2] for line in lines}) > 4, "the answers differ"
    paths["answers"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths
