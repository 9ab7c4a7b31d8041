"""The steps of compression: a table, and running them, each from a checkpoint directory to a checkpoint directory.

A new step is an entry of `STEPS` and a module with its settings and its function. Nothing heavy is imported here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slu.corpus.labels import Labels
    from slu.model.checkpoint import Checkpoint
    from slu.model.config import ModelConfig
    from slu.training.data import Data
    from slu.training.recipe import Recipe


@dataclass(frozen=True)
class Step:
    """One step.

    ``name``: the section of the recipe that has its settings, and what ``slu compress`` calls it. ``settings``: their
    dataclass, ``function``: from a `Work` to what was made, both as ``module:name``. ``marker``: in plots, as
    matplotlib calls it. ``yields_to``: a step that makes the same of the same checkpoint in another way; if a
    recipe has both, this one is made for comparison only, and the following steps start from the other.
    ``quantises``: whether linear layers are INT8 after it. ``shape``: from the shape of the model before it and its
    settings to that of the model after it, as ``module:name``; "" for the same. ``identity``: from the recipe and the
    settings to those that identify the result and to hashes of what these name, as ``module:name``; "" for the settings
    alone. ``labels``: given the settings and the labels of a model, raises `ConfigError` where they do not go together,
    as ``module:name``; "" where all do. ``any_encoder``: whether it is for every encoder, and not only for ERNIE's.
    ``alone``: whether it is made only when it is named, and no step follows it: what it makes is where a training
    starts, and answers nothing.
    """

    name: str
    settings: str
    function: str
    marker: str
    yields_to: str = ""
    quantises: bool = False
    shape: str = ""
    identity: str = ""
    labels: str = ""
    any_encoder: bool = False
    alone: bool = False


STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step(
            "pretrain",
            "compress.pretrain:PretrainSettings",
            "compress.pretrain:step",
            "<",
            identity="compress.pretrain:identity",
            alone=True,
        ),
        Step(
            "student",
            "compress.student:StudentSettings",
            "compress.student:step",
            "*",
            shape="compress.student:shape_after",
            identity="compress.student:identity",
            any_encoder=True,
        ),
        Step("vocab", "compress.vocab:VocabSettings", "compress.vocab:step", "s", shape="compress.vocab:shape_after"),
        Step("width", "compress.width:WidthSettings", "compress.width:step", "^", shape="compress.width:shape_after"),
        Step("ptq", "compress.ptq:PtqSettings", "compress.ptq:step", "X", yields_to="qat", quantises=True),
        Step("qat", "compress.qat:QatSettings", "compress.qat:step", "D", quantises=True),
        Step("embeddings", "compress.embeddings:EmbeddingSettings", "compress.embeddings:step", "v"),
        Step(
            "calibration",
            "compress.calibration:CalibrationSettings",
            "compress.calibration:step",
            "P",
            labels="compress.calibration:check_labels",
            any_encoder=True,
        ),
    )
}
"""The steps by their names, in their order. See `chain` for which starts from which."""


@dataclass(frozen=True)
class Work:
    """What a step is given: the checkpoint ``before`` from the directory ``source``, its own settings, the recipe and
    its data, and a ``workspace`` for the state from which it continues after an interruption. ``say`` prints a line.
    ``shared``: what several runs of the step have in common, None for one alone."""

    before: Checkpoint
    source: Path
    settings: Any
    recipe: Recipe
    data: Data
    workspace: Path
    say: Callable[[str], None]
    shared: Any = None


Made = tuple["Checkpoint", dict[str, Any], Sequence[Path]]
"""What a step returns: the new checkpoint, what it has to report, and files of the workspace to keep beside it."""


def chain(recipe: Recipe) -> list[tuple[str, str | None]]:
    """The steps of a recipe, in their order, each with the step that it starts from (None: the given checkpoint).

    Each starts from the previous one, except after steps that yield to another (`Step.yields_to`). Steps that are made
    alone are left out.
    """
    steps: list[tuple[str, str | None]] = []
    before = None
    for step in STEPS.values():
        if recipe.has(step.name) and not step.alone:
            steps.append((step.name, before))
            before = before if step.yields_to and recipe.has(step.yields_to) else step.name
    return steps


def run_step(
    step: str,
    recipe: Recipe,
    data: Data,
    source: Path,
    out: Path,
    say: Callable[[str], None] = print,
    shared: Any = None,
) -> None:
    """Make ``out`` from the checkpoint ``source`` by one step, with the recipe's settings for it.

    An interrupted step continues from its saved state. ``shared``: see `Work`.
    """
    from slu.errors import ConfigError
    from slu.files import real_path
    from slu.inputs.pins import copy_pins
    from slu.model.checkpoint import load_checkpoint
    from slu.model.config import ERNIE
    from slu.training import distributed
    from slu.training.identity import file_hash
    from slu.training.stage import run_stage

    if distributed.world() > 1:
        # The moving averages of the activation scales are kept by each process for itself.
        raise ConfigError(f"{step}: compression runs in one process; start it without paddle.distributed.launch")
    if real_path(out) == real_path(source):
        raise ConfigError(f"{step}: {out} is the input checkpoint itself; choose another --out")
    before = load_checkpoint(source)
    if before.config.encoder != ERNIE and not STEPS[step].any_encoder:
        raise ConfigError(f"{step}: {source} has the encoder {before.config.encoder!r}; this step is for {ERNIE!r}")
    settings = settings_of(step, recipe)
    identity, inputs = settings, {"checkpoint": file_hash(source)}
    if STEPS[step].identity:
        identity, more = _resolve(STEPS[step].identity)(recipe, settings)
        inputs |= more

    def make(workspace: Path) -> Made:
        work = Work(before, source, settings, recipe, data.read_by(before), workspace, say, shared)
        made: Made = _resolve(STEPS[step].function)(work)
        return made

    run_stage(step, out, identity, inputs, data, make, before, say=say)
    copy_pins(source, out)


def shapes(recipe: Recipe, config: ModelConfig) -> ModelConfig:
    """The shape of the model after all steps of a recipe that starts from one of the shape ``config``.

    Raises `ConfigError` for what the last of them could not do, before the first of them has taken its time.
    """
    for name, _ in chain(recipe):
        if STEPS[name].shape:
            config = _resolve(STEPS[name].shape)(config, settings_of(name, recipe))
    return config


def check_settings(step: str, recipe: Recipe, labels: Labels) -> None:
    """Raise `ConfigError` for settings that are wrong by themselves, or for a model of these labels."""
    settings = settings_of(step, recipe)
    if STEPS[step].labels:
        _resolve(STEPS[step].labels)(settings, labels)


def settings_of(step: str, recipe: Recipe) -> Any:
    """The recipe's settings for a step; raise `ConfigError` for unknown or wrong settings."""
    return recipe.section(step, _resolve(STEPS[step].settings))


def _resolve(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
