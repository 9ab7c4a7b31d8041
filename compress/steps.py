"""The steps of compression in their order, each from a checkpoint directory to a checkpoint directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from compress import STEPS
from slu.errors import ConfigError
from slu.model.checkpoint import Checkpoint
from slu.training import distributed
from slu.training.data import Data
from slu.training.identity import file_hash
from slu.training.recipe import Recipe
from slu.training.stage import run_stage

Made = tuple[Checkpoint, dict[str, Any], Sequence[Path]]


def chain(recipe: Recipe) -> list[tuple[str, str | None]]:
    """The steps a recipe has, in their order, each with the step it starts from (None: what is to be compressed).

    Each starts from the one before, but ``ptq`` and ``qat`` both make INT8 of the same float checkpoint: with both in a
    recipe the first is there to be compared, and what follows goes on from ``qat``.
    """
    steps: list[tuple[str, str | None]] = []
    before = None
    for step in STEPS:
        if recipe.has(step):
            steps.append((step, before))
            before = before if step == "ptq" and recipe.has("qat") else step
    return steps


def run_step(
    step: str, recipe: Recipe, data: Data, source: Path, out: Path, say: Callable[[str], None] = print
) -> None:
    """Make ``out`` from the checkpoint ``source`` by one step, with the recipe's settings for it.

    What was interrupted goes on where it was.
    """
    from slu.model.checkpoint import load_checkpoint

    if distributed.world() > 1:
        # The moving averages of the activation scales are kept by each process for itself.
        raise ConfigError(f"{step}: compression runs in one process; start it without paddle.distributed.launch")
    if out.resolve() == source.resolve():
        raise ConfigError(f"{step}: {out} is the checkpoint to be compressed; choose another --out")
    before = load_checkpoint(source)
    settings = settings_of(step, recipe)
    make = _step(step, settings, recipe, data, source, before, say)
    run_stage(step, out, settings, {"checkpoint": file_hash(source)}, data, make, before, say=say)


def settings_of(step: str, recipe: Recipe) -> Any:
    """The recipe's settings for a step; raise `ConfigError` for what does not belong there."""
    if step == "student":
        from compress.student import StudentSettings

        return recipe.section(step, StudentSettings)
    if step == "vocab":
        from compress.vocab import VocabSettings

        return recipe.section(step, VocabSettings)
    if step == "width":
        from compress.width import WidthSettings

        return recipe.section(step, WidthSettings)
    if step == "ptq":
        from compress.ptq import PtqSettings

        return recipe.section(step, PtqSettings)
    if step == "qat":
        from compress.qat import QatSettings

        return recipe.section(step, QatSettings)
    if step == "embeddings":
        from compress.embeddings import EmbeddingSettings

        return recipe.section(step, EmbeddingSettings)
    from compress.calibration import CalibrationSettings

    return recipe.section(step, CalibrationSettings)


def _step(
    step: str, settings: Any, recipe: Recipe, data: Data, source: Path, before: Checkpoint, say: Callable[[str], None]
) -> Callable[[Path], Made]:
    if step == "student":
        from compress.student import new_student, train_student

        def teach(workspace: Path) -> Made:
            # Made before the teachers are trained: sizes that do not fit must not wait for that.
            student = new_student(before, settings)
            teachers = [before, *_other_teachers(recipe, data, source, settings.teachers)]
            return train_student(student, teachers, data, settings, workspace)

        return teach
    if step == "vocab":
        from compress.vocab import prune_vocab

        return lambda workspace: (*prune_vocab(before, data.train, data.dev, settings), [])
    if step == "width":
        from compress.width import prune_width

        return lambda workspace: prune_width(before, data, settings, workspace)
    if step == "ptq":
        from compress.ptq import quantise_after_training

        return lambda workspace: quantise_after_training(before, data, settings, say)
    if step == "qat":
        from compress.qat import train_quantised

        return lambda workspace: train_quantised(before, data, settings, workspace)
    if step == "embeddings":
        from compress.embeddings import quantise_embeddings

        return lambda workspace: (*quantise_embeddings(before), [])
    from compress.calibration import calibrate

    return lambda workspace: (*calibrate(before, data.dev), [])


def _other_teachers(recipe: Recipe, data: Data, source: Path, count: int) -> list[Checkpoint]:
    """The 2nd to ``count``-th teacher: beside the first one, where other students find them again."""
    from slu.training.train import train_stage

    return [
        train_stage(recipe, data, source.with_name(f"{source.name}-{n + 1}"), resume=True, number=n)
        for n in range(1, count)
    ]
