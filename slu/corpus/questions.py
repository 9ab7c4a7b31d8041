"""Questions about passages, with their answers: read, check, write.

Two forms are read, told apart by the content: JSON as SQuAD, CMRC 2018, DRCD and CJRC have it (``data``,
``paragraphs``, ``context``, ``qas``), and JSON Lines with a ``question``, a ``context`` and ``answers`` each. An answer
is a text of the passage with its ``answer_start`` in characters, or without. A question has no answer if
``is_impossible`` says so, or ``answers`` is empty. JSON Lines are written.

In an utterance a tab stands between question and passage, each right answer is a slot, the first of the file first, and
the session is that of the passage. Where the passage does not have the answer at ``answer_start``, the occurrence next
to it is taken; answers that occur nowhere are left out, and questions that lose all of them.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slu.corpus.classified import PAIR, LabelNames
from slu.corpus.formats.annotated import parse_json, read_text, record_of, text_of
from slu.corpus.labels import Labels
from slu.corpus.tagged import Problem
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CorpusError
from slu.files import write_file

SLOT = "answer"
"""What the slots are called."""
_QUESTION = re.compile(r'(?<!\\)"question"\s*:')


@dataclass(frozen=True)
class _Asked:
    """One question as a file has it. ``where``: file, line, and its id if it has one; ``id``: that, or empty."""

    line: int
    where: str
    record: dict[str, Any]
    context: str
    id: str


def read_questions(path: str | Path, names: LabelNames | None = None) -> list[Utterance]:
    """Read a corpus; raise `CorpusError` with file and line at what is no question, or where none can be used."""
    utterances = [utterance for _, utterance, _ in _read(Path(path), names) if utterance is not None]
    if not utterances:
        raise CorpusError(f"{path}: no questions with an answer in their passage, or without one")
    return utterances


def check_questions(path: str | Path, names: LabelNames | None = None, labels: Labels | None = None) -> list[Problem]:
    """Every answer that is repaired or left out, in the order of the file; raises `CorpusError` for one that cannot be
    read."""
    problems, count = [], 0
    known: dict[str, tuple[int, set[str]]] = {}
    for asked, utterance, found in _read(Path(path), names):
        count += 1
        shown = f"question {asked.id}: " if asked.id else ""
        if utterance is not None:
            values = {slot.value for slot in utterance.slots}
            first, before = known.setdefault(utterance.text, (asked.line, values))
            if before != values:
                found.append(f"the same question about the same passage has other answers in line {first}")
        problems += [Problem(asked.line, "warning", f"{shown}{message}") for message in found]
    if not count:
        raise CorpusError(f"{path}: no questions")
    return problems


def write_questions(utterances: Iterable[Utterance], path: str | Path) -> None:
    """Write JSON Lines, whole or not at all; `read_questions` gives questions, passages and answers back."""
    lines = []
    for utterance in utterances:
        question, _, context = utterance.text.partition(PAIR)
        answers = [{"text": slot.value, "answer_start": slot.start - len(question) - 1} for slot in utterance.slots]
        record = {"question": question, "context": context, "answers": answers}
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    if not lines:
        raise CorpusError(f"{path}: no questions to write")
    write_file(path, "".join(lines))


def _read(path: Path, names: LabelNames | None) -> Iterator[tuple[_Asked, Utterance | None, list[str]]]:
    """Each question, what is made of it (None if it is left out), and what is to be said of it."""
    if names:
        raise CorpusError(f"{path}: questions have answers and no labels; leave out the file that names labels")
    sessions: dict[str, str] = {}
    for asked in _records(path):
        found: list[str] = []
        question = " ".join(text_of(asked.record, "question", asked.where).split())
        whole = question + PAIR + asked.context
        if any("\ud800" <= char <= "\udfff" for char in whole):
            found.append("half a surrogate pair, which UTF-8 cannot express; the question is left out")
            yield asked, None, found
            continue
        if not question or not asked.context.strip():
            found.append(f"the {'passage' if question else 'question'} is empty; the question is left out")
            yield asked, None, found
            continue
        wanted = _answers(asked, found)
        places = dict.fromkeys(place for place in (_place(asked.context, *one, found) for one in wanted) if place)
        if wanted and not places:
            found.append("no answer is in the passage; the question is left out")
            yield asked, None, found
            continue
        shift = len(question) + len(PAIR)
        slots = tuple(Slot(SLOT, asked.context[a:b], a + shift, b + shift) for a, b in places)
        session = sessions.setdefault(asked.context, str(len(sessions) + 1))
        yield asked, Utterance(whole, "", slots, session), found


def _records(path: Path) -> Iterator[_Asked]:
    text = read_text(path)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise CorpusError(f"{path}: empty; give questions as SQuAD's JSON, or one a line (docs/answers.md)")
    first = _first_object(lines[0][1])
    if first is not None and "data" not in first:
        for number, line in lines:
            where = f"{path}:{number}"
            record = record_of(parse_json(line, where), where)
            if "paragraphs" in record:
                raise CorpusError(f"{where}: a passage with its questions; give the whole file, with data around it")
            yield _asked(record, number, where, text_of(record, "context", where))
        return
    whole = record_of(parse_json(text, str(path)), f"{path}:1")
    found = list(_of_passages(whole, path))
    ends = [match.start() for match in re.finditer("\n", text)]
    places = [bisect_right(ends, match.start()) + 1 for match in _QUESTION.finditer(text)]
    if len(places) != len(found):
        places = [1] * len(found)  # something else has a field of that name: the ids have to do
    for (record, context), number in zip(found, places):
        yield _asked(record, number, f"{path}:{number}", context)


def _asked(record: dict[str, Any], number: int, where: str, context: str) -> _Asked:
    own = str(record["id"]) if isinstance(record.get("id"), (str, int)) else ""
    return _Asked(number, f"{where}: question {own}" if own else where, record, context, own)


def _first_object(line: str) -> dict[str, Any] | None:
    """A line that is a whole object; None for one that is not."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _of_passages(whole: dict[str, Any], path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    for i, article in enumerate(_list(whole, "data", str(path))):
        where = f"{path}: data[{i}]"
        for j, passage in enumerate(_list(record_of(article, where), "paragraphs", where)):
            here = f"{where}.paragraphs[{j}]"
            context = text_of(record_of(passage, here), "context", here)
            for k, question in enumerate(_list(passage, "qas", here)):
                yield record_of(question, f"{here}.qas[{k}]"), context


