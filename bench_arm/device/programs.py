"""What a run measures: one entry a format of the bundle that a program on the phone can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench_arm.measurement import precision
from slu.corpus.labels import Labels
from slu.errors import BundleError, ConfigError
from slu.files import MARK
from slu.runtime.bundle import ModelDirectory, open_directory
from slu.runtime.formats import FORMATS, Format

CLI = "slu-cli"
BUILT = Path("build/linux-arm64") / CLI
BESIDE = ("vocab.txt", "labels.json", "config.json", "lexicon.safetensors", MARK)
"""What programs of other runtimes read beside a model."""
NATIVE, LITE, FASTDEPLOY = FORMATS["gguf"], "lite-arm", {"onnx": "onnxruntime", "paddle": "paddle"}
"""Our engine's format; what the names of Paddle Lite's begin with; FastDeploy's with what it runs each by."""


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
    found: list[Entry] = []
    left_out: dict[str, str] = {}
    for form in FORMATS.values():
        kernel = next((FASTDEPLOY[name] for name in FASTDEPLOY if form.library and form.name.startswith(name)), "")
        is_lite = form.name.startswith(LITE)
        if not (form is NATIVE or is_lite or kernel) or not all((bundle / name).is_file() for name in form.files):
            continue
        directory.require(*form.files)
        if form is NATIVE:
            if not cli.is_file():
                raise ConfigError(f"{cli}: no such program; build it with make arm, or say where it is with --cli")
            files = ((CLI, cli), (form.files[0], bundle / form.files[0]))
            size = files[1][1].stat().st_size
            found.append(Entry("native", form.name, precision(form, directory.manifest), CLI, files[1][0], files, size))
        elif is_lite and lite:
            found.append(_other("lite", form, "slu-cli-lite", lite, directory))
        elif kernel and fastdeploy:
            arguments = ("--kernel", kernel)
            found.append(_other(f"fastdeploy-{kernel}", form, "slu-cli-fastdeploy", fastdeploy, directory, arguments))
        else:
            option = "lite" if is_lite else "fastdeploy"
            left_out[f"{option} {form.name}"] = f"give --{option} DIR with slu-cli-{option} and its libraries"
    if not found:
        raise BundleError(f"{bundle}: nothing in it runs on a phone; export it with --format gguf")
    return found, left_out, directory.labels


def _other(
    backend: str, form: Format, program: str, place: Path, directory: ModelDirectory, arguments: tuple[str, ...] = ()
) -> Entry:
    """An entry of another runtime: its program, every library beside it, the model and what describes it."""
    if not (place / program).is_file():
        raise ConfigError(f"{place}: has no {program}; docs/backends.md says how to build it")
    libraries = [path for path in sorted(place.iterdir()) if path.is_file() and ".so" in path.name]
    beside = [name for name in BESIDE if (directory.path / name).is_file()]
    files = [(program, place / program), *((path.name, path) for path in libraries)]
    files += [(name, directory.path / name) for name in (*form.files, *beside)]
    size = sum((directory.path / name).stat().st_size for name in form.files)
    computes = precision(form, directory.manifest)
    padded = directory.length or 0
    return Entry(backend, form.name, computes, program, form.files[0], tuple(files), size, arguments, padded)
