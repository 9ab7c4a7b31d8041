"""A new model that learns the answers of several teachers to labelled and to many unlabelled texts.

The mean of the probabilities of several models is right more often than any of them, and a model that imitates the mean
comes close to it, if it sees enough texts that its teachers have not learned by heart (Hinton et al. 2015,
https://arxiv.org/abs/1503.02531; Tang et al. 2019, https://arxiv.org/abs/1903.12136).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from compress.augment import AugmentSettings, augment, names_by_slot
from compress.distillation import imitation_loss
from compress.steps import Made, Work
from slu.errors import ConfigError
from slu.heads.examples import EVERY_EPOCH, Example, collate
from slu.heads.head import Loss
from slu.inputs.flags import FlagColumns
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint
from slu.model.config import ModelConfig
from slu.progress import Progress
from slu.training.added import Added
from slu.training.augmentation import more_spoken, more_unclear
from slu.training.batches import unlabelled_examples
from slu.training.data import Data
from slu.training.fit import Objective, TrainingSettings, loss_of
from slu.training.train import Select, run_training, train_stage, training_examples

SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
BATCH = 128
"""Texts that the teachers answer in one batch."""


@dataclass(frozen=True)
class StudentSettings:
    """``teachers``: their number: the checkpoint, and others that are trained in the same way with other seeds.

    The sizes are the student's; 0: as the teachers'. ``labels``: weight of the loss of the labels, where there are
    any; ``logits``: of that of the teachers' mean probabilities (see `slu.heads.joint_loss`).
    """

    teachers: int = 3
    hidden_size: int = 0
    num_hidden_layers: int = 0
    num_attention_heads: int = 0
    intermediate_size: int = 0
    labels: float = 0.5
    logits: float = 1.0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        if self.teachers < 1:
            raise ConfigError(f"teachers is {self.teachers}; it must be at least 1")
        for name in SIZES:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must not be negative")


def step(work: Work) -> Made:
    """See `train_student`; the teachers are the checkpoint, and others beside it where other students find them
    again."""
    # Made before the teachers are trained: sizes that do not fit must not wait for that.
    student = new_student(work.before, work.settings)
    others = [
        train_stage(work.recipe, work.data, work.source.with_name(f"{work.source.name}-{n + 1}"), resume=True, number=n)
        for n in range(1, work.settings.teachers)
    ]
    asked, data = work.settings.augment, work.data
    more = more_spoken(work.recipe, data.train, data.lexicons, asked.spoken) if asked.spoken else []
    more += more_unclear(work.recipe, data.train, asked.unclear) if asked.unclear else []
    return train_student(student, [work.before, *others], data, work.settings, work.workspace, more)


def train_student(
    student: Checkpoint,
    teachers: Sequence[Checkpoint],
    data: Data,
    settings: StudentSettings,
    workspace: Path,
    more: Sequence[Added] = (),
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Train ``student`` to imitate ``teachers``. Returns what `run_training` does.

    ``more``: texts made of the training part, of which the labels are not used (see `AugmentSettings`). Raises
    `ConfigError` when not all teachers have the same vocabulary and the same labels.
    """
    if any(teacher.vocab != student.vocab or teacher.labels != student.labels for teacher in teachers):
        raise ConfigError("student: the teachers differ in vocabulary or labels; train them by the same recipe")
    counts: dict[str, int] = {}

    def plan(small: Checkpoint, select: Select) -> tuple[Objective, Sequence[Example]]:
        labelled = training_examples(small, data)
        unlabelled = _new_examples(small, labelled, data, settings, more)
        counts.update(labelled=len(labelled), unlabelled=len(unlabelled))
        loss = loss_of(settings.training, small)
        examples = ask([select(teacher) for teacher in teachers], [*labelled, *unlabelled], loss)
        return imitation_loss(settings.labels, settings.logits, loss), examples

    trained, report, keep = run_training(student, data, settings.training, plan, workspace, "student")
    return trained, {**report, **counts}, keep


def new_student(teacher: Checkpoint, settings: StudentSettings) -> Checkpoint:
    """A model of the settings' sizes with random weights, and with the vocabulary, labels and lexicons of ``teacher``.

    Raises `ConfigError` for sizes that do not fit.
    """
    from slu.model.network import new_model, tensors_of

    config = shape_after(teacher.config, settings)
    tensors = tensors_of(new_model(config, teacher.labels, settings.training.seed))
    return replace(teacher, config=config, tensors=tensors, manifest=Manifest())


def shape_after(config: ModelConfig, settings: StudentSettings) -> ModelConfig:
    """The student's shape; raise `ConfigError` for sizes that do not fit."""
    sizes = {name: getattr(settings, name) or getattr(config, name) for name in SIZES}
    hidden, heads = sizes["hidden_size"], sizes["num_attention_heads"]
    if hidden % heads:
        raise ConfigError(f"[student] hidden_size {hidden} is not a multiple of {heads} attention heads")
    return config.replace(**sizes, attention_head_size=hidden // heads)


def ask(teachers: Sequence[Checkpoint], examples: Sequence[Example], loss: Loss) -> list[Example]:
    """The examples with the mean probabilities of ``teachers`` for them, of the unchanged texts with all their
    flags."""
    import paddle

    from slu.model.network import load_model
    from slu.training.fit import inputs

    first = teachers[0]
    pad, columns = first.tokenizer().pad_id, FlagColumns.of(first.config.flags, first.labels)
    models = [load_model(teacher) for teacher in teachers]
    asked = list(examples)
    order = np.argsort([len(example.ids) for example in examples], kind="stable")
    with Progress("ask the teachers", len(order), unit="text") as progress, paddle.no_grad():
        for at in range(0, len(order), BATCH):
            group = order[at : at + BATCH]
            batch = collate([examples[i] for i in group], pad, columns=columns)
            answers = [loss.probabilities(model(*inputs(batch)), batch) for model in models]
            means = [np.mean(of_one, 0) for of_one in zip(*answers)]
            for row, i in enumerate(group):
                end = len(examples[i].ids) - 1
                soft = (mean[row, 1:end] if mean.ndim == 3 else mean[row] for mean in means)
                asked[i] = replace(examples[i], soft=tuple(array.copy() for array in soft))
            progress.advance(count=len(group))
    return asked


def _new_examples(
    checkpoint: Checkpoint,
    examples: Sequence[Example],
    data: Data,
    settings: StudentSettings,
    more: Sequence[Added],
) -> list[Example]:
    """Texts without labels; the previous intent is that of the utterance that a text was made from."""
    names = names_by_slot(data.train, data.lexicons.files if data.lexicons else {})
    made = augment(data.train, names, settings.augment)
    texts = [(i, text, EVERY_EPOCH) for i, text in made]
    texts += [(one.source, one.utterance.text, one.turn) for one in more if one.source is not None]
    found = unlabelled_examples([text for _, text, _ in texts], checkpoint)
    return [replace(example, previous=examples[i].previous, turn=turn) for (i, _, turn), example in zip(texts, found)]
