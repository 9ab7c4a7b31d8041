"""``slu bench host``: the native engine and the engines that could replace it, on this machine and the same utterances.

Every engine runs in a process of its own. Memory and accuracy are measured one engine after the other; then each block
of utterances goes through all of them in turn, for several rounds, so that other work on the machine affects all alike.
"""

from __future__ import annotations

import importlib.util
import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_arm import measurement
from bench_arm.host.target import MKL, NAMES, WARM_UP, Target, Worker
from bench_arm.statistics import summary
from slu.errors import BundleError, ConfigError, SluError
from slu.evaluation.evaluate import check_labels
from slu.files import sha256
from slu.platform import prepare_paddle
from slu.progress import Progress
from slu.runtime.bundle import ModelDirectory, open_directory
from slu.runtime.formats import BACKENDS, GGUF, NATIVE_BACKEND
from slu.tables import text_table

BLOCK = 64
"""Utterances that an engine takes at a time: enough to find its own data in the caches, as when it runs alone."""
ROUND_SECONDS = 0.5
"""From the beginning of a round to that of the next, at least. What else a machine does changes over seconds: rounds
within milliseconds would all be alike, and the interval that is drawn from them too narrow."""
MOST_LOAD = 0.25
"""Programs a processor that wait or run before a benchmark begins; with more, a run is marked."""
KEPT_TIMES = 20_000
"""Times of a row that the results hold, for comparisons of two runs; with more, only their summary."""
TIMER = (
    "time.perf_counter_ns around slu_parse and slu_run, called through ctypes (native), and around Parser.parse and "
    "the library's own call for one padded sequence (others)"
)
WARM = (
    f"{BLOCK} utterances an engine at a time, the first few of them once more before, not timed; a round every "
    f"{ROUND_SECONDS} s at most"
)
COLD = "before every call the engine's process writes twice the processor's largest cache"


FIELDS = (
    "processor", "commit", "model", "model_sha256", "data", "data_sha256", "utterances", "threads", "rounds", "warm_up",
    "caches", "timer", "load_average", "warnings", "measurements",
)  # fmt: skip
"""What every result has."""


def bench_host(
    bundles: Sequence[Path],
    data: Path,
    names: Sequence[str] = (),
    threads: int = 1,
    rounds: int = 10,
    limit: int | None = None,
    cold: bool = False,
    say: Callable[[str], None] = print,
    kernels: Sequence[str] = (),
    as_they_come: bool = False,
    processor_time: bool = False,
) -> dict[str, Any]:
    """Measure; returns the object that ``--json`` writes. The first of ``bundles`` is the model it is about.

    ``names``: of `NAMES`, each of which must run; without them all are tried, and ``left_out`` says what did not run.
    ``limit``: time that many utterances, chosen by a fixed seed, instead of all. ``cold``: with caches that hold
    nothing of the engine, as after a pause. ``kernels``: measure the native engine with each of these.
    ``as_they_come``: measure OpenVINO without this project's setting as well. ``processor_time``: measure that, which
    other programs on the machine do not lengthen. Raises a `SluError` when there is nothing to measure.
    """
    load = os.getloadavg()[0]
    prepare_paddle()
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise ConfigError(f"--backend {unknown[0]}: unknown engine; choose from {', '.join(NAMES)}")
    if min(threads, rounds, 1 if limit is None else limit) < 1:
        raise ConfigError("--threads, --repeat and --limit must be at least 1")
    directories = [open_directory(bundle) for bundle in bundles]
    utterances = directories[0].config.task.corpus.read(data, None)
    for directory in directories:
        check_labels(utterances, directory.labels, data)
    left_out: dict[str, str] = {}
    found: dict[Target, dict[str, Any]] = {}
    for number, directory in enumerate(directories):
        for name in names or NAMES:
            try:
                found |= _examine(directory, name, str(data), threads, say, kernels, as_they_come)
            except SluError as error:
                if names:
                    raise
                left_out[f"{directory.path}: {name}" if number else name] = str(error)
                say(f"{name}: left out: {error}")
    if not found:
        raise BundleError(f"{bundles[0]}: no engine here can run it; export it with --format gguf")
    chosen = list(range(len(utterances)))
    if limit is not None and limit < len(chosen):
        chosen = sorted(random.Random(0).sample(chosen, limit))
    times = _take_turns(list(found), chosen, rounds, cold, processor_time)
    rows = [_row(target, found[target], times[target], rounds) for target in found]
    model = directories[0].path
    return {
        "processor": measurement.processor(),
        "commit": measurement.commit(),
        "model": str(model),
        "model_sha256": sha256(file if (file := model / GGUF.files[0]).is_file() else model),
        "data": str(data),
        "data_sha256": sha256(data),
        "utterances": len(utterances),
        "threads": threads,
        "rounds": rounds,
        "warm_up": f"{WARM_UP} utterances",
        "caches": COLD if cold else WARM,
        "timer": TIMER.replace("perf_counter_ns", "process_time_ns") if processor_time else TIMER,
        "load_average": load,
        "warnings": _warnings(load, os.cpu_count() or 1),
        "libraries": {k: v for facts in found.values() for k, v in facts["libraries"].items()},
        "left_out": left_out,
        "measurements": rows,
    }


def _warnings(load: float, processors: int) -> list[str]:
    """What makes the run one that another does not repeat. ``load``: programs that wanted to run before it began."""
    if load <= MOST_LOAD * processors:
        return []
    return [
        f"{load:.1f} programs wanted {processors} processors before the run: another one may be outside its intervals, "
        "and only ratios between engines mean something"
    ]


