"""``.onnx``: a ``ModelProto`` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto)."""

from __future__ import annotations

from pathlib import Path

from slu.errors import BundleError
from slu.formats.contents import BYTES_OF, Contents, Operator, Port, Tensor, tensor_numbers
from slu.formats.protobuf import Message
from slu.formats.raw import ONNX, Damaged, damage_reported, map_file

IR_VERSIONS = range(3, 11)
OPSETS = range(7, 22)
"""Versions of the file format and of the operators that ONNX Runtime 1.19 runs, which is the one of this project."""

_PRECISIONS = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
"""``TensorProto.DataType``"""
_RAW, _STRINGS, _EXTERNAL = 9, 6, 1


def read_onnx(path: Path) -> Contents:
    """Read a model except for the values of its tensors, whose sizes are checked.

    Raises `BundleError` when it is not whole, something else, or of a version that the project's ONNX Runtime has not.
    """
    data = map_file(path)
    with damage_reported(path, ONNX, data):
        model = Message(data, "the model")
        ir_version = model.integer(1)
        opsets = {o.text(1, ""): o.integer(2, 0) for o in model.messages(8, "operator set")}
        graph = model.message(7, "its graph")
        if not ({"", "ai.onnx"} & opsets.keys()):
            raise Damaged("it does not say which operator set it uses")
    opset = opsets.get("", opsets.get("ai.onnx", 0))
    for what, version, known in (("version", ir_version, IR_VERSIONS), ("operator set", opset, OPSETS)):
        if version not in known:
            raise BundleError(
                f"{path}: an ONNX model of {what} {version}, this program reads {known[0]} to {known[-1]}; "
                "export it again"
            )
    with damage_reported(path, ONNX, data):
        producer = f"{model.text(2, '')} {model.text(3, '')}".strip()
        return _contents(graph, producer, ir_version, opsets)


def _contents(graph: Message, producer: str, ir_version: int, opsets: dict[str, int]) -> Contents:
    initializers = [read_tensor(tensor) for tensor in graph.messages(5, "initializer")]
    constants: list[Tensor] = []
    operators: list[Operator] = []
    inputs = [_port(value) for value in graph.messages(11, "input")]
    outputs = [_port(value) for value in graph.messages(12, "output")]
    known = {"", *(tensor.name for tensor in initializers), *(port.name for port in inputs)}
    nodes = graph.messages(1, "node")
    for node in nodes:
        kind = node.text(4)
        for name in node.texts(1):
            if name not in known:
                raise Damaged(f"its operator {kind} reads {name}, which no earlier operator computes")
        known.update(node.texts(2))
        attributes = node.messages(5, f"an attribute of {kind}")
        held = [a for a in attributes if a.text(1) == "value" and 5 in a]
        values = [read_tensor(a.message(5, a.name), node.texts(2)) for a in held]
        if kind == "Constant" and values:
            constants += values
        else:
            operators.append(Operator(f"{node.text(7, '')}.{kind}".lstrip(".")))
    if not operators or not outputs:
        raise Damaged("its graph computes nothing")
    for port in outputs:
        if port.name not in known:
            raise Damaged(f"nothing in it makes its output {port.name}")
    stored = {tensor.name for tensor in initializers}
    return Contents(
        format=f"ONNX, version {ir_version}",
        producer=producer,
        tensors=(*initializers, *constants),
        inputs=tuple(port for port in inputs if port.name not in stored),
        outputs=tuple(outputs),
        operators=tuple(operators),
        facts={
            "ir_version": ir_version,
            "operator_sets": {domain or "ai.onnx": version for domain, version in opsets.items()},
            "initializers": len(initializers),
            "constants": len(constants),
        },
    )


def read_tensor(tensor: Message, outputs: tuple[str, ...] = ()) -> Tensor:
    """A ``TensorProto``; that of a Constant is named as the node's output."""
    name = outputs[0] if outputs else tensor.text(8, "")
    precision, shape = _precision(tensor.integer(2), name), tensor.integers(1)
    try:
        count = tensor_numbers(shape)
    except Damaged as error:
        raise Damaged(f"{name} has {error}") from error
    if tensor.integer(14, 0) == _EXTERNAL:
        raise Damaged(f"the values of {name} are in another file, which this program does not read")
    if precision == "string":
        return Tensor(name, precision, shape, sum(map(len, tensor.texts(_STRINGS))))
    bytes_ = count * BYTES_OF[precision]
    raw = tensor.view(_RAW)
    if raw is not None:
        found = len(raw)
    elif precision in ("float32", "float64"):
        found = tensor.packed_bytes(4 if precision == "float32" else 10)
    else:
        numbers = {"int64": 7, "uint32": 11, "uint64": 11}.get(precision, 5)
        found = tensor.count(numbers) * BYTES_OF[precision]
    if found != bytes_:
        raise Damaged(f"{name} has {found} bytes, {precision} {list(shape)} takes {bytes_}")
    return Tensor(name, precision, shape, bytes_)


def _port(value: Message) -> Port:
    """A ``ValueInfoProto`` of a tensor; sizes that have a name or none are -1."""
    name = value.text(1)
    tensor = value.message(2, name).message(1, name)
    shape: tuple[int, ...] = ()
    if 2 in tensor:
        shape = tuple(size.integer(1, -1) for size in tensor.message(2, name).messages(1, name))
    return Port(name, _precision(tensor.integer(1, 0), name), shape)


def _precision(number: int, name: str) -> str:
    if number not in _PRECISIONS:
        raise Damaged(f"{name} has numbers of type {number}, which is unknown to this program")
    return _PRECISIONS[number]
