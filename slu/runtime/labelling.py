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

from slu.corpus.texts import decoded
from slu.errors import BundleError, ConfigError, CorpusError, OutputError, SluError
from slu.files import open_regular, sha256, write_file
from slu.inputs.flags import FIRST_TURN
from slu.lock import only_writer
from slu.progress import Progress
from slu.runtime.bundle import open_directory
from slu.runtime.loading import load, python_parser_of
from slu.runtime.python_parser import PythonParser
from slu.runtime.soft_labels import (
    DESCRIPTION,
    HASHES,
    Question,
    description_of,
    logit_tensors,
    shard_name,
    text_hash,
)

SHARD = 20_000
"""Lines of a shard."""
TRIES = 3
"""How often a shard may end the process that computes it."""
JSON_LINES = ".jsonl"
"""Ending of files that say more than a text a line."""
_META = "slu"


@dataclass(frozen=True)
class Part:
    """One shard: its ``number``, the bytes of the file that it is made of, and the number of its first ``line``."""

    number: int
    start: int
    end: int
    line: int


Make = Callable[[Path, Path, dict[str, Any], list[Part]], Iterator[int]]
"""From the labelled file, the directory, its description and shards to their numbers, as they are written."""


def label(
    model: Path,
    file: Path,
    out: Path,
    backend: str | None = None,
    workers: int = 1,
    lines: int = SHARD,
    cluster: Callable[[Path, str], Make] | None = None,
) -> dict[str, Any]:
    """Write the soft labels of the lines of ``file`` to the directory ``out``; returns its description.

    ``workers``: processes; ``cluster``: what makes the shards instead of them, from the model and its backend. The
    files do not depend on either. Raises `ConfigError` for a directory that has the labels of another model or file,
    and `SluError` for a shard that cannot be computed.
    """
    if workers < 1 or lines < 1:
        raise ConfigError(f"--workers {workers} --shard {lines}: both must be at least 1")
    parser = open_teacher(model, backend)
    parts = list(parts_of(file, lines))
    if file.suffix == JSON_LINES:
        _check_asked(parser, file, parts)
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
            if cluster is not None:
                make = cluster(model, wanted["backend"])
            else:
                make = _alone(parser) if workers == 1 else _in_processes(model, wanted["backend"], workers)
            for _ in make(file, out, wanted, missing):
                progress.advance()
        labels = {"intents": list(parser.labels.intents), "slots": list(parser.labels.slots)}
        done = {**wanted, **labels, "complete": True}
        write_file(out / DESCRIPTION, json.dumps(done, indent=1) + "\n")
    return done


def _check_asked(parser: PythonParser, file: Path, parts: list[Part]) -> None:
    """Raise `CorpusError` for what the model does not have, before anything is computed."""
    intents, slots = (
        {None, FIRST_TURN, *parser.labels.intents},
        set(parser.labels.slots if parser.columns.slots else ()),
    )
    for part in parts:
        for line, one in enumerate(asked_of(file, part), part.line):
            unknown = next((slot for slot, _ in one.entries if slot not in slots), None)
            if one.previous not in intents:
                raise CorpusError(
                    f"{file}:{line}: {one.text[:40]!r}: the model has no intent {str(one.previous)[:40]!r}"
                )
            if unknown is not None:
                raise CorpusError(f"{file}:{line}: {one.text[:40]!r}: the model has no lexicon {unknown[:40]!r}")


def open_teacher(model: Path, backend: str | None) -> PythonParser:
    """The parser whose logits are wanted; raise a `SluError` if there is none."""
    parser = load(model, backend)
    return parser if isinstance(parser, PythonParser) else python_parser_of(parser.backend, open_directory(model))


def parts_of(file: Path, lines: int) -> Iterator[Part]:
    """The shards of a file."""
    number = start = at = count = 0
    first = 1
    try:
        with open_regular(file) as source:
            for line in source:
                at += len(line)
                count += 1
                if count == lines:
                    yield Part(number, start, at, first)
                    number, start, first, count = number + 1, at, first + count, 0
    except OSError as error:
        raise CorpusError(f"{file}: cannot be read ({error.strerror})") from error
    if count:
        yield Part(number, start, at, first)


def make_shard(parser: PythonParser, file: Path, out: Path, wanted: dict[str, Any], part: Part) -> int:
    """Compute one shard and write it; returns its number."""
    write_file(out / shard_name(part.number), shard_data(parser, asked_of(file, part), wanted))
    return part.number


def shard_data(parser: PythonParser, asked: list[Question], wanted: dict[str, Any]) -> bytes:
    """The file of a shard."""
    from safetensors.numpy import save

    texts, previous, added = zip(*((one.text, one.previous, one.lexicons) for one in asked))
    hashes = np.array([text_hash(one) for one in asked], np.uint64)
    tensors = {HASHES: hashes, **logit_tensors(parser, texts, previous, added=added)}
    # One entry: the order of several is not always the same.
    return bytes(save(tensors, {_META: _identity(wanted)}))


def is_whole(path: Path, wanted: dict[str, Any]) -> bool:
    """Whether a shard is there, whole, and of this model and this file."""
    from safetensors import SafetensorError, safe_open  # type: ignore[attr-defined]

    try:
        if not path.is_file():  # at a pipe, it would wait
            return False
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
    with open_regular(file) as source:
        source.seek(part.start)
        raw = source.read(part.end - part.start)
    return [decoded(line, file, number) for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), part.line)]


def asked_of(file: Path, part: Part) -> list[Question]:
    """What a shard asks, a line each: a text, or in a file of JSON Lines also what is known beside it."""
    lines = _texts(file, part)
    if file.suffix != JSON_LINES:
        return [Question(line) for line in lines]
    asked = []
    for number, line in enumerate(lines, part.line):
        try:
            asked.append(Question.from_json(line))
        except (ValueError, RecursionError) as error:
            form = '{"text": "取消", "previous_intent": "music.play", "lexicons": {"song": ["花心"]}}'
            raise CorpusError(f"{file}:{number}: is not as in {form}") from error
    return asked


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
"""The teacher that a worker process has opened; None in the process that started it."""


def _open_in_worker(model: Path, backend: str) -> None:
    from slu.platform import prepare_paddle

    global _teacher
    prepare_paddle()
    _teacher = open_teacher(model, backend)


def _in_worker(file: Path, out: Path, wanted: dict[str, Any], part: Part) -> int:
    if _teacher is None:
        raise BundleError("this process has no teacher")
    return make_shard(_teacher, file, out, wanted, part)
