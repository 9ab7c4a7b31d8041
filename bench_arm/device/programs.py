"""What is run on a phone: a program and a model, and the files that both need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench_arm.device.errors import AbiError
from bench_arm.measurement import precision
from export_lite.labels_file import LABELS_FILE
from slu.errors import BundleError, ConfigError
from slu.runtime.bundle import ModelDirectory, open_directory
from slu.runtime.formats import FORMATS, NATIVE_BACKEND, Format


@dataclass(frozen=True)
class Program:
    """A program for ARM64 that runs models by one runtime.

    ``file``: its name. ``option``: of the command line, says where it is: the program itself, or with ``libraries`` the
    directory of it and of the libraries it needs. ``kernel``: which of its runtime's engines it is started with.
    """

    file: str
    option: str
    libraries: bool = True
    kernel: str = ""


CLI = "slu-cli"
BUILT = Path("build/linux-arm64") / CLI
PROGRAMS: dict[str, Program] = {
    NATIVE_BACKEND: Program(CLI, "cli", libraries=False),
    "lite": Program("slu-cli-lite", "lite"),
    **{
        f"fastdeploy-{kernel}": Program("slu-cli-fastdeploy", "fastdeploy", kernel=kernel)
        for kernel in ("paddle-inference", "paddle-lite", "onnxruntime")
    },
}
"""By the names in `slu.runtime.formats.Format.phones`, which are those of the backends in the results."""
AARCH64 = b"\xb7\x00"
"""The machine in the head of an ELF file."""


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
) -> tuple[list[Entry], dict[str, str], ModelDirectory]:
    """Entries of a bundle, the formats left out with the reason, and the bundle.

    ``lite``, ``fastdeploy``: directories with ``slu-cli-lite`` or ``slu-cli-fastdeploy`` and their libraries.
    """
    places = {"cli": cli, "lite": lite, "fastdeploy": fastdeploy}
    directory = open_directory(bundle)
    found: list[Entry] = []
    left_out: dict[str, str] = {}
    for form in FORMATS.values():
        if not form.phones or not all((bundle / name).is_file() for name in form.files):
            continue
        directory.require(*form.files)
        given = [(name, place) for name in form.phones if (place := places[PROGRAMS[name].option])]
        found += [_entry(form, name, place, directory) for name, place in given]
        if not given:
            program = PROGRAMS[form.phones[0]]
            left_out[f"{program.option} {form.name}"] = (
                f"give --{program.option} DIR with {program.file} and its libraries"
            )
    if not found:
        raise BundleError(f"{bundle}: nothing in it runs on a phone; export it with --format gguf")
    return found, left_out, directory


def _entry(form: Format, name: str, place: Path, directory: ModelDirectory) -> Entry:
    """One format with one of its programs and what both need on the phone."""
    program = PROGRAMS[name]
    model = [(file, directory.path / file) for file in form.files]
    if program.libraries:
        # In a directory of its own: two runtimes may bring different libraries of one name.
        files = [(f"{program.option}/{path.name}", path) for path in _with_libraries(program, place)]
        model.append((LABELS_FILE, _labels_file(program, directory)))
    else:
        if not place.is_file():
            raise ConfigError(f"{place}: no such program; build it with make arm, or say where it is with --cli")
        files = [(program.file, place)]
    return Entry(
        backend=name,
        format=form.name,
        precision=precision(form, directory.manifest),
        program=files[0][0],
        model=form.files[0],
        files=(*files, *model),
        size_bytes=sum(path.stat().st_size for _, path in model),
        arguments=("--kernel", program.kernel) if program.kernel else (),
        padded_to=(directory.length or 0) if form.graph else 0,
        libraries=program.option if program.libraries else "",
    )


def _with_libraries(program: Program, place: Path) -> list[Path]:
    """A program and every library beside it."""
    path = place / program.file
    if not path.is_file():
        raise ConfigError(f"{place}: has no {program.file}; docs/backends.md says how to build it")
    with path.open("rb") as stream:  # one for this machine is found out before anything is sent
        head = stream.read(20)
    if head[:4] != b"\x7fELF" or head[18:20] != AARCH64:
        raise AbiError(f"{path}: is no program for ARM64; docs/backends.md says how to build it for a phone")
    return [path, *(library for library in sorted(place.iterdir()) if library.is_file() and ".so" in library.name)]


def _labels_file(program: Program, directory: ModelDirectory) -> Path:
    path = directory.path / LABELS_FILE
    if not path.is_file():
        raise BundleError(
            f"{directory.path}: has no {LABELS_FILE}, which {program.file} reads; python -m export_lite.labels_file "
            f"{directory.path} writes it"
        )
    return path
