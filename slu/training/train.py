"""The first stage: train a JointErnie on a corpus."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.files import write_file
from slu.inputs.flags import FlagColumns
from slu.inputs.lexicon import Lexicon
from slu.model.checkpoint import Checkpoint
from slu.model.embedding_rows import restore_rows, select_used
from slu.training import distributed
from slu.training.batches import Example, make_examples
from slu.training.data import Data
from slu.training.fit import CHOOSABLE, Objective, TrainingSettings, fit, labelled_loss, loss_of
from slu.training.identity import file_hash
from slu.training.recipe import GENERIC, ModelSettings, Recipe
from slu.training.stage import run_stage
from slu.training.start import initial_checkpoint
from slu.training.visualdl_log import DIRECTORY as CURVES

LOG = "training.json"
"""A row an evaluation: step, epoch, loss and every measure. `slu report` draws it."""


@dataclass(frozen=True)
class TrainSettings:
    """What the first stage depends on, besides its inputs."""

    model: ModelSettings
    training: TrainingSettings


def train(
    initial: Checkpoint, data: Data, settings: TrainingSettings, workspace: Path
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Train ``initial`` on labelled utterances. Returns the best checkpoint, a report, and files to keep with it."""
    small, rows = select_used(initial, [*data.train, *data.dev])
    objective = labelled_loss(loss_of(settings, small.labels))
    trained, report, keep = run_training(small, data, settings, objective, workspace, "train")
    return restore_rows(trained, initial, rows), report, keep


def run_training(
    start: Checkpoint,
    data: Data,
    settings: TrainingSettings,
    objective: Objective,
    workspace: Path,
    title: str,
    prepare: Callable[[Any], Any] = lambda model: model,
    finish: Callable[[Any, Checkpoint], Checkpoint] | None = None,
    examples: Sequence[Example] | None = None,
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Train a checkpoint with any objective.

    ``prepare`` may change the network before training (quantisation), ``finish`` turns the trained network into a
    checkpoint. ``examples``: what to train on instead of the training part as it is.
    """
    from slu.model.network import load_model, to_checkpoint

    config, tokenizer = start.config, start.tokenizer()
    lists = data.lists
    if config.flags != (lists.flags if lists else ()):
        raise ConfigError(
            f"the model takes the flags {', '.join(config.flags) or 'none'}; [lexicon] of the recipe is for another one"
        )
    model = prepare(load_model(start))
    examples = examples or training_examples(start, data)
    started = time.monotonic()
    log = fit(
        model, examples, settings, objective, _evaluator(model, start, data.dev), workspace,
        tokenizer.unk_id, tokenizer.pad_id, title, FlagColumns.of(config.flags, start.labels),
        lists.dropping if lists else None,
    )  # fmt: skip
    seconds = time.monotonic() - started
    if distributed.rank() == 0:
        write_file(workspace / LOG, json_rows(log))
    steps = -(-len(examples) // settings.batch_size)
    report = {"epochs": round(log[-1]["step"] / steps, 2) if log else 0.0, "training_seconds": round(seconds, 1)}
    return (finish or to_checkpoint)(model, start), report, [workspace / LOG, workspace / CURVES]


def training_examples(checkpoint: Checkpoint, data: Data) -> list[Example]:
    """The training part as ``checkpoint`` reads it; where the recipe says so, copies with new names follow."""
    lists, lexicon = data.lists, checkpoint.lexicon
    arguments = checkpoint.tokenizer(), checkpoint.labels, checkpoint.config.max_length
    if lists is None or lexicon is None:
        return make_examples(data.train, *arguments, lexicon)
    singular = lists.singular(checkpoint.labels, data.train)
    examples = make_examples(data.train, *arguments, lexicon, singular)
    copies = lists.with_new_names(data.train)
    known = Lexicon(lexicon)
    for name in lists.new_names:
        known.add(name, {slot.value for _, copy in copies for slot in copy.slots if slot.name == name})
    copied = make_examples([copy for _, copy in copies], *arguments, known, singular)
    examples += [replace(example, previous=examples[i].previous) for (i, _), example in zip(copies, copied)]
    return examples


def json_rows(rows: list[dict[str, Any]]) -> str:
    import json

    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def _evaluator(model: Any, checkpoint: Checkpoint, dev: Sequence[Utterance]) -> Callable[[], dict[str, float]]:
    from slu.evaluation.evaluate import evaluate as measure_parser
    from slu.runtime.backends.dygraph import DygraphBackend
    from slu.runtime.parser import Parser

    backend, flags = DygraphBackend(model), checkpoint.config.flags
    parser = Parser(backend, checkpoint.tokenizer(), checkpoint.labels, 0.0, flags, checkpoint.lexicon)

    def evaluate() -> dict[str, float]:
        result, _ = measure_parser(parser, dev)
        return {name: result[name] for name in CHOOSABLE}

    return evaluate


def train_stage(recipe: Recipe, data: Data, out: Path, resume: bool, number: int = 0) -> Checkpoint:
    """Make the first checkpoint of a recipe, unless it is up to date.

    ``number``: 0 for the recipe's own random numbers, others for models that differ by nothing else.
    """
    model = recipe.section("model", ModelSettings)
    model = replace(model, seed=model.seed + number)
    vocab = None if model.vocab == GENERIC else recipe.resolve(model.vocab)
    inputs = {"vocab": file_hash(vocab)} if vocab and model.init == "scratch" else {}
    if Path(model.init).is_dir():
        inputs["init"] = file_hash(Path(model.init))
    # Where the files lay is nobody else's concern, and no reason to train again: their hashes say what they were.
    named = replace(model, vocab=Path(model.vocab).name, init=Path(model.init).name)
    training = recipe.section("training", TrainingSettings)
    settings = TrainSettings(named, replace(training, seed=training.seed + number))

    def make(workspace: Path) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
        labels = Labels.from_corpus(data.train)
        lexicon, flags = (data.lists.compile(labels, data.train), data.lists.flags) if data.lists else (None, ())
        initial = initial_checkpoint(model, labels, vocab, lexicon, flags)
        return train(initial, data, settings.training, workspace)

    distributed.start()
    return run_stage("fp32", out, settings, inputs, data, make, resume=resume)
