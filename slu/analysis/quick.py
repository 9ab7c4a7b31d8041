"""A quick model, for probabilities of texts that it was not trained on: character n-grams and linear models, in folds.

It takes seconds, and finds more wrong labels than the features of a network that has learned from the same labels
(docs/analyze.md has the figures).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slu.analysis.examples import class_table
from slu.corpus.dialogues import turns_before
from slu.corpus.labels import OUTSIDE
from slu.corpus.utterance import Utterance

FOLDS = 5
_OF_ONE, _OF_SEVERAL, _OF_TAGS, _EPOCHS = 5e-5, 2e-6, 5e-6, 8
"""Weight decay where texts have one class, several, and of tags: tried on TNEWS, DuEE's event types and NLPCC 2018."""
_NEAR, _FAR = 2, 4
"""Characters to each side that the tag of one depends on: in pairs, and alone."""
_COLUMNS = 2**20
_PREVIOUS = 0.5
"""What the previous intent weighs beside a text of length 1."""


@dataclass(frozen=True)
class HeldOut:
    """``names``: the classes; ``given``: which each text has, ``[n, classes]``; ``shares``: their probabilities from a
    quick model that has not seen the text."""

    names: tuple[str, ...]
    given: np.ndarray
    shares: np.ndarray

    @property
    def single(self) -> bool:
        """Whether each text has exactly one class."""
        return bool((self.given.sum(1) == 1).all())


class QuickModel:
    """Logistic regressions on characters and pairs of them, weighted by TF-IDF, and on the previous intent."""

    def __init__(self, texts: Sequence[str], previous: Sequence[str], given: np.ndarray, seed: int = 0):
        """``previous``: the intents before the texts (see `previous_intents`); ``given``: the classes of each text,
        ``[n, classes]``."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._classes = given.shape[1]
        self._grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        try:
            self._grams.fit(texts)
        except ValueError:  # nothing occurs twice: a corpus of a few lines
            self._grams = self._grams.set_params(min_df=1).fit(texts)
        self._previous = {name: i for i, name in enumerate(sorted(set(previous)))}
        read = self._read(texts, previous)
        self._single = bool((given.sum(1) == 1).all())
        # A model for the classes of these columns, None where there is nothing to choose; and shares that are certain.
        self._models: list[tuple[np.ndarray, Any]] = []
        self._certain = np.zeros(self._classes)
        if self._single:
            targets = given.argmax(1)
            known = np.unique(targets)
            self._certain[known] = 1 / len(known)
            if len(known) > 1:
                self._models.append((known, _fitted(read, targets, seed, _OF_ONE)))
            return
        for column in range(self._classes):
            self._certain[column] = given[:, column].mean()
            if 0 < self._certain[column] < 1:
                self._models.append((np.array([column]), _fitted(read, given[:, column], seed, _OF_SEVERAL)))

    def shares(self, texts: Sequence[str], previous: Sequence[str]) -> np.ndarray:
        """The probability of each class, ``[n, classes]``."""
        read = self._read(texts, previous)
        found = np.tile(self._certain, (len(texts), 1))
        for columns, model in self._models:
            shares = model.predict_proba(read)
            found[:, columns] = shares if self._single else shares[:, 1:]
        return found

    def _read(self, texts: Sequence[str], previous: Sequence[str]) -> Any:
        from scipy.sparse import csr_matrix, hstack

        read = self._grams.transform(texts)
        if len(self._previous) < 2:
            return read
        known = [(row, self._previous[name]) for row, name in enumerate(previous) if name in self._previous]
        rows, columns = np.array(known, int).reshape(-1, 2).T
        turns = csr_matrix((np.full(len(rows), _PREVIOUS), (rows, columns)), (len(texts), len(self._previous)))
        return hstack([read, turns], "csr")


def previous_intents(utterances: Sequence[Utterance]) -> list[str]:
    """The intent before each utterance in its dialogue, "" for the first, and for texts without intents."""
    return ["" if before is None else utterances[before].intent for before in turns_before(utterances)]


def held_out_classes(utterances: Sequence[Utterance], names: Sequence[str], seed: int = 0) -> HeldOut:
    """Cross-validated probabilities of the classes of a training part."""
    given = class_table(utterances, names)
    shares = np.zeros(given.shape)
    texts, previous = [utterance.text for utterance in utterances], previous_intents(utterances)
    for kept, left in folds(len(utterances), seed):
        model = QuickModel([texts[i] for i in kept], [previous[i] for i in kept], given[kept], seed)
        shares[left] = model.shares([texts[i] for i in left], [previous[i] for i in left])
    return HeldOut(tuple(names), given, shares)


def folds(count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What a fold is trained on, and what it is asked."""
    order = np.random.default_rng(seed).permutation(count)
    parts = min(FOLDS, count)
    for number in range(parts):
        left = np.sort(order[number::parts])
        yield np.setdiff1d(order, left), left


