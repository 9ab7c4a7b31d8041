"""What of a bundle is run by which program, with which files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from bench_arm.device.errors import AbiError
from bench_arm.device.programs import CLI, PROGRAMS, entries
from export_lite.labels_file import LABELS_FILE
from slu.errors import BundleError, ConfigError
from slu.runtime.formats import FORMATS

ROOT = Path(__file__).parents[3]
PROGRAM = b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\xb7\0"


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """The tiny model, with files that are called as those of other runtimes are."""
    directory = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    for name in ("model.arm.nb", "model.onnx", "model.pdmodel", "model.pdiparams", LABELS_FILE):
        (directory / name).write_bytes(name.encode())
    return directory


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A directory as --lite and --fastdeploy take it."""
    directory = tmp_path / "runtime"
    directory.mkdir()
    for name in ("slu-cli", "slu-cli-lite", "slu-cli-fastdeploy", "libc++_shared.so", "libother.so.1"):
        (directory / name).write_bytes(PROGRAM)
    (directory / "README").write_text("not sent")
    return directory


def test_every_runtime_has_its_program_libraries_and_labels(bundle: Path, runtime: Path) -> None:
    found, left_out, _ = entries(bundle, runtime / "slu-cli", runtime, runtime)
    assert [entry.name for entry in found] == [
        "native gguf",
        "fastdeploy-paddle-inference paddle",
        "lite lite-arm",
        "fastdeploy-paddle-lite lite-arm",
        "fastdeploy-onnxruntime onnx",
    ]
    assert left_out == {}
    lite = found[2]
    assert (lite.program, lite.libraries, lite.arguments) == ("lite/slu-cli-lite", "lite", ())
    assert [name for name, _ in lite.files] == [
        *("lite/slu-cli-lite", "lite/libc++_shared.so", "lite/libother.so.1", "model.arm.nb", LABELS_FILE)
    ]
    assert found[1].arguments == ("--kernel", "paddle-inference")
    assert dict(found[1].files).keys() >= {"fastdeploy/libc++_shared.so", "model.pdmodel", "model.pdiparams"}


def test_the_engines_of_fastdeploy_are_called_so() -> None:
    source = (ROOT / "cpp_runtime/backends/fastdeploy.cpp").read_text(encoding="utf-8")
    kernels = {program.kernel for program in PROGRAMS.values()} - {""}
    assert kernels <= set(re.findall(r'\{\{"([a-z-]+)"\}, fastdeploy::Backend', source))


def test_what_nothing_was_given_for_is_left_out(bundle: Path, runtime: Path) -> None:
    _, left_out, _ = entries(bundle, runtime / "slu-cli")
    assert left_out == {
        "fastdeploy paddle": "give --fastdeploy DIR with slu-cli-fastdeploy and its libraries",
        "lite lite-arm": "give --lite DIR with slu-cli-lite and its libraries",
        "fastdeploy onnx": "give --fastdeploy DIR with slu-cli-fastdeploy and its libraries",
    }


def test_wrong_directories_are_named_before_anything_is_sent(bundle: Path, runtime: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no slu-cli-lite; docs/backends.md says how to build it"):
        entries(bundle, runtime / "slu-cli", tmp_path)
    for wrong in (b"#!/bin/sh\n", PROGRAM[:18] + b"\x3e\0"):  # a script, a program for x86
        (runtime / "slu-cli-lite").write_bytes(wrong)
        with pytest.raises(AbiError, match="slu-cli-lite: is no program for ARM64; docs/backends.md says how to build"):
            entries(bundle, runtime / "slu-cli", runtime)
    (runtime / "slu-cli-lite").write_bytes(PROGRAM)
    (bundle / LABELS_FILE).unlink()
    with pytest.raises(BundleError, match=r"has no labels.gguf, which slu-cli-lite reads; python -m .*labels_file"):
        entries(bundle, runtime / "slu-cli", runtime)


def test_every_format_of_a_phone_has_a_program(bundle: Path, runtime: Path) -> None:
    for form in FORMATS.values():
        for name in form.files:
            (bundle / name).parent.mkdir(parents=True, exist_ok=True)
            (bundle / name).write_bytes(b"12345")
    found, _, model = entries(bundle, runtime / CLI, runtime, runtime)
    assert model.path == bundle
    assert {(entry.format, entry.backend) for entry in found} == {
        (form.name, name) for form in FORMATS.values() for name in form.phones
    }
    assert {entry.backend for entry in found} == set(PROGRAMS)
    (bundle / "model.gguf").unlink()
    for form in FORMATS.values():
        for name in form.files:
            (bundle / name).unlink(missing_ok=True)
    with pytest.raises(BundleError, match="nothing in it runs on a phone"):
        entries(bundle, runtime / CLI)
