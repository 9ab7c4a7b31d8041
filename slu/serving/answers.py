"""What the threads of a server do: from the texts of requests to the bytes of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from slu.errors import LexiconError
from slu.inputs.flags import FIRST_TURN
from slu.runtime.parser import ParseResult
from slu.serving.logits import logits_answer
from slu.serving.models import Model
from slu.serving.request import Request, Unfit
from slu.serving.sessions import Sessions
from slu.serving.work import Job

SAFETENSORS = "application/octet-stream"


def check(model: Model, request: Request) -> None:
    """Raise `Unfit` for what this model cannot take."""
    labels = model.parser.labels
    if request.logits and model.python is None:
        raise Unfit("this model is a single file; logits need the directory of a model", "model")
    for number, name in enumerate(request.previous):
        if name and name not in labels.intents:
            field = f"previous_intents.{number}" if request.one_each else "previous_intent"
            raise Unfit(f"the model has no intent {name[:50]!r}", field)
    given = [("lexicons", request.lexicons)]
    given += [(f"lexicons_of_texts.{number}", entries) for number, entries in enumerate(request.added or ())]
    for field, lexicons in given:
        if lexicons and not model.parser.columns.slots:
            raise Unfit("this model takes no lexicons", field)
        for slot in lexicons:
            if slot not in labels.slots:
                raise Unfit(f"the model has no slot {slot[:50]!r}", f"{field}.{slot[:50]}")


class Answers:
    """See `slu.serving.work.Answer`. ``sessions``: of the dialogues."""

    def __init__(self, sessions: Sessions):
        self._sessions = sessions

    def __call__(self, jobs: Sequence[Job]) -> Sequence[Any]:
        """The bytes of each answer, or what is wrong."""
        plain = [job for job in jobs if _is_plain(job.request)]
        done = {id(job): found for job, found in zip(plain, self._together(plain))} if len(plain) > 1 else {}
        return [done[id(job)] if id(job) in done else self._one(job) for job in jobs]

    def _together(self, jobs: Sequence[Job]) -> list[Any]:
        """Answers to requests of which each is texts with previous intents, in one run for each model's version."""
        results: dict[int, Any] = {}
        for model in {id(job.model): job.model for job in jobs}.values():
            own = [job for job in jobs if job.model is model]
            texts = [text for job in own for text in job.request.texts]
            previous = [name for job in own for name in job.request.previous]
            try:
                parsed = iter(model.parser.parse_batch(texts, previous))
            except Exception:  # which of them is to blame is found one by one
                results.update((id(job), self._one(job)) for job in own)
                continue
            results.update((id(job), answer_to(model, [next(parsed) for _ in range(job.texts)])) for job in own)
        return [results[id(job)] for job in jobs]

    def _one(self, job: Job) -> Any:
        model, request = job.model, job.request
        try:
            if request.logits:
                return logits_answer(model, request)
            if request.session is None and not request.lexicons:
                return answer_to(model, model.parser.parse_batch(request.texts, request.previous))
            return answer_to(model, self._in_session(model, request))
        except LexiconError as error:
            return Unfit(str(error), "lexicons")
        except Exception as error:
            return error

    def _in_session(self, model: Model, request: Request) -> list[ParseResult]:
        results = []
        with model.session(request.lexicons) as session:
            previous = request.previous[0]
            if request.session is not None and previous is None:
                found = self._sessions.previous(model.name, request.session, model.parser.labels.intents)
                previous = FIRST_TURN if found is None else found
            for text, before in zip(request.texts, request.previous):
                session.restart(before if request.session is None else previous)
                result = session.parse(text)
                results.append(result)
                previous = result.intent
            if request.session is not None and results:
                self._sessions.remember(model.name, request.session, results[-1].intent)
        return results


def answer_to(model: Model, results: Sequence[ParseResult]) -> bytes:
    """The body of an answer of ``/v1/parse``."""
    answers = [result.to_dict() for result in results]
    return to_json({"model": model.name, "version": model.version, "results": answers})


def _is_plain(request: Request) -> bool:
    return request.session is None and not request.lexicons and not request.logits
