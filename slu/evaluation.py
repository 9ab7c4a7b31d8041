"""Measuring a parser on labelled utterances."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slu.corpus import Utterance, format_tagged
from slu.errors import CorpusError
from slu.files import write_file
from slu.metrics import compare, measure
from slu.parser import Parser, ParseResult

MEASURES = (
    "exact",
    "seed_accuracy",
    "intent_accuracy",
    "intent_macro_f1",
    "slot_precision",
    "slot_recall",
    "slot_f1",
    "understood",
)
"""The single numbers of an evaluation, in the order in which they are shown."""
KEPT = 0.95
"""Share of right answers that the threshold lets pass."""


def evaluate(parser: Parser, utterances: Sequence[Utterance]) -> tuple[dict[str, Any], list[ParseResult]]:
    """Parse and measure; returns every measure (see `slu.metrics.measure`) and the answers."""
    answers = parser.parse_batch([utterance.text for utterance in utterances])
    return measure(utterances, answers, parser.labels), answers


def choose_threshold(parser: Parser, utterances: Sequence[Utterance], answers: Sequence[ParseResult]) -> float:
    """The highest score that at least `KEPT` of the right answers reach; 0 when none is right."""
    pairs = zip(utterances, answers)
    scores = [a.score for u, a in pairs if compare(u, a, parser.labels).exact]
    return float(np.quantile(scores, 1 - KEPT, method="lower")) if scores else 0.0


def error_lines(utterances: Sequence[Utterance], answers: Sequence[ParseResult], parser: Parser) -> list[str]:
    """A tab-separated line for every utterance that was not answered exactly: what was labelled, what was answered."""
    lines = []
    for utterance, answer in zip(utterances, answers):
        if not compare(utterance, answer, parser.labels).exact:
            got = Utterance(answer.text, answer.intent, answer.slots, utterance.session)
            lines.append(
                "\t".join(
                    (
                        utterance.session,
                        utterance.text,
                        utterance.intent,
                        _tagged(utterance),
                        answer.intent,
                        _tagged(got),
                        f"{answer.score:.4f}",
                    )
                )
            )
    return lines


def _tagged(utterance: Utterance) -> str:
    """Tagged text, or a list of the slots where the answer is one that tagged text cannot hold."""
    try:
        return format_tagged(utterance)
    except CorpusError:
        return " ".join(f"{slot.name}[{slot.start}:{slot.end}]" for slot in utterance.slots)


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """The single numbers of an evaluation, for a manifest or a table's row."""
    return {"utterances": result["utterances"], **{name: result[name] for name in MEASURES}}


def write_evaluation(path: Path, model: Path, data: Path, parser: Parser, result: dict[str, Any]) -> None:
    """Write what ``slu eval --json`` writes: the measures, a row a class, and the confusion between intents."""
    where = {"model": str(model), "backend": parser.backend.name, "data": str(data)}
    whole = {**where, **summary(result), "classes": result["classes"], "confusion": result["confusion"]}
    write_file(path, json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
