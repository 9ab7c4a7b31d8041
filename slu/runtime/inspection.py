"""What is in a model, as one report: a file of any format, or a checkpoint or bundle with all its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slu.corpus.labels import shown_labels
from slu.errors import BundleError
from slu.files import sha256
from slu.formats.any_file import ENDINGS, files_of, read_model_file
from slu.formats.contents import Contents
from slu.model.checkpoint import WEIGHTS, load_checkpoint
from slu.runtime.bundle import ModelDirectory, open_directory
from slu.runtime.formats import FORMATS, resolve


def inspect_model(path: Path) -> dict[str, Any]:
    """The report of a file (`inspect_file`), or of a directory, which has those of its files under ``models``.

    Raises `BundleError` or `CheckpointError` for what is damaged, of another version or something else.
    """
    if not path.is_dir():
        return inspect_file(path)
    directory = open_directory(path)
    if directory.length is None:
        load_checkpoint(path)  # checks that the tensors are those of the configuration
    else:
        directory.require(*directory.manifest.config["files"])
    known = {form.files[0] for form in FORMATS.values() if form.reader}
    names = sorted(f.name for f in path.iterdir() if (f.suffix in ENDINGS or f.name in known) and f.is_file())
    firsts = dict.fromkeys(files_of(path / name)[0] for name in names)
    return {
        "path": _text(path),
        "kind": "checkpoint" if (path / WEIGHTS).is_file() else "bundle",
        "bytes": sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        "sha256": _hash(path),
        **_common(directory),
        "models": [inspect_file(file) for file in firsts],
    }


def inspect_file(path: Path) -> dict[str, Any]:
    """``path``, ``bytes``, ``files`` with the hash of each, and what `slu.formats.contents.Contents.to_json` gives."""
    reader = next((form.reader for form in FORMATS.values() if form.reader and path.name == form.files[0]), None)
    contents: Contents = resolve(reader)(path) if reader else read_model_file(path)
    files = [{"name": _text(file.name), "bytes": file.stat().st_size, "sha256": _hash(file)} for file in files_of(path)]
    return {
        "path": _text(path),
        "bytes": sum(file["bytes"] for file in files),
        "files": files,
        **contents.to_json(),
    }


def _hash(path: Path) -> str:
    """The hash of a file, or of all in a directory; raises `BundleError` where something in it is not readable."""
    try:
        return sha256(path)
    except OSError as error:
        raise BundleError(f"{_text(error.filename or path)}: cannot be read ({error.strerror})") from error


def _common(directory: ModelDirectory) -> dict[str, Any]:
    """What holds for all files of a directory."""
    manifest, labels = directory.manifest, directory.labels
    return {
        "stage": manifest.stage,
        "stages_before": [stage.get("stage", "") for stage in manifest.history],
        "versions": manifest.versions,
        "length": directory.length or directory.config.max_length,
        "tokens": directory.config.vocab_size,
        "threshold": manifest.threshold,
        "labels": shown_labels(labels),
    }


def _text(path: Path | str) -> str:
    """A name without the bytes that no text can have."""
    return str(path).encode("utf-8", "replace").decode()
