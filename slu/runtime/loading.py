"""Opening a model: a directory in, a parser out, with the backend that fits what is in it and what is installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from slu.errors import BundleError, ConfigError
from slu.model.checkpoint import WEIGHTS, Checkpoint, load_checkpoint, read_lists
from slu.runtime.backends.native import NativeBackend, NativeParser, load_native, open_native
from slu.runtime.backends.native_api import LIBRARY, find_library
from slu.runtime.bundle import FILES_OF_FORMAT, ModelDirectory, open_directory
from slu.runtime.parser import Backend, Parser


@dataclass(frozen=True)
class Runner:
    """What a backend needs: a ``format`` of the bundle (None: a checkpoint), a ``module`` that ``extra`` installs."""

    format: str | None
    module: str
    extra: str

    @property
    def files(self) -> tuple[str, ...]:
        return (WEIGHTS,) if self.format is None else FILES_OF_FORMAT[self.format]

    @property
    def installed(self) -> bool:
        if self.format == "gguf":
            return find_library() is not None
        return importlib.util.find_spec(self.module) is not None

    def missing(self, directory: Path) -> str | None:
        """The first of its files that is not in ``directory``."""
        return next((name for name in self.files if not (directory / name).is_file()), None)


BACKENDS = {
    "native": Runner("gguf", "slu", ""),
    "dygraph": Runner(None, "paddlenlp", "train"),
    "paddle": Runner("paddle", "paddle", "train"),
    "paddle-int8": Runner("paddle-int8", "paddle", "train"),
    "lite": Runner("lite-x86", "paddlelite", "lite"),
    "onnxruntime": Runner("onnx", "onnxruntime", "onnx"),
    "onnxruntime-int8": Runner("onnx-int8", "onnxruntime", "onnx"),
    "fastdeploy-onnxruntime": Runner("paddle", "fastdeploy", "fastdeploy"),
    "fastdeploy-openvino": Runner("paddle", "fastdeploy", "fastdeploy"),
    "fastdeploy-paddle": Runner("paddle", "fastdeploy", "fastdeploy"),
}
"""Every backend by its name, in the order in which a directory's default is looked for."""


def load(path: str | Path, backend: str | None = None, threads: int = 1) -> Parser:
    """Open a checkpoint, a bundle, or the GGUF file of one, which has all that the backend ``native`` needs.

    ``backend``: a key of `BACKENDS`; without it, the first of them whose files are in ``path`` and whose library is
    installed. ``threads``: of the backend's matrix products; ``native`` parses as many texts at once. Raises
    `ConfigError` for an unknown or missing backend, `BundleError` or `CheckpointError` for a directory or a file that
    does not hold what it should.
    """
    if backend is not None and backend not in BACKENDS:
        raise ConfigError(f"--backend {backend}: there is no such backend; choose one of {', '.join(BACKENDS)}")
    if Path(path).is_file():
        return _load_file(Path(path), backend, threads)
    directory = open_directory(path)
    return parser_of(open_backend(directory, backend or _default(directory.path), threads), directory, threads)


def parser_of(opened: Backend, directory: ModelDirectory, threads: int = 1) -> Parser:
    """The parser over a backend that runs the model of ``directory``, with its lists and threshold."""
    if isinstance(opened, NativeBackend):
        return NativeParser(opened, directory.labels, directory.manifest.threshold, threads)
    return python_parser_of(opened, directory)


def python_parser_of(opened: Backend, directory: ModelDirectory) -> Parser:
    """The same with tokens, matches and decoding in Python for every backend, also for the native engine."""
    lists = read_lists(directory.path, directory.config, directory.labels)
    threshold, flags = directory.manifest.threshold, directory.config.flags
    return Parser(opened, directory.tokenizer, directory.labels, threshold, flags, lists)


def open_backend(model: ModelDirectory, name: str, threads: int = 1) -> Backend:
    """The backend of that name, ready to run ``model``."""
    runner = BACKENDS[name]
    absent = runner.missing(model.path)
    if absent is not None and runner.format is None:
        raise BundleError(f"{model.path}: holds no {absent}; the backend {name} runs checkpoints only")
    if absent is not None:
        raise BundleError(
            f"{model.path}: holds no {absent}, which the backend {name} runs; "
            f"`slu export CHECKPOINT --out DIR --format {runner.format}` makes it"
        )
    if not runner.installed:
        raise _not_installed(name)
    if name == "native":
        return open_native(model)
    if name == "dygraph":
        return _dygraph(model.path)
    if name in ("paddle", "paddle-int8"):
        from slu.runtime.backends.paddle_inference import PaddleInferenceBackend

        return PaddleInferenceBackend(model, name, threads)
    if name in ("onnxruntime", "onnxruntime-int8"):
        from slu.runtime.backends.onnxruntime import OnnxRuntimeBackend

        return OnnxRuntimeBackend(model, name, threads)
    if name == "lite":
        from slu.runtime.backends.paddle_lite import PaddleLiteBackend

        return PaddleLiteBackend(model, threads)
    from slu.runtime.backends.fastdeploy import FastDeployBackend

    return FastDeployBackend(model, name, threads)


def _load_file(path: Path, backend: str | None, threads: int) -> Parser:
    if backend not in (None, "native"):
        raise BundleError(f"{path}: a file; the backend {backend} runs directories, give the one that it is in")
    return load_native(path, threads)


def _dygraph(path: Path) -> Backend:
    from slu.platform import native_output_on_stderr, prepare_paddle

    checkpoint = load_checkpoint(path)
    prepare_paddle()
    with native_output_on_stderr():
        from slu.model.network import load_model
        from slu.runtime.backends.dygraph import DygraphBackend

        return DygraphBackend(load_model(checkpoint))


def _default(directory: Path) -> str:
    fitting = [name for name, runner in BACKENDS.items() if runner.missing(directory) is None]
    if not fitting:
        raise BundleError(f"{directory}: holds no model that this program can run; give a checkpoint or a bundle")
    for name in fitting:
        if BACKENDS[name].installed:
            return name
    raise _not_installed(fitting[0])


def _not_installed(name: str) -> ConfigError:
    if name == "native":
        return ConfigError(f"--backend native: there is no {LIBRARY}; `pip install .` builds it")
    runner = BACKENDS[name]
    return ConfigError(
        f'--backend {name}: {runner.module} is not installed; pip install "slu[{runner.extra}]" brings it'
    )


def checkpoint_parser(checkpoint: Checkpoint) -> Parser:
    """A parser that runs a checkpoint by Paddle, with its built-in lists."""
    from slu.model.network import load_model
    from slu.runtime.backends.dygraph import DygraphBackend

    backend = DygraphBackend(load_model(checkpoint))
    return Parser(
        backend,
        checkpoint.tokenizer(),
        checkpoint.labels,
        checkpoint.manifest.threshold,
        checkpoint.config.flags,
        checkpoint.lexicon,
    )
