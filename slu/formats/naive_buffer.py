"""``.nb``: a model as Paddle Lite's optimiser leaves it, with the kernel that it picked for every operator.

2 bytes version of the layout, 16 bytes version of Paddle Lite, 8 bytes size of the program, the program (FlatBuffers,
``lite/model_parser/flatbuffers/framework.fbs``), then the parameters: a head, and for each its size and a FlatBuffer
(``param.fbs``). Paddle Lite 2.10 to 2.13 write layout 2. Their runtime accepts a file of another version
silently, and ends its process on an incomplete one.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slu.errors import BundleError
from slu.formats.contents import Contents, Operator, Port, Tensor, tensor_bytes
from slu.formats.flatbuffer import read_flatbuffer
from slu.formats.raw import NAIVE_BUFFER, Damaged, damage_reported, map_file, not_a

LAYOUT = 2
LITE_VERSION = "2.13-rc"
"""The Paddle Lite of this project, in its own spelling."""

KERNEL = "__@kernel_type_attr@__"
"""The attribute of an operator that names its kernel: ``type/alias/target/precision/layout``."""

TARGETS = {1: "host", 2: "x86", 4: "arm", 6: "any"}
PRECISIONS = ("unknown", "float32", "int8", "int32", "any", "float16", "bool", "int64", "int16", "uint8", "float64")
"""``TargetType`` and ``PrecisionType`` of ``lite/api/paddle_place.h``, as in the names of kernels."""

_HEAD = struct.Struct("<H16sQ")
_PARAMETERS_HEAD = struct.Struct("<HH")
_DATA_TYPES = {
    0: "bool",
    1: "int16",
    2: "int32",
    3: "int64",
    4: "float16",
    5: "float32",
    6: "float64",
    20: "uint8",
    21: "int8",
}
"""``VarType_.Type``, those that tensors have."""
_DENSE = 7
_VARIABLE_TYPES = (*range(7, 16), 17, 18)
_ATTRIBUTE_TYPES = 16

_ATTRIBUTE = (
    *(("name", "s"), ("type", "i"), ("i", "i"), ("f", "f"), ("s", "s"), ("ints", "[i]"), ("floats", "[f]")),
    *(("strings", "[s]"), ("b", "?"), ("bools", "[B]"), ("block_idx", "i"), ("l", "q"), ("blocks_idx", "[i]")),
    *(("longs", "[q]"), ("float64", "d"), ("float64s", "[d]")),
)
_PROGRAM = {
    "Program": (("blocks", "[Block]"), ("version", "Version"), ("op_version_map", "-")),
    "Version": (("version", "q"),),
    "Block": (("idx", "i"), ("parent_idx", "i"), ("vars", "[Variable]"), ("ops", "[Operator]")),
    "Operator": (("type", "s"), ("inputs", "[Argument]"), ("outputs", "[Argument]"), ("attrs", "[Attribute]")),
    "Argument": (("parameter", "s"), ("arguments", "[s]")),
    "Attribute": _ATTRIBUTE,
    "Variable": (("name", "s"), ("type", "Type"), ("persistable", "?")),
    "Type": (("type", "i"), ("selected_rows", "-"), ("lod_tensor", "Dense")),
    "Dense": (("tensor", "Description"), ("lod_level", "i")),
    "Description": (("data_type", "i"), ("dims", "[q]")),
}
_PARAMETER = {
    # A union takes two fields: which of its tables it is, and the table.
    "Parameter": (("version", "Versions"), ("name", "s"), ("variable_type", "B"), ("variable", "Dense")),
    "Versions": (("version", "i"), ("model_version", "i")),
    "Dense": (("lod_level", "i"), ("lod", "-"), ("dim", "[q]"), ("data_type", "i"), ("data", "bytes")),
}


@dataclass(frozen=True)
class Header:
    """``version``: of the Paddle Lite that wrote the file, such as "2.13-rc". ``program_bytes``: as it claims."""

    version: str
    program_bytes: int


def read_header(path: Path) -> Header:
    """The first bytes of a file; raise `BundleError` for one of another format or layout."""
    return _header(path, map_file(path))


def read_naive_buffer(path: Path, installed: str = "") -> Contents:
    """Read a whole file except for its weights, all of whose sizes are checked.

    Raises `BundleError` when it is not whole, is something else, or was not written by the ``installed`` version of
    Paddle Lite (`LITE_VERSION` without it).
    """
    return read_file(path, installed)[1]


def read_file(path: Path, installed: str = "") -> tuple[dict[str, Any], Contents]:
    """As `read_naive_buffer`, with its program as `slu.formats.flatbuffer` reads it."""
    data = map_file(path)
    header = _header(path, data)
    require_version(path, header.version, installed)
    with damage_reported(path, NAIVE_BUFFER, data):
        end = _HEAD.size + header.program_bytes
        if end > len(data):
            raise Damaged(f"it has {len(data)} bytes, its program alone ends at {end}")
        program = read_flatbuffer(data[_HEAD.size : end], _PROGRAM, "Program")
        return program, _contents(header, program, _read_parameters(data[end:]))


def require_version(path: Path, written: str, installed: str = "") -> None:
    """Raise `BundleError` unless the two versions of Paddle Lite are one; pip spells them differently."""
    if normal_version(written) != normal_version(installed or LITE_VERSION):
        wanted = f"installed is {installed}" if installed else f"this program reads {LITE_VERSION}"
        raise BundleError(f"{path}: written by Paddle Lite {written}, {wanted}; export it again")


def normal_version(version: str) -> str:
    """2.13-rc, 2.13rc0 and 2.13.0-rc are one version."""
    numbers, pre = re.match(r"([\d.]*\d)(.*)", version).groups()  # type: ignore[union-attr]
    parts = [*numbers.split("."), "0"][:3]
    return ".".join(parts) + pre.strip("-.").rstrip("0")


def _header(path: Path, data: memoryview) -> Header:
    head = bytes(data[: _HEAD.size])
    layout = int.from_bytes(head[:2], "little")
    found = re.match(rb"v?(\d+\.\d+[\w.-]*)\0", head[2:18] + b"\0")
    if found is None or layout > 15:
        raise not_a(path, NAIVE_BUFFER, data, "it does not begin with a version of Paddle Lite")
    version = found[1].decode()
    if layout != LAYOUT:
        raise BundleError(
            f"{path}: a .nb file of layout {layout} by Paddle Lite {version}, this program reads layout {LAYOUT} by "
            f"{LITE_VERSION}; export it again"
        )
    if len(head) < _HEAD.size:
        raise not_a(path, NAIVE_BUFFER, data, "ends within its header")
    return Header(version, _HEAD.unpack(head)[2])


def _read_parameters(data: memoryview) -> dict[str, Tensor]:
    """Every parameter by its name; checks that they fill ``data``."""
    version, reserved = _unpack(_PARAMETERS_HEAD, data, 0)
    if version:
        raise Damaged(f"its parameters have version {version}, this program reads version 0")
    at = _PARAMETERS_HEAD.size + reserved
    head_bytes, count, largest = _unpack(struct.Struct("<HHI"), data, at)
    at += 2 + head_bytes
    found: dict[str, Tensor] = {}
    for i in range(count):
        total, offset = _unpack(struct.Struct("<II"), data, at)
        begin, end = at + 4 + offset, at + 4 + total
        if not 4 <= offset <= total or end > len(data):
            raise Damaged(f"ends within parameter {i} of {count}")
        tensor = _parameter(data[begin:end], i)
        if tensor.name in found:
            raise Damaged(f"the parameter {tensor.name} occurs twice")
        found[tensor.name] = tensor
        at = end
    if at != len(data):
        raise Damaged(f"{len(data) - at} bytes follow its last parameter")
    if largest != max((tensor.bytes for tensor in found.values()), default=0):
        raise Damaged(f"no parameter has {largest} bytes, the largest according to their head")
    return found


def _parameter(data: memoryview, number: int) -> Tensor:
    stored = read_flatbuffer(data, _PARAMETER, "Parameter")
    value = stored.get("variable", {})
    name, shape = stored.get("name"), tuple(value.get("dim", ()))
    precision = _DATA_TYPES.get(value.get("data_type", 0))
    if name is None or stored.get("variable_type") != 1 or precision is None:
        raise Damaged(f"parameter {number} is no tensor")
    tensor = Tensor(name, precision, shape, len(value.get("data", b"")))
    try:
        expected = tensor_bytes(precision, shape)
    except Damaged as error:
        raise Damaged(f"{name} has {error}") from error
    if tensor.bytes != expected:
        raise Damaged(f"{name} has {tensor.bytes} bytes, {precision} {list(shape)} takes {expected}")
    return tensor


def _contents(header: Header, program: dict[str, Any], parameters: dict[str, Tensor]) -> Contents:
    blocks = program.get("blocks", [])
    if len(blocks) != 1:
        raise Damaged(f"its program has {len(blocks)} blocks instead of one")
    variables = {variable.get("name", ""): variable for variable in blocks[0].get("vars", [])}
    types = {name: _variable_type(variable) for name, variable in variables.items()}
    known = {name for name, variable in variables.items() if variable.get("persistable")}
    for name in sorted({name for name in known if types[name] == _DENSE} ^ parameters.keys()):
        raise Damaged(f"its program and its parameters disagree on {name}")
    operators = []
    ports: dict[str, list[Port]] = {"feed": [], "fetch": []}
    for operator in blocks[0].get("ops", []):
        type_ = operator.get("type", "")
        operators.append(Operator(type_, _kernel(operator)))
        read, made = _arguments(operator, "inputs"), _arguments(operator, "outputs")
        for _, name in (*read, *made):
            if name not in variables:
                raise Damaged(f"its operator {type_} uses {name}, which is not declared")
        for _, name in read:
            if name not in known:
                raise Damaged(f"its operator {type_} reads {name}, which no earlier operator computes")
        known.update(name for _, name in made)
        if type_ in ports:
            side = {"feed": made, "fetch": read}[type_]
            ports[type_] += [_port(variables[name]) for _, name in side]
    if not operators:
        raise Damaged("its program has no operators")
    targets = sorted({kernel.split()[0] for kernel in (operator.kernel for operator in operators) if kernel})
    return Contents(
        format=f"Paddle Lite naive buffer, layout {LAYOUT}",
        producer=f"Paddle Lite {header.version}",
        tensors=tuple(parameters.values()),
        inputs=tuple(ports["feed"]),
        outputs=tuple(ports["fetch"]),
        operators=tuple(operators),
        facts={
            "layout": LAYOUT,
            "paddle_lite": header.version,
            "targets": [target for target in targets if target != "host"] or targets,
            "program_bytes": header.program_bytes,
        },
    )


def _variable_type(variable: dict[str, Any]) -> int:
    type_ = variable.get("type", {})
    number = int(type_.get("type", 0))
    precision = type_.get("lod_tensor", {}).get("tensor", {}).get("data_type", 0)
    if number not in _VARIABLE_TYPES or precision not in _DATA_TYPES:
        raise Damaged(f"{variable.get('name')} is a variable of the unknown types {number} and {precision}")
    return number


def _arguments(operator: dict[str, Any], side: str) -> list[tuple[str, str]]:
    """(parameter, variable) of an operator's ``inputs`` or ``outputs``, which the runtime looks up by bisection."""
    arguments = operator.get(side, [])
    _require_order([a.get("parameter", "") for a in arguments], operator)
    return [(a.get("parameter", ""), name) for a in arguments for name in a.get("arguments", [])]


