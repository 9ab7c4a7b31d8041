"""``model.onnx`` and ``model.int8.onnx``: the static graph for ONNX Runtime and other readers of ONNX, by paddle2onnx.

The INT8 file is made of the graph without rounded inputs (`export_lite.static_graph.Numerics.FLOAT`): every quantised
linear layer of the checkpoint gets its own INT8 weights, and QuantizeLinear and DequantizeLinear around its
product, which ONNX Runtime fuses into one (24 ``MatMulIntegerToFloat`` in a nano model).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export_lite.job import Job
from export_lite.process import run_python
from slu.errors import BundleError
from slu.model.checkpoint import NGRAM_EMBEDDINGS, Checkpoint
from slu.model.quantization import INPUT_SCALE, OUTPUT_SCALE, WEIGHT_SCALE, quantised_layers
from slu.runtime.bundle import graph_inputs
from slu.runtime.formats import GRAPH, PARAMETERS

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

WORDS = "ernie.embeddings.word_embeddings"
OPSET = 13
"""The first with a scale a channel; paddle2onnx 1.2 converts the graph to it without leaving anything out."""
ZERO_POINT = np.uint8(128)
"""Inputs are uint8 around it: ONNX Runtime fuses uint8 with int8 on every processor, int8 with int8 on ARM only."""


def write(job: Job) -> None:
    """The format ``onnx``."""
    [file] = job.files
    write_onnx(job.checkpoint, job.graph, file)


def write_int8(job: Job) -> None:
    """The format ``onnx-int8``."""
    [file] = job.files
    write_onnx(job.checkpoint, job.graph, file, int8=True)


def write_onnx(checkpoint: Checkpoint, graph_directory: Path, path: Path, int8: bool = False) -> None:
    """Convert the float graph of ``checkpoint`` in ``graph_directory`` to ``path``. Raises `BundleError`."""
    import onnx

    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        raw = Path(temporary) / "raw.onnx"
        run_python("export_lite.onnx", [str(graph_directory), str(raw)], f"{path.name}: paddle2onnx")
        model = onnx.load(raw)
    names = [value.name for value in (*model.graph.input, *model.graph.output)]
    inputs = [one.name for one in graph_inputs(3, checkpoint.config, checkpoint.labels)]
    if names != [*inputs, *checkpoint.head.logits]:
        raise BundleError(f"{path.name}: paddle2onnx made the inputs and outputs {', '.join(names)}")
    if int8:
        quantise_graph(model.graph, checkpoint)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def quantise_graph(graph: GraphProto, checkpoint: Checkpoint) -> None:
    """Put the INT8 weights of ``checkpoint`` into its float graph; raise `BundleError` when one has no place there."""
    tensors, users = checkpoint.tensors, _users(graph)
    new: list[NodeProto] = []
    made: dict[str, str] = {}
    for layer in quantised_layers(tensors):
        weight = f"{layer}.weight"
        for product in _readers(users, weight, "MatMul"):
            step = tensors[f"{layer}.{INPUT_SCALE}"][0]
            source = product.input[0]
            key = f"{source}.{float(step)!r}"
            if key not in made:  # query, key and value read the same
                made[key] = f"{key}.dequantised"
                new += _quantised_values(source, key, step)
            product.input[0], product.input[1] = made[key], f"{weight}.dequantised"
        new += _quantised_weight(weight, tensors[weight], tensors[f"{layer}.{WEIGHT_SCALE}"])
        if f"{layer}.{OUTPUT_SCALE}" in tensors:
            for total in _readers(users, f"{layer}.bias", "Add"):
                made_here = f"{layer}.output"
                for node in users[total.output[0]]:
                    node.input[:] = [f"{made_here}.dequantised" if n == total.output[0] else n for n in node.input]
                new += _quantised_values(total.output[0], made_here, tensors[f"{layer}.{OUTPUT_SCALE}"][0])
    for table in (WORDS, NGRAM_EMBEDDINGS):
        if f"{table}.weight" in tensors and tensors[f"{table}.weight"].dtype == np.int8:
            for lookup in _readers(users, f"{table}.weight", "Gather"):
                new += _quantised_lookup(lookup, tensors[f"{table}.weight"], tensors[f"{table}.{WEIGHT_SCALE}"])
    nodes = [*graph.node, *new]
    read = {name for node in nodes for name in node.input}
    nodes = [node for node in nodes if node.op_type != "Constant" or node.output[0] in read]
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.node[:], graph.initializer[:]
    graph.initializer.extend(kept)
    graph.node.extend(_sorted(nodes, [*(i.name for i in graph.input), *(i.name for i in kept)]))


def _users(graph: GraphProto) -> dict[str, list[NodeProto]]:
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return users


def _readers(users: dict[str, list[NodeProto]], name: str, kind: str) -> list[NodeProto]:
    """The operators that read the parameter ``name``, each of which must be of one kind."""
    readers = users.get(name, [])
    if not readers or any(node.op_type != kind for node in readers):
        found = ", ".join(sorted({node.op_type for node in readers})) or "nothing"
        raise BundleError(f"onnx-int8: {name} is read by {found}, {kind} expected; is paddle2onnx of another version?")
    return readers


def _quantised_values(source: str, key: str, step: np.float32) -> list[NodeProto]:
    from onnx import helper

    scale = [f"{key}.step", f"{key}.zero"]
    return [
        *_constant_nodes({scale[0]: step, scale[1]: ZERO_POINT}),
        helper.make_node("QuantizeLinear", [source, *scale], [f"{key}.quantised"]),
        helper.make_node("DequantizeLinear", [f"{key}.quantised", *scale], [f"{key}.dequantised"]),
    ]


def _quantised_weight(name: str, weight: np.ndarray, scale: np.ndarray) -> list[NodeProto]:
    """int8 ``weight`` ``[in, out]`` with a scale a column."""
    from onnx import helper

    parts = {f"{name}.int8": weight, f"{name}.scale": scale, f"{name}.zero": np.zeros(len(scale), np.int8)}
    return [*_constant_nodes(parts), helper.make_node("DequantizeLinear", list(parts), [f"{name}.dequantised"], axis=1)]


def _quantised_lookup(lookup: NodeProto, weight: np.ndarray, scale: np.ndarray) -> list[NodeProto]:
    """Rows as INT8, as floats, times their scales. ``lookup`` is changed to read the INT8 rows."""
    from onnx import TensorProto, helper

    name, result = lookup.input[0], lookup.output[0]
    parts = {f"{name}.int8": weight, f"{name}.scale": scale[:, None]}
    lookup.input[0], lookup.output[0] = f"{name}.int8", f"{result}.int8"
    return [
        *_constant_nodes(parts),
        helper.make_node("Gather", [f"{name}.scale", lookup.input[1]], [f"{result}.scale"]),
        helper.make_node("Cast", [f"{result}.int8"], [f"{result}.float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{result}.float", f"{result}.scale"], [result]),
    ]


def _constant_nodes(values: dict[str, Any]) -> list[NodeProto]:
    from onnx import helper, numpy_helper

    tensors = {name: numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()}
    return [helper.make_node("Constant", [], [name], value=tensor) for name, tensor in tensors.items()]


def _sorted(nodes: list[NodeProto], known: list[str]) -> list[NodeProto]:
    """Nodes in an order in which each comes after what it reads, as ONNX asks for."""
    done, order = {"", *known}, []
    while nodes:
        ready = [node for node in nodes if done.issuperset(node.input)]
        if not ready:
            raise BundleError(
                f"onnx-int8: {nodes[0].name} reads a value that no operator computes; is paddle2onnx of "
                "another version?"
            )
        done.update(name for node in ready for name in node.output)
        order += ready
        nodes = [node for node in nodes if not done.issuperset(node.output)]
    return order


def _convert(graph_directory: Path, path: Path) -> None:
    import paddle2onnx

    paddle2onnx.export(str(graph_directory / GRAPH), str(graph_directory / PARAMETERS), str(path), opset_version=OPSET)


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
