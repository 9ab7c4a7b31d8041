"""``triton/``: a model repository of Triton Inference Server, with the ONNX graph for its ONNX Runtime backend.

``triton/slu/1/model.onnx`` is the graph of the format ``onnx-int8``, or of ``onnx`` for a checkpoint that is not
quantised; ``triton/slu/config.pbtxt`` says what goes in and out (ModelConfig of Triton's model_config.proto). Tokens
and flags are the client's work, as for every graph.
"""

from __future__ import annotations

from export_lite.job import Job
from export_lite.onnx import write_onnx
from slu.runtime.bundle import graph_inputs

NAME = "slu"
"""Name of the model in the repository, which is that of its directory."""
MAX_BATCH = 64
DELAY_US = 500
"""Microseconds that a request may wait for others to be computed with."""
_TYPES = {"int32": "TYPE_INT32", "float32": "TYPE_FP32"}


def write(job: Job) -> None:
    """The format ``triton``."""
    graph, config = job.files
    graph.parent.mkdir(parents=True)
    write_onnx(job.checkpoint, job.graph, graph, int8=job.checkpoint.quantised)
    config.write_text(model_config(job), encoding="utf-8")


def model_config(job: Job) -> str:
    """``config.pbtxt``; its dimensions are without that of the batch."""
    checkpoint = job.checkpoint
    taken = graph_inputs(job.length, checkpoint.config, checkpoint.labels)
    inputs = [(one.name, one.type, one.shape[1:]) for one in taken]
    head = checkpoint.head
    shapes = head.logit_shapes(job.length, checkpoint.labels)
    outputs = [(name, "float32", shape) for name, shape in zip(head.logits, shapes)]
    return "\n".join(
        [
            f'name: "{NAME}"',
            'backend: "onnxruntime"',
            f"max_batch_size: {MAX_BATCH}",
            *(_tensor("input", *one) for one in inputs),
            *(_tensor("output", *one) for one in outputs),
            f"dynamic_batching {{ max_queue_delay_microseconds: {DELAY_US} }}",
            "instance_group [ { kind: KIND_CPU count: 1 } ]",
            'parameters { key: "intra_op_thread_count" value { string_value: "1" } }',
            "",
        ]
    )


def _tensor(side: str, name: str, kind: str, shape: tuple[int, ...]) -> str:
    dimensions = ", ".join(map(str, shape))
    return f'{side} [ {{ name: "{name}" data_type: {_TYPES[kind]} dims: [ {dimensions} ] }} ]'
