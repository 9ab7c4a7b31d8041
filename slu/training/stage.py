"""A stage: makes one directory from others, says so in its manifest, and is skipped when it is up to date."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slu.errors import CheckpointError
from slu.evaluation.evaluate import choose_threshold, evaluate, summary, understood_at, write_evaluation
from slu.evaluation.unknown_labels import unknown_lines
from slu.files import MARK, damage_of, new_directory, read_bytes, remove_directory, remove_leftovers, write_file
from slu.heads.table import SHOWN
from slu.lock import only_writer
from slu.manifest import Manifest, check_replaceable, library_versions
from slu.model.checkpoint import Checkpoint, load_checkpoint, write_checkpoint_files
from slu.runtime.loading import checkpoint_parser
from slu.training import distributed
from slu.training.data import Data
from slu.training.identity import canonical, settings_identity
from slu.training.state import StateError

BEING_MADE = "stage.json"
"""In a workspace: the identity of what is being made there."""
EVALUATION = "evaluation.json"
"""Beside a checkpoint: its measures on the development data, class by class, as ``slu eval --json`` writes them."""

NOTHING_HELD_OUT = (
    "nothing is held out (dev_fraction = 0): the last epoch is kept, and measures and threshold are of utterances that "
    "the model was trained with, so they flatter it; data.dev = FILE gives honest ones"
)


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
    """Make the checkpoint ``out``, unless it exists already, made from the same inputs with the same settings.

    ``make(workspace)`` returns the new checkpoint, what it has to report, and files to keep beside it. The result is
    measured on the development data, and its threshold chosen there (on utterances that it was trained with where
    nothing is held out, see `slu.training.data.Data`); all of that goes into the manifest.
    """
    out = Path(os.path.normpath(out.absolute()))  # so that even "." has a name and a parent directory
    identity: dict[str, Any] = {
        "stage": name,
        "inputs": {**data.identity, **inputs},
        "config": settings_identity(settings),
    }
    if distributed.rank() > 0:  # the first process writes
        return _run_stage(name, out, identity, data, make, before, resume, say)
    out.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(out):
        remove_leftovers(out)
        return _run_stage(name, out, identity, data, make, before, resume, say)


def _run_stage(
    name: str,
    out: Path,
    identity: dict[str, Any],
    data: Data,
    make: Callable[[Path], tuple[Checkpoint, dict[str, Any], Sequence[Path]]],
    before: Checkpoint | None,
    resume: bool,
    say: Callable[[str], None],
) -> Checkpoint:
    """As `run_stage`, for the one that writes ``out``."""
    damage = damage_of(out) if (out / MARK).exists() else ""
    if not damage and is_up_to_date(out, identity):
        say(f"{name}: up to date in {out}")
        if distributed.rank() == 0 and _is_of(workspace_of(out), identity):
            # An earlier run may have been killed after its result was complete and before its workspace was removed.
            remove_directory(workspace_of(out), out)
        return load_checkpoint(out)
    check_replaceable(out, name)
    if damage:
        say(f"{name}: {out} is damaged ({damage}); it is made again")
    start = time.monotonic()
    try:
        workspace = prepare_workspace(out, identity, resume)
        try:
            checkpoint, report, keep = make(workspace)
        except StateError as error:
            if distributed.world() > 1:
                raise
            say(f"{name}: {error}; it begins again")
            workspace = prepare_workspace(out, identity, resume=False)
            checkpoint, report, keep = make(workspace)
    except BaseException:
        if distributed.rank() == 0 and not any(workspace_of(out).glob("*.safetensors")):
            remove_directory(workspace_of(out), out)  # it holds no state to continue from
        raise
    if distributed.rank() > 0:
        distributed.barrier()
        return checkpoint
    seconds = time.monotonic() - start
    parser = checkpoint_parser(checkpoint)
    result, answers = evaluate(parser, data.dev)
    threshold = choose_threshold(parser, data.dev, answers)
    result["understood"] = understood_at(threshold, answers)
    metrics = {**summary(result), "size_bytes": checkpoint.size_bytes, "seconds": round(seconds, 1), **report}
    if "unknown_labels" in result:
        metrics["unknown_labels"] = result["unknown_labels"]
    if not data.held_out:
        metrics["held_out"] = NOTHING_HELD_OUT
    if checkpoint.lexicon:
        metrics["lexicon"] = checkpoint.lexicon.count_of_slot()
    checkpoint.manifest = Manifest(
        **identity,
        versions=library_versions(),
        metrics=metrics,
        threshold=threshold,
        history=before.manifest.as_history() if before else [],
    )
    with new_directory(out) as directory:
        write_checkpoint_files(checkpoint, directory)
        write_evaluation(directory / EVALUATION, out.name, "the development part", parser, result)
        for path in keep:
            path.rename(directory / path.name)
    remove_directory(workspace, out)
    distributed.barrier()
    say(describe(name, metrics, before.manifest.metrics if before else {}))
    for line in unknown_lines(result.get("unknown_labels"), len(data.dev)):
        say(f"{name}: {line}")
    if not data.held_out:
        say(f"{name}: {NOTHING_HELD_OUT}")
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


def workspace_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.training")


def prepare_workspace(out: Path, identity: dict[str, Any], resume: bool) -> Path:
    """A directory beside ``out`` for the state of a long stage. Its content is kept only if it is of the same stage."""
    workspace = workspace_of(out)
    if distributed.rank() == 0 and not (resume and _is_of(workspace, identity)):
        remove_directory(workspace, out)
        write_file(workspace / BEING_MADE, canonical(identity))
    distributed.barrier()
    return workspace


def _is_of(workspace: Path, identity: dict[str, Any]) -> bool:
    try:
        return read_bytes(workspace / BEING_MADE) == canonical(identity).encode()
    except OSError:
        return False


def describe(name: str, metrics: dict[str, Any], before: dict[str, Any]) -> str:
    """One line with the size and the measures of `SHOWN`, each with its change from before the stage."""
    parts = [f"{name}: {metrics['size_bytes'] / 1e6:.2f} MB"]
    if before.get("size_bytes"):
        parts[0] += f" (was {before['size_bytes'] / 1e6:.2f})"
    for measure in (name for name in SHOWN if name in metrics):
        text = f"{measure} {metrics[measure]:.2f}"
        if measure in before:
            text += f" ({metrics[measure] - before[measure]:+.2f})"
        parts.append(text)
    return ", ".join([*parts, f"{metrics['seconds']:.0f} s"])
