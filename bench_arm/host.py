"""``slu bench host``: the native engine and what it could be swapped for, on this machine, on the same utterances.

Every engine runs in a process of its own. Memory and accuracy are measured one engine after the other; then each
utterance goes through all of them in turn, several rounds long, so that what else the machine does hits all alike.
"""

from __future__ import annotations

import importlib.util
import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_arm import measurement
from bench_arm.onnx_models import PRECISIONS, onnx_file
from bench_arm.target import NAMES, WARM_UP, Target, Worker
from export_lite.process import run_python
from slu.bundle import FILES_OF_FORMAT, GGUF, ModelDirectory, open_directory
from slu.commands.evaluate import check_labels
from slu.corpus import read_corpus
from slu.errors import BundleError, ConfigError, SluError
from slu.files import sha256
from slu.loading import BACKENDS
from slu.progress import Progress

TIMER = (
    "time.perf_counter_ns around slu_parse and slu_run, called through ctypes (native), and around Parser.parse and "
    "the library's own call for one padded sequence (others); each timed call follows an untimed one of the same text"
)


def bench_host(
    bundles: Sequence[Path],
    data: Path,
    names: Sequence[str] = (),
    threads: int = 1,
    rounds: int = 5,
    limit: int | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure; returns the object that ``--json`` writes. The first of ``bundles`` is the model it is about.

    ``names``: of `NAMES`, each of which must run; without them all are tried, and ``left_out`` says what did not run.
    ``limit``: time that many utterances, chosen by a fixed seed, instead of all. Raises a `SluError` when there is
    nothing to measure.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise ConfigError(f"--backend {unknown[0]}: there is no such engine; choose from {', '.join(NAMES)}")
    if min(threads, rounds, 1 if limit is None else limit) < 1:
        raise ConfigError("--threads, --repeat and --limit must be at least 1")
    utterances = read_corpus(data)
    directories = [open_directory(bundle) for bundle in bundles]
    for directory in directories:
        check_labels(utterances, directory.labels, data)
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as temporary:
        found: dict[Target, dict[str, Any]] = {}
        for number, directory in enumerate(directories):
            scratch = Path(temporary) / str(number)
            scratch.mkdir()
            for name in names or NAMES:
                try:
                    found |= _examine(directory, name, str(data), threads, scratch, say)
                except SluError as error:
                    if names:
                        raise
                    left_out[f"{directory.path}: {name}" if number else name] = str(error)
                    say(f"{name}: left out: {error}")
        if not found:
            raise BundleError(f"{bundles[0]}: nothing in it can be measured here")
        chosen = list(range(len(utterances)))
        if limit is not None and limit < len(chosen):
            chosen = sorted(random.Random(0).sample(chosen, limit))
        times = _take_turns(list(found), chosen, rounds)
        rows = [_row(target, found[target], times[target]) for target in found]
    model = directories[0].path
    return {
        "processor": measurement.processor(),
        "commit": measurement.commit(),
        "model": str(model),
        "model_sha256": sha256(model / GGUF if (model / GGUF).is_file() else model),
        "data": str(data),
        "data_sha256": sha256(data),
        "utterances": len(utterances),
        "threads": threads,
        "rounds": rounds,
        "warm_up": f"{WARM_UP} utterances, and one untimed call before each timed one",
        "timer": TIMER,
        "libraries": {k: v for facts in found.values() for k, v in facts["libraries"].items()},
        "left_out": left_out,
        "measurements": rows,
    }


def _examine(
    directory: ModelDirectory, name: str, data: str, threads: int, scratch: Path, say: Callable[[str], None]
) -> dict[Target, dict[str, Any]]:
    """What one engine on one bundle needs to start, in how much memory, and how right it is.

    ``onnxruntime`` may be two, as it runs every precision. Raises `SluError` when it does not run.
    """
    target = Target(str(directory.path), name, data, 1 if name == "native" else threads, whole=True)
    if importlib.util.find_spec(target.module) is None:
        raise ConfigError(f"{target.module} is not installed")
    targets = [target]
    if name == "onnxruntime":
        directory.require(*FILES_OF_FORMAT["paddle"])
        run_python("bench_arm.onnx_models", [str(directory.path), str(scratch)], f"{directory.path}: making ONNX files")
        files = [scratch / onnx_file(precision) for precision in PRECISIONS]
        targets = [replace(target, onnx=str(file)) for file in files if file.is_file()]
    found = {}
    for target in targets:
        with Worker(target) as worker:
            found[replace(target, whole=False)] = facts = worker.facts
        say(f"{name} {facts['precision']}: exact {facts['exact']:.2f} %, load {facts['load_ms']:.1f} ms")
    return found


def _take_turns(targets: list[Target], chosen: list[int], rounds: int) -> dict[Target, list[tuple[int, int]]]:
    """Nanoseconds of every utterance of ``chosen`` in every round, from text to answer and of the network alone."""
    times: dict[Target, list[tuple[int, int]]] = {target: [] for target in targets}
    with ExitStack() as stack:
        workers = {target: stack.enter_context(Worker(target)) for target in targets}
        with Progress("bench", rounds * len(chosen), unit="utterance") as progress:
            for turn in range(rounds):
                order = targets[turn % len(targets) :] + targets[: turn % len(targets)]
                for index in chosen:
                    for target in order:
                        times[target].append(workers[target].time(index))
                    progress.advance()
    return times


def _row(target: Target, facts: dict[str, Any], times: list[tuple[int, int]]) -> dict[str, Any]:
    """One of the ``measurements``."""
    if target.onnx:
        form, files = "onnx", [Path(target.onnx)]
    else:
        form = BACKENDS[target.backend].format or ""
        files = [Path(target.bundle) / name for name in BACKENDS[target.backend].files]
    whole, network = zip(*times)
    return {
        "backend": target.backend,
        "format": form,
        "precision": facts["precision"],
        "bundle": target.bundle,
        "threads": target.threads,
        "padded_to": facts["padded_to"],
        "utterances": len(times),
        "end_to_end_ms": measurement.milliseconds(whole),
        "model_ms": measurement.milliseconds(network),
        **{key: facts[key] for key in ("load_ms", "rss_growth_bytes", "pss_bytes", "pss_before_bytes")},
        "size_bytes": sum(file.stat().st_size for file in files),
        "exact": facts["exact"],
    }


def table(result: dict[str, Any]) -> list[str]:
    """The measurements as lines of a table, with how many times the time of the first one's whole path each takes."""
    rows = result["measurements"]
    first = rows[0]["end_to_end_ms"]["mean"]
    several = len({row["bundle"] for row in rows}) > 1
    times = ("whole ms", "p50", "p99", "ratio", "network ms", "ratio", "load ms")
    cells = [["engine", "precision", "padded to", *times, "RSS growth MB", "Pss MB", "size MB", "exact %"]]
    for row in rows:
        whole, network = row["end_to_end_ms"], row["model_ms"]
        name = f"{row['backend']} ({row['bundle']})" if several else row["backend"]
        cells.append(
            [name, row["precision"], str(row["padded_to"] or "-")]
            + [f"{whole['mean']:.3f}", f"{whole['p50']:.3f}", f"{whole['p99']:.3f}", f"{whole['mean'] / first:.1f}"]
            + [f"{network['mean']:.3f}", f"{network['mean'] / first:.1f}", f"{row['load_ms']:.1f}"]
            + [f"{row[key] / 1e6:.2f}" for key in ("rss_growth_bytes", "pss_bytes", "size_bytes")]
            + [f"{row['exact']:.2f}"]
        )
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [
        " ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths)))
        for row in cells
    ]
    return [*lines, f"ratio: to the whole path of {rows[0]['backend']} {rows[0]['precision']}, means"]
