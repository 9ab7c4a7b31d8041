"""`slu inspect` on what exports write: the right contents, and one line for a file that is damaged or foreign."""

from __future__ import annotations

import json
import random
import re
import shutil
import struct
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import gguf
import numpy as np
import paddle2onnx
import pytest
from exporting import LENGTH, Exported
from paddle.base.proto import framework_pb2

import slu
from export_lite.gguf import FORMAT_VERSION, network_tensors
from slu.cli import main
from slu.errors import BundleError, SluError
from slu.files import sha256
from slu.formats.any_file import read_model_file
from slu.formats.contents import Contents
from slu.formats.gguf_file import MODEL_VERSIONS
from slu.formats.naive_buffer import LITE_VERSION, normal_version, read_naive_buffer
from slu.formats.paddle_program import PADDLE_VERSION, read_paddle
from slu.heads.joint import JOINT
from slu.manifest import Manifest
from slu.model.checkpoint import WEIGHTS, load_checkpoint
from slu.model.quantization import dequantise
from slu.runtime.bundle import INPUT
from slu.runtime.formats import BACKENDS, FORMATS, GRAPH, PARAMETERS
from slu.runtime.inspection import inspect_model

LITE_X86 = FORMATS["lite-x86"].files[0]

LITE_ARM = FORMATS["lite-arm"].files[0]

GGUF = FORMATS["gguf"].files[0]

ONNX = "converted.onnx"
EMBEDDINGS = "ernie.embeddings"
DESCRIBED = {LITE_ARM: 30000, GRAPH: 20000, PARAMETERS: 30, ONNX: 1000, GGUF: 3000, WEIGHTS: 3000}
"""Files, and how many of their first bytes describe them: what weights are nobody can tell from their bits."""

only_float = pytest.mark.parametrize("exported", ["float"], indirect=True)


