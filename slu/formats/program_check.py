"""Whether a program of Paddle is one that the exporter writes: others can hold operators that write files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from slu.formats.graph_values import MOST_DIMENSIONS, MOST_NUMBERS, Expected, Value, require
from slu.formats.paddle_graph import Node, check_graph
from slu.formats.paddle_program import read_paddle
from slu.formats.protobuf import Message
from slu.formats.raw import PROGRAM, Damaged, damage_reported, map_file

_INTEGER, _FLOAT, _STRING, _INTEGERS, _STRINGS, _BOOLEAN, _LONG = 0, 1, 2, 3, 5, 6, 9
_FIELDS = {_INTEGER: 3, _FLOAT: 4, _STRING: 5, _INTEGERS: 6, _STRINGS: 8, _BOOLEAN: 10, _LONG: 13}
"""Types of attributes that occur, and the field of each that has the value."""
_DENSE, _FEED, _FETCH = 7, 9, 10


def check_program(program: Path, parameters: Path, expected: Expected, version: str = "") -> None:
    """Raise `BundleError` unless both files are whole, fit each other and are of a graph that the exporter writes.

    ``version``: of the Paddle that is to run them.
    """
    contents = read_paddle(program, parameters, *([version] if version else []))
    stored = {tensor.name: Value(tensor.precision, tensor.shape) for tensor in contents.tensors}
    data = map_file(program)
    with damage_reported(program, PROGRAM, data):
        message = Message(data, "the program")
        _only(message, 1, 4, 5)
        blocks = message.messages(1, "block")
        require(len(blocks) == 1, f"it has {len(blocks)} blocks instead of one")
        [block] = blocks
        _only(block, 1, 2, 3, 4)
        require(block.integer(1) == 0, "its block has another number than 0")
        require(block.integer(2) == -1, "its block says that it is inside another one")  # Paddle looks there unchecked
        _check_variables(block, stored)
        check_graph([_node(operator) for operator in block.messages(4, "operator")], stored, expected)


def _check_variables(block: Message, stored: dict[str, Value]) -> None:
    """Tensors of a bounded size, and those through which values go in and out."""
    names: set[str] = set()
    for variable in block.messages(3, "variable"):
        name, type_ = variable.text(1), variable.message(2, "a type")
        kind = type_.integer(1)
        require(name not in names, f"{name} is declared twice")
        names.add(name)
        _only(type_, 1, 2, 3)
        if name in ("feed", "fetch"):
            require(kind == {"feed": _FEED, "fetch": _FETCH}[name], f"{name} is a variable of type {kind}")
            continue
        require(kind == _DENSE and 3 in type_, f"{name} is a variable of type {kind}, not a tensor")
        require(bool(variable.integer(3, 0)) == (name in stored), f"{name} is stored, or not, against its declaration")
        dense = type_.message(3, name)
        require(dense.integer(2, 0) == 0, f"{name} is a sequence, not a tensor")
        numbers, shape = 1, dense.message(1, name).integers(2)
        # What reshaping and transposing keep of a shape has one more.
        require(len(shape) <= MOST_DIMENSIONS + 1, f"{name} has {len(shape)} dimensions")
        for size in shape:
            require(-1 <= size <= MOST_NUMBERS, f"{name} has a dimension of {size}")
            numbers *= max(size, 1)
        require(numbers <= MOST_NUMBERS, f"{name} has {numbers} numbers")


def _node(operator: Message) -> Node:
    _only(operator, 1, 2, 3, 4)
    sides = []
    for side in (1, 2):
        found: dict[str, tuple[str, ...]] = {}
        for argument in operator.messages(side, "an argument"):
            _only(argument, 1, 2)
            require(argument.text(1) not in found, f"{argument.text(1)} is given twice")
            found[argument.text(1)] = argument.texts(2)
        sides.append(found)
    attributes: dict[str, Any] = {}
    for attribute in operator.messages(4, "an attribute"):
        require(attribute.text(1) not in attributes, f"the attribute {attribute.text(1)} is given twice")
        attributes[attribute.text(1)] = _attribute(attribute)
    return Node(operator.text(3), sides[0], sides[1], attributes)


def _attribute(attribute: Message) -> Any:
    kind = attribute.integer(2)
    number = _FIELDS.get(kind)
    if number is None:
        raise Damaged(f"the attribute {attribute.text(1)} has the type {kind}, which does not occur")
    _only(attribute, 1, 2, number)
    if kind in (_INTEGER, _INTEGERS):
        # Paddle takes the low 32 bits of what is larger, and would compute something else than is checked here.
        fits = all(-(1 << 31) <= value < 1 << 31 for value in attribute.integers(number))
        require(fits, f"the attribute {attribute.text(1)} has a number of more than 32 bits")
    if kind in (_INTEGER, _LONG):
        return attribute.integer(number)
    if kind == _BOOLEAN:
        return bool(attribute.integer(number))
    if kind == _STRING:
        return attribute.text(number)
    if kind == _FLOAT:
        return struct.unpack("<f", attribute.four_bytes(number))[0]
    return attribute.integers(number) if kind == _INTEGERS else attribute.texts(number)


def _only(message: Message, *numbers: int) -> None:
    unknown = message.numbers - set(numbers)
    require(not unknown, f"{message.name} has the fields {sorted(unknown)}, which are not expected")