def _examine(
    directory: ModelDirectory,
    name: str,
    data: str,
    threads: int,
    say: Callable[[str], None],
    kernels: Sequence[str],
    as_they_come: bool,
) -> dict[Target, dict[str, Any]]:
    """Start time, memory and accuracy of one engine on one bundle.

    Engines that use MKL are measured twice: as they come, and with the setting of this project. Raises `SluError` when
    the engine does not run.
    """
    target = Target(str(directory.path), name, data, 1 if BACKENDS[name].parser else threads, whole=True)
    if importlib.util.find_spec(target.module) is None:
        raise ConfigError(f"{target.module} is not installed; install it or leave the engine out of --backend")
    targets = [target]
    if BACKENDS[name].uses_mkl:
        # A setting of the user stays; where this project sets nothing, MKL chooses well itself.
        set_here = os.environ.get(MKL, "")
        targets = [replace(target, mkl=kind) for kind in dict.fromkeys(("", set_here))]
    if name == NATIVE_BACKEND and kernels:
        targets = [replace(target, kernel=kernel) for kernel in kernels]
    if as_they_come and BACKENDS[name].engine == "openvino":
        targets.append(replace(target, as_it_comes=True))
    found = {}
    for target in targets:
        with Worker(target) as worker:
            found[replace(target, whole=False)] = facts = worker.facts
        words = " ".join(filter(None, (name, facts["precision"], target.setting)))
        say(f"{words}: exact {facts['exact']:.2f} %, load {facts['load_ms']:.1f} ms")
    return found


def _take_turns(
    targets: list[Target], chosen: list[int], rounds: int, cold: bool, processor_time: bool
) -> dict[Target, dict[str, list[int]]]:
    """Nanoseconds of every utterance of ``chosen`` in every round, by what was timed.

    Each block goes through all engines before the next one does, in another order every time.
    """
    times: dict[Target, dict[str, list[int]]] = {target: {} for target in targets}
    order, shuffle = list(targets), random.Random(0).shuffle
    with ExitStack() as stack:
        workers = {target: stack.enter_context(Worker(target)) for target in targets}
        with Progress("bench", rounds * len(chosen), unit="utterance") as progress:
            for number in range(rounds):
                begin = time.monotonic()
                for first in range(0, len(chosen), BLOCK):
                    block = chosen[first : first + BLOCK]
                    shuffle(order)
                    for target in order:
                        for part, taken in workers[target].time(block, cold, processor_time).items():
                            times[target].setdefault(part, []).extend(taken)
                    progress.advance(count=len(block))
                if number + 1 < rounds:
                    time.sleep(max(begin + ROUND_SECONDS - time.monotonic(), 0))
    return times


def _row(target: Target, facts: dict[str, Any], times: dict[str, list[int]], rounds: int) -> dict[str, Any]:
    """One of the ``measurements``."""
    runner = BACKENDS[target.backend]
    size = len(times["whole"]) // rounds  # they are in the order of the rounds
    samples = [[round(t / 1e6, 5) for t in times["whole"][i * size : (i + 1) * size]] for i in range(rounds)]
    files = [Path(target.bundle) / name for name in runner.files]
    python = {"python_ms": measurement.milliseconds(times["python"])} if "python" in times else {}
    return {
        "backend": target.backend,
        "format": runner.format,
        "precision": facts["precision"],
        "setting": target.setting,
        "bundle": target.bundle,
        "threads": target.threads,
        "padded_to": facts["padded_to"],
        "utterances": len(times["whole"]),
        "end_to_end_ms": {**measurement.milliseconds(times["whole"]), "p50_interval": summary(samples)["p50_interval"]},
        "model_ms": measurement.milliseconds(times["network"]),
        **python,
        **{key: facts[key] for key in ("load_ms", "rss_growth_bytes", "pss_bytes", "pss_before_bytes")},
        **({"samples_ms": samples} if rounds * size <= KEPT_TIMES else {}),
        "size_bytes": sum(file.stat().st_size for file in files),
        "exact": facts["exact"],
    }


def table(result: dict[str, Any]) -> list[str]:
    """The measurements as lines of a table, with ratios to the end-to-end time of the first one."""
    rows = result["measurements"]
    first = rows[0]["end_to_end_ms"]["mean"]
    several = len({row["bundle"] for row in rows}) > 1
    times = ("whole ms", "p50", "95 % interval", "p99", "ratio", "network ms", "ratio", "load ms")
    cells = [["engine", "precision", "padded to", *times, "RSS growth MB", "Pss MB", "size MB", "exact %"]]
    for row in rows:
        whole, network = row["end_to_end_ms"], row["model_ms"]
        name = f"{row['backend']} ({row['bundle']})" if several else row["backend"]
        name += f", {row['setting']}" if row["setting"] else ""
        low, high = whole["p50_interval"]
        cells.append(
            [name, row["precision"], str(row["padded_to"] or "-")]
            + [f"{whole['mean']:.3f}", f"{whole['p50']:.3f}", f"{low:.3f}-{high:.3f}", f"{whole['p99']:.3f}"]
            + [f"{whole['mean'] / first:.1f}"]
            + [f"{network['mean']:.3f}", f"{network['mean'] / first:.1f}", f"{row['load_ms']:.1f}"]
            + [f"{row[key] / 1e6:.2f}" for key in ("rss_growth_bytes", "pss_bytes", "size_bytes")]
            + [f"{row['exact']:.2f}"]
        )
    lines = text_table(cells, left=(0, 1), gap=1)
    lines += [f"warning: {text}" for text in result.get("warnings", ())]
    lines.append(f"ratio: to the whole path of {rows[0]['backend']} {rows[0]['precision']}, means")
    lines += [
        f"{row['backend']} {row['precision']} called from Python (Parser.parse): {row['python_ms']['mean']:.3f} ms"
        for row in rows
        if "python_ms" in row
    ]
    return lines