@pytest.fixture
def files(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with every format of a model, an ONNX file made from its graph among them; not to be changed."""
    place = exported.bundle.parent / "files"
    if not place.exists():
        shutil.copytree(exported.bundle, place)
        shutil.copyfile(exported.checkpoint / WEIGHTS, place / WEIGHTS)
        paddle2onnx.export(str(place / GRAPH), str(place / PARAMETERS), str(place / ONNX), opset_version=13)
    return place


def graph_shapes(exported: Exported) -> dict[str, tuple[int, ...]]:
    """The parameters of a graph: those of the checkpoint, positions and what else is constant summed to one table."""
    checkpoint = load_checkpoint(exported.checkpoint)
    shapes = {
        name: value.shape
        for name, value in dequantise(checkpoint.tensors).items()
        if not re.search(r"(position|token_type|task_type)_embeddings", name)
    }
    return {**shapes, f"{EMBEDDINGS}.positions": (LENGTH, checkpoint.config.hidden_size)}


def test_graphs_hold_the_weights_of_the_checkpoint(exported: Exported, files: Path) -> None:
    shapes = graph_shapes(exported)
    labels = load_checkpoint(exported.checkpoint).labels
    for name in (LITE_ARM, LITE_X86, GRAPH, PARAMETERS, ONNX):
        contents = read_model_file(files / name)
        found = {tensor.name: tensor for tensor in contents.tensors if tensor.kind != "other"}
        assert {name: tensor.shape for name, tensor in found.items()} == shapes
        assert sum(tensor.bytes for tensor in found.values()) == 4 * sum(int(np.prod(s)) for s in shapes.values())
        assert {tensor.precision for tensor in found.values()} == {"float32"}
        assert [(p.name, p.precision, p.shape) for p in contents.inputs] == [(INPUT, "int32", (-1, LENGTH))]
        assert [(p.name, p.precision, p.shape[-1]) for p in contents.outputs] == [
            (JOINT.logits[0], "float32", len(labels.intents)),
            (JOINT.logits[1], "float32", len(labels.tags)),
        ]
        report = contents.to_json()
        kinds = {kind: sum(counts.values()) for kind, counts in report["bytes_by_kind"].items()}
        assert {"embeddings", "attention", "feed-forward", "norms", "heads"} <= set(kinds)
        hidden, layers = 48, 2
        assert kinds["norms"] == 4 * 2 * hidden * (1 + 2 * layers)
        assert report["tensor_bytes"] == sum(kinds.values()) == sum(report["bytes_by_precision"].values())


def test_every_kernel_of_a_nb_file_is_named(exported: Exported) -> None:
    for name, target in ((LITE_ARM, "arm"), (LITE_X86, "x86")):
        contents = read_naive_buffer(exported.bundle / name)
        assert contents.producer == f"Paddle Lite {LITE_VERSION}"
        assert contents.facts["targets"] == [target]
        raw = (exported.bundle / name).read_bytes()
        (size,) = struct.unpack_from("<Q", raw, 18)
        named = re.findall(rb"(\w+)/\w+/(\d+)/\d+/\d+", raw[26 : 26 + size])
        targets = {b"1": "host", b"2": "x86", b"4": "arm"}
        expected = Counter((kind.decode(), targets[place]) for kind, place in named)
        assert Counter((o.type, o.kernel.split()[0]) for o in contents.operators) == expected
        assert (contents.operators[0].type, contents.operators[-1].type) == ("feed", "fetch")
    linear = {
        operator.kernel for operator in read_naive_buffer(exported.bundle / LITE_ARM).operators if operator.type == "fc"
    }
    assert linear == {"arm float32"}


def test_a_program_is_what_paddle_reads_in_it(exported: Exported) -> None:
    contents = read_paddle(exported.bundle / GRAPH, exported.bundle / PARAMETERS)
    program = framework_pb2.ProgramDesc.FromString((exported.bundle / GRAPH).read_bytes())
    assert [operator.type for operator in contents.operators] == [op.type for op in program.blocks[0].ops]
    stored = sorted(v.name for v in program.blocks[0].vars if v.persistable and v.type.type == v.type.LOD_TENSOR)
    assert [tensor.name for tensor in contents.tensors] == stored


def test_a_gguf_file_is_what_its_library_reads_in_it(exported: Exported) -> None:
    contents = read_model_file(exported.bundle / GGUF)
    checkpoint = load_checkpoint(exported.checkpoint)
    tensors = network_tensors(checkpoint)
    assert {t.name: (t.precision, t.shape, t.bytes) for t in contents.tensors} == {
        name: (str(value.dtype), value.shape, value.nbytes) for name, value in tensors.items()
    }
    assert {tensor.kind for tensor in contents.tensors} == {"embeddings", "attention", "feed-forward", "norms", "heads"}
    assert list(contents.facts["keys"]) == [
        name for name in gguf.GGUFReader(exported.bundle / GGUF).fields if not name.startswith("GGUF.")
    ]
    assert contents.facts["keys"]["tokenizer.ggml.tokens"] == checkpoint.vocab
    assert contents.labels == {"intents": list(checkpoint.labels.intents), "slots": list(checkpoint.labels.slots)}


def test_directories_show_each_of_their_files(exported: Exported) -> None:
    report = inspect_model(exported.bundle)
    shown = {file["name"]: file for model in report["models"] for file in model["files"]}
    listed = Manifest.load(exported.bundle).config["files"]
    assert {LITE_ARM, GGUF, PARAMETERS} <= set(shown)
    for name in set(shown) & set(listed):
        assert [shown[name][key] for key in ("bytes", "sha256")] == [listed[name][key] for key in ("bytes", "sha256")]
    assert (report["kind"], report["stage"], report["length"]) == ("bundle", "export", LENGTH)
    checkpoint = load_checkpoint(exported.checkpoint)
    report = inspect_model(exported.checkpoint)
    (weights,) = report["models"]
    assert report["kind"] == "checkpoint"
    assert weights["tensor_bytes"] == checkpoint.size_bytes
    assert {t["name"]: tuple(t["shape"]) for t in weights["tensors"]} == {
        name: value.shape for name, value in checkpoint.tensors.items()
    }


def damaged_in(path: Path, content: bytes) -> Callable[[], Contents]:
    path.write_bytes(content)
    return lambda: read_model_file(path)


@only_float
@pytest.mark.parametrize("name", DESCRIBED)
def test_truncated_files_are_refused(name: str, files: Path, tmp_path: Path) -> None:
    raw = (files / name).read_bytes()
    if name in (GRAPH, PARAMETERS):  # they are read together
        for other in (GRAPH, PARAMETERS):
            shutil.copyfile(files / other, tmp_path / other)
    whole = len(raw.rstrip(b"\0")) if name == GGUF else len(raw)  # its last tensor is padded
    rng = random.Random(1)
    lengths = {0, 1, 2, 3, 8, 17, 18, 25, 26, 27, whole // 2, whole - 4, whole - 1, *rng.sample(range(whole), 27)}
    for length in sorted(lengths):
        with pytest.raises(BundleError) as caught:
            damaged_in(tmp_path / name, raw[:length])()
        assert re.search(r"not a|empty|written by Paddle|Lite|parameters", str(caught.value)), length
        assert "\n" not in str(caught.value)
    if name != GGUF:
        with pytest.raises(BundleError):
            damaged_in(tmp_path / name, raw + b"\1\2\3\4")()
    damaged_in(tmp_path / name, raw)()


@only_float
@pytest.mark.parametrize("name", DESCRIBED)
def test_flipped_bits_are_refused_or_read(name: str, files: Path, tmp_path: Path) -> None:
    raw = (files / name).read_bytes()
    if name in (GRAPH, PARAMETERS):
        for other in (GRAPH, PARAMETERS):
            shutil.copyfile(files / other, tmp_path / other)
    rng = random.Random(2)
    refused = 0
    for _ in range(30):
        data = bytearray(raw)
        data[rng.randrange(DESCRIBED[name])] ^= 1 << rng.randrange(8)
        try:
            damaged_in(tmp_path / name, bytes(data))().to_json()
        except BundleError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 3


def list_again(bundle: Path, name: str) -> None:
    """Put a changed file into the manifest, as if it had been exported so."""
    manifest = Manifest.load(bundle)
    manifest.config["files"][name] = {"bytes": (bundle / name).stat().st_size, "sha256": sha256(bundle / name)}
    manifest.save(bundle)


@only_float
@pytest.mark.parametrize(
    "backend", [name for name, r in BACKENDS.items() if r.format in ("gguf", "paddle", "lite-x86")]
)
def test_backends_refuse_what_was_exported_damaged(backend: str, copied: Exported) -> None:
    """The manifest knows nothing of the damage here: only the check of the file is between it and the library."""
    for name in BACKENDS[backend].files:
        raw = (copied.bundle / name).read_bytes()
        for content in (raw[: len(raw) // 2], raw[: len(raw) - 200], raw[:30], b"", b"PK\3\4" + raw, raw[1:]):
            (copied.bundle / name).write_bytes(content)
            list_again(copied.bundle, name)
            with pytest.raises(SluError) as caught:
                slu.load(copied.bundle, backend)
            assert name in str(caught.value)
            assert "\n" not in str(caught.value)
        (copied.bundle / name).write_bytes(raw)
        list_again(copied.bundle, name)


def with_version(raw: bytes, name: str, newer: bool) -> bytes:
    """A file as the library before or after the one of this project would have written it."""
    if name in (LITE_ARM, LITE_X86):
        return raw[:2] + (b"v2.14-rc" if newer else b"v2.10\0\0\0") + raw[10:]
    if name == GRAPH:
        program = framework_pb2.ProgramDesc.FromString(raw)
        program.version.version = 3000000 if newer else 2004001
        return program.SerializeToString()
    if name == PARAMETERS:
        return struct.pack("<I", 1 if newer else 7) + raw[4:]
    if name == ONNX:
        import onnx

        model = onnx.ModelProto.FromString(raw)
        model.opset_import[0].version = 23 if newer else 5
        return model.SerializeToString()
    return raw[:4] + struct.pack("<I", 4 if newer else 2) + raw[8:]


@only_float
@pytest.mark.parametrize(
    ("name", "newer", "words"),
    [
        (LITE_ARM, True, "written by Paddle Lite 2.14-rc, this program reads 2.13-rc; export it again"),
        (LITE_X86, False, "written by Paddle Lite 2.10, this program reads 2.13-rc; export it again"),
        (GRAPH, True, "written by Paddle 3.0.0, this program reads 2.6.2; export it again"),
        (GRAPH, False, "written by Paddle 2.4.1, this program reads 2.6.2; export it again"),
        (PARAMETERS, True, "parameter 0 is of version 1, this program reads 0"),
        (ONNX, True, "an ONNX model of operator set 23, this program reads 7 to 21; export it again"),
        (ONNX, False, "an ONNX model of operator set 5, this program reads 7 to 21; export it again"),
        (GGUF, True, "GGUF version 4, this program reads 3; export it again"),
        (GGUF, False, "GGUF version 2, this program reads 3; export it again"),
    ],
)
def test_another_version_is_one_line_with_both(
    name: str, newer: bool, words: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for other in (GRAPH, PARAMETERS):
        shutil.copyfile(files / other, tmp_path / other)
    (tmp_path / name).write_bytes(with_version((files / name).read_bytes(), name, newer))
    assert main(["inspect", str(tmp_path / name)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"slu: error: {tmp_path / name}: ")
    assert words in error
    assert error.count("\n") == 1


@only_float
def test_a_nb_file_of_another_layout_is_refused(exported: Exported, tmp_path: Path) -> None:
    raw = (exported.bundle / LITE_ARM).read_bytes()
    for layout in (0, 1, 3):
        with pytest.raises(
            BundleError, match=rf"layout {layout} by Paddle Lite 2\.13-rc, this program reads layout 2 by"
        ):
            damaged_in(tmp_path / "x.nb", bytes([layout]) + raw[1:])()


@only_float
def test_parameters_of_another_program_are_refused(exported: Exported, files: Path, tmp_path: Path) -> None:
    program = framework_pb2.ProgramDesc.FromString((exported.bundle / GRAPH).read_bytes())
    shutil.copyfile(exported.bundle / PARAMETERS, tmp_path / PARAMETERS)
    bias = next(v for v in program.blocks[0].vars if v.name == "intent_classifier.bias")
    bias.type.lod_tensor.tensor.dims[0] += 1
    (tmp_path / GRAPH).write_bytes(program.SerializeToString())
    with pytest.raises(
        BundleError, match=r"intent_classifier\.bias is float32 \[\d+\], model\.pdmodel says float32 \["
    ):
        read_model_file(tmp_path / PARAMETERS)
    bias.persistable = False
    (tmp_path / GRAPH).write_bytes(program.SerializeToString())
    with pytest.raises(BundleError, match="no earlier operator computes|parameters, model.pdmodel has"):
        read_model_file(tmp_path / GRAPH)


@only_float
def test_files_that_lie_alone_are_read_as_far_as_they_go(exported: Exported, files: Path, tmp_path: Path) -> None:
    for name, words in (
        (GRAPH, "parameters (.pdiparams) are not beside it"),
        (PARAMETERS, "program (.pdmodel) is not"),
    ):
        for target in (tmp_path / name, tmp_path / "renamed"):
            shutil.copyfile(exported.bundle / name, target)
            contents = read_model_file(target)
            assert words in contents.facts["note"]
            assert sum(t.bytes for t in contents.tensors) == sum(
                t.bytes for t in read_model_file(files / ONNX).tensors if t.kind != "other"
            )
            target.unlink()
    for name in (LITE_ARM, GGUF, ONNX, WEIGHTS):
        shutil.copyfile(files / name, tmp_path / "renamed")
        assert read_model_file(tmp_path / "renamed") == read_model_file(files / name)


@only_float
def test_the_command_prints_tables_or_json(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    assert main(["inspect", str(files / LITE_ARM), "--tensors", "--operators", "--json", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    report = json.loads(out.read_text("utf-8"))
    assert lines[0].startswith(f"{files / LITE_ARM}: ")
    assert f"  producer   Paddle Lite {LITE_VERSION}" in lines
    assert f"  inputs     {INPUT} int32 [n, {LENGTH}]" in lines
    assert f"  sha256     {sha256(files / LITE_ARM)}" in lines
    assert all(len(line) <= 120 for line in lines)
    (total,) = (line.split() for line in lines if line.startswith("  sum"))
    assert int(total[-4].replace(",", "")) == report["tensor_bytes"]
    listed = [line for line in lines if re.fullmatch(r"  \S+  +[\w -]+  float32  +\[[\d, ]*\]  +[\d,]+", line)]
    assert len(listed) == len(report["tensors"])
    operators = [line.split()[1:] for line in lines if re.match(r" +\d+  [a-z]", line)]
    assert operators == [[o["type"], *o["kernel"].split()] for o in report["operators"]]
    assert report["files"][0]["sha256"] == sha256(files / LITE_ARM)

    for model in (files / LITE_ARM, files / GGUF, files / ONNX, files / GRAPH):
        assert main(["inspect", str(model), "--json", "-"]) == 0
        assert json.loads(capsys.readouterr().out)["tensors"]
        assert main(["inspect", str(model)]) == 0
        assert "attention" in capsys.readouterr().out


@only_float
def test_the_command_shows_directories_and_refuses_damaged_ones(
    copied: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    for directory, names in (
        (copied.bundle, [LITE_ARM, GGUF, f"{GRAPH} + .pdiparams"]),
        (copied.checkpoint, [WEIGHTS]),
    ):
        assert main(["inspect", str(directory)]) == 0
        printed = capsys.readouterr().out
        assert all(re.search(rf"^  {re.escape(name)} ", printed, re.MULTILINE) for name in names)
    raw = (copied.bundle / LITE_ARM).read_bytes()
    (copied.bundle / LITE_ARM).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))  # only the hash can tell
    weights = (copied.checkpoint / WEIGHTS).read_bytes()
    (copied.checkpoint / WEIGHTS).write_bytes(weights[:-1])
    (copied.checkpoint.parent / "empty").mkdir()
    for path, words in [
        (copied.bundle, "model.arm.nb: not the file that manifest.json describes"),
        (copied.checkpoint, "not a whole safetensors file"),
        (copied.checkpoint.parent / "empty", "no manifest.json"),
        (copied.checkpoint.parent / "nothing", "no such file"),
        (copied.bundle / "vocab.txt", "not a model file that this program knows"),
    ]:
        assert main(["inspect", str(path)]) == 2
        out, error = capsys.readouterr()
        assert (out, error.count("\n")) == ("", 1)
        assert words in error


def test_the_versions_are_those_of_the_lock_file() -> None:
    assert normal_version(LITE_VERSION) == normal_version(metadata.version("paddlelite"))
    assert metadata.version("paddlepaddle") == PADDLE_VERSION
    assert metadata.version("onnxruntime").startswith("1.19.")  # runs operator sets 7 to 21 and IR versions up to 10
    assert FORMAT_VERSION in MODEL_VERSIONS
