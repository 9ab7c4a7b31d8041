"""Whether an ONNX model is one that this project's exporter writes: a stranger's may loop without end."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slu.formats.graph_cost import POWER, Cost
from slu.formats.graph_values import (
    MOST_DIMENSIONS,
    Expected,
    Value,
    broadcast,
    first_rows,
    looked_up,
    permuted,
    product,
    require,
    reshaped,
    squeezed,
    unsqueezed,
)
from slu.formats.onnx_model import read_onnx, read_tensor
from slu.formats.protobuf import Message
from slu.formats.raw import ONNX, Damaged, damage_reported, map_file

OPSET = 13
MOST_INTEGERS = 8
"""Of a constant that says a shape."""
_MODEL_FIELDS = {1, 2, 3, 7, 8}
_GRAPH_FIELDS = {1, 2, 11, 12}
_NODE_FIELDS = {1, 2, 3, 4, 5}
_TENSOR_FIELDS = {1, 2, 4, 5, 7, 8, 9, 10}
"""Without initialisers, functions, attributes with graphs, domains, training, and data in other files."""
_ATTRIBUTE_FIELDS = {2: 3, 4: 5, 7: 8}
"""Types of attributes that occur (an integer, a tensor, integers), and the field of each that has the value."""
_TENSOR = 4


def check_onnx(path: Path, expected: Expected) -> None:
    """Raise `BundleError` unless the file is whole and of a graph that the exporter writes."""
    read_onnx(path)
    data = map_file(path)
    with damage_reported(path, ONNX, data):
        model = Message(data, "the model")
        _only(model, _MODEL_FIELDS)
        sets = [(one.text(1, ""), one.integer(2, 0)) for one in model.messages(8, "operator set")]
        require(sets == [("", OPSET)], f"it uses the operators {sets}; those of ONNX, version {OPSET}, expected")
        graph = model.message(7, "its graph")
        _only(graph, _GRAPH_FIELDS)
        _check_graph(graph, expected)


def _check_graph(graph: Message, expected: Expected) -> None:
    values: dict[str, Value] = {}
    cost = Cost()
    for port in graph.messages(11, "input"):
        name = port.text(1)
        _define(values, name, expected.input_value(name))
        cost.add_input(name, values[name])
    require(len(values) == len(expected.inputs), f"it takes {len(values)} inputs")
    _check_ports(graph, expected)
    for node in graph.messages(1, "node"):
        _only(node, _NODE_FIELDS)
        kind, inputs, outputs = node.text(4), node.texts(1), node.texts(2)
        require(len(outputs) == 1 and "" not in inputs, f"its operator {kind} has {len(outputs)} outputs")
        attributes = _attributes(node, kind)
        if kind == "Constant":
            require(not inputs and "value" in attributes, "a constant without a value")
            _define(values, outputs[0], attributes["value"])
            continue
        require(kind in _RULES, f"its operator {kind} is none that this project's models have")
        for name in inputs:
            require(name in values, f"its operator {kind} reads {name}, which no earlier operator computes")
        given = [values[name] for name in inputs]
        count, known, rule = _RULES[kind]
        require(len(inputs) == count, f"its operator {kind} reads {len(inputs)} values instead of {count}")
        require(set(attributes) <= set(known), f"its operator {kind} has attributes that are not expected")
        result = rule(given, attributes)
        _define(values, outputs[0], result)
        products = given[0].shape[-1] if kind == "MatMul" else POWER if kind == "Pow" else 0
        cost.add(outputs[0], result, dict(zip(inputs, given)), products)
    names = [port.text(1) for port in graph.messages(12, "output")]
    require(len(set(names)) == len(names) and set(names) <= set(values), "an output is not computed, or twice there")
    expected.check_outputs({name: values[name] for name in names})
    cost.alive(names)


def _check_ports(graph: Message, expected: Expected) -> None:
    """The declared types of inputs and outputs: tensors whose sizes, as far as they are said, are those expected."""
    inputs = {name: shape for name, (_, shape) in expected.inputs.items()}
    for field, shapes in ((11, inputs), (12, dict(expected.outputs))):
        for port in graph.messages(field, "a port"):
            name = port.text(1)
            tensor = port.message(2, name).message(1, name)
            shape = [one.integer(1, -1) for one in tensor.message(2, name).messages(1, name)]
            wanted = shapes.get(name, ())
            fits = len(shape) == len(wanted) + 1 and all(a in (-1, b) for a, b in zip(shape[1:], wanted))
            require(fits and shape[0] == -1, f"{name} is declared as {shape}; {[-1, *wanted]} expected")


def _define(values: dict[str, Value], name: str, value: Value) -> None:
    require(bool(name) and name not in values, f"{name!r} is computed twice")
    values[name] = value


def _attributes(node: Message, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in node.messages(5, f"an attribute of {kind}"):
        name, type_ = attribute.text(1), attribute.integer(20)
        field = _ATTRIBUTE_FIELDS.get(type_)
        if field is None or name in found:
            raise Damaged(f"its operator {kind} has an attribute {name} of type {type_}, which is not expected")
        _only(attribute, {1, field, 20})
        if type_ == _TENSOR:
            found[name] = _constant(attribute.message(field, name))
        else:
            found[name] = attribute.integers(field) if type_ == 7 else attribute.integer(field)
    return found


def _constant(tensor: Message) -> Value:
    """A constant, with its numbers where it can be a shape."""
    _only(tensor, _TENSOR_FIELDS)
    stored = read_tensor(tensor)
    require(len(stored.shape) <= MOST_DIMENSIONS, f"the constant {stored.name} has {len(stored.shape)} dimensions")
    count = math.prod(stored.shape)
    integers: tuple[int, ...] | None = None
    raw = tensor.view(9)
    if stored.precision == "int64" and count <= MOST_INTEGERS:
        integers = tensor.integers(7) if raw is None else struct.unpack(f"<{count}q", raw)
    require(all(size > 0 for size in stored.shape), f"the constant {stored.name} is empty")
    return Value(stored.precision, stored.shape, integers)


Rule = Callable[[Sequence[Value], dict[str, Any]], Value]


def _floats(*values: Value) -> None:
    for value in values:
        require(value.precision == "float32", f"an operator reads {value.precision}, float32 expected")


def _integers(value: Value) -> tuple[int, ...]:
    if value.integers is None:
        raise Damaged("a shape is not a constant")
    return value.integers


def _same(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    _floats(given[0])
    return Value("float32", given[0].shape)


def _binary(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    _floats(*given)
    return Value("float32", broadcast(given[0].shape, given[1].shape))


def _clip(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    _floats(*given)
    require(given[1].shape in ((), (1,)) and given[2].shape in ((), (1,)), "a limit is no number")
    return Value("float32", given[0].shape)


def _cast(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    fits = attributes.get("to") == 1 and given[0].precision in ("int8", "int32", "float32")
    require(fits, "its operator Cast makes something else than float32")
    return Value("float32", given[0].shape)


def _gather(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    require(given[0].precision in ("float32", "int8"), f"a table is {given[0].precision}")
    return Value(given[0].precision, looked_up(given[0], given[1]))


def _matmul(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    _floats(*given)
    return Value("float32", product(given[0].shape, given[1].shape))


def _mean(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    _floats(given[0])
    fits = attributes.get("axes") == (-1,) and len(given[0].shape) > 1
    require(fits, "a mean over something else than the last axis")
    return Value("float32", (*given[0].shape[:-1], 1))


def _softmax(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    require(attributes.get("axis") == -1, "a softmax over something else than the last axis")
    return _same(given, attributes)


def _shaped(function: Callable[[tuple[int, ...], tuple[int, ...]], tuple[int, ...]]) -> Rule:
    """The rule of an operator whose second input says what becomes of the shape of the first one."""

    def rule(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
        _floats(given[0])
        return Value("float32", function(given[0].shape, _integers(given[1])))

    return rule


def _transpose(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    _floats(given[0])
    return Value("float32", permuted(given[0].shape, attributes.get("perm", ())))


def _slice(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
    _floats(given[0])
    wanted = [(0,), (1,), (1,), (1,)]
    require([_integers(value) for value in given[1:]] == wanted, "its operator Slice takes more than the first token")
    return Value("float32", first_rows(given[0].shape))


def _quantisation(source: str, result: str) -> Rule:
    def rule(given: Sequence[Value], attributes: dict[str, Any]) -> Value:
        value, scale, zero = given
        integers = zero.precision
        require(integers in ("int8", "uint8") and scale.precision == "float32", "a scale or a zero point does not fit")
        require(value.precision == (source or integers), f"its quantisation reads {value.precision}")
        axis = attributes.get("axis")
        require(axis is None or 0 <= axis < len(value.shape), f"no axis {axis} of {list(value.shape)}")
        wanted = [(), (1,)] if axis is None else [(value.shape[axis],)]
        require(scale.shape in wanted and zero.shape == scale.shape, "scales do not fit what they are of")
        return Value(result or integers, value.shape)

    return rule


_RULES: dict[str, tuple[int, tuple[str, ...], Rule]] = {
    "Cast": (1, ("to",), _cast),
    "Clip": (3, (), _clip),
    **{kind: (2, (), _binary) for kind in ("Add", "Sub", "Mul", "Div", "Pow")},
    **{kind: (1, (), _same) for kind in ("Sqrt", "Floor", "Erf", "Tanh")},
    "Unsqueeze": (2, (), _shaped(unsqueezed)),
    "Squeeze": (2, (), _shaped(squeezed)),
    "Reshape": (2, (), _shaped(reshaped)),
    "Transpose": (1, ("perm",), _transpose),
    "Gather": (2, (), _gather),
    "MatMul": (2, (), _matmul),
    "ReduceMean": (1, ("axes",), _mean),
    "Softmax": (1, ("axis",), _softmax),
    "Slice": (5, (), _slice),
    "QuantizeLinear": (3, (), _quantisation("float32", "")),
    "DequantizeLinear": (3, ("axis",), _quantisation("", "float32")),
}
"""Operators: how many values they read, attributes that they may have, and what they make of the values."""


def _only(message: Message, numbers: set[int]) -> None:
    unknown = message.numbers - numbers
    require(not unknown, f"{message.name} has the fields {sorted(unknown)}, which are not expected")
