"""One engine in a process of its own, measured as `bench_arm.host.bench` asks: memory, accuracy, time of one text.

Run as ``python -m bench_arm.host.worker JSON``; ``JSON`` is that of a `Target`. The first line that it prints is the
JSON of what it measured. Then it takes requests, each a JSON object on a line of standard input: ``utterances``,
numbers of them, ``cold``, and ``processor_time``, which clock to use. It answers with nanoseconds, a list of as many
for each of ``whole`` (from text to answer), ``network`` (that alone) and, of the native engine, ``python``
(`Parser.parse`, which others have in ``whole``). It ends with its input.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from bench_arm import measurement
from bench_arm.host.target import WARM_UP, Target
from slu.corpus.dialogues import turns_before
from slu.errors import BundleError, SluError
from slu.heads.measures import percent
from slu.inputs.flags import FIRST_TURN
from slu.platform import prepare_paddle
from slu.runtime.backends import native_api
from slu.runtime.backends.fixed_length import FixedLengthBackend
from slu.runtime.backends.native import NativeBackend, open_native, utf8
from slu.runtime.bundle import ModelDirectory, open_directory
from slu.runtime.formats import BACKENDS, FLOAT32, FORMATS, INT8, NATIVE_BACKEND
from slu.runtime.loading import open_backend, parser_of
from slu.runtime.parser import Backend, Parser

BFLOAT16 = "bf16"
AGAIN = 8
"""Untimed calls before a block, which remove the data of the previous engine from the caches."""


def serve(target: Target) -> None:
    """Measure, print what was measured, then answer requests until the input ends."""
    directory = _checked(target)
    utterances = directory.config.task.corpus.read(Path(target.data), None)
    facts: dict[str, Any] = {"pss_before_bytes": measurement.proportional_bytes()}
    _load_library(target)
    gc.collect()
    measurement.forget_peak()
    before = measurement.resident_bytes()
    start = time.perf_counter_ns()
    backend = _open(target, directory)
    facts["load_ms"] = round((time.perf_counter_ns() - start) / 1e6, 3)
    parser = parser_of(backend, directory)
    selected = utterances if target.whole else utterances[:WARM_UP]
    # One at a time, as a user speaks, and only the intent of an answer is kept, so that memory is that of one
    # utterance.
    right, intents = [], list[str]()
    for utterance, before_it in zip(selected, turns_before(selected)):
        answer = parser.parse(utterance.text, FIRST_TURN if before_it is None else intents[before_it])
        right.append(parser.head.right(utterance, answer, parser.labels))
        intents.append(answer.intent)
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
        prepare = _preparer(parser, directory, stack)
        for line in sys.stdin:
            order = json.loads(line)
            calls = [prepare(utterances[number].text) for number in order["utterances"]]
            clock = time.process_time_ns if order["processor_time"] else time.perf_counter_ns
            times = {part: _times([call[part] for call in calls], order["cold"], clock) for part in calls[0]}
            sys.stdout.write(json.dumps(times))
            sys.stdout.write("\n")
            sys.stdout.flush()


def _checked(target: Target) -> ModelDirectory:
    """The bundle, its files compared with their hashes now, so that opening it is not timed with that."""
    directory = open_directory(target.bundle)
    directory.require(*BACKENDS[target.backend].files)
    config = {**directory.manifest.config, "files": {}}
    return replace(directory, manifest=replace(directory.manifest, config=config))


def _load_library(target: Target) -> None:
    if target.backend == NATIVE_BACKEND:
        native_api.load_library()
        return
    prepare_paddle()
    importlib.import_module(target.module)


def _open(target: Target, directory: ModelDirectory) -> Backend:
    if target.kernel:
        return open_native(directory, target.backend, target.threads, target.kernel)
    return open_backend(directory, target.backend, target.threads)


def _precision(target: Target, directory: ModelDirectory) -> str:
    """The precision of the computation: some graphs of a quantised model simulate INT8 in floats."""
    form = FORMATS[BACKENDS[target.backend].format or ""]
    own = measurement.precision(form, directory.manifest)
    if target.as_it_comes and "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        return BFLOAT16
    simulated = own == FLOAT32 and measurement.checkpoint_precision(directory.manifest) == INT8
    return "fp32 simulating int8" if simulated else own


def _libraries(target: Target, backend: Backend) -> dict[str, str]:
    if isinstance(backend, NativeBackend):
        return {"slu": native_api.load_library().slu_version().decode(), "kernel": backend.kernel}
    package = BACKENDS[target.backend].package or target.module
    return {package: metadata.version(package)}


Call = Callable[[], object]


def _preparer(parser: Parser, directory: ModelDirectory, stack: ExitStack) -> Callable[[str], dict[str, Call]]:
    """A function that returns what is to be timed of a text, by name, with all that Python can do before done."""
    backend = parser.backend

    if isinstance(backend, NativeBackend):
        context = stack.enter_context(backend.context())

        def prepare_native(text: str) -> dict[str, Call]:
            ids = np.ascontiguousarray(directory.tokenizer().encode(text, backend.max_length).ids, np.int32)
            pointer = ids.ctypes.data_as(native_api.POINTER(native_api.c_int32))
            # The network alone is timed without flags: adding their rows is part of the whole path.
            return {
                "whole": partial(context.parse, utf8(text)),
                "network": partial(context.run, pointer, len(ids)),
                "python": partial(parser.parse, text),
            }

        return prepare_native

    if not isinstance(backend, FixedLengthBackend):
        raise BundleError(f"{backend.name}: the benchmark cannot time it; leave it out of --backend")

    def prepare_graph(text: str) -> dict[str, Call]:
        given: list[tuple[np.ndarray, ...]] = []
        infer = backend.infer

        def record(*inputs: np.ndarray) -> Sequence[np.ndarray]:
            given.append(inputs)
            return infer(*inputs)

        vars(backend)["infer"] = record  # so that the inputs are those that a text has: tokens, padding, flags
        parser.parse(text)
        del vars(backend)["infer"]
        return {"whole": partial(parser.parse, text), "network": partial(infer, *given[0])}

    return prepare_graph


def _times(calls: list[Call], cold: bool, now: Callable[[], int]) -> list[int]:
    """Nanoseconds of each call: after some that are not timed, or each after the caches were filled with other data."""
    times = []
    if not cold:
        for call in calls[:AGAIN]:
            call()
    for call in calls:
        if cold:
            other = _other_data()
            np.add(other, 1, out=other)
        start = now()
        call()
        times.append(now() - start)
    return times


@cache
def _other_data() -> np.ndarray:
    return np.zeros(2 * measurement.cache_bytes(), np.uint8)


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
