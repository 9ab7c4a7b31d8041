"""``serving_server/`` and ``serving_client/``: what Paddle Serving starts from, with the graph of ``paddle``.

Each has its description twice, as text (``.prototxt``) and as bytes (``.stream.prototxt``), of the message
GeneralModelConfig of Paddle Serving's general_model_config.proto. Tokens and flags are the client's work.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from export_lite.job import Job
from slu.runtime.bundle import graph_inputs
from slu.runtime.formats import GRAPH, PARAMETERS

TYPES = {"int64": 0, "float32": 1, "int32": 2}
"""Values of the fields feed_type and fetch_type, by the type of the numbers."""
_FEED, _FETCH = 1, 2
"""Numbers of the fields of GeneralModelConfig."""
_VARINT, _BYTES = 0, 2
"""Wire types of protobuf."""


@dataclass(frozen=True)
class Variable:
    """One input (FeedVar) or output (FetchVar). ``shape``: without the batch."""

    feed: bool
    name: str
    type: str
    shape: tuple[int, ...]

    def text(self) -> str:
        """In protobuf's text format."""
        kind = "feed" if self.feed else "fetch"
        lines = [
            f'name: "{self.name}"', f'alias_name: "{self.name}"', "is_lod_tensor: false",
            f"{kind}_type: {TYPES[self.type]}", *(f"shape: {size}" for size in self.shape),
        ]  # fmt: skip
        return "\n".join([f"{kind}_var {{", *(f"  {line}" for line in lines), "}", ""])

    def wire(self) -> bytes:
        """In protobuf's binary format: name 1, alias_name 2, is_lod_tensor 3, type 4, shape 5."""
        name = self.name.encode()
        parts = [_field(1, _BYTES, name), _field(2, _BYTES, name), _field(3, _VARINT, 0)]
        parts += [_field(4, _VARINT, TYPES[self.type]), *(_field(5, _VARINT, size) for size in self.shape)]
        return _field(_FEED if self.feed else _FETCH, _BYTES, b"".join(parts))


def write(job: Job) -> None:
    """The format ``paddle-serving``."""
    graph, parameters, *descriptions = job.files
    for path in (graph, descriptions[-1]):
        path.parent.mkdir(exist_ok=True)
    shutil.copyfile(job.graph / GRAPH, graph)
    shutil.copyfile(job.graph / PARAMETERS, parameters)
    found = variables(job)
    for path in descriptions:
        if path.name.endswith(".stream.prototxt"):
            path.write_bytes(b"".join(one.wire() for one in found))
        else:
            path.write_text("".join(one.text() for one in found), encoding="utf-8")


def variables(job: Job) -> list[Variable]:
    """The inputs and outputs of the graph, in its order."""
    checkpoint = job.checkpoint
    taken = graph_inputs(job.length, checkpoint.config, checkpoint.labels)
    found = [Variable(True, one.name, one.type, one.shape[1:]) for one in taken]
    shapes = checkpoint.head.logit_shapes(job.length, checkpoint.labels)
    return found + [Variable(False, name, "float32", shape) for name, shape in zip(checkpoint.head.logits, shapes)]


def _field(number: int, kind: int, value: int | bytes) -> bytes:
    head = _varint(number << 3 | kind)
    return head + (_varint(value) if isinstance(value, int) else _varint(len(value)) + value)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))
