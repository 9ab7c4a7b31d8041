"""Graphs of strangers, written with the libraries that Paddle and ONNX give for that: refused before one is opened."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from costly import ADDING, Costly
from exporting import LENGTH, Exported

from slu.corpus.labels import Labels
from slu.errors import BundleError
from slu.formats import graph_cost
from slu.formats.graph_values import Expected
from slu.formats.nb_check import check_naive_buffer
from slu.formats.onnx_check import check_onnx
from slu.formats.program_check import check_program

sys.path.append(str(Path(__file__).parents[1] / "hostile"))

from mutants import SIDE, run

pytestmark = pytest.mark.parametrize("exported", ["compressed"], indirect=True)


@pytest.fixture
def graphs(exported: Exported) -> Path:
    """A bundle with every format."""
    return exported.bundle


@pytest.fixture
def expected(vocab: list[str], labels: Labels) -> Expected:
    outputs = {"intent_logits": (len(labels.intents),), "slot_logits": (LENGTH, len(labels.tags))}
    return Expected({"input_ids": ("int32", (LENGTH,))}, outputs, {"input_ids": len(vocab)})


def add_operator(block: Any, kind: str, inputs: dict[str, list[str]], outputs: dict[str, list[str]], **attributes: Any):
    """An operator before all others but those that feed."""
    operator = block.ops.add()
    operator.type = kind
    for side, given in ((operator.inputs, inputs), (operator.outputs, outputs)):
        for name, variables in given.items():
            slot = side.add()
            slot.parameter = name
            slot.arguments.extend(variables)
    for name, value in attributes.items():
        attribute = operator.attrs.add()
        attribute.name = name
        if isinstance(value, str):
            attribute.type, attribute.s = 2, value
        else:
            attribute.type = 11
            attribute.longs.extend(value)
    return operator


def _save(block: Any) -> None:
    add_operator(block, "save", {"X": ["input_ids"]}, {}, file_path="/tmp/written by a model")


def _print(block: Any) -> None:
    add_operator(block, "print", {"In": ["input_ids"]}, {"Out": ["intent_logits"]})


def _fill(block: Any) -> None:
    variable = block.vars.add()
    variable.CopyFrom(next(one for one in block.vars if one.name == "intent_logits"))
    variable.name = "large"
    add_operator(block, "fill_constant", {}, {"Out": ["large"]}, shape=[10**6, 10**6])


def _shape(block: Any) -> None:
    one = next(op for op in block.ops if op.type == "reshape2")
    shape = next(attribute for attribute in one.attrs if attribute.name == "shape")
    shape.ints[2] = 1 << 30


def _callstack(block: Any) -> None:
    attribute = block.ops[3].attrs.add()
    attribute.name, attribute.type, attribute.s = "unknown", 2, "x"


def _lookup(block: Any) -> None:
    """A table of 3 rows for ids of hundreds of tokens."""
    table = next(op for op in block.ops if op.type == "lookup_table_v2")
    argument = next(one for one in table.inputs if one.parameter == "W")
    argument.arguments[0] = "slot_classifier.weight"


def _around(block: Any) -> None:
    """Paddle looks for the block of this number, and ends the process."""
    block.parent_idx = -(1 << 28) - 1


@pytest.mark.parametrize("change", [_save, _print, _fill, _shape, _callstack, _lookup, _around])
def test_programs_that_the_exporter_does_not_write(
    graphs: Path, expected: Expected, tmp_path: Path, change: Callable[[Any], None]
) -> None:
    from paddle.base.proto import framework_pb2

    check_program(graphs / "model.pdmodel", graphs / "model.pdiparams", expected)
    program = framework_pb2.ProgramDesc.FromString((graphs / "model.pdmodel").read_bytes())
    change(program.blocks[0])
    (tmp_path / "model.pdmodel").write_bytes(program.SerializeToString())
    with pytest.raises(BundleError, match=r"^[^\n]*model\.pdmodel: [^\n]*$"):
        check_program(tmp_path / "model.pdmodel", graphs / "model.pdiparams", expected)


def test_programs_with_a_second_block(graphs: Path, expected: Expected, tmp_path: Path) -> None:
    from paddle.base.proto import framework_pb2

    program = framework_pb2.ProgramDesc.FromString((graphs / "model.pdmodel").read_bytes())
    program.blocks.add().CopyFrom(program.blocks[0])
    (tmp_path / "model.pdmodel").write_bytes(program.SerializeToString())
    with pytest.raises(
        BundleError, match="2 blocks instead of one|computed twice|declared twice|copy or export both again"
    ):
        check_program(tmp_path / "model.pdmodel", graphs / "model.pdiparams", expected)


def test_numbers_of_more_bits_than_their_field(graphs: Path, expected: Expected, tmp_path: Path) -> None:
    """2^32 - 1 in the place of -1, which libraries take it for."""
    data = (graphs / "model.pdmodel").read_bytes()
    field = b"axis\x10\x00\x18"
    assert field + b"\xff" * 9 + b"\x01" in data
    changed = data.replace(field + b"\xff" * 9 + b"\x01", field + b"\xff\xff\xff\xff\x8f\x80\x80\x80\x80\x00", 1)
    (tmp_path / "model.pdmodel").write_bytes(changed)
    with pytest.raises(BundleError, match="the attribute axis has a number of more than 32 bits"):
        check_program(tmp_path / "model.pdmodel", graphs / "model.pdiparams", expected)


def _loop(model: Any) -> None:
    from onnx import TensorProto, helper

    body = helper.make_graph([], "body", [], [helper.make_tensor_value_info("go", TensorProto.BOOL, [])])
    model.graph.node.insert(0, helper.make_node("Loop", ["", ""], ["turns"], body=body))


def _external(model: Any) -> None:
    tensor = next(node for node in model.graph.node if node.op_type == "Constant").attribute[0].t
    tensor.data_location = 1
    tensor.external_data.add(key="location", value="/etc/passwd")


def _expand(model: Any) -> None:
    from onnx import helper, numpy_helper

    shape = helper.make_node("Constant", [], ["s"], value=numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "s"))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["s"], ["large"]))
    model.graph.node.insert(0, shape)


def _custom(model: Any) -> None:
    model.graph.node[-1].domain = "evil.ops"


def _function(model: Any) -> None:
    model.functions.add().name = "f"


@pytest.mark.parametrize("change", [_loop, _external, _expand, _custom, _function])
@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_onnx_models_that_the_exporter_does_not_write(
    graphs: Path, expected: Expected, tmp_path: Path, name: str, change: Callable[[Any], None]
) -> None:
    import onnx

    check_onnx(graphs / name, expected)
    model = onnx.load(graphs / name, load_external_data=False)
    change(model)
    (tmp_path / name).write_bytes(model.SerializeToString())
    with pytest.raises(BundleError, match=rf"^[^\n]*{name}: [^\n]*$"):
        check_onnx(tmp_path / name, expected)


def test_a_second_graph_before_the_first(graphs: Path, expected: Expected, tmp_path: Path) -> None:
    """Libraries read the two as one graph; a reader that takes the last one sees nothing of the other."""
    import onnx
    from onnx import helper

    other = helper.make_graph([helper.make_node("Loop", ["", ""], ["turns"])], "g", [], []).SerializeToString()
    whole = b"\x3a" + bytes([len(other)]) + other + (graphs / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(whole)
    assert onnx.load(tmp_path / "model.onnx").graph.node[0].op_type == "Loop"
    with pytest.raises(BundleError, match=r"the model: field 7 is there twice"):
        check_onnx(tmp_path / "model.onnx", expected)


def test_a_graph_of_other_labels_is_refused(graphs: Path, expected: Expected) -> None:
    other = Expected(expected.inputs, {**expected.outputs, "intent_logits": (3,)}, expected.below)
    with pytest.raises(BundleError, match="intent_logits has shape"):
        check_program(graphs / "model.pdmodel", graphs / "model.pdiparams", other)
    with pytest.raises(BundleError, match="a table has fewer rows than there are tokens"):
        check_onnx(graphs / "model.onnx", Expected(expected.inputs, expected.outputs, {"input_ids": 10**6}))


REFUSED = {
    "operators": "more than 500 operators",
    "work": "computes more than 300 billion products for one text",
    "alive": "values take more than 256 MiB of memory for one text",
    "kept": "values take more than 8,192 MiB of memory for one text",
    "prepared": "values take more than 2,048 MiB of memory for one text",
}
"""Graphs of admitted operators that cost too much (`costly.Costly`), and what is said of them."""


def check_file(path: Path, parameters: Path, expected: Expected) -> None:
    if path.suffix == ".pdmodel":
        check_program(path, parameters, expected)
    elif path.suffix == ".onnx":
        check_onnx(path, expected)
    else:
        check_naive_buffer(path, expected)


@pytest.mark.parametrize("name", ADDING)
@pytest.mark.parametrize("kind", REFUSED)
def test_graphs_that_take_all_time_or_memory(
    graphs: Path,
    expected: Expected,
    labels: Labels,
    tmp_path: Path,
    name: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind == "operators":
        monkeypatch.setattr(graph_cost, "MOST_OPERATORS", 500)  # thousands take seconds to write
    added = Costly(kind, LENGTH, hidden=48, tags=len(labels.tags)).added
    parameters = graphs / "model.pdiparams"
    ADDING[name](graphs / name, added, tmp_path / name)
    with pytest.raises(BundleError, match=rf"^[^\n]*{name}: not a whole [^\n]*: it[^\n]*{REFUSED[kind]}[^\n]*$"):
        check_file(tmp_path / name, parameters, expected)
    # Without the last one of them and those before it that are alike, it is admitted.
    ADDING[name](graphs / name, added[:8], tmp_path / name)
    check_file(tmp_path / name, parameters, expected)


def check_mutants(bundle: Path, backend: str, count: int, names: tuple[str, ...] = ()) -> None:
    found = run(bundle, backend, count, names=names)
    bad = {kind: found[kind] for kind in ("crashes", "hangs", "tracebacks", "files_written")}
    assert not any(bad.values()), bad
    assert found["opened"] + found["refused"] == count and found["refused"] > count / 10


@pytest.mark.parametrize(("backend", "count"), [("native", 100), ("lite", 40), ("onnxruntime", 40), ("paddle", 20)])
def test_some_mutants(graphs: Path, backend: str, count: int) -> None:
    check_mutants(graphs, backend, count)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["native", "lite", "onnxruntime", "onnxruntime-int8", "paddle"])
def test_thousands_of_mutants(graphs: Path, backend: str) -> None:
    check_mutants(graphs, backend, 5000)


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend", ["paddle-int8", "fastdeploy-onnxruntime", "fastdeploy-openvino", "fastdeploy-paddle"]
)
def test_hundreds_of_mutants_by_every_other_backend(graphs: Path, backend: str) -> None:
    check_mutants(graphs, backend, 500)


@pytest.mark.slow
def test_thousands_of_mutants_of_the_files_beside(graphs: Path) -> None:
    check_mutants(graphs, "native", 5000, SIDE)
