"""The first stage: train a model on a corpus. And what every stage that trains shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from slu.corpus.classified import PAIR
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.files import real_path, write_file
from slu.heads.examples import Example
from slu.inputs.coverage import coverage
from slu.inputs.flags import FlagColumns
from slu.inputs.lexicon import Lexicon
from slu.manifest import FP32
from slu.model.checkpoint import Checkpoint
from slu.model.config import ERNIE, ModelConfig
from slu.model.embedding_rows import restore_rows, select_rows, select_used
from slu.training import distributed
from slu.training.added import Added
from slu.training.batches import make_examples
from slu.training.data import Data
from slu.training.fit import Objective, TaughtExamples, TrainingSettings, fit, labelled_loss, loss_of
from slu.training.identity import ADDED_LATER, file_hash
from slu.training.recipe import SCRATCH, ModelSettings, NgramSettings, Recipe
from slu.training.stage import run_stage
from slu.training.start import initial_checkpoint, model_settings, vocab_path
from slu.training.visualdl_log import DIRECTORY as VISUALDL

LOG = "training.json"
"""A row an evaluation: step, epoch, loss and every measure. `slu report` draws it."""


@dataclass(frozen=True)
class TrainSettings:
    """The settings that the first stage depends on, besides its inputs."""

    model: ModelSettings
    training: TrainingSettings
    ngrams: NgramSettings | None = field(default=None, metadata=ADDED_LATER)


Select = Callable[[Checkpoint], Checkpoint]
"""A checkpoint of the same vocabulary, with those rows of the embeddings only that are trained."""
Plan = Callable[[Checkpoint, Select], "tuple[Objective, Sequence[Example] | TaughtExamples]"]
"""From the checkpoint that is trained, its rows selected, to what is minimised over which examples."""
Measured = Callable[[Any, Checkpoint, Objective, Sequence[Utterance]], Callable[[], dict[str, float]]]
"""From the network that is trained, its checkpoint, what is minimised, and the development part to what measures it."""


def train(
    initial: Checkpoint, data: Data, settings: TrainingSettings, workspace: Path
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Train ``initial`` on labelled utterances. Returns the best checkpoint, a report, and files to keep with it."""

    def plan(small: Checkpoint, select: Select) -> tuple[Objective, Sequence[Example]]:
        return labelled_loss(loss_of(settings, small)), training_examples(small, data)

    return run_training(initial, data, settings, plan, workspace, "train")


