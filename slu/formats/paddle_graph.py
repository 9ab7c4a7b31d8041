"""The operators of Paddle that this project's exporter writes, and checking a graph that is made of them.

Programs of Paddle (``.pdmodel``) and files of Paddle Lite for x86 (``.nb``) have the same ones, read by
`slu.formats.paddle_program` and `slu.formats.naive_buffer`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slu.formats.graph_cost import Cost
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

Names = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Node:
    """One operator of a graph. ``inputs``, ``outputs``: variables by the names that the operator has for them."""

    type: str
    inputs: Names
    outputs: Names
    attributes: Mapping[str, Any]


class _Node:
    """A node whose inputs are known, as the rules below want it."""

    def __init__(self, node: Node, values: Mapping[str, Value]):
        self.type, self.attributes = node.type, node.attributes
        self._inputs = {name: values[given[0]] for name, given in node.inputs.items() if given}

    def value(self, name: str = "X") -> Value:
        return self._inputs[name]

    def floats(self, name: str = "X") -> tuple[int, ...]:
        """The shape of an input, which must be float32."""
        value = self._inputs[name]
        require(value.precision == "float32", f"its operator {self.type} reads {value.precision} in {name}")
        return value.shape


def _binary(node: _Node) -> Value:
    return Value("float32", broadcast(node.floats("X"), node.floats("Y")))


def _same(node: _Node) -> Value:
    return Value("float32", node.floats())


def _cast(node: _Node) -> Value:
    wanted = {"int32": 2, "float32": 5}.get(node.value().precision)
    require(node.attributes["in_dtype"] == wanted, "its operator cast has another input than it says")
    return Value("float32", node.value().shape)


def _clip(node: _Node) -> Value:
    require(node.attributes["min"] <= node.attributes["max"], "its operator clip has no range")
    return _same(node)


def _lookup(node: _Node) -> Value:
    table = node.value("W")
    require(table.precision in ("float32", "int8"), f"a table is {table.precision}")
    return Value(table.precision, looked_up(table, node.value("Ids")))


def _matmul(node: _Node) -> Value:
    return Value("float32", product(node.floats("X"), node.floats("Y"), node.attributes["trans_y"]))


def _layer_norm(node: _Node) -> Value:
    shape = node.floats()
    fits = len(shape) == 3 and node.floats("Scale") == node.floats("Bias") == shape[-1:]
    require(fits and 0 < node.attributes["epsilon"] < 1, "its operator layer_norm does not fit its input")
    return Value("float32", shape)


def _dequantize_log(node: _Node) -> Value:
    require(node.value().precision == "int8" and node.floats("Dict") == (128,), "a table of levels does not fit")
    return Value("float32", node.value().shape)


def _quantisation(node: _Node) -> Value:
    value, axis = node.value(), node.attributes["quant_axis"]
    require(value.precision in ("float32", "int8") and axis < len(value.shape), f"{node.type} does not fit its input")
    scales = (value.shape[axis],) if axis >= 0 else (1,)
    fits = node.floats("Scale") == scales and node.floats("ZeroPoint") == (1,)
    require(fits, f"the scales of its operator {node.type} do not fit its input")
    return Value("float32", value.shape)


FINITE, INTEGERS = object(), object()
"""Attributes that may have any finite value, or any few integers."""


@dataclass(frozen=True)
class _Rule:
    """An operator. ``result``: the value of its ``output``, from its inputs. ``inputs``: those that it must have,
    one variable each; others must be empty. ``attributes``: those that it must have, with the values that they may
    have. ``kernel``: of Paddle Lite on x86."""

    result: Callable[[_Node], Value]
    kernel: str = "2/1/1"
    inputs: tuple[str, ...] = ("X",)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    output: str = "Out"
    others: tuple[str, ...] = ()


_XY = ("X", "Y")
_NO_AXIS = {"axis": (-1,)}
_QUANTISED = _Rule(
    _quantisation,
    inputs=("X", "Scale", "ZeroPoint"),
    output="Y",
    attributes={
        "quant_axis": (-1, 1), "bit_length": (8,), "is_test": (True,), "only_observer": (False,), "round_type": (0,),
    },
)  # fmt: skip

_RULES: dict[str, _Rule] = {
    "cast": _Rule(_cast, "1/4/1", attributes={"in_dtype": (2, 5), "out_dtype": (5,)}),
    "scale": _Rule(_same, attributes={"scale": FINITE, "bias": FINITE, "bias_after_scale": (True,)}),
    "clip": _Rule(_clip, attributes={"min": FINITE, "max": FINITE}),
    "elementwise_add": _Rule(_binary, inputs=_XY, attributes=_NO_AXIS),
    "elementwise_mul": _Rule(_binary, inputs=_XY, attributes=_NO_AXIS),
    "fusion_elementwise_add_activation": _Rule(_binary, inputs=_XY, attributes={**_NO_AXIS, "act_type": ("tanh",)}),
    "unsqueeze2": _Rule(
        lambda n: Value("float32", unsqueezed(n.floats(), n.attributes["axes"])), "1/4/2", attributes={"axes": INTEGERS}
    ),
    "squeeze2": _Rule(
        lambda n: Value("float32", squeezed(n.floats(), n.attributes["axes"])), "1/4/2", attributes={"axes": INTEGERS}
    ),
    "reshape2": _Rule(
        lambda n: Value("float32", reshaped(n.floats(), n.attributes["shape"])), "1/4/2",
        attributes={"shape": INTEGERS}, others=("XShape",),
    ),
    "transpose2": _Rule(
        lambda n: Value("float32", permuted(n.floats(), n.attributes["axis"])), attributes={"axis": INTEGERS}
    ),
    "slice": _Rule(
        lambda n: Value("float32", first_rows(n.floats("Input"))), inputs=("Input",),
        attributes={
            "axes": ((1,),), "starts": ((0,),), "ends": ((1,),), "infer_flags": ((1,),), "decrease_axis": ((),),
        },
    ),
    "lookup_table_v2": _Rule(_lookup, inputs=("W", "Ids"), attributes={"padding_idx": (-1,)}),
    "matmul_v2": _Rule(_matmul, inputs=_XY, attributes={"trans_x": (False,), "trans_y": (False, True)}),
    "layer_norm": _Rule(
        _layer_norm, inputs=("X", "Scale", "Bias"), attributes={"begin_norm_axis": (2,), "epsilon": FINITE},
        output="Y", others=("Mean", "Variance"),
    ),
    "softmax": _Rule(_same, attributes=_NO_AXIS),
    "gelu": _Rule(_same, attributes={"approximate": (False,)}),
    "floor": _Rule(_same, "1/1/1"),
    "tanh": _Rule(_same),
    "dequantize_log": _Rule(_dequantize_log, inputs=("X", "Dict")),
    "quantize_linear": _QUANTISED,
    "dequantize_linear": _QUANTISED,
}  # fmt: skip
_FEED = _Rule(lambda n: n.value(), "1/4/2", attributes={"col": tuple(range(4))})
_FETCH = _FEED
_FREE = {
    "op_device": ("",), "op_namescope": ("/",), "op_role": (0,), "op_role_var": ((),), "with_quant_attr": (False,),
    "use_mkldnn": (False,), "inplace": (True,), "data_type": (1,), "__@kernel_type_attr@__": (),
}  # fmt: skip
"""Attributes that any operator may have, with their values; the last one is checked by `check_kernel`."""


def check_graph(nodes: Sequence[Node], parameters: Mapping[str, Value], expected: Expected) -> None:
    """Raise `slu.formats.raw.Damaged` unless the graph is one that the exporter could have written.

    ``parameters``: variables whose values are stored. Every variable is made once, before it is read.
    """
    values, cost = dict(parameters), Cost()
    for name, value in parameters.items():
        require(len(value.shape) <= MOST_DIMENSIONS, f"{name} has {len(value.shape)} dimensions")
    outputs: dict[str, Value] = {}
    columns: dict[str, list[int]] = {"feed": [], "fetch": []}
    for node in nodes:
        if node.type in columns:
            _check_attributes(node, _FEED)
            columns[node.type].append(node.attributes["col"])
        if node.type == "feed":
            [name] = _arguments(node, node.outputs, ("Out",))
            require(_arguments(node, node.inputs, ("X",)) == ["feed"], "its operator feed reads another variable")
            _define(values, name, expected.input_value(name))
            cost.add_input(name, values[name])
            continue
        if node.type == "fetch":
            [name] = _arguments(node, node.inputs, ("X",))
            require(_arguments(node, node.outputs, ("Out",)) == ["fetch"], "its operator fetch makes another variable")
            require(name in values and name not in outputs, f"{name} is no output, or twice")
            outputs[name] = values[name]
            continue
        rule = _RULES.get(node.type)
        require(rule is not None, f"its operator {node.type} is none that this project's models have")
        assert rule is not None
        _check_attributes(node, rule)
        reads = _arguments(node, node.inputs, rule.inputs)
        for name in reads:
            require(name in values, f"its operator {node.type} reads {name}, which no earlier operator computes")
        known = _Node(node, values)
        made = [name for name in (rule.output, *rule.others) if node.outputs.get(name)]
        require(made[:1] == [rule.output], f"its operator {node.type} has no output {rule.output}")
        names = _arguments(node, node.outputs, made)
        result = rule.result(known)
        _define(values, names[0], result)
        for name in names[1:]:
            _define(values, name, Value("unused", ()))
        products = known.floats("X")[-1] if node.type == "matmul_v2" else 0
        cost.add(names[0], result, {name: values[name] for name in reads}, products)
    for kind, found in columns.items():
        require(sorted(found) == list(range(len(found))), f"the numbers of its operators {kind} are {found}")
    require(len(columns["feed"]) == len(expected.inputs), f"it takes {len(columns['feed'])} inputs")
    expected.check_outputs(outputs)
    cost.alive(outputs)


def check_kernel(node: Node) -> None:
    """Raise `Damaged` unless Paddle Lite runs ``node`` by the kernel that its optimiser picks on x86."""
    rule = _FEED if node.type in ("feed", "fetch") else _RULES.get(node.type)
    alias = "float_int32" if node.type == "lookup_table_v2" else "def"
    wanted = f"{node.type}/{alias}/{rule.kernel if rule else ''}"
    found = node.attributes.get("__@kernel_type_attr@__")
    require(found == wanted, f"its operator {node.type} has the kernel {found}; {wanted} expected")


def _arguments(node: Node, given: Names, wanted: Sequence[str]) -> list[str]:
    """The variables of ``wanted``, one each; the others must be empty."""
    for name, variables in given.items():
        fits = len(variables) == (name in wanted)
        require(fits, f"its operator {node.type} has {len(variables)} variables for {name}")
    require(set(wanted) <= set(given), f"its operator {node.type} has too few variables")
    return [given[name][0] for name in wanted]


def _define(values: dict[str, Value], name: str, value: Value) -> None:
    require(name not in values and name not in ("feed", "fetch", ""), f"{name} is computed twice")
    values[name] = value


def _check_attributes(node: Node, rule: _Rule) -> None:
    absent = set(rule.attributes) - set(node.attributes)
    require(not absent, f"its operator {node.type} lacks {', '.join(sorted(absent))}")
    for name, value in node.attributes.items():
        allowed = rule.attributes.get(name, _FREE.get(name))
        require(allowed is not None, f"its operator {node.type} has an attribute {name}, which is not expected")
        if name == "__@kernel_type_attr@__":
            continue
        if allowed is FINITE:
            good = isinstance(value, float) and math.isfinite(value)
        elif allowed is INTEGERS:
            good = isinstance(value, tuple) and 0 < len(value) <= 6 and all(isinstance(size, int) for size in value)
        else:
            good = any(type(value) is type(one) and value == one for one in allowed or ())
        require(good, f"its operator {node.type} has {name} {str(value)[:40]!r}, which is not expected")
