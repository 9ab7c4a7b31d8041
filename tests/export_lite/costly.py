"""Operators each of which is admitted, and that together take more than a machine has, added to files of a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers

from slu.formats import graph_cost, naive_buffer
from slu.formats.flatbuffer import read_flatbuffer
from slu.formats.graph_cost import MOST_ALIVE, MOST_KEPT, MOST_PREPARED, MOST_WORK

OF_TEXTS, CONSTANT = "slot_logits", "slot_classifier.weight"
"""What every format has: a value that is computed for each text, and one that is stored."""
WIDE = 1 << 20
"""Numbers of a value from which the others are made; far below every bound."""


@dataclass(frozen=True)
class Added:
    """An operator in Paddle's terms."""

    type: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Costly:
    """The operators of one kind, for logits of ``length`` tokens and ``tags``, and a constant ``[hidden, tags]``."""

    def __init__(self, kind: str, length: int, hidden: int, tags: int):
        self.added: list[Added] = []
        self._shapes = {OF_TEXTS: [1, length, tags], CONSTANT: [hidden, tags]}
        getattr(self, kind)()

    def operators(self) -> None:
        for _ in range(graph_cost.MOST_OPERATORS):
            self._add("tanh", OF_TEXTS)

    def work(self) -> None:
        large, numbers = self._grown(OF_TEXTS)
        rows = math.prod(self._shapes[OF_TEXTS])
        matrix = self._add("reshape2", large, shape=[0, rows, numbers // rows])
        for _ in range(MOST_WORK // (rows * numbers) + 1):
            self._add("matmul_v2", matrix, matrix, trans_x=False, trans_y=True)

    def alive(self) -> None:
        large, numbers = self._grown(OF_TEXTS)
        copies = [self._add("tanh", large) for _ in range(MOST_ALIVE // numbers + 1)]
        total = copies[0]
        for one in copies[1:]:
            total = self._add("elementwise_add", total, one, axis=-1)

    def kept(self) -> None:
        large, numbers = self._grown(OF_TEXTS)
        for _ in range(MOST_KEPT // numbers + 1):
            self._add("tanh", large)

    def prepared(self) -> None:
        large, numbers = self._grown(CONSTANT)
        for _ in range(MOST_PREPARED // numbers + 1):
            self._add("tanh", large)

    def _grown(self, source: str) -> tuple[str, int]:
        """A value of `WIDE` numbers or more: every number of the last axis with each other, as often as it takes."""
        shape, large = list(self._shapes[source]), source
        first = len(shape) - 1
        while math.prod(shape) < WIDE:
            column = self._add("unsqueeze2", large, axes=[len(shape)])
            row = self._add("unsqueeze2", source, axes=list(range(first, len(shape))))
            large = self._add("elementwise_add", column, row, axis=-1)
            shape.append(shape[-1])
        return large, math.prod(shape)

    def _add(self, type_: str, *inputs: str, **attributes: Any) -> str:
        name = f"costly.{len(self.added)}"
        self.added.append(Added(type_, inputs, name, attributes))
        return name


def add_to_program(path: Path, added: list[Added], result: Path) -> None:
    """A ``.pdmodel`` with the operators after its own."""
    from paddle.base.proto import framework_pb2

    program = framework_pb2.ProgramDesc.FromString(path.read_bytes())
    [block] = program.blocks
    tensor = next(one for one in block.vars if one.name == OF_TEXTS)
    for one in added:
        variable = block.vars.add()
        variable.CopyFrom(tensor)
        variable.name = one.output
        operator = block.ops.add()
        operator.type = one.type
        for name, value in zip("XY", one.inputs):
            operator.inputs.add(parameter=name, arguments=[value])
        operator.outputs.add(parameter="Out", arguments=[one.output])
        for name, value in one.attributes.items():
            attribute = operator.attrs.add(name=name, type=_kind(value))
            if isinstance(value, list):
                attribute.ints.extend(value)
            else:
                setattr(attribute, "b" if isinstance(value, bool) else "i", value)
    result.write_bytes(program.SerializeToString())


def add_to_onnx(path: Path, added: list[Added], result: Path) -> None:
    """An ``.onnx`` file with the operators after its own."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    names = {"tanh": "Tanh", "elementwise_add": "Add", "matmul_v2": "MatMul", "unsqueeze2": "Unsqueeze"}
    names["reshape2"] = "Reshape"
    turned: dict[str, str] = {}
    nodes = []
    for one in added:
        inputs = list(one.inputs)
        for values in one.attributes.values():
            if isinstance(values, list):
                inputs.append(f"{one.output}.sizes")
                tensor = numpy_helper.from_array(np.array(values), inputs[-1])
                nodes.append(helper.make_node("Constant", [], inputs[-1:], value=tensor))
        if one.attributes.get("trans_y"):
            if inputs[1] not in turned:
                turned[inputs[1]] = f"{inputs[1]}.turned"
                nodes.append(helper.make_node("Transpose", inputs[1:], [turned[inputs[1]]], perm=[0, 2, 1]))
            inputs[1] = turned[inputs[1]]
        nodes.append(helper.make_node(names[one.type], inputs, [one.output]))
    model.graph.node.extend(nodes)
    result.write_bytes(model.SerializeToString())


def add_to_naive_buffer(path: Path, added: list[Added], result: Path) -> None:
    """An x86 ``.nb`` file with the operators after its own."""
    data = path.read_bytes()
    begin, size = naive_buffer._HEAD.size, naive_buffer.read_header(path).program_bytes
    program = read_flatbuffer(memoryview(data)[begin : begin + size], naive_buffer._PROGRAM, "Program")
    [block] = program["blocks"]
    tensor = next(one for one in block["vars"] if one["name"] == OF_TEXTS)
    for one in added:
        block["vars"].append({**tensor, "name": one.output})
        kernel = {"unsqueeze2": "1/4/2", "reshape2": "1/4/2"}.get(one.type, "2/1/1")
        said = {**one.attributes, naive_buffer.KERNEL: f"{one.type}/def/{kernel}"}
        block["ops"].append(
            {
                "type": one.type,
                "inputs": [{"parameter": name, "arguments": [value]} for name, value in zip("XY", one.inputs)],
                "outputs": [{"parameter": "Out", "arguments": [one.output]}],
                "attrs": [_attribute(name, said[name]) for name in sorted(said)],
            }
        )
    written = _flatbuffer(program, "Program")
    head = data[: begin - 8] + len(written).to_bytes(8, "little")
    result.write_bytes(head + written + data[begin + size :])


ADDING: dict[str, Callable[[Path, list[Added], Path], None]] = {
    "model.pdmodel": add_to_program,
    "model.onnx": add_to_onnx,
    "model.x86.nb": add_to_naive_buffer,
}
"""What adds operators to each file of a bundle."""


def _kind(value: Any) -> int:
    """The type of an attribute, as Paddle numbers them."""
    return 6 if isinstance(value, bool) else {int: 0, str: 2, list: 3}[type(value)]


def _attribute(name: str, value: Any) -> dict[str, Any]:
    field = {0: "i", 2: "s", 3: "ints", 6: "b"}[_kind(value)]
    return {"name": name, "type": _kind(value), field: value}


def _flatbuffer(table: dict[str, Any], root: str) -> bytes:
    """The opposite of `read_flatbuffer`, for Paddle Lite's programs."""
    builder = flatbuffers.Builder(1 << 20)
    builder.ForceDefaults(True)
    builder.Finish(_table(builder, table, root))
    return bytes(builder.Output())


_SCALARS = {"?": ("Bool", 1), "B": ("Uint8", 1), "i": ("Int32", 4), "f": ("Float32", 4), "q": ("Int64", 8)}
_SCALARS["d"] = ("Float64", 8)


def _table(builder: flatbuffers.Builder, table: dict[str, Any], name: str) -> int:
    fields = list(enumerate(naive_buffer._PROGRAM[name]))
    placed = {
        field: _placed(builder, table[field], kind)
        for _, (field, kind) in fields
        if field in table and kind not in _SCALARS
    }
    builder.StartObject(len(fields))
    for slot, (field, kind) in fields:
        if field in placed:
            builder.PrependUOffsetTRelativeSlot(slot, placed[field], 0)
        elif field in table:
            getattr(builder, f"Prepend{_SCALARS[kind][0]}Slot")(slot, table[field], 0)
    return int(builder.EndObject())


def _placed(builder: flatbuffers.Builder, value: Any, kind: str) -> int:
    """Where a text, a table or a vector was put."""
    if kind == "s":
        return int(builder.CreateSharedString(value))
    if not kind.startswith("["):
        return _table(builder, value, kind)
    inner = kind[1:-1]
    if inner in _SCALARS:
        scalar, size = _SCALARS[inner]
        builder.StartVector(size, len(value), size)
        for one in reversed(value):
            getattr(builder, f"Prepend{scalar}")(one)
        return int(builder.EndVector())
    offsets = [_placed(builder, one, inner) for one in value]
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
