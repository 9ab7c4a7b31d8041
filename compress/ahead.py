"""What teachers say of the batches to come: asked ahead, a bounded number of requests at a time, and kept.

Answers are kept by their question, so that a text is asked once, however often it is learned and by however many
students. The probabilities are made of them anew for each batch: so they depend on the batch alone, not on what was
asked with it, nor on whether a training was interrupted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from slu.errors import ConfigError
from slu.heads.examples import Example, collate
from slu.heads.head import Head, Loss
from slu.runtime.soft_labels import DESCRIPTION, Question
from slu.runtime.teachers import FileTeacher, Logits, ModelTeacher, Teacher, is_address

WINDOW = 32
"""Batches whose questions a teacher in this process is asked together: more of them are of the same length."""


class Asker:
    """One teacher, and all that it has said; soft labels are read from their files each time."""

    def __init__(self, teacher: Teacher):
        self.teacher = teacher
        self.answers: dict[Question, Logits] = {}
        self._coming: deque[list[Question]] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._closed = False

    def expect(self, batches: Sequence[Sequence[Question]]) -> None:
        """Ask about these batches, the first ones first; what was expected before and not asked yet is forgotten."""
        if isinstance(self.teacher, FileTeacher):
            return
        known = set(self.answers)
        requests = []
        for batch in batches:
            new = [one for one in dict.fromkeys(batch) if one not in known]
            known.update(new)
            if new:
                requests.append(new)
        with self._changed:
            self._coming = deque(requests)
            self._changed.notify_all()
        while len(self._threads) < self.teacher.in_flight:
            self._threads.append(threading.Thread(target=self._work, name="ask", daemon=True))
            self._threads[-1].start()

    def get(self, questions: Sequence[Question]) -> list[Logits]:
        """The answers; waits for those that are not there."""
        if isinstance(self.teacher, FileTeacher):
            return self.teacher.ask(questions)
        if not self.teacher.in_flight:
            while any(one not in self.answers for one in questions):
                self._ask_here(questions)
        with self._changed:
            self._changed.wait_for(lambda: self._error or all(one in self.answers for one in questions))
            if self._error:
                raise self._error
            return [self.answers[one] for one in questions]

    def close(self) -> None:
        """End the threads. What was said is kept."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.teacher.close()

    def _ask_here(self, questions: Sequence[Question]) -> None:
        some = [self._coming.popleft() for _ in range(min(WINDOW, len(self._coming)))]
        together = [one for batch in some for one in batch]
        together = together or [one for one in dict.fromkeys(questions) if one not in self.answers]
        self.answers.update(zip(together, self.teacher.ask(together)))

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._coming)
                if self._closed or self._error:
                    return
                some = [one for one in self._coming.popleft() if one not in self.answers]
            try:
                found = self.teacher.ask(some) if some else []
            except BaseException as error:  # handed to who waits for the answer
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                self.answers.update(zip(some, found))
                self._changed.notify_all()


def open_any(where: str, in_flight: int, token_file: Path | None, patience: float) -> Teacher:
    """The teacher at an address, in a directory of soft labels, or the model of a directory.

    ``patience``: seconds for which one at an address is waited for.
    """
    if is_address(where):
        from slu.runtime.remote import ServiceTeacher

        return ServiceTeacher(where, in_flight, token_file, patience)
    path = Path(where)
    if (path / DESCRIPTION).is_file():
        return FileTeacher(path)
    return ModelTeacher(path)


@dataclass
class Ahead:
    """Examples with what teachers say of them, batch by batch (see `slu.training.fit.Answers`).

    ``questions``: one an example. ``pad``: the token that batches are padded with.
    """

    examples: Sequence[Example]
    questions: Sequence[Question]
    askers: Sequence[Asker]
    head: Head
    loss: Loss
    pad: int
    _checked: set[Question] = field(default_factory=set)

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        """Say which batches come, as indices of examples, in their order."""
        asked = [[self.questions[i] for i in batch] for batch in batches]
        for asker in self.askers:
            asker.expect(asked)

    def answered(self, batch: np.ndarray) -> list[Example]:
        """The examples of a batch, each with the mean probabilities of the teachers."""
        import paddle

        examples = [self.examples[i] for i in batch]
        questions = [self.questions[i] for i in batch]
        together = collate(examples, self.pad)
        of_teachers = []
        for asker in self.askers:
            found = asker.get(questions)
            self._check(asker, questions, examples, found)
            logits = (_stacked(of_one, together.ids.shape[1]) for of_one in zip(*found))
            of_teachers.append(self.loss.probabilities([paddle.to_tensor(array) for array in logits], together))
        means = [np.mean(of_one, 0) for of_one in zip(*of_teachers)]
        return [replace(example, soft=soft_of(means, row, len(example.ids))) for row, example in enumerate(examples)]

    def _check(
        self, asker: Asker, questions: Sequence[Question], examples: Sequence[Example], found: Sequence[Logits]
    ) -> None:
        """Raise `ConfigError` unless the teacher reads as many tokens, where it answers for each of them."""
        for question, example, logits in zip(questions, examples, found):
            if question in self._checked:
                continue
            for output, array in zip(self.head.outputs, logits):
                if output.per_token and len(array) != len(example.ids):
                    raise ConfigError(
                        f"{asker.teacher.where}: reads {len(array)} tokens of {question.text!r}, the student "
                        f"{len(example.ids)}; for answers by token both need the same vocabulary and length"
                    )
            self._checked.add(question)


def soft_of(means: Sequence[np.ndarray], row: int, tokens: int) -> tuple[np.ndarray, ...]:
    """What teachers say of one text of a batch, as `Example.soft` has it."""
    return tuple((mean[row, 1 : tokens - 1] if mean.ndim == 3 else mean[row]).copy() for mean in means)


def _stacked(logits: Sequence[np.ndarray], longest: int) -> np.ndarray:
    if logits[0].ndim == 1:
        return np.stack(logits)
    padded = np.zeros((len(logits), longest, logits[0].shape[1]), np.float32)
    for row, values in enumerate(logits):
        padded[row, : len(values)] = values
    return padded
