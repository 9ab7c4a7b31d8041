"""What a run measures: one entry a format of the bundle that a program on the phone can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slu.corpus.labels import Labels
from slu.errors import BundleError, ConfigError
from slu.files import MARK
from slu.runtime.bundle import (
    GGUF,
    GRAPH,
    LITE_ARM,
    LITE_ARM_FP16,
    LITE_ARM_INT8,
    ONNX,
    PARAMETERS,
    ModelDirectory,
    open_directory,
)

CLI = "slu-cli"
BUILT = Path("build/linux-arm64") / CLI
BESIDE = ("vocab.txt", "labels.json", "config.json", "lexicon.safetensors", MARK)
"""What programs of other runtimes read beside a model."""
LITE_FORMATS = {
    LITE_ARM: ("lite-arm", "fp32"),
    LITE_ARM_FP16: ("lite-arm-fp16", "fp16"),
    LITE_ARM_INT8: ("lite-arm-int8", "int8"),
}


@dataclass(frozen=True)
class Entry:
    """One program and one model. ``files``: on this machine, by their names in the phone's folder."""

    backend: str
    format: str
    precision: str
    program: str
    model: str
    files: tuple[tuple[str, Path], ...]
    size_bytes: int
    arguments: tuple[str, ...] = ()
    padded_to: int = 0

    @property
    def name(self) -> str:
        """What it is called in results and messages."""
        return f"{self.backend} {self.format}"


def entries(
    bundle: Path, cli: Path = BUILT, lite: Path | None = None, fastdeploy: Path | None = None
) -> tuple[list[Entry], dict[str, str], Labels]:
    """Entries of a bundle, the formats left out with the reason, and its labels.

    ``lite``, ``fastdeploy``: directories with ``slu-cli-lite`` or ``slu-cli-fastdeploy`` and their libraries.
    """
    directory = open_directory(bundle)
    found, left_out = [], {}
    if (bundle / GGUF).is_file():
        directory.require(GGUF)
        if not cli.is_file():
            raise ConfigError(f"{cli}: no such program; build it with make arm, or say where it is with --cli")
        files = ((CLI, cli), (GGUF, bundle / GGUF))
        size = (bundle / GGUF).stat().st_size
        found.append(Entry("native", "gguf", _precision(directory), CLI, GGUF, files, size))
    for name, (format_, precision) in LITE_FORMATS.items():
        if not (bundle / name).is_file():
            continue
        directory.require(name)
        if lite:
            found.append(_other("lite", format_, precision, "slu-cli-lite", lite, directory, (name,)))
        else:
            left_out[f"lite {format_}"] = "give --lite DIR with slu-cli-lite and its libraries"
    for names, format_, kernels in (((ONNX,), "onnx", ("onnxruntime",)), ((GRAPH, PARAMETERS), "paddle", ("paddle",))):
        if not all((bundle / name).is_file() for name in names):
            continue
        directory.require(*names)
        for kernel in kernels if fastdeploy else ():
            assert fastdeploy
            arguments = ("--kernel", kernel)
            program = "slu-cli-fastdeploy"
            found.append(
                _other(f"fastdeploy-{kernel}", format_, "fp32", program, fastdeploy, directory, names, arguments)
            )
        if not fastdeploy:
            left_out[f"fastdeploy {format_}"] = "give --fastdeploy DIR with slu-cli-fastdeploy and its libraries"
    if not found:
        raise BundleError(f"{bundle}: nothing in it runs on a phone; export it with --format gguf")
    return found, left_out, directory.labels


def _other(
    backend: str,
    format_: str,
    precision: str,
    program: str,
    place: Path,
    directory: ModelDirectory,
    names: Sequence[str],
    arguments: tuple[str, ...] = (),
) -> Entry:
    """An entry of another runtime: its program, every library beside it, the model and what describes it."""
    if not (place / program).is_file():
        raise ConfigError(f"{place}: has no {program}; docs/backends.md says how to build it")
    libraries = [path for path in sorted(place.iterdir()) if path.is_file() and ".so" in path.name]
    beside = [name for name in BESIDE if (directory.path / name).is_file()]
    files = [(program, place / program), *((path.name, path) for path in libraries)]
    files += [(name, directory.path / name) for name in (*names, *beside)]
    size = sum((directory.path / name).stat().st_size for name in names)
    padded = directory.length or 0
    return Entry(backend, format_, precision, program, names[0], tuple(files), size, arguments, padded)


def _precision(directory: ModelDirectory) -> str:
    stages = [directory.manifest.stage, *(past.get("stage") for past in directory.manifest.history)]
    return "int8" if {"qat", "ptq"} & set(stages) else "fp32"
