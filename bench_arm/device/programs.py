"""What a run measures: one entry a format of the bundle that a program on the phone can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench_arm.measurement import precision
from slu.errors import BundleError, ConfigError
from slu.files import MARK
from slu.runtime.bundle import ModelDirectory, open_directory
from slu.runtime.formats import FORMATS, Format

BESIDE = ("vocab.txt", "labels.json", "config.json", "lexicon.safetensors", MARK)
"""What programs of other runtimes read beside a model."""


@dataclass(frozen=True)
class Program:
    """A program for ARM64 that runs models by one runtime.

    ``file``: its name. ``option``: of the command line, says where it is: the program itself, or with ``libraries`` the
    directory of it and of the libraries it needs. ``arguments``: what it is started with beside the model.
    """

    file: str
    option: str
    libraries: bool = True
    arguments: tuple[str, ...] = ()


CLI = "slu-cli"
BUILT = Path("build/linux-arm64") / CLI
PROGRAMS: dict[str, Program] = {
    "native": Program(CLI, "cli", libraries=False),
    "lite": Program("slu-cli-lite", "lite"),
    "fastdeploy-onnxruntime": Program("slu-cli-fastdeploy", "fastdeploy", arguments=("--kernel", "onnxruntime")),
    "fastdeploy-paddle": Program("slu-cli-fastdeploy", "fastdeploy", arguments=("--kernel", "paddle")),
}
"""By the names of `slu.runtime.formats.Format.phone`, which are those of the backends in the results."""


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
) -> tuple[list[Entry], dict[str, str], ModelDirectory]:
    """Entries of a bundle, the formats left out with the reason, and the bundle.

    ``lite``, ``fastdeploy``: directories with ``slu-cli-lite`` or ``slu-cli-fastdeploy`` and their libraries.
    """
    places = {"cli": cli, "lite": lite, "fastdeploy": fastdeploy}
    directory = open_directory(bundle)
    found: list[Entry] = []
    left_out: dict[str, str] = {}
    for form in FORMATS.values():
        if not form.phone or not all((bundle / name).is_file() for name in form.files):
            continue
        directory.require(*form.files)
        program = PROGRAMS[form.phone]
        place, option = places[program.option], program.option
        if place is None:
            left_out[f"{option} {form.name}"] = f"give --{option} DIR with {program.file} and its libraries"
            continue
        found.append(_entry(form, program, place, directory))
    if not found:
        raise BundleError(f"{bundle}: nothing in it runs on a phone; export it with --format gguf")
    return found, left_out, directory


def _entry(form: Format, program: Program, place: Path, directory: ModelDirectory) -> Entry:
    """One format with its program and what both need on the phone."""
    files: list[tuple[str, Path]]
    if program.libraries:
        files = [*_with_libraries(program, place), *((name, directory.path / name) for name in form.files)]
        files += [(name, directory.path / name) for name in BESIDE if (directory.path / name).is_file()]
    else:
        if not place.is_file():
            raise ConfigError(f"{place}: no such program; build it with make arm, or say where it is with --cli")
        files = [(program.file, place), *((name, directory.path / name) for name in form.files)]
    return Entry(
        backend=form.phone,
        format=form.name,
        precision=precision(form, directory.manifest),
        program=program.file,
        model=form.files[0],
        files=tuple(files),
        size_bytes=sum((directory.path / name).stat().st_size for name in form.files),
        arguments=program.arguments,
        padded_to=(directory.length or 0) if form.graph else 0,
    )


def _with_libraries(program: Program, place: Path) -> list[tuple[str, Path]]:
    """A program and every library beside it."""
    if not (place / program.file).is_file():
        raise ConfigError(f"{place}: has no {program.file}; docs/backends.md says how to build it")
    libraries = [path for path in sorted(place.iterdir()) if path.is_file() and ".so" in path.name]
    return [(program.file, place / program.file), *((path.name, path) for path in libraries)]