def _list(record: dict[str, Any], name: str, where: str) -> list[Any]:
    value = record.get(name)
    if not isinstance(value, list):
        raise CorpusError(f"{where}: {name} is {'missing' if value is None else 'no list'}; a list is expected")
    return value


def _answers(asked: _Asked, said: list[str]) -> list[tuple[str, int | None]]:
    """The texts that are to be found in the passage, and where; none of a question without an answer."""
    record, where = asked.record, asked.where
    if str(record.get("is_impossible", "")).lower() in ("true", "1"):
        given = record.get("answers")
        if isinstance(given, list) and any(one.get("text") if isinstance(one, dict) else one for one in given):
            said.append("is_impossible, but it has answers; they are left out")
        return []
    given = record.get("answers")
    if isinstance(given, dict):  # as the `datasets` package has them
        texts, starts = given.get("text"), given.get("answer_start")
        if not isinstance(texts, list) or not (
            starts is None or isinstance(starts, list) and len(starts) == len(texts)
        ):
            raise CorpusError(f"{where}: answers has no lists text and answer_start of the same length")
        given = [{"text": t, "answer_start": s} for t, s in zip(texts, starts or [None] * len(texts))]
    if not isinstance(given, list):
        raise CorpusError(f"{where}: answers is {'missing' if given is None else 'no list'}; [] says that it has none")
    found: list[tuple[str, int | None]] = []
    for one in given:
        one = {"text": one} if isinstance(one, str) else record_of(one, where)
        start = one.get("answer_start")
        if start is not None and (isinstance(start, bool) or not isinstance(start, int)):
            raise CorpusError(f"{where}: answer_start is {json.dumps(start)[:40]}; a whole number is expected")
        found.append((text_of(one, "text", where), start))
    return found


def _place(context: str, given: str, start: int | None, found: list[str]) -> tuple[int, int] | None:
    """Where an answer stands; None, with a word about it, where it does not."""
    text = given.strip()
    if start is not None and start >= 0:
        after_blanks = start + len(given) - len(given.lstrip())
        if text and context.startswith(text, after_blanks):
            return after_blanks, after_blanks + len(text)
    if not text or text not in context:
        found.append(f"the answer {given[:40]!r} is not in the passage; it is left out")
        return None
    places = [match.start() for match in re.finditer(f"(?={re.escape(text)})", context)]
    best = min(places, key=lambda place: abs(place - (start or 0)))
    if start is not None:
        found.append(
            f"the answer {given[:40]!r} does not stand at answer_start {start} but at {best}; " "it is taken from there"
        )
    elif len(places) > 1:
        found.append(f"the answer {given[:40]!r} is {len(places)} times in the passage; the first one is taken")
    return best, best + len(text)
