"""Models with random weights, to measure time and memory of a shape before anybody has trained it.

Weights, inputs and logits have the sizes that trained networks have, so that files in every precision still agree with
their checkpoint.
"""

from __future__ import annotations

import numpy as np

from slu.corpus.label_sets import LabelSets
from slu.corpus.labels import Labels
from slu.heads.table import HEADS
from slu.inputs.vocab import ideograph_vocab
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.model.quantization import INPUT_SCALE, LEVELS, OUTPUT_SCALE, WEIGHT_SCALE, makes_scores, quantise

CHARACTERS = 4000
"""Ideographs in the vocabulary: as many as a compressed model keeps."""
SPREAD, SPREAD_WITHIN = 0.5, 0.05
"""Standard deviation of weights times the root of their number of inputs, and of embeddings; and of weights within the
encoder: so a token's logits depend on itself most, and a last bit of another token does not turn an answer over."""
LARGEST_INPUT = 4.0
"""What a layer's inputs are clipped at in INT8: four standard deviations of what a layer norm gives."""
LARGEST_QUERY = LARGEST_INPUT * SPREAD_WITHIN
"""The same of queries and keys."""


def random_checkpoint(
    head: str, length: int, int8: bool, seed: int = 0, scores: bool = False, **sizes: int
) -> Checkpoint:
    """A model of ``length`` tokens with the head ``head``. ``sizes``: fields of `ModelConfig`. ``int8``: with linear
    layers and embeddings in INT8, with ``scores`` attention scores too; otherwise the same numbers in floats."""
    vocab = [word for word in ideograph_vocab() if word < chr(0x4E00 + CHARACTERS) or not "\u4e00" <= word <= "\u9fff"]
    labels = _labels(head)
    config = ModelConfig(
        vocab_size=len(vocab),
        max_position_embeddings=length,
        max_seq_length=length,
        head=head,
        pairs=HEADS[head].windows is not None,
    ).replace(**sizes, attention_head_size=sizes["hidden_size"] // sizes["num_attention_heads"])
    random = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}
    for name, shape in parameter_shapes(config, labels).items():
        size = SPREAD_WITHIN if ".encoder." in name else SPREAD
        spread = size if "embeddings" in name else size / shape[0] ** 0.5
        normed = "norm" in name and name.endswith("weight")
        tensors[name] = (random.standard_normal(shape) * spread + normed).astype(np.float32)
        layer = name.removesuffix(".weight")
        if int8 and name.endswith("_embeddings.weight"):
            tensors[name], tensors[f"{layer}.{WEIGHT_SCALE}"] = quantise(tensors[name], axis=0)
        elif int8 and ".encoder." in name and len(shape) == 2:
            tensors[name], tensors[f"{layer}.{WEIGHT_SCALE}"] = quantise(tensors[name], axis=1)
            tensors[f"{layer}.{INPUT_SCALE}"] = np.array([LARGEST_INPUT / LEVELS], np.float32)
            if scores and makes_scores(layer):
                tensors[f"{layer}.{OUTPUT_SCALE}"] = np.array([LARGEST_QUERY / LEVELS], np.float32)
    for output in HEADS[head].outputs:  # answers that a last bit does not turn over
        tensors[f"{output.layer}.bias"] += 4 * np.arange(output.width(labels), dtype=np.float32)[::-1]
    return Checkpoint(config, tensors, vocab, labels, Manifest("ptq" if int8 else "fp32"))


def _labels(head: str) -> Labels:
    """Some labels of each kind that the head has: 15 of texts, 5 of spans."""
    names, spans = tuple(f"label.{n}" for n in range(10, 25)), tuple(f"span.{n}" for n in range(5))
    if not HEADS[head].reads_pairs:
        return (
            Labels.of_spans(spans) if not HEADS[head].dialogues else Labels(names, spans, dict.fromkeys(names, spans))
        )
    if HEADS[head].windows:
        return Labels.of_spans(("answer",))
    one = head == "sequence"
    alone = (True,) * len(names)
    return Labels.of_sets(names, LabelSets((-1,) * len(names), (not one, *alone), (not one, *alone)))
