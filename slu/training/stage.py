"""A stage: makes one directory from others, says so in its manifest, and is skipped when it is up to date."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from slu.corpus.tagged import Utterance, read_corpus, split_corpus
from slu.errors import CheckpointError, ConfigError, CorpusError, OutputError
from slu.evaluation.evaluate import choose_threshold, evaluate, summary
from slu.files import MARK, check_output_directory, new_directory, sha256, write_file
from slu.manifest import Manifest, library_versions
from slu.model.checkpoint import LISTS, WEIGHTS, Checkpoint, load_checkpoint, write_checkpoint_files
from slu.runtime.parser import Parser
from slu.training import distributed
from slu.training.name_lists import TrainingLists, read_training_lists
from slu.training.recipe import DataSettings, LexiconSettings, Recipe

STAGE = "stage.json"
"""In a workspace: what is being made there."""


@dataclass(frozen=True)
class Data:
    """The two parts of a corpus and what identifies them; ``lists``: of the recipe's [lexicon], None without it."""

    train: list[Utterance]
    dev: list[Utterance]
    identity: dict[str, str]
    lists: TrainingLists | None = None


def load_data(recipe: Recipe) -> Data:
    """Read and split the corpus of a recipe."""
    settings = recipe.section("data", DataSettings)
    if settings.split not in ("utterance", "session"):
        raise ConfigError(f"{recipe.path}: [data] split is {settings.split!r}; it is utterance or session")
    path = recipe.resolve(settings.corpus)
    utterances = read_corpus(path)
    by: Literal["utterance", "session"] = "session" if settings.split == "session" else "utterance"
    try:
        train, dev = split_corpus(utterances, by=by, dev_fraction=settings.dev_fraction, seed=settings.seed)
    except CorpusError as error:
        raise CorpusError(f"{path}: {error}") from error
    split = f"{settings.split} {settings.dev_fraction} seed {settings.seed}"
    identity = {"corpus": sha256(path), "split": split}
    slots = sorted({slot.name for utterance in train for slot in utterance.slots})
    lists = read_training_lists(recipe, slots, by == "session")
    if lists:
        settings_of_lists = recipe.section("lexicon", LexiconSettings)
        identity["lexicon"] = _canonical(_plain(dataclasses.asdict(replace(settings_of_lists, lists=""))))
        if settings_of_lists.lists:
            identity["lists"] = file_hash(recipe.resolve(settings_of_lists.lists))
    return Data(train, dev, identity, lists)


def run_stage(
    name: str,
    out: Path,
    settings: Any,
    inputs: dict[str, str],
    data: Data,
    make: Callable[[Path], tuple[Checkpoint, dict[str, Any], Sequence[Path]]],
    before: Checkpoint | None = None,
    resume: bool = True,
    say: Callable[[str], None] = print,
) -> Checkpoint:
    """Make the checkpoint ``out``, unless it is there already, made from the same inputs with the same settings.

    ``make(workspace)`` returns the new checkpoint, what it has to report, and files to keep beside it. The result is
    measured on the development data, and its threshold chosen there; all of that goes into the manifest.
    """
    out = Path(os.path.normpath(out.absolute()))  # so that even "." has a name and a place beside it
    identity: dict[str, Any] = {
        "stage": name,
        "inputs": {**data.identity, **inputs},
        "config": _plain(dataclasses.asdict(settings)),
    }
    if is_up_to_date(out, identity):
        say(f"{name}: up to date in {out}")
        if distributed.rank() == 0 and _is_of(workspace_of(out), identity):
            shutil.rmtree(workspace_of(out), ignore_errors=True)  # a kill came between the result and the tidying
        return load_checkpoint(out)
    check_replaceable(out, name)
    start = time.monotonic()
    try:
        workspace = prepare_workspace(out, identity, resume)
        checkpoint, report, keep = make(workspace)
    except BaseException:
        if distributed.rank() == 0 and not any(workspace_of(out).glob("*.safetensors")):
            shutil.rmtree(workspace_of(out), ignore_errors=True)  # no state in it to go on from
        raise
    if distributed.rank() > 0:
        distributed.barrier()
        return checkpoint
    seconds = time.monotonic() - start
    parser = checkpoint_parser(checkpoint)
    _, answers = evaluate(parser, data.dev)
    parser.threshold = choose_threshold(parser, data.dev, answers)
    result, _ = evaluate(parser, data.dev)
    metrics = {**summary(result), "size_bytes": checkpoint.size_bytes, "seconds": round(seconds, 1), **report}
    if checkpoint.lexicon:
        metrics["lexicon"] = checkpoint.lexicon.count_of_slot()
    checkpoint.manifest = Manifest(
        **identity,
        versions=library_versions(),
        metrics=metrics,
        threshold=parser.threshold,
        history=before.manifest.as_history() if before else [],
    )
    with new_directory(out) as directory:
        write_checkpoint_files(checkpoint, directory)
        for path in keep:
            path.rename(directory / path.name)
    shutil.rmtree(workspace, ignore_errors=True)
    distributed.barrier()
    say(describe(name, metrics, before.manifest.metrics if before else {}))
    return checkpoint


