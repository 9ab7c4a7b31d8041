"""Measuring a parser on labelled utterances."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slu.corpus.dialogues import by_turn, turns_before
from slu.corpus.labels import Labels
from slu.corpus.tagged import shown_tagged
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.evaluation.reliability import calibration
from slu.evaluation.unknown_labels import unknown_labels
from slu.files import write_result
from slu.heads.head import Head
from slu.heads.measures import percent
from slu.heads.table import DEFAULT, HEADS
from slu.inputs.flags import FIRST_TURN
from slu.runtime.parser import Parser, ParseResult

MEASURES = tuple(dict.fromkeys(name for head in HEADS.values() for name in head.measures))
"""The single numbers of evaluations, in the order in which they are shown; each has those of its head."""
PARTS = ("levels", "classes", "confusion", "calibration", "unknown_labels", "noise", "rejection", "lexicon", "commands")
"""Objects in the JSON of an evaluation; `levels` only of labels in a tree, `unknown_labels` only where there are some,
the last four where asked for."""
ERROR_COLUMNS = ("session", "text", "intent", "tagged", "answered intent", "answered tagged", "score")
LABEL_ERROR_COLUMNS = ("text", "labels", "answered labels", "score")
SPAN_ERROR_COLUMNS = ("tagged", "answered tagged", "score")
KEPT = 0.95
"""Share of right answers that the threshold lets pass."""


def evaluate(parser: Parser, utterances: Sequence[Utterance]) -> tuple[dict[str, Any], list[ParseResult]]:
    """Parse and measure; returns every measure (see `slu.heads.head.Head.measure`, `slu.evaluation.reliability`)
    and the answers."""
    answers = parse_dialogues(parser, utterances)
    result = parser.head.measure(utterances, answers, parser.labels)
    right = [parser.head.right(u, a, parser.labels) for u, a in zip(utterances, answers)]
    unknown = unknown_labels(utterances, parser.labels)
    more = {"calibration": calibration([a.score for a in answers], right)}
    return {**result, **more, **({"unknown_labels": unknown} if unknown else {})}, answers


def understood_at(threshold: float, answers: Sequence[ParseResult]) -> float:
    """Percent of the answers that are understood with this threshold: the measure ``understood``."""
    return percent(sum(answer.score >= threshold for answer in answers), len(answers))


def parse_dialogues(parser: Parser, utterances: Sequence[Utterance]) -> list[ParseResult]:
    """Answers in the order of ``utterances``.

    A model that uses the previous intent is given its own previous answer in the session: the first utterances of all
    sessions are parsed at once, then all second ones, and so on.
    """
    if not parser.uses_previous_intent:
        return parser.parse_batch([utterance.text for utterance in utterances])
    before = turns_before(utterances)
    answers: dict[int, ParseResult] = {}
    for group in by_turn(before):
        known = (before[i] for i in group)
        previous = [FIRST_TURN if k is None else answers[k].intent for k in known]
        answers.update(zip(group, parser.parse_batch([utterances[i].text for i in group], previous_intents=previous)))
    return [answers[i] for i in range(len(utterances))]


def choose_threshold(parser: Parser, utterances: Sequence[Utterance], answers: Sequence[ParseResult]) -> float:
    """The highest score that at least `KEPT` of the right answers reach; 0 when none is right."""
    pairs = zip(utterances, answers)
    scores = [a.score for u, a in pairs if parser.head.right(u, a, parser.labels)]
    return float(np.quantile(scores, 1 - KEPT, method="lower")) if scores else 0.0


def error_columns(labels: Labels, head: Head = DEFAULT) -> tuple[str, ...]:
    """The columns of `error_lines` for a model with these labels."""
    if head.errors:
        return (*head.errors.columns, "score")
    if labels.sets is not None:
        return LABEL_ERROR_COLUMNS
    return ERROR_COLUMNS if labels.intents else SPAN_ERROR_COLUMNS


def error_lines(utterances: Sequence[Utterance], answers: Sequence[ParseResult], parser: Parser) -> list[str]:
    """A tab-separated line for every utterance that was not answered exactly: what was labelled, what was answered.

    The columns are those of `error_columns`.
    """
    if parser.head.errors:
        rows = parser.head.errors.row
        return [
            "\t".join((*(" ".join(cell.split()) for cell in rows(u, a)), f"{a.score:.4f}"))
            for u, a in zip(utterances, answers)
            if not parser.head.right(u, a, parser.labels)
        ]
    if parser.labels.sets is not None:
        return _label_error_lines(utterances, answers, parser)
    if not parser.labels.intents:
        return _span_error_lines(utterances, answers, parser)
    lines = []
    for utterance, answer in zip(utterances, answers):
        if not parser.head.right(utterance, answer, parser.labels):
            got = Utterance(answer.text, answer.intent, answer.slots, utterance.session)
            lines.append(
                "\t".join(
                    (
                        utterance.session,
                        utterance.text,
                        utterance.intent,
                        shown_tagged(utterance),
                        answer.intent,
                        shown_tagged(got),
                        f"{answer.score:.4f}",
                    )
                )
            )
    return lines


def _label_error_lines(utterances: Sequence[Utterance], answers: Sequence[ParseResult], parser: Parser) -> list[str]:
    lines = []
    for utterance, answer in zip(utterances, answers):
        if not parser.head.right(utterance, answer, parser.labels):
            text = " | ".join(utterance.text.split("\t"))
            answered = ",".join(label.name for label in answer.labels or ())
            lines.append("\t".join((text, ",".join(utterance.labels), answered, f"{answer.score:.4f}")))
    return lines


def _span_error_lines(utterances: Sequence[Utterance], answers: Sequence[ParseResult], parser: Parser) -> list[str]:
    return [
        "\t".join((shown_tagged(u), shown_tagged(Utterance(a.text, "", a.slots, u.session)), f"{a.score:.4f}"))
        for u, a in zip(utterances, answers)
        if not parser.head.right(u, a, parser.labels)
    ]


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """The single numbers of an evaluation, for a manifest or a table's row."""
    return {"utterances": result["utterances"], **{name: result[name] for name in MEASURES if name in result}}


def write_evaluation(path: Path, model: Path | str, data: Path | str, parser: Parser, result: dict[str, Any]) -> None:
    """Write what ``slu eval --json`` writes: the measures and, of `PARTS`, what ``result`` has."""
    where = {"model": str(model), "backend": parser.backend.name, "data": str(data)}
    whole = {**where, **summary(result), **{name: result[name] for name in PARTS if name in result}}
    write_result(path, json.dumps(whole, ensure_ascii=False, indent=1) + "\n")


def check_labels(utterances: Sequence[Utterance], labels: Labels, path: Path) -> None:
    """Raise `CorpusError` when the file was made for another model: when no utterance has an intent, or none of its
    labels or spans is one, of this model. Spans may be missing in all of them."""
    if labels.sets is not None:
        what, known, found = "labels", labels.intents, {name for u in utterances for name in u.labels}
    elif labels.intents:
        what, known, found = "intents", labels.intents, {u.intent for u in utterances}
    else:
        what, known, found = "spans", labels.slots, {slot.name for u in utterances for slot in u.slots}
    if not found & {*known} and (found or what != "spans"):
        some = ", ".join([*sorted(found)[:3], *(["..."] if len(found) > 3 else [])])
        raise CorpusError(
            f"{path}: the model has none of its {what} ({some}); give a file with "
            f"labels of the model, such as {', '.join(known[:3])}"
        )
