"""``.pdmodel`` and ``.pdiparams``: Paddle's static graph, a ``ProgramDesc`` (``framework.proto``), and its parameters.

The parameters are one record after the other, in the order of their sorted names, which only the program has: 4 bytes
version (0), 8 bytes number of levels (0), 4 bytes version (0), 4 bytes size of a ``TensorDesc``, that, the values.
Paddle Inference may end its process on files that are not whole or do not fit each other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from slu.errors import BundleError
from slu.formats.contents import Contents, Operator, Port, Tensor, tensor_bytes
from slu.formats.protobuf import Message
from slu.formats.raw import PARAMETERS, PROGRAM, Damaged, damage_reported, map_file

PADDLE_VERSION = "2.6.2"
"""The Paddle of this project. Files of another minor version are refused, as bundles are."""

_PRECISIONS = {
    0: "bool",
    1: "int16",
    2: "int32",
    3: "int64",
    4: "float16",
    5: "float32",
    6: "float64",
    20: "uint8",
    21: "int8",
    22: "bfloat16",
}
"""``VarType.Type``, those that tensors have."""
_DENSE, _DENSE_FIELD = 7, 3
_VARIABLE_TYPES = (*range(7, 16), 17, 18, *range(25, 32))
_ATTRIBUTE_TYPES = range(18)
_FIELD_OF_TYPE = {0: 3, 1: 4, 2: 5, 6: 10, 8: 12, 9: 13, 15: 19}
"""Fields of an attribute that hold the value of one of these types; lists may be empty and then are nowhere."""

_RECORD = struct.Struct("<IQ")
_TENSOR = struct.Struct("<Ii")


@dataclass(frozen=True)
class _Record:
    precision: str
    shape: tuple[int, ...]
    bytes: int


def read_paddle(program: Path, parameters: Path, version: str = PADDLE_VERSION) -> Contents:
    """Read both files except for the weights, and check that they belong together.

    Raises `BundleError` when one is not whole or something else, or when the program was not written by Paddle
    ``version`` (major and minor number).
    """
    records = read_parameters(parameters)
    contents = read_program(program, version)
    if len(records) != len(contents.tensors):
        raise BundleError(
            f"{parameters}: has {len(records)} parameters, {program.name} has {len(contents.tensors)}; "
            "copy or export both again"
        )
    for record, tensor in zip(records, contents.tensors):
        if (record.precision, record.shape) != (tensor.precision, tensor.shape):
            raise BundleError(
                f"{parameters}: {tensor.name} is {record.precision} {list(record.shape)}, {program.name} says "
                f"{tensor.precision} {list(tensor.shape)}; copy or export both again"
            )
    return contents


def read_program(path: Path, version: str = PADDLE_VERSION) -> Contents:
    """Read a program alone: its parameters are as it declares them, in the order in which they are stored."""
    data = map_file(path)
    with damage_reported(path, PROGRAM, data):
        program = Message(data, "the program")
        number = program.message(4, "its version").integer(1, 0)
        written = f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}"
        blocks = program.messages(1, "block")
        for pair in program.message(5, "its versions of operators").messages(1, "version of an operator"):
            pair.text(1)
            pair.message(2, pair.name).integer(1)
        if not blocks:
            raise Damaged("it has no block")
    if written.split(".")[:2] != version.split(".")[:2]:
        raise BundleError(f"{path}: written by Paddle {written}, this program reads {version}; export it again")
    with damage_reported(path, PROGRAM, data):
        return _contents(blocks, written)


def read_parameters(path: Path) -> list[_Record]:
    """The records of a file of parameters, which has no names."""
    data = map_file(path)
    with damage_reported(path, PARAMETERS, data):
        records: list[_Record] = []
        at = 0
        while at < len(data):
            record, at = _record(data, at, len(records))
            records.append(record)
        return records


def read_parameters_alone(path: Path) -> Contents:
    """A file of parameters without its program: they are numbered."""
    tensors = tuple(
        Tensor(f"parameter {i}", record.precision, record.shape, record.bytes)
        for i, record in enumerate(read_parameters(path))
    )
    note = "the program (.pdmodel) is not beside it, so the tensors have no names and no kinds"
    return Contents("Paddle parameters, version 0", "", tensors, facts={"note": note})


def _record(data: memoryview, at: int, number: int) -> tuple[_Record, int]:
    """The record at ``at``, and where it ends."""
    where = f"parameter {number}"
    version, levels = _unpack(_RECORD, data, at, where)
    if version:
        raise Damaged(f"{where} is of version {version}, this program reads 0")
    at += _RECORD.size
    if levels:
        raise Damaged(f"{where} is a sequence of {levels} levels, not a tensor")
    version, size = _unpack(_TENSOR, data, at, where)
    if version:
        raise Damaged(f"{where} is a tensor of version {version}, this program reads 0")
    at += _TENSOR.size
    if not 0 < size <= len(data) - at:
        raise Damaged(f"ends within {where}")
    precision, shape = _description(Message(data[at : at + size], where))
    at += size
    count = _bytes(where, precision, shape)
    if count > len(data) - at:
        raise Damaged(f"ends within {where}, which has {count} bytes")
    return _Record(precision, shape, count), at + count


def _contents(blocks: list[Message], written: str) -> Contents:
    variables: dict[str, Message] = {}
    known: set[str] = set()
    operators: list[Operator] = []
    ports: dict[str, list[Port]] = {"feed": [], "fetch": []}
    tensors: list[Tensor] = []
    for block in blocks:
        for name, type_, persistable in map(_variable, block.messages(3, "variable")):
            variables[name] = type_
            if persistable:
                known.add(name)
                if type_.integer(1) == _DENSE:
                    precision, shape = _dense(type_, name)
                    tensors.append(Tensor(name, precision, shape, _bytes(name, precision, shape)))
        for field in (1, 2):  # its number and that of the block around it
            block.integer(field)
    for number, block in enumerate(blocks):
        for operator in block.messages(4, "operator"):
            kind = operator.text(3)
            operators.append(Operator(kind))
            for attribute in operator.messages(4, f"an attribute of {kind}"):
                name, type_number = attribute.text(1), attribute.integer(2)
                if type_number not in _ATTRIBUTE_TYPES or _FIELD_OF_TYPE.get(type_number, 1) not in attribute:
                    raise Damaged(f"its operator {kind} has no value of type {type_number} in {name}")
            read, made = _arguments(operator, 1, variables), _arguments(operator, 2, variables)
            for name in read if number == 0 else ():  # a block of a loop may read what it makes later
                if name not in known:
                    raise Damaged(f"its operator {kind} reads {name}, which no earlier operator computes")
            known.update(made)
            for name in {"feed": made, "fetch": read}.get(kind, ()):
                ports[kind].append(Port(name, *_dense(variables[name], name)))
    if not operators:
        raise Damaged("it has no operators")
    return Contents(
        format="Paddle static graph",
        producer=f"Paddle {written}",
        tensors=tuple(sorted(tensors, key=lambda tensor: tensor.name)),
        inputs=tuple(ports["feed"]),
        outputs=tuple(ports["fetch"]),
        operators=tuple(operators),
        facts={"paddle": written, "blocks": len(blocks)},
    )


def _variable(variable: Message) -> tuple[str, Message, bool]:
    """A variable's name, its type, and whether its values are stored."""
    name = variable.text(1)
    type_ = variable.message(2, name)
    if type_.integer(1) not in _VARIABLE_TYPES:
        raise Damaged(f"{name} is a variable of the unknown type {type_.integer(1)}")
    if _DENSE_FIELD in type_:
        _dense(type_, name)
    return name, type_, bool(variable.integer(3, 0))