def is_up_to_date(out: Path, identity: dict[str, Any]) -> bool:
    """Whether ``out`` holds the complete result of this stage, made from these inputs with this configuration."""
    if not (out / MARK).is_file():
        return False
    try:
        manifest = dataclasses.asdict(Manifest.load(out))
    except CheckpointError:
        return False
    return {name: manifest[name] for name in identity} == identity


def check_replaceable(out: Path, stage: str) -> None:
    """Raise `OutputError` unless ``out`` is free, or holds an earlier result of the same stage."""
    check_output_directory(out)
    if not (out / MARK).is_file():
        return
    found = Manifest.load(out, OutputError).stage
    if found != stage:
        raise OutputError(f"{out}: holds the result of {found or 'no stage'}, not of {stage}; choose another --out")


def workspace_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.training")


def prepare_workspace(out: Path, identity: dict[str, Any], resume: bool) -> Path:
    """A directory beside ``out`` for the state of a long stage; what is in it is kept only to go on with the same."""
    workspace = workspace_of(out)
    if distributed.rank() == 0 and not (resume and _is_of(workspace, identity)):
        shutil.rmtree(workspace, ignore_errors=True)
        write_file(workspace / STAGE, _canonical(identity))
    distributed.barrier()
    return workspace


def _is_of(workspace: Path, identity: dict[str, Any]) -> bool:
    try:
        return (workspace / STAGE).read_bytes() == _canonical(identity).encode()
    except OSError:
        return False


def _canonical(identity: dict[str, Any]) -> str:
    return json.dumps(identity, ensure_ascii=False, sort_keys=True)


def file_hash(path: Path) -> str:
    """Identity of an input: the hash of a file, of a checkpoint's weights and lists, or of all in a directory."""
    source = path / WEIGHTS if (path / WEIGHTS).is_file() else path
    try:
        found = sha256(source)
        if source != path and (path / LISTS).is_file():
            return f"{found}+{sha256(path / LISTS)}"
        return found
    except OSError as error:
        raise CheckpointError(f"{source}: cannot be read ({error.strerror})") from error


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


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: tuples become lists."""
    return dict(json.loads(json.dumps(config)))


def describe(name: str, metrics: dict[str, Any], before: dict[str, Any]) -> str:
    """One line: what a stage did to the size and to every measure."""
    parts = [f"{name}: {metrics['size_bytes'] / 1e6:.2f} MB"]
    if before.get("size_bytes"):
        parts[0] += f" (was {before['size_bytes'] / 1e6:.2f})"
    for measure in ("exact", "seed_accuracy", "intent_accuracy", "intent_macro_f1", "slot_f1"):
        text = f"{measure} {metrics[measure]:.2f}"
        if measure in before:
            text += f" ({metrics[measure] - before[measure]:+.2f})"
        parts.append(text)
    return ", ".join([*parts, f"{metrics['seconds']:.0f} s"])
