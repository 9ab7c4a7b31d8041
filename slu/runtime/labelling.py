"""``slu label``: a teacher's logits for every line of a file, shard by shard, in several processes.

A shard is written under another name and renamed, so what exists is whole; a run that was interrupted goes on with the
shards that are missing. A process that dies takes nothing with it but its shard, which is computed again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slu.errors import BundleError, ConfigError, CorpusError, OutputError, SluError
from slu.files import sha256, write_file
from slu.lock import only_writer
from slu.progress import Progress
from slu.runtime.bundle import open_directory
from slu.runtime.loading import load, python_parser_of
from slu.runtime.python_parser import PythonParser
from slu.runtime.soft_labels import DESCRIPTION, HASHES, description_of, logit_tensors, shard_name, text_hash

SHARD = 20_000
"""Lines of a shard."""
TRIES = 3
"""How often a shard may end the process that computes it."""
_META = "slu"


@dataclass(frozen=True)
class Part:
    """One shard: its ``number``, and the bytes of the file that it is made of."""

    number: int
    start: int
    end: int


def label(
    model: Path, file: Path, out: Path, backend: str | None = None, workers: int = 1, lines: int = SHARD
) -> dict[str, Any]:
    """Write the soft labels of the lines of ``file`` to the directory ``out``; returns its description.

    ``workers``: processes; the files do not depend on it. Raises `ConfigError` for a directory that has the labels of
    another model or file, and `SluError` for a shard that cannot be computed.
    """
    if workers < 1 or lines < 1:
        raise ConfigError(f"--workers {workers} --shard {lines}: both must be at least 1")
    parser = open_teacher(model, backend)
    parts = list(parts_of(file, lines))
    wanted: dict[str, Any] = {
        "model": sha256(model), "backend": parser.backend.name, "file": sha256(file), "lines": lines,
        "shards": len(parts), "outputs": {output.logits: output.per_token for output in parser.head.outputs},
    }  # fmt: skip
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made ({error.strerror})") from error
    with only_writer(out):
        _begin(out, wanted)
        missing = [part for part in parts if not is_whole(out / shard_name(part.number), wanted)]
        with Progress("label", len(parts), initial=len(parts) - len(missing), unit="shard") as progress:
            make = _alone(parser) if workers == 1 else _in_processes(model, wanted["backend"], workers)
            for _ in make(file, out, wanted, missing):
                progress.advance()
        done = {**wanted, "complete": True}
        write_file(out / DESCRIPTION, json.dumps(done, indent=1) + "\n")
    return done


def open_teacher(model: Path, backend: str | None) -> PythonParser:
    """The parser whose logits are wanted; raise a `SluError` if there is none."""
    parser = load(model, backend)
    return parser if isinstance(parser, PythonParser) else python_parser_of(parser.backend, open_directory(model))


def parts_of(file: Path, lines: int) -> Iterator[Part]:
    """The shards of a file."""
    number = start = at = count = 0
    try:
        with file.open("rb") as source:
            for line in source:
                at += len(line)
                count += 1
                if count == lines:
                    yield Part(number, start, at)
                    number, start, count = number + 1, at, 0
    except OSError as error:
        raise CorpusError(f"{file}: cannot be read ({error.strerror})") from error
    if count:
        yield Part(number, start, at)


def make_shard(parser: PythonParser, file: Path, out: Path, wanted: dict[str, Any], part: Part) -> int:
    """Compute one shard and write it; returns its number."""
    from safetensors.numpy import save

    texts = _texts(file, part)
    tensors = {HASHES: np.array([text_hash(text) for text in texts], np.uint64), **logit_tensors(parser, texts)}
    # One entry: the order of several is not always the same.
    data = save(tensors, {_META: _identity(wanted)})
    write_file(out / shard_name(part.number), bytes(data))
    return part.number


def is_whole(path: Path, wanted: dict[str, Any]) -> bool:
    """Whether a shard is there, whole, and of this model and this file."""
    from safetensors import SafetensorError, safe_open  # type: ignore[attr-defined]

    try:
        with safe_open(path, "numpy") as shard:  # type: ignore[attr-defined]
            return bool((shard.metadata() or {}).get(_META) == _identity(wanted))
    except (OSError, SafetensorError):
        return False


def _identity(wanted: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def _begin(out: Path, wanted: dict[str, Any]) -> None:
    """Write the description, unless it is there; raise `ConfigError` for one of something else."""
    if (out / DESCRIPTION).exists():
        found = description_of(out)
        for name, value in wanted.items():
            if found.get(name) != value:
                raise ConfigError(f"{out}: has labels of another run ({name} differs); choose another --out")
    elif any(out.iterdir()):
        raise ConfigError(f"{out}: holds other files; choose another --out")
    write_file(out / DESCRIPTION, json.dumps({**wanted, "complete": False}, indent=1) + "\n")


def _texts(file: Path, part: Part) -> list[str]:
    with file.open("rb") as source:
        source.seek(part.start)
        raw = source.read(part.end - part.start)
    texts = []
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n")):
        try:
            texts.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError as error:
            place = f"line {number + 1} after byte {part.start}"
            raise CorpusError(f"{file}: {place}: not UTF-8 at byte {error.start} of the line") from error
    return texts


Make = Callable[[Path, Path, dict[str, Any], list[Part]], Iterator[int]]


def _alone(parser: PythonParser) -> Make:
    def make(file: Path, out: Path, wanted: dict[str, Any], parts: list[Part]) -> Iterator[int]:
        for part in parts:
            yield make_shard(parser, file, out, wanted, part)

    return make


def _in_processes(model: Path, backend: str, workers: int) -> Make:
    def make(file: Path, out: Path, wanted: dict[str, Any], parts: list[Part]) -> Iterator[int]:
        deaths: Counter[int] = Counter()
        left = {part.number: part for part in parts}
        while left:
            begun: set[int] = set()
            try:
                for number in _one_pool(model, backend, workers, (file, out, wanted), list(left.values()), begun):
                    left.pop(number)
                    yield number
            except BrokenProcessPool as error:
                deaths.update(begun & set(left))
                worst = next((number for number, count in deaths.items() if count >= TRIES), None)
                if worst is not None:
                    raise SluError(
                        f"{file}: shard {worst} ended its process {TRIES} times (memory?); give fewer --workers or a "
                        "smaller --shard, or look at its lines"
                    ) from error

    return make


def _one_pool(
    model: Path, backend: str, workers: int, job: tuple[Path, Path, dict[str, Any]], parts: list[Part], begun: set[int]
) -> Iterator[int]:
    """Compute parts until all are done or a process dies; ``begun`` gets the numbers of those that were handed out."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _open_in_worker, (model, backend)) as pool:
        waiting = iter(parts)
        running: set[Future[int]] = set()
        while True:
            while len(running) < workers and (part := next(waiting, None)) is not None:
                begun.add(part.number)
                running.add(pool.submit(_in_worker, *job, part))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                number = future.result()
                begun.discard(number)
                yield number


_teacher: PythonParser | None = None
"""Of a worker process."""


def _open_in_worker(model: Path, backend: str) -> None:
    from slu.platform import prepare_paddle

    global _teacher
    prepare_paddle()
    _teacher = open_teacher(model, backend)


def _in_worker(file: Path, out: Path, wanted: dict[str, Any], part: Part) -> int:
    if _teacher is None:
        raise BundleError("this process has no teacher")
    return make_shard(_teacher, file, out, wanted, part)