def run_training(
    start: Checkpoint,
    data: Data,
    settings: TrainingSettings,
    plan: Plan,
    workspace: Path,
    title: str,
    prepare: Callable[[Any], Any] = lambda model: model,
    finish: Callable[[Any, Checkpoint], Checkpoint] | None = None,
    more: Sequence[Utterance] = (),
    measured: Measured | None = None,
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Train a checkpoint with any objective. Returns the best result, a report, and files to keep with it.

    Only the rows of the embeddings that the corpus and ``more`` use are trained
    (`slu.model.embedding_rows.select_used`); the others come back as they were. ``prepare`` may change the
    network before training (quantisation), ``finish`` turns the trained network into a checkpoint.
    ``measured``: what measures it after an epoch instead of its answers to the development part.
    """
    from slu.model.network import load_model, to_checkpoint

    config, lexicons = start.config, data.lexicons
    if config.flags != (lexicons.flags if lexicons else ()):
        raise ConfigError(
            f"the model takes the flags {', '.join(config.flags) or 'none'}; change [lexicon] of the recipe accordingly"
        )
    small, rows = select_used(start, [*data.learned, *more, *data.dev])
    positions, tokenizer = small.config.max_position_embeddings, small.tokenizer()
    objective, examples = plan(small, lambda checkpoint: select_rows(checkpoint, rows, positions))
    model = prepare(load_model(small))
    started = time.monotonic()
    evaluate = measured(model, small, objective, data.dev) if measured else _evaluator(model, small, data.dev)
    log = fit(
        model, examples, settings, objective, evaluate, workspace,
        tokenizer.unk_id, tokenizer.pad_id, title, FlagColumns.of(config.flags, small.labels),
        lexicons.dropping if lexicons else None, keep_last=not data.held_out,
    )  # fmt: skip
    seconds = time.monotonic() - started
    if distributed.rank() == 0:
        write_file(workspace / LOG, json_rows(log))
    report = {"epochs": round(log[-1]["epoch"], 2) if log else 0.0, "training_seconds": round(seconds, 1)}
    trained = (finish or to_checkpoint)(model, small)
    return restore_rows(trained, start, rows), report, [workspace / LOG, workspace / VISUALDL]


def training_texts(data: Data) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """The texts of `training_examples`, each with the entries (slot, name) that a copy with a new name has beside the
    model's lexicons."""
    lexicons = data.lexicons
    copies = [copy for _, copy in lexicons.with_new_names(data.train)] if lexicons else []
    new = [tuple((s.name, s.value) for s in copy.slots if lexicons and s.name in lexicons.new_names) for copy in copies]
    texts: list[tuple[str, tuple[tuple[str, str], ...]]] = [(one.text, ()) for one in data.train]
    texts += [(copy.text, names) for copy, names in zip(copies, new)]
    return texts + [(one.utterance.text, ()) for one in data.added]


def training_examples(checkpoint: Checkpoint, data: Data) -> list[Example]:
    """The training part as ``checkpoint`` reads it; copies with new names and what the recipe adds follow."""
    lexicons, lexicon = data.lexicons, checkpoint.lexicon
    singular: frozenset[tuple[int, int]] = frozenset()
    known: Lexicon | None = None
    copies: list[Added] = []
    if lexicons is not None and lexicon is not None:
        singular = lexicons.singular(checkpoint.labels, data.train)
        copies = [Added(copy, i) for i, copy in lexicons.with_new_names(data.train)]
        known = Lexicon(lexicon)
        for name in lexicons.new_names:
            known.add(name, {slot.value for one in copies for slot in one.utterance.slots if slot.name == name})
    examples = make_examples(data.train, checkpoint, singular=singular)
    more = [*copies, *data.added]
    made = make_examples([one.utterance for one in more], checkpoint, known, singular)
    random = Random(0)
    for one, example in zip(more, made):
        # Before a command that stands alone anything may have been said, or nothing.
        number = int(random.random() * (len(checkpoint.labels.intents) + 2)) - 1
        previous = number if one.source is None else examples[one.source].previous
        examples.append(replace(example, previous=previous, turn=one.turn))
    return examples


def json_rows(rows: list[dict[str, Any]]) -> str:
    import json

    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def _evaluator(model: Any, checkpoint: Checkpoint, dev: Sequence[Utterance]) -> Callable[[], dict[str, float]]:
    from slu.evaluation.evaluate import evaluate as measure_parser
    from slu.runtime.loading import checkpoint_parser

    parser = checkpoint_parser(checkpoint, model)

    def evaluate() -> dict[str, float]:
        result, _ = measure_parser(parser, dev)
        return {name: result[name] for name in checkpoint.head.chosen_by}

    return evaluate


def set_first_biases(new: Checkpoint, data: Data) -> None:
    """Let the head's layers of a new model begin where the labels of ``data`` say, for heads that do so."""
    if data.head.first_biases:
        first = data.head.first_biases(data.train, new.labels)
        new.tensors |= {f"{layer}.bias": bias for layer, bias in first.items()}


def train_stage(
    recipe: Recipe,
    data: Data,
    out: Path,
    resume: bool,
    number: int = 0,
    check: Callable[[ModelConfig], object] | None = None,
    say: Callable[[str], None] = print,
) -> Checkpoint:
    """Make the first checkpoint of a recipe, unless it is up to date.

    It begins with what of the corpus cannot be learned (`slu.inputs.coverage`), and ends with the measures.
    ``number``: 0 for the seed of the recipe, others for models that only differ by the seed. ``check``: is called with
    the shape of the model before it is trained, to raise an error for what follows.
    """
    model = model_settings(recipe)
    model = replace(model, seed=model.seed + number)
    vocab = vocab_path(recipe, model)
    inputs = {"vocab": file_hash(vocab)} if vocab and model.init == SCRATCH else {}
    if Path(model.init).is_dir():
        inputs["init"] = file_hash(Path(model.init))
        if real_path(model.init) == real_path(out):
            raise ConfigError(f"{out}: is the checkpoint to start from itself; choose another --out")
    # The paths of the files are private and no reason to train again: their hashes identify them.
    named = replace(model, vocab=Path(model.vocab).name, init=Path(model.init).name)
    training = recipe.section("training", TrainingSettings)
    ngrams = recipe.section("ngrams", NgramSettings) if recipe.has("ngrams") else None
    if model.encoder != ERNIE:
        ngrams = None  # baselines read tokens only
    settings = TrainSettings(named, replace(training, seed=training.seed + number), ngrams)

    def make(workspace: Path) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
        labels = data.labels
        lexicons = data.lexicons
        lexicon, flags = (lexicons.compile(labels, data.train), lexicons.flags) if lexicons else (None, ())
        texts = [utterance.text for utterance in data.learned]
        pairs = data.head.reads_pairs and any(PAIR in utterance.text for utterance in data.train)
        initial = initial_checkpoint(model, labels, vocab, lexicon, flags, texts, pairs, ngrams)
        if model.init == SCRATCH:
            set_first_biases(initial, data)
        if check:
            check(initial.config)
        read = data.read_by(initial)
        covered = coverage(read.train, initial.tokenizer(), initial.config.max_length)
        if distributed.rank() == 0:
            say("\n".join(f"train: {line}" for line in covered.lines()))
        trained, report, keep = train(initial, read, settings.training, workspace)
        return trained, {**report, "coverage": covered.to_json()}, keep

    distributed.start()
    return run_stage(FP32, out, settings, inputs, data, make, resume=resume, say=say)
