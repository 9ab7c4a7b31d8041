"""What an export writes, what it refuses to write, and that nothing is left of a failed one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import paddle
import pytest
from exporting import FLOAT_FORMATS, LENGTH, Exported, random_checkpoint
from paddle.base.proto import framework_pb2

from export_lite import export as bundle_module
from export_lite import static_graph
from export_lite.export import export_bundle, export_up_to_date
from export_lite.process import run_python
from export_lite.static_graph import Numerics
from slu.cli import main
from slu.corpus.labels import Labels
from slu.errors import BundleError
from slu.files import sha256
from slu.formats.onnx_model import read_onnx
from slu.heads.joint import JOINT
from slu.inputs.flags import FlagColumns
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.model.network import load_model
from slu.runtime.bundle import INPUT
from slu.runtime.formats import FORMATS, GRAPH, PARAMETERS

only_float = pytest.mark.parametrize("exported", ["float"], indirect=True)


def test_a_bundle_is_complete_and_says_what_made_it(exported: Exported) -> None:
    formats = FORMATS if exported.compressed else FLOAT_FORMATS
    names = [name for format_ in formats for name in FORMATS[format_].files]
    same = ["config.json", "labels.json", "vocab.txt"]
    found = [str(p.relative_to(exported.bundle)) for p in exported.bundle.rglob("*") if p.is_file()]
    assert sorted(found) == sorted([*names, *same, "manifest.json", "labels.gguf"])
    assert all((exported.bundle / n).read_bytes() == (exported.checkpoint / n).read_bytes() for n in same)
    manifest = Manifest.load(exported.bundle)
    assert manifest.stage == "export"
    assert manifest.threshold == 0.125
    assert [stage["stage"] for stage in manifest.history] == ["test"]
    assert manifest.inputs["model.safetensors"] == sha256(exported.checkpoint / "model.safetensors")
    assert {"paddlepaddle", "paddlelite", "onnx", "paddle2onnx"} <= set(manifest.versions)
    assert manifest.config["formats"] == list(formats)
    assert manifest.config["length"] == LENGTH
    listed = {n: (e["bytes"], e["sha256"]) for n, e in manifest.config["files"].items()}
    assert listed == {n: ((exported.bundle / n).stat().st_size, sha256(exported.bundle / n)) for n in names}
    versions = {n: e["paddle_lite"] for n, e in manifest.config["files"].items() if "paddle_lite" in e}
    assert versions == {name: "2.13-rc" for name in names if name.endswith(".nb")}
    assert [line.split(":")[0] for line in exported.said] == list(formats)


def test_what_was_exported_ran_and_agreed(exported: Exported) -> None:
    matrix = Manifest.load(exported.bundle).metrics["parity"]
    runtimes = {format_: sorted(results) for format_, results in matrix["formats"].items()}
    fastdeploy = ["fastdeploy-onnxruntime", "fastdeploy-openvino", "fastdeploy-paddle"]
    wanted = {"gguf": ["native"], "paddle": [*fastdeploy, "paddle"], "lite-x86": ["lite"], "onnx": ["onnxruntime"]}
    wanted |= {"lite-arm": [], "lite-arm-fp16": []}
    if exported.compressed:
        wanted |= {"paddle-int8": ["paddle-int8"], "onnx-int8": ["onnxruntime-int8"], "lite-arm-int8": []}
        wanted |= {"triton": [], "paddle-serving": []}  # their files are compared under other names
    assert runtimes == wanted
    for results in matrix["formats"].values():
        for engine, result in results.items():
            exact = 1e-5 if engine == "native" else 2e-6  # its exp, erf and tanh are polynomials made for 1e-5
            assert result["largest"] < (0.05 if exported.compressed else exact)
            assert result["texts"] == matrix["texts"] >= 30
            assert result["decisions_differ"] <= exported.compressed
            assert result["scale"] > 0.5  # the model says something


def test_the_int8_files_hold_the_numbers_of_the_checkpoint(copied: Exported) -> None:
    """What every file with INT8 in its name stores is int8, and takes about a byte a parameter."""
    if not copied.compressed:
        return
    checkpoint = load_checkpoint(copied.checkpoint)
    stored = {name: tensor for name, tensor in checkpoint.tensors.items() if tensor.dtype == np.int8}
    kept = [name for name in stored if "_embeddings" not in name or ".word_embeddings" in name]
    for format_ in ("paddle-int8", "lite-arm-int8", "onnx-int8"):
        files = [copied.bundle / name for name in FORMATS[format_].files]
        data = b"".join(file.read_bytes() for file in files)
        for name in kept:
            as_stored = stored[name]
            if ".word_embeddings" in name and format_ != "onnx-int8":
                as_stored = static_graph.sign_and_magnitude(as_stored)
                negative = as_stored < 0
                magnitude = as_stored.astype(int) + 128 * negative
                assert (np.where(negative, -magnitude, magnitude) == stored[name]).all()
            assert as_stored.tobytes() in data
        floats = sum((copied.bundle / name).stat().st_size for name in FORMATS["paddle"].files)
        assert len(data) < floats  # most of a tiny model's file is its program
    onnx_tensors = {t.name: t.precision for t in read_onnx(copied.bundle / FORMATS["onnx-int8"].files[0]).tensors}
    assert [onnx_tensors[f"{name}.int8"] for name in kept] == ["int8"] * len(kept)


@pytest.mark.parametrize(
    ("compressed", "changes"),
    [
        (False, {}),
        (True, {}),
        (False, {"pad_token_id": 9}),
        (False, {"use_task_id": True, "task_id": 2}),
        (False, {"type_vocab_size": 0, "num_hidden_layers": 1}),
        (True, {"flags": ("lexicon", "previous_intent")}),
    ],
)
def test_the_graph_computes_what_the_model_does(
    compressed: bool, changes: dict[str, int], vocab: list[str], labels: Labels
) -> None:
    checkpoint = random_checkpoint(vocab, labels, compressed, **changes)
    columns = FlagColumns.of(checkpoint.config.flags, labels).count
    model, graph = load_model(checkpoint), static_graph.StaticErnie(checkpoint, LENGTH)
    rng = np.random.default_rng(0)
    for tokens in (3, 7, LENGTH):
        ids = rng.integers(10, len(vocab), (4, tokens), np.int32)
        flags = (rng.random((4, tokens, columns)) < 0.2).astype(np.float32)
        padded = np.full((4, LENGTH), checkpoint.config.pad_token_id, np.int32)
        padded[:, :tokens] = ids
        given = [np.pad(flags, ((0, 0), (0, LENGTH - tokens), (0, 0)))] if columns else []
        with paddle.no_grad():
            expected = model(
                paddle.to_tensor(ids.astype(np.int64)), paddle.to_tensor(flags) if columns else None, padded=False
            )
            intent, slots = graph(paddle.to_tensor(padded), *map(paddle.to_tensor, given))
        bound = 0.05 if compressed else 1e-5
        np.testing.assert_allclose(intent.numpy(), expected[0].numpy(), rtol=0, atol=bound)
        np.testing.assert_allclose(slots.numpy()[:, :tokens], expected[1].numpy(), rtol=0, atol=bound)


@only_float
def test_the_graph_has_the_names_and_operators_that_every_engine_takes(exported: Exported, tmp_path: Path) -> None:
    program = framework_pb2.ProgramDesc.FromString((exported.bundle / GRAPH).read_bytes())
    variables = {variable.name: variable for variable in program.blocks[0].vars}
    fed = [op.outputs[0].arguments[0] for op in program.blocks[0].ops if op.type == "feed"]
    fetched = [op.inputs[0].arguments[0] for op in program.blocks[0].ops if op.type == "fetch"]
    assert (fed, fetched) == ([INPUT], list(JOINT.logits))
    tensor = variables[INPUT].type.lod_tensor.tensor
    assert (tensor.data_type, list(tensor.dims)) == (framework_pb2.VarType.INT32, [-1, LENGTH])
    operators = {op.type for op in program.blocks[0].ops}
    assert not operators & {"equal", "fill_constant", "dropout", "abs", "round", "arange", "range", "shape"}
    assert "ernie.encoder.layers.1.self_attn.q_proj.weight" in variables
    assert b".py" not in (exported.bundle / GRAPH).read_bytes()  # nor where it was made
    static_graph.write_static_graph(load_checkpoint(exported.checkpoint), LENGTH, tmp_path)
    for name in (GRAPH, PARAMETERS):
        assert (tmp_path / name).read_bytes() == (exported.bundle / name).read_bytes()


def scaled_weight(checkpoint: Checkpoint, length: int, directory: Path, numerics: Numerics) -> None:
    """An exporter with a fault that only shows in the numbers."""
    name = "ernie.encoder.layers.1.linear2.weight"
    wrong = Checkpoint(**{**vars(checkpoint), "tensors": {**checkpoint.tensors, name: checkpoint.tensors[name] * 1.01}})
    write_static_graph(wrong, length, directory, numerics)


def other_length(checkpoint: Checkpoint, length: int, directory: Path, numerics: Numerics) -> None:
    write_static_graph(checkpoint, length - 1, directory, numerics)


def half_of_the_parameters(checkpoint: Checkpoint, length: int, directory: Path, numerics: Numerics) -> None:
    write_static_graph(checkpoint, length, directory, numerics)
    raw = (directory / PARAMETERS).read_bytes()
    (directory / PARAMETERS).write_bytes(raw[: len(raw) // 2])


write_static_graph = static_graph.write_static_graph


@only_float
@pytest.mark.parametrize(
    ("writer", "format_", "out", "words"),
    [
        (
            scaled_weight,
            "paddle",
            "bundle",
            "model.pdmodel and model.pdiparams: the backend paddle computes logits that",
        ),
        (scaled_weight, "lite-x86", "new", "lite-x86: model.x86.nb: the backend lite computes logits that differ by"),
        (scaled_weight, "onnx", "new", "onnx: model.onnx: the backend onnxruntime computes logits that differ by"),
        pytest.param(other_length, "paddle", "new", "the backend paddle failed (exit code 1)", marks=pytest.mark.slow),
        (half_of_the_parameters, "lite-arm", "bundle", "model.arm.nb: Paddle Lite's optimiser failed (signal SIGABRT)"),
    ],
)
def test_an_export_that_is_wrong_leaves_everything_as_it_was(
    writer: Callable[[Checkpoint, int, Path, Numerics], None],
    format_: str,
    out: str,
    words: str,
    copied: Exported,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(static_graph, "write_static_graph", writer)
    parent = copied.bundle.parent
    before = sorted(parent.iterdir()), sha256(copied.bundle)
    with pytest.raises(BundleError) as caught:
        export_bundle(copied.checkpoint, parent / out, [format_], say=lambda line: None)
    assert words in str(caught.value)
    assert (sorted(parent.iterdir()), sha256(copied.bundle)) == before


def test_a_process_that_ends_badly_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "aborting.py").write_text("import os\nprint('[F] Check failed: x', flush=True)\nos.abort()\n")
    (tmp_path / "failing.py").write_text("import sys\nraise ValueError(sys.argv[1])\n")
    with pytest.raises(BundleError, match=r"^it failed \(signal SIGABRT\): \[F\] Check failed: x$"):
        run_python("aborting", [], "it")
    with pytest.raises(BundleError, match=r"^it failed \(exit code 1\): ValueError: 听$"):
        run_python("failing", ["听"], "it")


@only_float
def test_a_bundle_is_exported_again_when_something_changed(copied: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    exports: list[tuple[str, ...] | None] = []
    monkeypatch.setattr(bundle_module, "export_bundle", lambda *given, **named: exports.append(given[2]))
    said: list[str] = []

    def exported_again(formats: tuple[str, ...] | None = FLOAT_FORMATS, length: int | None = None) -> bool:
        exports.clear()
        export_up_to_date(copied.checkpoint, copied.bundle, formats, length, say=said.append)
        return exports == [formats]

    assert not exported_again()
    assert said == [f"export: up to date in {copied.bundle}"]
    assert exported_again(("paddle",))
    assert not exported_again(None)  # all of them
    assert exported_again(length=8)
    for name in ("model.arm.nb", "manifest.json"):
        content = (copied.bundle / name).read_bytes()
        for wrong in (content[:-2], content + b"\n{"):
            (copied.bundle / name).write_bytes(wrong)
            assert exported_again()
        (copied.bundle / name).unlink()
        assert exported_again()
        (copied.bundle / name).write_bytes(content)
    assert not exported_again()
    checkpoint = load_checkpoint(copied.checkpoint)
    checkpoint.manifest.threshold = 0.5
    save_checkpoint(checkpoint, copied.checkpoint)
    assert exported_again()


@only_float
def test_the_command_exports_what_is_asked_for(
    copied: Exported, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, corpus = tmp_path / "small", tmp_path / "corpus.txt"
    corpus.write_text("1\t听歌\tOTHERS\t听歌\n", encoding="utf-8")
    options = ["--format", "lite-x86", "--length", "9", "--data", str(corpus), "--json", str(tmp_path / "parity.json")]
    assert main(["export", str(copied.checkpoint), "--out", str(out), *options]) == 0
    printed = capfd.readouterr().out.splitlines()
    assert printed[0].split(":")[0] == "lite-x86"
    assert [line.split()[1:4:2] for line in printed if line.startswith("| ")][1:] == [
        ["checkpoint", "dygraph"],
        ["lite-x86", "lite"],
    ]
    assert sorted(p.name for p in out.iterdir()) == [
        *("config.json", "labels.gguf", "labels.json", "manifest.json", FORMATS["lite-x86"].files[0], "vocab.txt"),
    ]
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["config"]["inputs"] == [{"name": INPUT, "type": "int32", "shape": [-1, 9]}]
    matrix = manifest["metrics"]["parity"]
    assert matrix["labelled"] == 1
    assert matrix["exact"] == matrix["formats"]["lite-x86"]["lite"]["exact"] in (0, 100)
    assert json.loads((tmp_path / "parity.json").read_text("utf-8"))["parity"] == {str(out): matrix}


@only_float
def test_a_bundle_is_checked_again(
    copied: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(copied.checkpoint), "--check", str(copied.bundle)]
    manifest = Manifest.load(copied.bundle)
    manifest.config["formats"] = ["onnx"]
    manifest.save(copied.bundle)
    before = sha256(copied.bundle)
    assert main(arguments) == 0
    assert "| onnx       | onnxruntime | " in capfd.readouterr().out
    assert sha256(copied.bundle) == before

    checkpoint = load_checkpoint(copied.checkpoint)
    checkpoint.tensors["intent_classifier.bias"][0] += 1
    save_checkpoint(checkpoint, copied.checkpoint)
    assert main(arguments) == 2
    assert f"was not exported from {copied.checkpoint}" in capfd.readouterr().err
    manifest.inputs["model.safetensors"] = sha256(copied.checkpoint / "model.safetensors")
    manifest.save(copied.bundle)
    assert main(arguments) == 2  # the table is shown, and what is wrong in it said
    shown = capfd.readouterr()
    assert "| onnx       | onnxruntime | " in shown.out
    assert "model.onnx: the backend onnxruntime computes logits that differ by" in shown.err


@only_float
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--format", "paddle,tflite"],
            "--format tflite: unknown format; choose from gguf, paddle, paddle-int8",
        ),
        (["--format", ""], "unknown format"),
        (["--format", "paddle,paddle"], "a format is given twice"),
        (["--format", "onnx-int8"], "--format onnx-int8: the checkpoint is not quantised"),
        (["--length", "2"], "--length 2: must be 3 to 16"),
        (["--length", "17"], "--length 17: must be 3 to 16"),
        (["--out", "CHECKPOINT"], "is the checkpoint itself"),
        (["--out", "SOMETHING"], "holds something else"),
        (["--data", "NOWHERE"], "NOWHERE: cannot be read"),
    ],
)
def test_a_wrong_call_is_one_line(
    options: list[str], words: str, copied: Exported, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "something").mkdir()
    (tmp_path / "something/file").touch()
    names = {"CHECKPOINT": str(copied.checkpoint), "SOMETHING": str(tmp_path / "something")}
    out = tmp_path / "out"
    arguments = ["export", str(copied.checkpoint), "--out", str(out), *(names.get(o, o) for o in options)]
    assert main(arguments) == 2
    error = capfd.readouterr().err
    assert error.startswith("slu: error: ")
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()
