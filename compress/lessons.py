"""What a student learns from: labelled texts and others, and what teachers say of them.

Several students of one recipe share their lessons, so that the teachers are asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from compress.ahead import Ahead, Asker, soft_of
from compress.augment import AugmentSettings, augment, names_by_slot
from slu.corpus.texts import numbered_texts
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.files import write_new
from slu.heads.examples import EVERY_EPOCH, Example, collate
from slu.heads.head import Loss
from slu.inputs.flags import FIRST_TURN, LEXICON, PREVIOUS_INTENT, UNKNOWN, FlagColumns
from slu.model.checkpoint import Checkpoint
from slu.progress import Progress
from slu.runtime.soft_labels import Question
from slu.runtime.teachers import FileTeacher
from slu.training.added import Added
from slu.training.batches import unlabelled_examples
from slu.training.data import Data
from slu.training.train import Select, training_examples, training_texts

BATCH = 64
"""Texts that the teachers answer in one batch: of twice as many what a layer computes leaves the cache."""


@dataclass(frozen=True)
class Texts:
    """Texts without labels beside the training part, of which every teacher is asked.

    ``own``: of the user, one an utterance. ``more``: made of the training part, of which the labels are not used.
    ``augment``: what is made of the training part and of ``own``.
    """

    own: Sequence[Utterance] = ()
    more: Sequence[Added] = ()
    augment: AugmentSettings = field(default_factory=AugmentSettings)


@dataclass(frozen=True)
class Shared:
    """What several students have in common, by what it depends on."""

    askers: dict[str, Asker] = field(default_factory=dict)
    examples: dict[Any, list[Example]] = field(default_factory=dict)

    def asker(self, where: str, make: Callable[[], Asker]) -> Asker:
        """The one for this teacher, made if it is not there."""
        if where not in self.askers:
            self.askers[where] = make()
        return self.askers[where]

    def asked(self, key: Any, make: Callable[[], list[Example]]) -> list[Example]:
        """The examples with these teachers' answers."""
        if key not in self.examples:
            self.examples[key] = make()
        return self.examples[key]

    def close(self) -> None:
        """End what still asks."""
        for asker in self.askers.values():
            asker.close()


def lessons(
    small: Checkpoint, data: Data, texts: Texts, epochs: int
) -> tuple[list[Example], list[Example], list[Question]]:
    """The labelled examples, those without labels, and what a teacher is asked about each of them.

    ``small``: what reads them. The previous intent is that of the utterance that a text was made from. ``epochs``: of
    the training; what none of them has is left out.
    """
    labelled = training_examples(small, data)
    base = [*data.train, *texts.own]
    names = names_by_slot(data.train, data.lexicons.files if data.lexicons else {})
    found: list[tuple[int | None, str, tuple[int, int]]] = [(None, one.text, EVERY_EPOCH) for one in texts.own]
    found += [(i, text, EVERY_EPOCH) for i, text in augment(base, names, texts.augment)]
    found += [
        (one.source, one.utterance.text, one.turn)
        for one in texts.more
        if one.source is not None and one.turn[0] < epochs
    ]
    previous = [example.previous for example in labelled]
    new = [
        replace(example, previous=UNKNOWN if i is None or i >= len(data.train) else previous[i], turn=turn)
        for (i, _, turn), example in zip(found, unlabelled_examples([text for _, text, _ in found], small))
    ]
    kept = [number for number, example in enumerate(labelled) if example.turn[0] < epochs]
    own = training_texts(data)
    labelled = [labelled[number] for number in kept]
    asked = [*(own[number] for number in kept), *((text, ()) for _, text, _ in found)]
    takes_entries = LEXICON in small.config.flags
    questions = [
        Question(text, _intent(example.previous, small), entries if takes_entries else ())
        for (text, entries), example in zip(asked, [*labelled, *new])
    ]
    return labelled, new, questions


def _intent(number: int, model: Checkpoint) -> str | None:
    if PREVIOUS_INTENT not in model.config.flags or number == UNKNOWN:
        return None
    intents = model.labels.intents
    return FIRST_TURN if number == len(intents) else intents[number]


def ahead(
    small: Checkpoint, examples: Sequence[Example], questions: Sequence[Question], askers: Sequence[Asker], loss: Loss
) -> Ahead:
    """The examples, of which the teachers are asked while they are learned.

    Raises `ConfigError` where a directory of soft labels lacks some.
    """
    for asker in askers:
        if isinstance(asker.teacher, FileTeacher):
            missing = asker.teacher.missing(questions)
            if missing:
                raise ConfigError(
                    f"{asker.teacher.where}: has no soft labels of {len(missing)} of {len(questions)} texts, such as "
                    f"{missing[0].text[:40]!r}; `slu compress student --texts FILE.jsonl` writes what slu label needs"
                )
    return Ahead(examples, questions, askers, small.head, loss, small.tokenizer().pad_id)


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
                asked[i] = replace(examples[i], soft=soft_of(means, row, len(examples[i].ids)))
            progress.advance(count=len(group))
    return asked


def selected(teachers: Sequence[Checkpoint], select: Select) -> list[Checkpoint]:
    """The teachers with the rows of the vocabulary that are trained."""
    return [select(teacher) for teacher in teachers]


def read_texts(path: Path) -> list[Utterance]:
    """The texts of a file, see `slu.corpus.texts`."""
    return [Utterance(text, "", (), f"unlabelled {number}") for number, text in numbered_texts(path)]


def write_questions(path: Path, questions: Sequence[Question]) -> int:
    """A new file for ``slu label`` with each question once; returns their number."""
    lines = list(dict.fromkeys(one.to_json() for one in questions))
    write_new(path, "".join(f"{line}\n" for line in lines).encode(), "--texts")
    return len(lines)