def _arguments(operator: Message, side: int, variables: dict[str, Message]) -> list[str]:
    """The variables of an operator: ``side`` 1 those that it reads, 2 those that it makes."""
    names: list[str] = []
    for argument in operator.messages(side, f"an argument of {operator.text(3)}"):
        argument.text(1)
        names += argument.texts(2)
    for name in names:
        if name not in variables:
            raise Damaged(f"its operator {operator.text(3)} uses {name}, which is not declared")
    return names


def _dense(type_: Message, name: str) -> tuple[str, tuple[int, ...]]:
    """Precision and shape of a variable that is a tensor."""
    return _description(type_.message(_DENSE_FIELD, name).message(1, name))


def _description(tensor: Message) -> tuple[str, tuple[int, ...]]:
    """Precision and shape of a ``TensorDesc``."""
    number = tensor.integer(1)
    if number not in _PRECISIONS:
        raise Damaged(f"{tensor.name} has numbers of the unknown type {number}")
    return _PRECISIONS[number], tensor.integers(2)


def _bytes(name: str, precision: str, shape: tuple[int, ...]) -> int:
    try:
        return tensor_bytes(precision, shape)
    except Damaged as error:
        raise Damaged(f"{name} has {error}") from error


def _unpack(layout: struct.Struct, data: memoryview, at: int, where: str) -> tuple[int, int]:
    if at + layout.size > len(data):
        raise Damaged(f"ends within {where}")
    first, second = layout.unpack_from(data, at)
    return first, second
