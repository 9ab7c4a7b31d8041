"""What an export writes, what it refuses to write, and that nothing is left of a failed one."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import paddle
import pytest
from exporting import FORMATS, LENGTH, Exported, random_checkpoint
from paddle.base.proto import framework_pb2

from export_lite import bundle as bundle_module
from export_lite import static_graph
from export_lite.bundle import export_bundle, export_up_to_date
from export_lite.paddle_lite import check_nb, read_nb, write_nb
from export_lite.parity import compare, reference, require_parity
from export_lite.process import run_python
from slu.bundle import FILES_OF_FORMAT, GRAPH, INPUT, LITE_ARM, LITE_X86, OUTPUTS, PARAMETERS
from slu.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.cli import main
from slu.errors import BundleError
from slu.files import sha256
from slu.labels import Labels
from slu.manifest import Manifest
from slu.model import load_model

only_float = pytest.mark.parametrize("exported", ["float"], indirect=True)


def test_a_bundle_is_complete_and_says_what_made_it(exported: Exported) -> None:
    names = [name for format_ in FORMATS for name in FILES_OF_FORMAT[format_]]
    same = ["config.json", "labels.json", "vocab.txt"]
    assert sorted(p.name for p in exported.bundle.iterdir()) == sorted([*names, *same, "manifest.json"])
    assert all((exported.bundle / n).read_bytes() == (exported.checkpoint / n).read_bytes() for n in same)
    manifest = Manifest.load(exported.bundle)
    assert manifest.stage == "export"
    assert manifest.threshold == 0.125
    assert [stage["stage"] for stage in manifest.history] == ["test"]
    assert manifest.inputs["model.safetensors"] == sha256(exported.checkpoint / "model.safetensors")
    assert {"paddlepaddle", "paddlelite"} <= set(manifest.versions)
    assert manifest.config["length"] == LENGTH
    listed = {n: (e["bytes"], e["sha256"]) for n, e in manifest.config["files"].items()}
    assert listed == {n: ((exported.bundle / n).stat().st_size, sha256(exported.bundle / n)) for n in names}
    assert [line.split(":")[0] for line in exported.said] == list(FORMATS)


def test_what_was_exported_ran_and_agreed(exported: Exported) -> None:
    parity = Manifest.load(exported.bundle).metrics["parity"]
    engines = {"paddle", "fastdeploy-paddle", "fastdeploy-onnxruntime", "fastdeploy-openvino"}
    assert engines <= set(parity["paddle"])
    assert "lite" in parity["lite-x86"]
    assert parity["lite-arm"] == {}
    quantised = load_checkpoint(exported.checkpoint).quantised
    for results in parity.values():
        for engine, result in results.items():
            exact = 1e-5 if engine == "native" else 2e-6  # its exp, erf and tanh are polynomials made for 1e-5
            assert result["largest"] < (0.05 if quantised else exact)
            assert result["texts"] >= 8 > result["decisions_differ"] * 8
            assert result["scale"] > 0.5  # the model says something


@pytest.mark.parametrize(
    ("compressed", "changes"),
    [
        (False, {}),
        (True, {}),
        (False, {"pad_token_id": 9}),
        (False, {"use_task_id": True, "task_id": 2}),
        (False, {"type_vocab_size": 0, "num_hidden_layers": 1}),
    ],
)
def test_the_graph_computes_what_the_model_does(
    compressed: bool, changes: dict[str, int], vocab: list[str], labels: Labels
) -> None:
    checkpoint = random_checkpoint(vocab, labels, compressed, **changes)
    model, graph = load_model(checkpoint), static_graph.StaticErnie(checkpoint, LENGTH)
    rng = np.random.default_rng(0)
    for tokens in (3, 7, LENGTH):
        ids = rng.integers(10, len(vocab), (4, tokens), np.int32)
        padded = np.full((4, LENGTH), checkpoint.config.pad_token_id, np.int32)
        padded[:, :tokens] = ids
        with paddle.no_grad():
            expected = model(paddle.to_tensor(ids.astype(np.int64)), padded=False)
            intent, slots = graph(paddle.to_tensor(padded))
        bound = 0.05 if compressed else 1e-5
        np.testing.assert_allclose(intent.numpy(), expected[0].numpy(), rtol=0, atol=bound)
        np.testing.assert_allclose(slots.numpy()[:, :tokens], expected[1].numpy(), rtol=0, atol=bound)


@only_float
def test_the_graph_has_the_names_and_operators_that_every_engine_takes(exported: Exported, tmp_path: Path) -> None:
    program = framework_pb2.ProgramDesc.FromString((exported.bundle / GRAPH).read_bytes())
    variables = {variable.name: variable for variable in program.blocks[0].vars}
    fed = [op.outputs[0].arguments[0] for op in program.blocks[0].ops if op.type == "feed"]
    fetched = [op.inputs[0].arguments[0] for op in program.blocks[0].ops if op.type == "fetch"]
    assert (fed, fetched) == ([INPUT], list(OUTPUTS))
    tensor = variables[INPUT].type.lod_tensor.tensor
    assert (tensor.data_type, list(tensor.dims)) == (framework_pb2.VarType.INT32, [-1, LENGTH])
    operators = {op.type for op in program.blocks[0].ops}
    assert not operators & {"equal", "fill_constant", "dropout", "abs", "round", "arange", "range", "shape"}
    assert "ernie.encoder.layers.1.self_attn.q_proj.weight" in variables
    assert b".py" not in (exported.bundle / GRAPH).read_bytes()  # nor where it was made
    static_graph.write_static_graph(load_checkpoint(exported.checkpoint), LENGTH, tmp_path)
    for name in (GRAPH, PARAMETERS):
        assert (tmp_path / name).read_bytes() == (exported.bundle / name).read_bytes()


def scaled_word(checkpoint: Checkpoint, length: int, directory: Path) -> None:
    """An exporter with a fault that only shows in the numbers."""
    name = "ernie.encoder.layers.1.linear2.weight"
    wrong = Checkpoint(**{**vars(checkpoint), "tensors": {**checkpoint.tensors, name: checkpoint.tensors[name] * 1.01}})
    write_static_graph(wrong, length, directory)


def other_length(checkpoint: Checkpoint, length: int, directory: Path) -> None:
    write_static_graph(checkpoint, length - 1, directory)


def half_of_the_parameters(checkpoint: Checkpoint, length: int, directory: Path) -> None:
    write_static_graph(checkpoint, length, directory)
    raw = (directory / PARAMETERS).read_bytes()
    (directory / PARAMETERS).write_bytes(raw[: len(raw) // 2])


write_static_graph = static_graph.write_static_graph


@only_float
@pytest.mark.parametrize(
    ("writer", "format_", "out", "words"),
    [
        (scaled_word, "paddle", "bundle", "model.pdmodel and model.pdiparams: the backend paddle computes logits that"),
        (scaled_word, "lite-x86", "new", "lite-x86: model.x86.nb: the backend lite computes logits that are off by"),
        (other_length, "paddle", "new", "the backend paddle failed (exit code 1)"),
        (half_of_the_parameters, "lite-arm", "bundle", "model.arm.nb: Paddle Lite's optimiser failed (signal SIGABRT)"),
    ],
)
def test_an_export_that_is_wrong_leaves_everything_as_it_was(
    writer: Callable[[Checkpoint, int, Path], None],
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


def test_parity_sees_every_kind_of_difference(vocab: list[str], labels: Labels) -> None:
    expected = reference(random_checkpoint(vocab, labels), LENGTH, ["听歌"])
    right = [(intent.copy(), slots.copy()) for intent, slots in expected.outputs]
    parity = compare(expected, right)
    assert (parity.largest, parity.rms, parity.decisions_differ, parity.texts) == (0, 0, 0, 9)
    assert {len(ids) for ids in expected.ids} >= {3, LENGTH // 2 + 1, LENGTH}
    require_parity("paddle", parity, quantised=False)

    one_text = [(right[0][0] * -100, right[0][1]), *right[1:]]
    assert compare(expected, one_text).decisions_differ == 1
    one_number = [(intent, slots.copy()) for intent, slots in right]
    one_number[2][1][1, 0] += np.float32(parity.scale * 2e-4)
    with pytest.raises(BundleError, match=r"off by 0\.0002 of the largest"):
        require_parity("paddle", compare(expected, one_number), quantised=False)
    require_parity("paddle", compare(expected, one_number), quantised=True)
    for wrong in (np.nan, np.inf):
        one_number[2][1][1, 0] = wrong
        with pytest.raises(BundleError, match="off by inf"):
            require_parity("paddle", compare(expected, one_number), quantised=True)


def test_a_process_that_ends_badly_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "aborting.py").write_text("import os\nprint('[F] Check failed: x', flush=True)\nos.abort()\n")
    (tmp_path / "failing.py").write_text("import sys\nraise ValueError(sys.argv[1])\n")
    with pytest.raises(BundleError, match=r"^it failed \(signal SIGABRT\): \[F\] Check failed: x$"):
        run_python("aborting", [], "it")
    with pytest.raises(BundleError, match=r"^it failed \(exit code 1\): ValueError: 听$"):
        run_python("failing", ["听"], "it")


def test_the_arm_file_is_for_arm(exported: Exported) -> None:
    arm, x86 = read_nb(exported.bundle / LITE_ARM), read_nb(exported.bundle / LITE_X86)
    assert arm.version == x86.version == "2.13-rc"
    assert (arm.targets, x86.targets) == ({"ARM", "Host"}, {"X86", "Host"})
    quantised = load_checkpoint(exported.checkpoint).quantised
    assert any(kernel.startswith("floor/") for kernel in arm.kernels) == quantised
    bytes_ = (exported.bundle / PARAMETERS).stat().st_size
    with pytest.raises(BundleError, match="not for x86"):
        check_nb(exported.bundle / LITE_ARM, arm, "x86", bytes_)
    with pytest.raises(BundleError, match="bytes of parameters"):
        check_nb(exported.bundle / LITE_ARM, arm, "arm", 2 * bytes_)


@only_float
def test_a_nb_file_that_is_not_whole_is_recognised(exported: Exported, tmp_path: Path) -> None:
    raw = (exported.bundle / LITE_ARM).read_bytes()
    (size,) = struct.unpack_from("<Q", raw, 18)
    path = tmp_path / "x.nb"
    for content, words in [
        (b"", "not a .nb file"),
        (b"GGUF" + raw[4:], "not a .nb file"),
        (raw[:17], "not a .nb file"),
        (raw[:20], "ends within its header"),
        (raw[: 20 + size], "ends within its topology"),
        (raw.replace(b"v2.13-rc", b"v2.10-rc"), "written by Paddle Lite 2.10-rc, installed is 2.13rc0"),
        (raw.replace(b"slot_logits", b"slot_logitz"), "slot_logits is not in it"),
        (raw[: 26 + size + 1000], "bytes of parameters"),
    ]:
        path.write_bytes(content)
        with pytest.raises(BundleError) as caught:
            check_nb(path, read_nb(path), "arm", (exported.bundle / PARAMETERS).stat().st_size)
        assert words in str(caught.value)
    with pytest.raises(BundleError, match="Paddle Lite's optimiser failed"):
        write_nb(tmp_path, "arm", path)


@only_float
def test_a_bundle_is_exported_again_when_something_changed(copied: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    exports: list[tuple[str, ...]] = []
    monkeypatch.setattr(bundle_module, "export_bundle", lambda *given, **named: exports.append(tuple(given[2])))
    said: list[str] = []

    def exported_again(formats: tuple[str, ...] = FORMATS, length: int | None = None) -> bool:
        exports.clear()
        export_up_to_date(copied.checkpoint, copied.bundle, formats, length, say=said.append)
        return exports == [formats]

    assert not exported_again()
    assert said == [f"export: up to date in {copied.bundle}"]
    assert exported_again(("paddle",))
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
    options = ["--format", "lite-x86", "--length", "9", "--data", str(corpus)]
    assert main(["export", str(copied.checkpoint), "--out", str(out), *options]) == 0
    printed = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in printed] == ["lite-x86", str(out)]
    assert sorted(p.name for p in out.iterdir()) == [
        *("config.json", "labels.json", "manifest.json", LITE_X86, "vocab.txt"),
    ]
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["config"]["inputs"] == [{"name": INPUT, "type": "int32", "shape": [-1, 9]}]
    assert manifest["metrics"]["parity"]["lite-x86"]["lite"]["texts"] == 9


@only_float
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--format", "paddle,tflite"], "--format tflite: there is no such format; choose from gguf, paddle, lite-x86"),
        (["--format", ""], "there is no such format"),
        (["--format", "paddle,paddle"], "a format is there twice"),
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
