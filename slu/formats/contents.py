"""What a model file holds, in the same words for every format."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from slu.formats.raw import Damaged
from slu.heads.table import HEADS

BYTES_OF = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "uint16": 2,
    "float16": 2,
    "bfloat16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
}
"""Precisions, and the bytes of a number in each."""
_MOST_DIMENSIONS = 32
"""Of a tensor, as NumPy has it."""

KINDS = {
    "lexicon flags": r"flag|lexicon",
    "norms": r"norm",
    "embeddings": r"embd|embedding|ngram",
    "attention": r"attn",
    "feed-forward": r"ffn|\blinear[12]\b",
    "heads": "pooler|" + "|".join(rf"^({o.layer}|{o.gguf})\." for head in HEADS.values() for o in head.outputs),
    "other": "",
}
"""Kinds of tensors by what their names hold; the first that fits. The names are those of checkpoints, which the graphs
keep, and of docs/gguf.md."""


@dataclass(frozen=True)
class Port:
    """An input or output of a graph. -1 in ``shape``: any size."""

    name: str
    precision: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor whose values are stored. ``bytes``: that they take in the file, without their description."""

    name: str
    precision: str
    shape: tuple[int, ...]
    bytes: int

    @property
    def kind(self) -> str:
        return next(kind for kind, pattern in KINDS.items() if re.search(pattern, self.name))


@dataclass(frozen=True)
class Operator:
    """``kernel``: what Paddle Lite picked to run it, "target precision alias"; empty in the other formats."""

    type: str
    kernel: str = ""


@dataclass(frozen=True)
class Contents:
    """``format``: its name and version. ``producer``: the library that wrote it, with its version, as far as it says.

    ``labels``: intents and slots, where the file has them. ``facts``: what only this format has.
    """

    format: str
    producer: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    operators: tuple[Operator, ...] = ()
    labels: dict[str, list[str]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def bytes_by_kind(self) -> dict[str, dict[str, int]]:
        """Kind → precision → bytes, in the order of `KINDS`; kinds that do not occur are left out."""
        found: dict[str, Counter[str]] = {kind: Counter() for kind in sorted(KINDS, key=_display_order)}
        for tensor in self.tensors:
            found[tensor.kind][tensor.precision] += tensor.bytes
        return {kind: dict(counts) for kind, counts in found.items() if counts}

    def bytes_by_precision(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for tensor in self.tensors:
            counts[tensor.precision] += tensor.bytes
        return dict(counts.most_common())

    def to_json(self) -> dict[str, Any]:
        """Everything as one object, with the sums of bytes by part and precision."""
        return {
            "format": self.format,
            "producer": self.producer,
            "inputs": [asdict(port) for port in self.inputs],
            "outputs": [asdict(port) for port in self.outputs],
            "tensor_bytes": sum(tensor.bytes for tensor in self.tensors),
            "bytes_by_kind": self.bytes_by_kind(),
            "bytes_by_precision": self.bytes_by_precision(),
            "operator_counts": dict(Counter(operator.type for operator in self.operators).most_common()),
            "kernel_counts": dict(Counter(o.kernel for o in self.operators if o.kernel).most_common()),
            "labels": self.labels,
            "facts": self.facts,
            "tensors": [{**asdict(tensor), "kind": tensor.kind} for tensor in self.tensors],
            "operators": [asdict(operator) for operator in self.operators],
        }


def tensor_bytes(precision: str, shape: tuple[int, ...]) -> int:
    """Bytes of a dense tensor; raises `Damaged` for a shape that is none."""
    return tensor_numbers(shape) * BYTES_OF[precision]


def tensor_numbers(shape: tuple[int, ...]) -> int:
    """Numbers of a dense tensor; raises `Damaged` for a shape that is none."""
    if len(shape) > _MOST_DIMENSIONS:  # multiplying thousands of them takes minutes
        raise Damaged(f"{len(shape)} dimensions")
    if any(size < 0 for size in shape):
        raise Damaged(f"shape {list(shape)}")
    return math.prod(shape)


def _display_order(kind: str) -> int:
    """As the network computes: flags after embeddings, norms after what they follow."""
    order = ("embeddings", "lexicon flags", "attention", "feed-forward", "norms", "heads", "other")
    return order.index(kind)
