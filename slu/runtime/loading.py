"""Opening a model: a directory in, a parser out, with the backend that fits what is in it and what is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slu.errors import BundleError, ConfigError
from slu.inputs.pins import PINS
from slu.model.checkpoint import Checkpoint
from slu.runtime.bundle import ModelDirectory, open_directory
from slu.runtime.formats import BACKENDS, resolve
from slu.runtime.parser import Backend, Parser
from slu.runtime.python_parser import PythonParser

if TYPE_CHECKING:
    from slu.model.network import Network


def load(path: str | Path, backend: str | None = None, threads: int = 1) -> Parser:
    """Open a checkpoint, a bundle, or the GGUF file of one, which has all that the backend ``native`` needs.

    ``backend``: a key of `BACKENDS`; without it, the first of them whose files are in ``path`` and whose library is
    installed. ``threads``: of the backend's matrix products; ``native`` parses as many texts at once. Raises
    `ConfigError` for an unknown or missing backend, `BundleError` or `CheckpointError` for a directory or a file that
    does not hold what it should.
    """
    if backend is not None and backend not in BACKENDS:
        raise ConfigError(f"--backend {backend}: unknown backend; choose one of {', '.join(BACKENDS)}")
    if Path(path).is_file():
        return _load_file(Path(path), backend, threads)
    directory = open_directory(path)
    return parser_of(open_backend(directory, backend or _default(directory.path), threads), directory, threads)


def parser_of(opened: Backend, directory: ModelDirectory, threads: int = 1) -> Parser:
    """The parser over a backend that runs the model of ``directory``, with its lexicons, pinned texts and threshold."""
    entry = BACKENDS.get(opened.name)
    if entry is None or not entry.parser:
        return python_parser_of(opened, directory)
    parser: Parser = resolve(entry.parser)(opened, directory, threads)
    _add_pins(parser, directory)
    return parser


def python_parser_of(opened: Backend, directory: ModelDirectory) -> PythonParser:
    """The same with tokens, matches and decoding in Python for every backend, also for those that do it themselves."""
    parser = PythonParser(opened, directory)
    _add_pins(parser, directory)
    return parser


def _add_pins(parser: Parser, directory: ModelDirectory) -> None:
    if (directory.path / PINS).is_file():
        parser.pins.add_file(directory.path / PINS)


def open_backend(model: ModelDirectory, name: str, threads: int = 1) -> Backend:
    """The backend of that name, ready to run ``model``."""
    entry = BACKENDS[name]
    absent = entry.missing(model.path)
    if absent is not None and entry.format is None:
        raise BundleError(f"{model.path}: contains no {absent}; the backend {name} runs checkpoints only")
    if absent is not None:
        raise BundleError(
            f"{model.path}: contains no {absent}, which the backend {name} runs; "
            f"`slu export CHECKPOINT --out DIR --format {entry.format}` makes it"
        )
    _require_installed(name)
    opened: Backend = resolve(entry.opener)(model, name, threads)
    return opened


def checkpoint_parser(checkpoint: Checkpoint, network: Network | None = None) -> PythonParser:
    """A parser that runs a checkpoint by Paddle, with its built-in lexicons.

    ``network``: made of the checkpoint already, and perhaps being trained; its parameters of the moment are used.
    """
    from slu.model.network import load_model
    from slu.runtime.backends.dygraph import DygraphBackend

    return PythonParser(DygraphBackend(load_model(checkpoint) if network is None else network), checkpoint)


def _load_file(path: Path, backend: str | None, threads: int) -> Parser:
    able = {name: entry.file_parser for name, entry in BACKENDS.items() if entry.file_parser}
    name = backend or next(iter(able))
    if name not in able:
        raise BundleError(
            f"{path}: is a file, and the backend {backend} opens directories; give the directory of the file"
        )
    parser: Parser = resolve(able[name])(path, threads)
    return parser


def _default(directory: Path) -> str:
    fitting = [name for name, entry in BACKENDS.items() if entry.missing(directory) is None]
    if not fitting:
        raise BundleError(f"{directory}: contains no model that this program can run; give a checkpoint or a bundle")
    for name in fitting:
        if BACKENDS[name].installed:
            return name
    _require_installed(fitting[0])
    return fitting[0]


def _require_installed(name: str) -> None:
    why = BACKENDS[name].not_installed
    if why is not None:
        raise ConfigError(f"--backend {name}: {why}")