def _port(variable: dict[str, Any]) -> Port:
    tensor = variable.get("type", {}).get("lod_tensor", {}).get("tensor", {})
    return Port(variable["name"], _DATA_TYPES[tensor.get("data_type", 0)], tuple(tensor.get("dims", ())))


def _kernel(operator: dict[str, Any]) -> str:
    """The kernel as `Operator.kernel` has it; raises `Damaged` where an operator has none, or that of another."""
    attributes = operator.get("attrs", [])
    _require_order([a.get("name", "") for a in attributes], operator)
    for attribute in attributes:
        if not 0 <= attribute.get("type", 0) < _ATTRIBUTE_TYPES:
            raise Damaged(f"its operator {operator.get('type')} has an attribute of type {attribute['type']}")
    kernel = next((a.get("s", "") for a in attributes if a.get("name") == KERNEL), "")
    found = re.fullmatch(r"(\w+)/(\w+)/(\d+)/(\d+)/\d+", kernel)
    if found is None or found[1] != operator.get("type"):
        raise Damaged(
            f"its operator {operator.get('type')} has the kernel {kernel!r}, which belongs to another operator"
        )
    alias, target, precision = found[2], int(found[3]), int(found[4])
    words = [
        TARGETS.get(target, f"target{target}"),
        PRECISIONS[precision] if precision < len(PRECISIONS) else f"precision{precision}",
        alias if alias != "def" else "",
    ]
    return " ".join(words).rstrip()


def _require_order(names: list[str], operator: dict[str, Any]) -> None:
    """The runtime finds names by bisection, and ends its process when it does not."""
    if names != sorted(names):
        raise Damaged(f"its operator {operator.get('type')} has names that are not in order")


def _unpack(layout: struct.Struct, data: memoryview, at: int) -> tuple[Any, ...]:
    if at + layout.size > len(data):
        raise Damaged("ends within its parameters")
    return layout.unpack_from(data, at)
