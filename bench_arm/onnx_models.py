"""A bundle's graph for a current ONNX Runtime: as FP32, and, of a quantised model, as INT8.

A bundle's graph simulates INT8 in floats (see `export_lite.static_graph`). For FP32 that is taken out, so that the
float model pays for nothing that is not its own. For INT8 it becomes QuantizeLinear and DequantizeLinear, which ONNX
Runtime fuses with the matrix products (24 MatMulIntegerToFloat in a nano model); the weights are on their INT8 grid
already, so they become INT8 without a loss.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slu.backends.fixed_length import FixedLengthBackend, output_order
from slu.bundle import GRAPH, INPUT, OUTPUTS, PARAMETERS, ModelDirectory, open_directory

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

PRECISIONS = ("fp32", "int8")
OPSET = 13
"""The first with a scale a channel; paddle2onnx 1.2 converts the graph to it without leaving anything out."""


class OnnxBackend(FixedLengthBackend):
    """Wraps an ``onnxruntime.InferenceSession`` on the CPU. ``threads``: within an operator."""

    name = "onnxruntime"

    def __init__(self, model: ModelDirectory, path: Path, threads: int = 1):
        super().__init__(model)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        output_order([output.name for output in self._session.get_outputs()], model)
        self.warm_up()

    def infer(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        intent, slots = self._session.run(list(OUTPUTS), {INPUT: ids})
        return intent, slots


def onnx_file(precision: str) -> str:
    """Name of the file that `write_onnx` writes."""
    return f"model.{precision}.onnx"


def write_onnx(bundle: str | Path, out: str | Path) -> None:
    """Write the ONNX files of a bundle that holds a Paddle graph into ``out``; INT8 only of a quantised model."""
    import onnx
    import paddle2onnx

    source, target = open_directory(bundle).path, Path(out)
    raw = target / "raw.onnx"
    paddle2onnx.export(str(source / GRAPH), str(source / PARAMETERS), str(raw), opset_version=OPSET)
    for precision in PRECISIONS:
        model = onnx.load(raw)
        simulated = _replace_simulation(model.graph, precision == "int8")
        if simulated or precision == "fp32":
            onnx.checker.check_model(model)
            onnx.save(model, target / onnx_file(precision))


def _replace_simulation(graph: GraphProto, quantise: bool) -> bool:
    """Replace scale, +0.5, clip, floor, scale by INT8, or take it out. Returns whether there was any."""
    from onnx import helper, numpy_helper

    maker = {output: node for node in graph.node for output in node.output}
    constants = {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)

    gone: list[str] = []
    made: dict[str, str] = {}
    new: list[NodeProto] = []
    for floor in [node for node in graph.node if node.op_type == "Floor"]:
        (after,) = users[floor.output[0]]
        chain = [floor, after]
        for kind in ("Clip", "Add", "Mul"):
            before = maker[chain[0].input[0]]
            if before.op_type != kind:
                raise ValueError(f"{before.name}: {before.op_type} where the simulation of INT8 has {kind}")
            chain.insert(0, before)
        gone += [node.output[0] for node in chain]
        source, step = chain[0].input[0], constants[after.input[1]].astype(np.float32).reshape(())
        replacement = source
        if quantise:
            key = f"{source}.{float(step)!r}"
            if key not in made:  # query, key and value read the same
                made[key] = f"{key}.dequantised"
                # uint8 around 128: ONNX Runtime fuses uint8 with int8 on every processor, int8 with int8 on ARM only.
                new += _constant_nodes({f"{key}.step": step, f"{key}.zero": np.uint8(128)})
                scale = [f"{key}.step", f"{key}.zero"]
                new.append(helper.make_node("QuantizeLinear", [source, *scale], [f"{key}.quantised"]))
                new.append(helper.make_node("DequantizeLinear", [f"{key}.quantised", *scale], [made[key]]))
            replacement = made[key]
        for product in users[after.output[0]]:
            product.input[0] = replacement
            if quantise:
                name = product.input[1]
                new += _quantised_weight(name, constants[name])
                product.input[1] = f"{name}.dequantised"
    nodes = [*(node for node in graph.node if node.output[0] not in gone), *new]
    read = {name for node in nodes for name in node.input}
    nodes = [node for node in nodes if node.op_type != "Constant" or node.output[0] in read]
    del graph.node[:]
    graph.node.extend(_sorted(nodes, [i.name for i in graph.input]))
    return bool(gone)


def _quantised_weight(name: str, weight: np.ndarray) -> list[NodeProto]:
    """``weight`` ``[in, out]`` as INT8 with a scale a column."""
    from onnx import helper

    scale = np.abs(weight).max(0).astype(np.float32) / 127
    scale[scale == 0] = 1
    parts = {f"{name}.int8": np.round(weight / scale).astype(np.int8), f"{name}.scale": scale}
    parts[f"{name}.zero"] = np.zeros(len(scale), np.int8)
    return [*_constant_nodes(parts), helper.make_node("DequantizeLinear", list(parts), [f"{name}.dequantised"], axis=1)]


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
            raise ValueError(f"{nodes[0].name}: reads what no node makes")
        done.update(name for node in ready for name in node.output)
        order += ready
        nodes = [node for node in nodes if not done.issuperset(node.output)]
    return order


if __name__ == "__main__":
    write_onnx(*sys.argv[1:])
