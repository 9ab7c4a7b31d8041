"""One engine in a process of its own, measured as `bench_arm.host` asks: memory, accuracy, and the time of one text.

Run as ``python -m bench_arm.host_worker JSON``; ``JSON`` is that of a `Target`. The first line that it prints is the
JSON of what it found out; then, for the number of an utterance on a line of standard input, it prints the nanoseconds
from text to answer and those of the network alone. It ends with its input.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from bench_arm import measurement
from bench_arm.target import WARM_UP, Target
from slu.backends import native_api
from slu.backends.fixed_length import FixedLengthBackend
from slu.backends.native import NativeBackend, NativeParser, utf8
from slu.bundle import ModelDirectory, open_directory
from slu.corpus import read_corpus
from slu.errors import BundleError, SluError
from slu.loading import BACKENDS, open_backend
from slu.metrics import compare, percent
from slu.parser import Backend, Parser
from slu.platform import prepare_paddle

LIBRARIES = {"paddle": "paddlepaddle", "paddlelite": "paddlelite", "fastdeploy": "fastdeploy-python"}
"""Modules and the names of the packages that they are from."""


def serve(target: Target) -> None:
    """Do what the module says."""
    utterances = read_corpus(target.data)
    directory = _checked(target)
    facts: dict[str, Any] = {"pss_before_bytes": measurement.proportional_bytes()}
    _load_library(target)
    gc.collect()
    measurement.forget_peak()
    before = measurement.resident_bytes()
    start = time.perf_counter_ns()
    backend = _open(target, directory)
    facts["load_ms"] = round((time.perf_counter_ns() - start) / 1e6, 3)
    parser = _parser(backend, directory)
    selected = utterances if target.whole else utterances[:WARM_UP]
    # One at a time, as a user speaks, and no answer is kept: memory is that of one utterance.
    right = [compare(u, parser.parse(u.text), parser.labels).exact for u in selected]
    facts |= {
        "precision": _precision(target, directory),
        "padded_to": backend.max_length if isinstance(backend, FixedLengthBackend) else 0,
        "rss_growth_bytes": max(measurement.peak_resident_bytes() - before, 0),
        "pss_bytes": measurement.proportional_bytes(),
        "exact": percent(sum(right), len(right)),
        "libraries": _libraries(target, backend),
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    with ExitStack() as stack:
        timer = _timer(parser, directory, stack)
        for line in sys.stdin:
            whole, network = timer(utterances[int(line)].text)
            sys.stdout.write(f"{whole} {network}\n")
            sys.stdout.flush()


def _checked(target: Target) -> ModelDirectory:
    """The bundle, its files compared with their hashes now, so that opening it is not timed with that."""
    directory = open_directory(target.bundle)
    if target.backend != "onnxruntime":
        directory.require(*BACKENDS[target.backend].files)
    config = {**directory.manifest.config, "files": {}}
    return replace(directory, manifest=replace(directory.manifest, config=config))


def _load_library(target: Target) -> None:
    if target.backend == "native":
        native_api.load_library()
        return
    prepare_paddle()
    importlib.import_module(target.module)


def _open(target: Target, directory: ModelDirectory) -> Backend:
    if target.backend != "onnxruntime":
        return open_backend(directory, target.backend, target.threads)
    from bench_arm.onnx_models import OnnxBackend

    return OnnxBackend(directory, Path(target.onnx), target.threads)


def _parser(backend: Backend, directory: ModelDirectory) -> Parser:
    if isinstance(backend, NativeBackend):
        return NativeParser(backend, directory.labels, directory.manifest.threshold)
    return Parser(backend, directory.tokenizer, directory.labels, directory.manifest.threshold)


def _precision(target: Target, directory: ModelDirectory) -> str:
    """What is computed in: Paddle's graphs of a quantised model simulate INT8 in floats."""
    if target.onnx:
        return Path(target.onnx).suffixes[0][1:]
    stages = [directory.manifest.stage, *(past.get("stage") for past in directory.manifest.history)]
    if "qat" not in stages:
        return "fp32"
    return "int8" if target.backend == "native" else "fp32 simulating int8"


def _libraries(target: Target, backend: Backend) -> dict[str, str]:
    if isinstance(backend, NativeBackend):
        return {"slu": native_api.load_library().slu_version().decode(), "kernel": backend.kernel}
    package = LIBRARIES.get(target.module, target.module)
    return {package: metadata.version(package)}


def _timer(parser: Parser, directory: ModelDirectory, stack: ExitStack) -> Callable[[str], tuple[int, int]]:
    """A function that returns the nanoseconds from ``text`` to answer, and those of the network on its tokens.

    Each is run once before it is timed, so that all engines begin with what they left in the caches themselves.
    """
    backend, now = parser.backend, time.perf_counter_ns

    def tokens(text: str) -> np.ndarray:
        return directory.tokenizer.encode(text, backend.max_length).ids

    def timed(function: Callable[..., object], *arguments: object) -> int:
        function(*arguments)
        start = now()
        function(*arguments)
        return now() - start

    if isinstance(backend, NativeBackend):
        context = stack.enter_context(backend.context())

        def time_native(text: str) -> tuple[int, int]:
            ids = np.ascontiguousarray(tokens(text), np.int32)
            pointer = ids.ctypes.data_as(native_api.POINTER(native_api.c_int32))
            return timed(context.parse, utf8(text)), timed(context.run, pointer, len(ids))

        return time_native

    if not isinstance(backend, FixedLengthBackend):
        raise BundleError(f"{backend.name}: the bench has no way to time it")

    def time_graph(text: str) -> tuple[int, int]:
        ids = tokens(text)
        padded = np.full((1, backend.max_length), directory.config.pad_token_id, np.int32)
        padded[0, : len(ids)] = ids
        return timed(parser.parse, text), timed(backend.infer, padded)

    return time_graph


def main(arguments: list[str]) -> int:
    """Standard output is for answers only: what native libraries print there goes to standard error."""
    sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        serve(Target(**json.loads(arguments[0])))
    except SluError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        sys.stdout.flush()
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
