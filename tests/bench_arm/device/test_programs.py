"""What a run on a phone measures of a bundle: each format by the program that its entry names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_arm.device.programs import CLI, PROGRAMS, entries
from slu.errors import BundleError, ConfigError
from slu.runtime.formats import FORMATS


@pytest.fixture
def bundle(checkpoint_directory: Path) -> Path:
    """A directory with a file of every format; their contents are never looked at."""
    for form in FORMATS.values():
        for name in form.files:
            (checkpoint_directory / name).write_bytes(b"12345")
    return checkpoint_directory


def programs(directory: Path, *names: str) -> Path:
    directory.mkdir()
    for name in (*names, "libother.so", "notes.txt"):
        (directory / name).touch()
    return directory


def test_each_format_has_its_program(bundle: Path, tmp_path: Path) -> None:
    lite, fastdeploy = programs(tmp_path / "l", "slu-cli-lite"), programs(tmp_path / "f", "slu-cli-fastdeploy")
    cli = programs(tmp_path / "c", CLI) / CLI
    found, left_out, model = entries(bundle, cli, lite, fastdeploy)
    assert not left_out and model.path == bundle
    assert {entry.format: entry.backend for entry in found} == {
        "gguf": "native",
        "paddle": "fastdeploy-paddle",
        "lite-arm": "lite",
        "lite-arm-fp16": "lite",
        "lite-arm-int8": "lite",
        "onnx": "fastdeploy-onnxruntime",
        "onnx-int8": "fastdeploy-onnxruntime",
    }
    for entry in found:
        names = [name for name, _ in entry.files]
        assert names[0] == entry.program and set(FORMATS[entry.format].files) <= set(names)
        assert ("libother.so" in names) == ("vocab.txt" in names) == (entry.program != CLI)
        assert entry.size_bytes == 5 * len(FORMATS[entry.format].files) and "notes.txt" not in names
        assert entry.arguments == PROGRAMS[entry.backend].arguments


def test_what_has_no_program_is_left_out_or_refused(bundle: Path, tmp_path: Path) -> None:
    cli = programs(tmp_path / "c", CLI) / CLI
    found, left_out, _ = entries(bundle, cli)
    assert [entry.name for entry in found] == ["native gguf"] and len(left_out) == 6
    assert left_out["lite lite-arm"] == "give --lite DIR with slu-cli-lite and its libraries"
    assert left_out["fastdeploy onnx"] == "give --fastdeploy DIR with slu-cli-fastdeploy and its libraries"
    with pytest.raises(ConfigError, match="no such program; build it with make arm"):
        entries(bundle, tmp_path / "none")
    with pytest.raises(ConfigError, match="has no slu-cli-lite; docs/backends.md says how to build it"):
        entries(bundle, cli, lite=programs(tmp_path / "e"))
    for form in FORMATS.values():
        for name in form.files if form.phone else ():
            (bundle / name).unlink()
    with pytest.raises(BundleError, match="nothing in it runs on a phone"):
        entries(bundle, cli)
