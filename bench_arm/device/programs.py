"""What a run measures: one entry a format of the bundle that a program on the phone can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench_arm.device.errors import AbiError
from bench_arm.measurement import precision
from export_lite.labels_file import LABELS_FILE
from slu.corpus.labels import Labels
from slu.errors import BundleError, ConfigError
from slu.runtime.bundle import ModelDirectory, open_directory
from slu.runtime.formats import FORMATS, Format

CLI = "slu-cli"
NATIVE_BACKEND = "native"
BUILT = Path("build/linux-arm64") / CLI
AARCH64 = b"\xb7\x00"
"""The machine in the head of an ELF file."""
NATIVE, LITE = FORMATS["gguf"], "lite-arm"
"""Our engine's format; what the names of those of Paddle Lite begin with."""
FASTDEPLOY = {LITE: "paddle-lite", "onnx": "onnxruntime", "paddle": "paddle-inference"}
"""What names of formats that FastDeploy runs begin with, and its engine of cpp_runtime/backends/fastdeploy.cpp."""


@dataclass(frozen=True)
class Entry:
    """One program and one model. ``files``: on this machine, by their names in the phone's folder.

    ``libraries``: the directory there where the program finds its own; "" for a static one.
    """

    backend: str
    format: str
    precision: str
    program: str
    model: str
    files: tuple[tuple[str, Path], ...]
    size_bytes: int
    arguments: tuple[str, ...] = ()
    padded_to: int = 0
    libraries: str = ""

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
    found: list[Entry] = []
    left_out: dict[str, str] = {}
    for form in FORMATS.values():
        kernel = next((FASTDEPLOY[name] for name in FASTDEPLOY if form.library and form.name.startswith(name)), "")
        is_lite = form.name.startswith(LITE)
        if not (form is NATIVE or kernel) or not all((bundle / name).is_file() for name in form.files):
            continue
        directory.require(*form.files)
        if form is NATIVE:
            if not cli.is_file():
                raise ConfigError(f"{cli}: no such program; build it with make arm, or say where it is with --cli")
            files = ((CLI, cli), (form.files[0], bundle / form.files[0]))
            size = files[1][1].stat().st_size
            found.append(
                Entry(NATIVE_BACKEND, form.name, precision(form, directory.manifest), CLI, files[1][0], files, size)
            )
            continue
        if is_lite and lite:
            found.append(_other("lite", "lite", form, lite, directory))
        if fastdeploy:
            name = f"fastdeploy-{kernel}"
            found.append(_other(name, "fastdeploy", form, fastdeploy, directory, ("--kernel", kernel)))
        if not fastdeploy and not (is_lite and lite):
            option = "lite" if is_lite else "fastdeploy"
            left_out[f"{option} {form.name}"] = f"give --{option} DIR with slu-cli-{option} and its libraries"
    if not found:
        raise BundleError(f"{bundle}: nothing in it runs on a phone; export it with --format gguf")
    return found, left_out, directory.labels


def _other(
    backend: str, option: str, form: Format, place: Path, directory: ModelDirectory, arguments: tuple[str, ...] = ()
) -> Entry:
    """An entry of another runtime: its program and every library beside it, in a directory of their own as two runtimes
    may bring different libraries of one name; the model and the file with its labels."""
    program = f"slu-cli-{option}"
    if not (place / program).is_file():
        raise ConfigError(f"{place}: has no {program}; docs/backends.md says how to build it")
    _check_program(place / program)
    names = [*form.files, LABELS_FILE]
    if not (directory.path / LABELS_FILE).is_file():
        raise BundleError(
            f"{directory.path}: has no {LABELS_FILE}, which {program} reads; python -m export_lite.labels_file "
            f"{directory.path} writes it"
        )
    libraries = [path for path in sorted(place.iterdir()) if path.is_file() and ".so" in path.name]
    files = [(f"{option}/{path.name}", path) for path in (place / program, *libraries)]
    files += [(name, directory.path / name) for name in names]
    size = sum((directory.path / name).stat().st_size for name in names)
    computes, padded = precision(form, directory.manifest), directory.length or 0
    return Entry(
        backend, form.name, computes, files[0][0], form.files[0], tuple(files), size, arguments, padded, option
    )


def _check_program(path: Path) -> None:
    """Raise unless the file is an ARM64 program: one for this machine is found out before anything is sent."""
    with path.open("rb") as stream:
        head = stream.read(20)
    if head[:4] != b"\x7fELF" or head[18:20] != AARCH64:
        raise AbiError(f"{path}: is no program for ARM64; docs/backends.md says how to build it for a phone")
