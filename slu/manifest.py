"""The manifest: what made a directory, so that it can be repeated, trusted or refused."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slu.errors import CheckpointError, OutputError, SluError
from slu.files import DIGEST, FILES, MARK, check_output_directory, damage_of, read_bytes, write_file

MOST_JSON = 64 << 20
"""Bytes of a file of JSON."""
_MOST_DEPTH = 100
FORMAT_VERSION = 1
"""Raised when an older reader would misunderstand a newer directory."""
FP32 = "fp32"
"""Stage of the model that a recipe trains, before any step of compression; also the name of its directory in a run."""


@dataclass
class Manifest:
    """``stage``: the command that made the directory. ``inputs``: names to SHA-256. ``config``: its settings.

    ``versions``: libraries. ``metrics``: measures on named data (percent). ``threshold``: the confidence below
    which an utterance is answered with "understood": false. ``history``: manifests of the stages before, oldest first.
    ``files``, ``digest``: see `slu.files.damage_of`; they are about the directory, not about what made it.
    """

    stage: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    threshold: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    format_version: int = FORMAT_VERSION
    files: dict[str, str] = field(default_factory=dict, compare=False)
    digest: str = field(default="", compare=False)

    @classmethod
    def load(cls, directory: str | Path, error: type[SluError] = CheckpointError) -> Manifest:
        """Read ``manifest.json``; raise ``error`` when it is missing, broken or of another format version."""
        path = Path(directory) / MARK
        data = read_json(path, error)
        version = data.get("format_version")
        if version != FORMAT_VERSION:
            raise error(f"{path}: format version {version}, this program reads {FORMAT_VERSION}; convert it again")
        names = cls.__dataclass_fields__
        if not set(data) <= set(names):
            raise error(f"{path}: unknown field {sorted(set(data) - set(names))[0]!r}")
        for name, kind in (
            ("inputs", dict),
            ("config", dict),
            ("versions", dict),
            ("metrics", dict),
            ("files", dict),
            ("history", list),
        ):
            if not isinstance(data.get(name, kind()), kind):
                what = "an object" if kind is dict else "a list"
                raise error(f"{path}: {name} must be {what}, not {type(data[name]).__name__}; make the directory again")
        for name in ("inputs", "versions", "files"):
            if not all(isinstance(value, str) for value in data.get(name, {}).values()):
                raise error(f"{path}: {name} must be names with texts; make the directory again")
        if not all(isinstance(past, dict) and _is_text(past.get("stage", "")) for past in data.get("history", [])):
            raise error(f"{path}: history must be a list of objects, each of a stage; make the directory again")
        if not _lists_files(data.get("config", {}).get("files", {})):
            raise error(f"{path}: files does not list the bundle's files; export it again")
        threshold = data.get("threshold", 0.0)
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
            raise error(f"{path}: threshold is {threshold!r}; it must be a number from 0 to 1")
        if not _is_text(data.get("stage", "")):
            raise error(f"{path}: stage must be the name of a stage, as text")
        return cls(**data)

    def save(self, directory: str | Path) -> None:
        write_file(Path(directory) / MARK, json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n")

    def to_json(self) -> dict[str, Any]:
        """Its fields without those about the files of a directory."""
        return {name: value for name, value in asdict(self).items() if name not in (FILES, DIGEST)}

    def as_history(self) -> list[dict[str, Any]]:
        """What the next stage's manifest has as its history: this one's, and this one without it."""
        own = {k: v for k, v in self.to_json().items() if k not in ("history", "format_version")}
        return [*self.history, own] if self.stage else list(self.history)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _lists_files(files: Any) -> bool:
    """Whether this names files of one directory, with the size and the hash of each."""
    return isinstance(files, dict) and all(
        isinstance(entry, dict)
        and type(entry.get("bytes")) is int
        and _is_text(entry.get("sha256"))
        and not {*Path(name).parts} & {"..", "/", ""}
        for name, entry in files.items()
    )


def check_replaceable(out: Path, stage: str) -> None:
    """Raise `OutputError` unless ``out`` is free, or holds an earlier result of the same stage, damaged or not."""
    check_output_directory(out)
    if not (out / MARK).is_file():
        return
    try:
        found = Manifest.load(out, OutputError).stage
    except OutputError:
        if damage_of(out):
            return  # one of this project's that is no longer whole
        raise
    if found != stage and not damage_of(out).startswith(MARK):
        raise OutputError(f"{out}: contains the result of {found or 'no stage'}, not of {stage}; choose another --out")


def read_json(path: Path, error: type[SluError]) -> dict[str, Any]:
    """Read a JSON object from a file, or raise ``error`` with one line that says what is wrong."""
    try:
        data = json.loads(read_bytes(path, MOST_JSON))
        _check_writable(data)
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror})") from problem
    except (ValueError, RecursionError) as problem:  # not UTF-8, not JSON, a number of thousands of digits, see below
        raise error(f"{path}: not JSON ({problem})") from problem
    if not isinstance(data, dict):
        raise error(f"{path}: not a JSON object")
    return data


def _check_writable(data: Any) -> None:
    """Raise ValueError for what can be read and not be written again: at a great depth, or half a surrogate pair."""
    level = [data]
    for _ in range(_MOST_DEPTH):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value, *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and not value.isascii():
                value.encode()
        if not inner:
            return
        level = inner
    raise ValueError(f"nested deeper than {_MOST_DEPTH} levels")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide results, those that are installed."""
    from importlib import metadata

    versions = {}
    for name in ("paddlepaddle", "paddlenlp", "paddleslim", "paddlelite", "fastdeploy-python", "numpy"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