def held_out_tags(utterances: Sequence[Utterance], slots: Sequence[str], seed: int = 0) -> tuple[np.ndarray, HeldOut]:
    """The same for the tag of each character: the number of the text of each row, and the probabilities.

    A tag depends on the characters around it and on the intent.
    """
    tags = _tags_of(slots)
    owners, targets, read = _characters(utterances, tags)
    shares = np.zeros((len(targets), len(tags)))
    for kept, left in folds(len(utterances), seed):
        inside, asked = np.isin(owners, kept), np.isin(owners, left)
        known = np.unique(targets[inside])
        if len(known) < 2:
            shares[np.ix_(asked, known)] = 1
        elif asked.any():
            shares[np.ix_(asked, known)] = _fitted(read[inside], targets[inside], seed, _OF_TAGS).predict_proba(
                read[asked]
            )
    return owners, HeldOut(tuple(tags), np.eye(len(tags))[targets], shares)


class TagModel:
    """The same model of tags, trained on all of the texts."""

    def __init__(self, utterances: Sequence[Utterance], slots: Sequence[str], seed: int = 0):
        self._tags = _tags_of(slots)
        _, targets, read = _characters(utterances, self._tags)
        self._model = _fitted(read, targets, seed, _OF_TAGS)

    def shares(self, utterances: Sequence[Utterance]) -> tuple[np.ndarray, np.ndarray]:
        """The number of the text of each character, and the probability of each of its tags, ``[n, tags]``."""
        owners, _, read = _characters(utterances, self._tags)
        found = np.zeros((len(owners), len(self._tags)))
        found[:, self._model.classes_] = self._model.predict_proba(read)
        return owners, found


def _tags_of(slots: Sequence[str]) -> list[str]:
    return [OUTSIDE, *(f"{prefix}-{name}" for name in slots for prefix in "BI")]


def _characters(utterances: Sequence[Utterance], tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray, Any]:
    """The number of the text of each character, its tag, and what is around it."""
    from sklearn.feature_extraction import FeatureHasher

    places = {tag: i for i, tag in enumerate(tags)}
    owners = np.repeat(np.arange(len(utterances)), [len(utterance.text) for utterance in utterances])
    targets = np.array([places.get(tag, 0) for utterance in utterances for tag in _tags(utterance)], int)
    read = FeatureHasher(_COLUMNS, input_type="string").transform(
        found for utterance in utterances for found in _surroundings(utterance)
    )
    return owners, targets, read


def _fitted(read: Any, targets: np.ndarray, seed: int, decay: float) -> Any:
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", alpha=decay, max_iter=_EPOCHS, tol=None, random_state=seed)
    return model.fit(read, targets)


def _tags(utterance: Utterance) -> list[str]:
    tags = [OUTSIDE] * len(utterance.text)
    for slot in utterance.slots:
        tags[slot.start : slot.end] = [f"I-{slot.name}"] * (slot.end - slot.start)
        tags[slot.start] = f"B-{slot.name}"
    return tags


def _surroundings(utterance: Utterance) -> Iterator[list[str]]:
    ends = "\0" * _FAR
    text = f"{ends}{utterance.text}{ends}"
    for at in range(_FAR, len(text) - _FAR):
        single = [f"{d}{text[at + d]}" for d in range(-_FAR, _FAR + 1)]
        double = [f"{d}{text[at + d : at + d + 2]}" for d in range(-_NEAR, _NEAR)]
        yield [*single, *double, f"t{text[at - 1 : at + 2]}", f"i{utterance.intent}", f"i{utterance.intent}{text[at]}"]
