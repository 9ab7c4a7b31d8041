"""Whether a ``.nb`` file for x86 is one that the exporter writes. Paddle Lite ends its process on many others.

Its optimiser leaves the operators of the program as they were, except for a few that it fuses, so that the same rules
hold (`slu.formats.paddle_graph`), and names the kernel of each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slu.formats.graph_values import Expected, Value, require
from slu.formats.naive_buffer import read_file
from slu.formats.paddle_graph import Node, check_graph, check_kernel
from slu.formats.raw import NAIVE_BUFFER, Damaged, damage_reported, map_file

_KINDS = {0: "i", 1: "f", 2: "s", 3: "ints", 5: "strings", 6: "b", 9: "l"}
"""Types of attributes that occur, and the field of each that has the value."""
_DEFAULTS: dict[str, Any] = {"i": 0, "f": 0.0, "b": False, "l": 0}
_DENSE, _FEED, _FETCH = 7, 9, 10


def check_naive_buffer(path: Path, expected: Expected, installed: str = "") -> None:
    """Raise `BundleError` unless the file is whole and of a graph that the exporter writes.

    ``installed``: the version of the Paddle Lite that is to run it.
    """
    program, contents = read_file(path, installed)
    with damage_reported(path, NAIVE_BUFFER, map_file(path)):
        stored = {tensor.name: Value(tensor.precision, tensor.shape) for tensor in contents.tensors}
        [block] = program["blocks"]
        names: set[str] = set()
        for variable in block.get("vars", []):
            name, kind = variable.get("name", ""), variable.get("type", {}).get("type")
            require(bool(name) and name not in names, f"the variable {name!r} has no name of its own")
            names.add(name)
            wanted = {"feed": _FEED, "fetch": _FETCH}.get(name, _DENSE)
            require(kind == wanted, f"{name} is a variable of type {kind}")
            if wanted == _DENSE:
                described = "tensor" in variable["type"].get("lod_tensor", {})
                require(described, f"{name} is a tensor that is not described")
                dims = variable["type"]["lod_tensor"]["tensor"].get("dims")
                require(dims is not None and len(dims) <= 6, f"{name} has no shape")
                require(bool(variable.get("persistable")) == (name in stored), f"{name} is stored, or not")
        nodes = [_node(operator) for operator in block.get("ops", [])]
        for node in nodes:
            check_kernel(node)
        check_graph(nodes, stored, expected)


def _node(operator: dict[str, Any]) -> Node:
    for name in ("type", "inputs", "outputs", "attrs"):
        require(name in operator, f"an operator has no {name}")
    sides = []
    for side in ("inputs", "outputs"):
        found: dict[str, tuple[str, ...]] = {}
        for argument in operator[side]:
            require("parameter" in argument and "arguments" in argument, "an argument is not complete")
            require(argument["parameter"] not in found, f"{argument['parameter']} is given twice")
            found[argument["parameter"]] = tuple(argument["arguments"])
        sides.append(found)
    attributes: dict[str, Any] = {}
    for attribute in operator["attrs"]:
        name = attribute.get("name", "")
        require(name not in attributes, f"the attribute {name} is given twice")
        attributes[name] = _value(attribute)
    return Node(operator["type"], sides[0], sides[1], attributes)


def _value(attribute: dict[str, Any]) -> Any:
    name, field = attribute.get("name"), _KINDS.get(attribute.get("type", 0))
    if not name or field is None or (field not in attribute and field not in _DEFAULTS):
        raise Damaged(f"the attribute {name} has no value that an operator can have")
    value = attribute.get(field, _DEFAULTS.get(field))
    return tuple(value) if isinstance(value, list) else value
