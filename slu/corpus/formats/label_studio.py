"""Label Studio's JSON: an array of tasks, each with a text and the results of its annotators; and its JSON-MIN.

In JSON-MIN the intent is the field ``intent`` or ``choices``, or any with an object of ``choices``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slu.corpus.formats.annotated import (
    Annotated,
    Findings,
    Options,
    Span,
    first_records,
    json_records,
    offset_of,
    quoted,
    record_of,
    session_of,
    text_of,
)
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError

_FULL = ("annotations", "completions")
_SPANS = ("labels", "hypertextlabels", "paragraphlabels")
"""Types of results that mark a part of the text."""
TEXT = "text"
_MEANT_OTHERWISE = (TEXT, "id", "annotator", "annotation_id", "created_at", "updated_at", "session")
"""Fields of JSON-MIN that are no results."""


def is_label_studio(path: Path) -> bool:
    """Whether one of the first records is a task: data and annotations, or in JSON-MIN spans or choices."""
    return any(
        (isinstance(record.get("data"), dict) and any(name in record for name in _FULL))
        or bool(_short_results(record))
        or (isinstance(record.get(TEXT), str) and "slots" not in record and any(map(_choices, record.values())))
        for record in first_records(path)
    )


def read_label_studio(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The texts of a file. Of several annotations of a task the first that was not cancelled counts."""
    for where, value in json_records(path):
        record = record_of(value, where)
        if "data" not in record:
            yield _short(record, where, findings)
            continue
        data = record_of(record.get("data"), where)
        text = text_of(data, _text_name(data, where), where)
        annotations: list[Any] = next((record[name] for name in _FULL if isinstance(record.get(name), list)), [])
        usable = [a for a in annotations if isinstance(a, dict) and not a.get("was_cancelled")]
        if len(usable) > 1:
            findings.add(where, "several annotations", f"{quoted(text)} has {len(usable)}; the first one is taken")
        if not usable:
            findings.add(where, "texts without annotation", f"{quoted(text)} has not been annotated", True)
            continue
        spans: list[Span] = []
        intents: list[str] = []
        results = usable[0].get("result")
        for result in results if isinstance(results, list) else []:
            _add(record_of(result, where), where, spans, intents, findings)
        yield Annotated(text, tuple(intents), tuple(spans), where, session_of(data))


def write_label_studio(utterances: Sequence[Utterance], findings: Findings) -> dict[str, str]:
    """One array of tasks. The labelling interface needs ``<Labels name="label" toName="text">`` and ``<Choices
    name="intent" toName="text">``."""
    tasks = []
    for number, utterance in enumerate(utterances, 1):
        results: list[dict[str, Any]] = [
            {"from_name": "intent", "to_name": TEXT, "type": "choices", "value": {"choices": [utterance.intent]}}
        ]
        for i, slot in enumerate(utterance.slots, 1):
            if slot.correction is not None:
                meant = f"the format has no place for what was meant, {quoted(slot.correction)}"
                findings.add(f"utterance {number}", "corrections", f"{quoted(utterance.text)}: {meant}")
            units = _utf16(utterance.text[: slot.start]), _utf16(utterance.text[: slot.end])
            value = {"start": units[0], "end": units[1], "text": slot.value, "labels": [slot.name]}
            results.append(
                {"id": f"{number}-{i}", "from_name": "label", "to_name": TEXT, "type": "labels", "value": value}
            )
        data = {TEXT: utterance.text, "session": utterance.session}
        tasks.append({"id": number, "data": data, "annotations": [{"id": number, "result": results}]})
    return {"": "[\n" + ",\n".join(json.dumps(task, ensure_ascii=False) for task in tasks) + "\n]\n"}


def _short(record: dict[str, Any], where: str, findings: Findings) -> Annotated:
    """A task of JSON-MIN: its results stand beside the text, spans in a list and the choice as a text, or several as an
    object. A single choice that is called otherwise than intent looks like any other field, and is reported."""
    text = text_of(record, TEXT, where)
    spans: list[Span] = []
    for item in _short_results(record):
        _add_spans(item, next(item[kind] for kind in _SPANS if kind in item), where, spans, findings)
    intents = [choice for value in record.values() for choice in _choices(value)]
    named = record.get("intent", record.get("choices"))
    intents += [choice for choice in (named if isinstance(named, list) else [named]) if isinstance(choice, str)]
    others = [name for name, value in record.items() if isinstance(value, str) and name not in _MEANT_OTHERWISE]
    if others and not intents:
        shown = ", ".join(map(repr, others))
        findings.add(where, "fields that are not read", f"{shown}: if it is a choice, call the field intent")
    return Annotated(text, tuple(intents), tuple(spans), where)


def _choices(value: Any) -> list[str]:
    """The choices of a field of JSON-MIN that has several."""
    found = value.get("choices") if isinstance(value, dict) else None
    return [choice for choice in found if isinstance(choice, str)] if isinstance(found, list) else []


def _short_results(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The spans of a record of JSON-MIN; empty if it is none."""
    lists = [value for value in record.values() if isinstance(value, list)]
    items = [item for items in lists for item in items if isinstance(item, dict)]
    return [item for item in items if "start" in item and any(kind in item for kind in _SPANS)]


def _utf16(text: str) -> int:
    """UTF-16 units: what a browser counts."""
    return len(text) + sum(char >= "\U00010000" for char in text)


def _text_name(data: dict[str, Any], where: str) -> str:
    if TEXT in data:
        return TEXT
    texts = [name for name, value in data.items() if isinstance(value, str) and name != "session"]
    if len(texts) != 1:
        raise CorpusError(f"{where}: data has no field named text, and {len(texts)} other texts; rename one to text")
    return texts[0]


def _add(result: dict[str, Any], where: str, spans: list[Span], intents: list[str], findings: Findings) -> None:
    """Take over one result: a span, or a choice, which is the intent."""
    kind, value = result.get("type"), result.get("value")
    names = value.get(kind) if isinstance(value, dict) and isinstance(kind, str) else None
    if kind not in (*_SPANS, "choices"):
        findings.add(where, "results of other kinds", f"a result of type {kind!r} is not read")
        return
    if not isinstance(value, dict) or not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise CorpusError(f"{where}: a result of type {kind!r} has no list {kind!r} of names in its value")
    if kind == "choices" and "start" in value:
        chosen = ", ".join(map(repr, names))
        findings.add(where, "results of other kinds", f"the choice {chosen} is for a part of the text, and not read")
    elif kind == "choices":
        intents += names
    else:
        _add_spans(value, names, where, spans, findings)


def _add_spans(value: dict[str, Any], names: Any, where: str, spans: list[Span], findings: Findings) -> None:
    """Take over what is marked in the text. A span with several names is several spans, which overlap."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CorpusError(f"{where}: {json.dumps(names)[:60]} are no names of a span; a list of texts is expected")
    text = value.get("text")
    start, end = offset_of(value.get("start"), where), offset_of(value.get("end"), where)
    if not names:
        findings.add(where, "spans without a name", f"[{start}, {end}) has no label; it is no slot")
    spans += [Span(name, start, end, text if isinstance(text, str) else None) for name in names]
