"""A new model that learns the answers of several teachers to labelled and to many unlabelled texts.

The mean of the probabilities of several models is right more often than any of them, and a model that imitates the mean
comes close to it, if it sees enough texts that its teachers have not learned by heart (Hinton et al. 2015,
https://arxiv.org/abs/1503.02531; Tang et al. 2019, https://arxiv.org/abs/1903.12136).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from compress.ahead import Asker, open_any
from compress.augment import AugmentSettings
from compress.distillation import imitation_loss, with_relations
from compress.lessons import Shared, Texts, ahead, ask, lessons, read_texts, selected, write_questions
from compress.relations import RelationLoss, check_encoder
from compress.steps import Made, Work
from slu.errors import ConfigError
from slu.files import sha256, write_file
from slu.heads.examples import Example
from slu.manifest import Manifest, read_json
from slu.model.checkpoint import Checkpoint
from slu.model.config import ENCODERS, ERNIE, ModelConfig
from slu.runtime.remote import PATIENCE, replaced
from slu.runtime.soft_labels import DESCRIPTION
from slu.runtime.teachers import is_address
from slu.training.augmentation import more_spoken, more_unclear
from slu.training.data import Data
from slu.training.fit import Objective, TaughtExamples, TrainingSettings, loss_of
from slu.training.identity import ADDED_LATER, file_hash
from slu.training.recipe import A_PATH, PATH, Recipe
from slu.training.train import Select, run_training, set_first_biases, train_stage

VERSIONS = "teachers.json"
"""File in the workspace: the versions of the models that a student has begun to learn from, by their addresses."""
PLACES = ("name", "ask", "token_file", "in_flight", "patience", "unlabelled")
"""Settings that do not change a student; what is at the paths among them may."""
SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


@dataclass(frozen=True)
class StudentSettings:
    """``teachers``: their number: the checkpoint, and others that are trained in the same way with other seeds.

    ``ask``: teachers in the place of these: directories of models or of soft labels, or addresses of services, as in
    ``http://127.0.0.1:8080/NAME``; of several students also the name of one before this one. They read the texts
    themselves. ``token_file``: the token that services ask for. ``in_flight``: requests that a service is sent at a
    time. ``patience``: seconds for which one that does not answer is waited for. ``unlabelled``: a file of texts, one a
    line, that the teachers are asked about as well.

    ``name``: of one of several students. ``encoder``: one of `slu.model.config.ENCODERS`; "": that of the checkpoint.
    The sizes are the student's; 0: as the checkpoint's. ``labels``: weight of the loss of the labels, where there are
    any; ``logits``: of that of the teachers' mean probabilities (see `slu.heads.joint_loss`); ``relations``: of the
    distance from the checkpoint's last layer (see `compress.relations`). ``dropout``: the student's, below 0: as the
    checkpoint's.
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
    name: str = field(default="", metadata=ADDED_LATER)
    encoder: str = field(default="", metadata=ADDED_LATER)
    ask: tuple[str, ...] = field(default=(), metadata={**ADDED_LATER, PATH: lambda text: not is_address(text)})
    token_file: str = field(default="", metadata={**ADDED_LATER, **A_PATH})
    in_flight: int = field(default=4, metadata=ADDED_LATER)
    unlabelled: str = field(default="", metadata={**ADDED_LATER, **A_PATH})
    relations: float = field(default=0.0, metadata=ADDED_LATER)
    patience: float = field(default=PATIENCE, metadata=ADDED_LATER)
    dropout: float = field(default=-1.0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if self.teachers < 1:
            raise ConfigError(f"teachers is {self.teachers}; it must be at least 1")
        if not 1 <= self.in_flight <= 64:
            raise ConfigError(f"in_flight is {self.in_flight}; it must be 1 to 64")
        if self.encoder and self.encoder not in ENCODERS:
            raise ConfigError(f"encoder is {self.encoder!r}; choose one of {', '.join(ENCODERS)}")
        for name in (*SIZES, "labels", "logits", "relations", "patience"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.dropout >= 1:
            raise ConfigError(f"dropout is {self.dropout}; it must be below 1")


def step(work: Work) -> Made:
    """See `train_student`; the teachers are those that are asked or the checkpoint, and others beside it where other
    students find them again."""
    settings = work.settings
    # Made before the teachers are trained: sizes that do not fit must not wait for that.
    student = new_student(work.before, settings)
    set_first_biases(student, work.data)
    texts = texts_of(work.recipe, work.data, settings)
    teachers = [work.before]
    if not settings.ask:
        teachers += [
            train_stage(
                work.recipe, work.data, work.source.with_name(f"{work.source.name}-{n + 1}"), resume=True, number=n
            )
            for n in range(1, settings.teachers)
        ]
    shared = work.shared if isinstance(work.shared, Shared) else Shared()
    askers = [_asker(work.recipe, settings, where, student, shared) for where in settings.ask]
    try:
        versions = _same_versions(askers, work.workspace)
        made, report, keep = train_student(
            student, teachers, work.data, settings, work.workspace, texts, askers, shared
        )
        return made, {**report, **({"versions": versions} if versions else {})}, keep
    finally:
        if shared is not work.shared:
            shared.close()


def identity(recipe: Recipe, settings: StudentSettings) -> tuple[StudentSettings, dict[str, str]]:
    """What identifies a student: its settings without its name and without paths, and what is at these."""
    inputs = {}
    for number, where in enumerate(settings.ask, 1):
        path = recipe.resolve(where)
        if is_address(where):
            inputs[f"teacher {number}"] = where
        else:
            inputs[f"teacher {number}"] = file_hash(path / DESCRIPTION if (path / DESCRIPTION).is_file() else path)
    if settings.unlabelled:
        path = recipe.resolve(settings.unlabelled)
        read_texts(path)  # says what is wrong with it
        inputs["unlabelled"] = sha256(path)
    default = StudentSettings()
    plain = {name: getattr(default, name) for name in PLACES}
    return replace(settings, **plain), inputs


def write_texts(before: Checkpoint, data: Data, students: Sequence[tuple[Recipe, StudentSettings]], path: Path) -> int:
    """Write what the teachers of these students are asked to a new file for ``slu label``; returns the number of lines.

    A file with the same content may be there; otherwise `OutputError`.
    """
    from slu.model.embedding_rows import select_used

    asked = []
    for recipe, settings in students:
        texts = texts_of(recipe, data, settings)
        small, _ = select_used(before, [*data.learned, *texts.own, *data.dev])
        asked += lessons(small, data, texts, settings.training.epochs)[2]
    return write_questions(path, asked)


def texts_of(recipe: Recipe, data: Data, settings: StudentSettings) -> Texts:
    """The texts beside the training part that the settings ask for."""
    asked, epochs = settings.augment, settings.training.epochs
    more = more_spoken(recipe, data.train, data.lexicons, asked.spoken, epochs, asked.draws) if asked.spoken else []
    more += more_unclear(recipe, data.train, asked.unclear, epochs, asked.draws) if asked.unclear else []
    own = read_texts(recipe.resolve(settings.unlabelled)) if settings.unlabelled else []
    return Texts(own, more, asked)


def train_student(
    student: Checkpoint,
    teachers: Sequence[Checkpoint],
    data: Data,
    settings: StudentSettings,
    workspace: Path,
    texts: Texts | None = None,
    askers: Sequence[Asker] = (),
    shared: Shared | None = None,
) -> Made:
    """Train ``student`` to imitate ``teachers`` or, if there are some, those of ``askers``.

    ``texts``: those beside the training part; None: what the settings make of it. Raises `ConfigError` when not all
    teachers have the same vocabulary and the same labels.
    """
    texts, shared = texts or Texts(augment=settings.augment), shared or Shared()
    if not askers and any(teacher.vocab != student.vocab or teacher.labels != student.labels for teacher in teachers):
        raise ConfigError("student: the teachers differ in vocabulary or labels; train them by the same recipe")
    counts: dict[str, Any] = {}

    def plan(small: Checkpoint, select: Select) -> tuple[Objective, Sequence[Example] | TaughtExamples]:
        training = settings.training
        loss = loss_of(training, small)
        objective = imitation_loss(settings.labels, settings.logits, loss)
        if settings.relations:
            objective = with_relations(objective, settings.relations, RelationLoss(select(teachers[0])))
        labelled, new, questions = lessons(small, data, texts, training.epochs)
        counts.update(labelled=len(labelled), unlabelled=len(new))
        if askers:
            return objective, ahead(small, [*labelled, *new], questions, askers, loss)
        drawn = min(training.epochs, max((one.turn[1] for one in (*data.added, *texts.more)), default=1))
        key = (
            settings.augment, settings.unlabelled, training.loss, training.label_smoothing, settings.teachers, drawn
        )  # fmt: skip
        make = lambda: ask(selected(teachers, select), [*labelled, *new], loss)  # noqa: E731
        return objective, shared.asked(key, make)

    trained, report, keep = run_training(student, data, settings.training, plan, workspace, "student", more=texts.own)
    return trained, {**report, **counts}, keep


def new_student(teacher: Checkpoint, settings: StudentSettings) -> Checkpoint:
    """A model of the settings' sizes with random weights, and with the vocabulary, labels and lexicons of ``teacher``.

    Raises `ConfigError` for sizes that do not fit.
    """
    from slu.model.network import new_model, tensors_of

    config = shape_after(teacher.config, settings)
    tensors = tensors_of(new_model(config, teacher.labels, settings.training.seed))
    ngrams = teacher.ngrams if config.ngram_rows else None
    return replace(teacher, config=config, tensors=tensors, manifest=Manifest(), ngrams=ngrams)


def shape_after(config: ModelConfig, settings: StudentSettings) -> ModelConfig:
    """The student's shape; raise `ConfigError` for sizes that do not fit."""
    encoder = settings.encoder or config.encoder
    sizes = {name: getattr(settings, name) or getattr(config, name) for name in SIZES}
    if encoder != ERNIE:
        sizes["num_attention_heads"] = 1
        config = config.replace(ngram_rows=0, ngram_width=0, ngram_dropout_prob=0.0)  # baselines read tokens only
    hidden, heads = sizes["hidden_size"], sizes["num_attention_heads"]
    if hidden % heads:
        raise ConfigError(f"[student] hidden_size {hidden} is not a multiple of {heads} attention heads")
    if settings.dropout >= 0:
        config = config.replace(hidden_dropout_prob=settings.dropout, attention_probs_dropout_prob=settings.dropout)
    shape = config.replace(**sizes, attention_head_size=hidden // heads, encoder=encoder)
    if shape.encoder_problem:
        raise ConfigError(f"[student] {shape.encoder_problem}")
    if settings.relations:
        check_encoder(encoder)
    return shape


def _same_versions(askers: Sequence[Asker], workspace: Path) -> dict[str, str]:
    """The versions of the models behind addresses; raise `ConfigError` unless they are those that the training began
    with."""
    versions = {asker.teacher.where: asker.teacher.version for asker in askers if asker.teacher.version}
    path = workspace / VERSIONS
    before = read_json(path, ConfigError) if path.is_file() else {}
    for where, version in versions.items():
        if before.get(where, version) != version:
            raise replaced(where, before[where], version)
    if versions:
        write_file(path, json.dumps(versions))
    return versions


def _asker(recipe: Recipe, settings: StudentSettings, where: str, student: Checkpoint, shared: Shared) -> Asker:
    path = where if is_address(where) else str(recipe.resolve(where))
    token = recipe.resolve(settings.token_file) if settings.token_file else None
    asker = shared.asker(path, lambda: Asker(open_any(path, settings.in_flight, token, settings.patience)))
    asker.teacher.check(student.head, student.labels)
    return asker
