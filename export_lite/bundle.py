"""``slu export``: a checkpoint in, a bundle out, in which every file was run and agrees with the checkpoint."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export_lite.parity import Parity, Reference, measure, reference, require_parity
from slu.bundle import FILES_OF_FORMAT, GGUF, INPUT, LITE_ARM, LITE_X86, OUTPUTS
from slu.checkpoint import CONFIG, LABELS, VOCAB, WEIGHTS, Checkpoint, load_checkpoint
from slu.errors import BundleError, ConfigError, SluError
from slu.files import MARK, check_output_directory, new_directory, sha256
from slu.loading import BACKENDS
from slu.manifest import Manifest, library_versions

STAGE = "export"
FORMATS = tuple(FILES_OF_FORMAT)
DEFAULT_FORMATS = ("paddle", "lite-x86", "lite-arm")


def export_bundle(
    checkpoint_dir: str | Path,
    out: str | Path,
    formats: Sequence[str] = DEFAULT_FORMATS,
    length: int | None = None,
    texts: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> Manifest:
    """Export a checkpoint to the bundle ``out``.

    ``length``: tokens that the graphs take, [CLS] and [SEP] counted; without it, as many as a text may have.
    ``texts``: compared in addition to the built-in ones. ``say``: is told about each format.

    Raises `ConfigError` for a format or a length that cannot be, `BundleError` when a format cannot be written, does
    not run or disagrees with the checkpoint; then nothing is left behind, and a bundle that was there stays.
    """
    source, target = Path(checkpoint_dir), Path(out)
    checkpoint = load_checkpoint(source)
    length = _checked(formats, length, checkpoint)
    check_output_directory(target)
    if target.resolve() == source.resolve():
        raise BundleError(f"{target}: is the checkpoint itself; choose another --out")
    _load_frameworks()
    manifest = Manifest(
        stage=STAGE,
        inputs=_inputs(source),
        config=_config(formats, length),
        versions=library_versions(),
        threshold=checkpoint.manifest.threshold,
        history=checkpoint.manifest.as_history(),
    )
    expected = reference(checkpoint, length, texts)
    with new_directory(target) as directory:
        for name in (VOCAB, LABELS, CONFIG):
            shutil.copyfile(source / name, directory / name)
        _write_formats(checkpoint, length, formats, directory)
        names = [name for format_ in formats for name in FILES_OF_FORMAT[format_]]
        manifest.config["files"] = {
            name: {"bytes": (directory / name).stat().st_size, "sha256": sha256(directory / name)} for name in names
        }
        manifest.save(directory)
        manifest.metrics["parity"] = {
            format_: _check(format_, directory, expected, manifest.config["files"], say) for format_ in formats
        }
        manifest.save(directory)
    return manifest


def export_up_to_date(
    checkpoint_dir: str | Path,
    out: str | Path,
    formats: Sequence[str] = DEFAULT_FORMATS,
    length: int | None = None,
    say: Callable[[str], None] = print,
) -> Manifest:
    """As `export_bundle`, unless ``out`` is there already, from the same files by the same versions, and whole."""
    source, target = Path(checkpoint_dir), Path(out)
    if (target / MARK).is_file():
        try:
            manifest = Manifest.load(target, BundleError)
            length_ = _checked(formats, length, load_checkpoint(source))
            wanted = (STAGE, _inputs(source), _config(formats, length_), library_versions())
            settings = {key: value for key, value in manifest.config.items() if key != "files"}
            files = manifest.config.get("files", {})
            whole = all((target / name).is_file() and sha256(target / name) == e["sha256"] for name, e in files.items())
            if whole and files and (manifest.stage, manifest.inputs, settings, manifest.versions) == wanted:
                say(f"export: up to date in {target}")
                return manifest
        except BundleError:
            pass
    return export_bundle(source, target, formats, length, say=say)


def check_formats(formats: Sequence[str]) -> None:
    """Raise `ConfigError` for a format that there is not, or that is there twice."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ConfigError(f"--format {','.join(unknown)}: there is no such format; choose from {', '.join(FORMATS)}")
    if len(set(formats)) != len(formats):
        raise ConfigError(f"--format {','.join(formats)}: a format is there twice")


def _checked(formats: Sequence[str], length: int | None, checkpoint: Checkpoint) -> int:
    """Raise `ConfigError` for a format that there is not or a length that cannot be; returns the length to use."""
    check_formats(formats)
    longest = checkpoint.config.max_length
    if length is not None and not 2 < length <= longest:
        raise ConfigError(f"--length {length}: must be 3 to {longest}, the most this model takes")
    return longest if length is None else length


def _inputs(source: Path) -> dict[str, str]:
    return {name: sha256(source / name) for name in (WEIGHTS, CONFIG, VOCAB, LABELS, MARK)}


def _config(formats: Sequence[str], length: int) -> dict[str, Any]:
    inputs = [{"name": INPUT, "type": "int32", "shape": [-1, length]}]
    return {"formats": list(formats), "length": length, "inputs": inputs, "outputs": list(OUTPUTS)}


def _load_frameworks() -> None:
    """Import Paddle and PaddleNLP here, where what they print can be kept from standard output."""
    from slu.platform import native_output_on_stderr, prepare_paddle

    prepare_paddle()
    with native_output_on_stderr():
        import paddle  # noqa: F401

        import slu.model  # noqa: F401


def _write_formats(checkpoint: Checkpoint, length: int, formats: Sequence[str], directory: Path) -> None:
    from export_lite.static_graph import write_static_graph

    if "gguf" in formats:
        _write_gguf(checkpoint, directory / GGUF)
    if "paddle" in formats:
        write_static_graph(checkpoint, length, directory)
    lite = {"lite-x86": ("x86", LITE_X86), "lite-arm": ("arm", LITE_ARM)}
    if not lite.keys() & set(formats):
        return
    from export_lite.paddle_lite import require_paddle_lite, write_nb

    require_paddle_lite()
    with tempfile.TemporaryDirectory() as temporary:
        graph = Path(temporary)
        if "paddle" in formats:
            graph = directory
        else:
            write_static_graph(checkpoint, length, graph)
        for format_, (processor, name) in lite.items():
            if format_ in formats:
                write_nb(graph, processor, directory / name)


def _write_gguf(checkpoint: Checkpoint, path: Path) -> None:
    try:
        from export_lite.gguf import write_gguf

        write_gguf(checkpoint, path)
    except ModuleNotFoundError as error:
        raise BundleError(f"{path.name}: the Python module {error.name} is not installed") from error


def _check(
    format_: str, directory: Path, expected: Reference, files: dict[str, Any], say: Callable[[str], None]
) -> dict[str, Any]:
    """Run a format by every backend that can; returns the parity of each, for the manifest."""
    results: dict[str, Parity] = {}
    for name, runner in BACKENDS.items():
        if runner.format == format_ and runner.installed:
            try:
                results[name] = measure(directory, name, expected)
                require_parity(name, results[name], expected.checkpoint.quantised)
            except SluError as error:
                raise BundleError(f"{format_}: {error}") from error
    size = sum(files[name]["bytes"] for name in FILES_OF_FORMAT[format_]) / 1e6
    agree = [f"{name} within {parity.largest:.1g}" for name, parity in results.items()]
    say(f"{format_}: {size:.2f} MB, {', '.join(agree) or 'cannot be run here; its structure was checked'}")
    return {name: parity.to_json() for name, parity in results.items()}
