"""The training and the development part of the corpus that a recipe names."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from slu.corpus.classified import LabelNames, read_label_names
from slu.corpus.labels import Labels
from slu.corpus.tagged import split_corpus
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError, CorpusError
from slu.files import sha256
from slu.heads.head import Head
from slu.heads.table import DEFAULT, HEADS
from slu.runtime.python_parser import Model
from slu.training.added import Added
from slu.training.augmentation import added_utterances, texts_of
from slu.training.identity import canonical, file_hash, plain
from slu.training.lexicons import TrainingLexicons, read_training_lexicons
from slu.training.recipe import DIALOGUE_SECTIONS, DataSettings, LexiconSettings, ModelSettings, Recipe


@dataclass(frozen=True)
class Data:
    """The two parts of a corpus and their hashes; ``lexicons``: those of the section [lexicon], None without it.

    ``head``: what is learned. ``names``: the labels that the recipe names, None for those of the training part.
    ``any_slot``: see `slu.training.recipe.DataSettings`.

    ``added``: what is trained on beside the training part, see `slu.training.augmentation`. ``held_out``: whether
    ``dev`` is unknown to the model. With ``dev_fraction = 0`` and no ``data.dev`` it is not: ``dev`` is then a sample
    of the training part, the last epoch is kept, and the threshold is chosen on utterances that the model has seen.
    """

    train: list[Utterance]
    dev: list[Utterance]
    identity: dict[str, str]
    lexicons: TrainingLexicons | None = None
    added: list[Added] = field(default_factory=list)
    held_out: bool = True
    head: Head = DEFAULT
    names: LabelNames | None = None
    any_slot: bool = False

    @property
    def labels(self) -> Labels:
        """What a model that is trained on this can answer."""
        labels = self.head.corpus.labels(self.train, self.names)
        return labels.with_any_slot() if self.any_slot else labels

    def read_by(self, model: Model) -> Data:
        """The same with the training part as ``model`` reads it: in windows, for heads that have some."""
        if self.head.windows is None:
            return self
        read = self.head.read_at_once(self.train, model.tokenizer(), model.config.max_length)
        return replace(self, train=read)

    @property
    def learned(self) -> list[Utterance]:
        """The utterances whose characters the model learns."""
        return [*self.train, *texts_of(self.added)]


SEEN = 2000
"""Utterances of the training part that measures are taken on where nothing is held out."""


def load_data(recipe: Recipe) -> Data:
    """Read and split the corpus of a recipe."""
    settings = recipe.section("data", DataSettings)
    head = HEADS[recipe.section("model", ModelSettings).task]
    names = _label_names(recipe, settings, head)
    train, dev, identity = _parts(recipe, settings, head, names)
    held_out = bool(settings.dev) or settings.dev_fraction > 0
    if not head.dialogues:
        return Data(train, dev, identity, held_out=held_out, head=head, names=names)
    slots = sorted({slot.name for utterance in train for slot in utterance.slots})
    lexicons = read_training_lexicons(recipe, slots, settings.split == "session")
    if lexicons:
        chosen = recipe.section("lexicon", LexiconSettings)
        identity["lexicon"] = canonical(plain(dataclasses.asdict(replace(chosen, lists=""))))
        if chosen.lists:
            identity["lists"] = file_hash(recipe.resolve(chosen.lists))
    added, identity_of_added = added_utterances(recipe, train, lexicons)
    if settings.any_slot:
        identity["any_slot"] = "true"
    return Data(train, dev, identity | identity_of_added, lexicons, added, held_out, any_slot=settings.any_slot)


def _label_names(recipe: Recipe, settings: DataSettings, head: Head) -> LabelNames | None:
    """The labels that the recipe names; raise `ConfigError` for what is for another task."""
    if head.dialogues:
        if settings.labels:
            raise ConfigError(f"{recipe.path}: [data] labels is for tasks without intents, the task is {head.name}")
        return None
    for section in DIALOGUE_SECTIONS:
        if recipe.has(section):
            raise ConfigError(f"{recipe.path}: [{section}] is for intents and slots; remove it for task {head.name}")
    if settings.any_slot:
        raise ConfigError(f"{recipe.path}: [data] any_slot is for intents and slots, the task is {head.name}")
    if settings.split != "utterance":
        raise ConfigError(
            f"{recipe.path}: [data] split is {settings.split!r}; texts of task {head.name} have no sessions"
        )
    return read_label_names(recipe.resolve(settings.labels)) if settings.labels else None


def _parts(
    recipe: Recipe, settings: DataSettings, head: Head, names: LabelNames | None
) -> tuple[list[Utterance], list[Utterance], dict[str, str]]:
    """The training part, the development part, and the identity of both."""
    if settings.split not in ("utterance", "session"):
        raise ConfigError(f"{recipe.path}: [data] split is {settings.split!r}; it must be utterance or session")
    path = recipe.resolve(settings.corpus)
    utterances = head.corpus.read(path, names)
    identity = {"corpus": sha256(path)}
    if settings.labels:
        identity["labels"] = sha256(recipe.resolve(settings.labels))
    if settings.dev:
        dev_path = recipe.resolve(settings.dev)
        return utterances, head.corpus.read(dev_path, names), identity | {"dev": sha256(dev_path)}
    if settings.dev_fraction == 0:
        drawn = Random(settings.seed).sample(range(len(utterances)), min(SEEN, len(utterances)))
        return utterances, [utterances[i] for i in sorted(drawn)], identity | {"split": "nothing held out"}
    whole = settings.split == "session" or head.corpus.whole_sessions
    by: Literal["utterance", "session"] = "session" if whole else "utterance"
    try:
        train, dev = split_corpus(utterances, by=by, dev_fraction=settings.dev_fraction, seed=settings.seed)
    except CorpusError as error:
        raise CorpusError(f"{path}: {error}") from error
    return train, dev, identity | {"split": f"{by} {settings.dev_fraction} seed {settings.seed}"}
