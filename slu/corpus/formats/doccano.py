"""JSON Lines of a text and its spans: doccano's, and what others have like them.

doccano has ``label`` with ``[start, end, name]`` in version 1, later ``entities`` with objects, and before
``annotations``, which say the number of a label and not its name, so that they can only be refused. Others call the
members of these objects otherwise, and may say what stands there. CLUENER has an object of names, each with an object
of values and their places: ``{"label": {"name": {"叶老桂": [[9, 11]]}}}``.

The intents are the ``cats`` of a project of intents and slots, or the ``label`` of texts that have ``entities``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slu.corpus.formats.annotated import (
    CODE_POINTS,
    OFFSETS,
    Annotated,
    Findings,
    Options,
    Span,
    first_records,
    json_records,
    offset_of,
    record_of,
    session_of,
    text_of,
)
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError

_TEXTS = ("text", "data", "sentence")
_SPANS = ("entities", "label", "labels", "spans", "annotations")
_NAME, _START, _END, _VALUE = (
    ("label", "type", "entity_type", "name"),
    ("start_offset", "start", "start_idx", "begin"),
    ("end_offset", "end", "end_idx"),
    ("value", "text", "word", "mention", "entity"),
)
"""What the members of a span's object may be called."""


def is_doccano(path: Path) -> bool:
    """Whether one of the first records has a text and a list of spans or of categories, or an object of spans."""
    kinds = {name: (list, dict) for name in _SPANS} | {"cats": list}
    return any(
        any(isinstance(record.get(name), kind) for name, kind in kinds.items())
        and any(isinstance(record.get(name), str) for name in _TEXTS)
        for record in first_records(path)
    )


def read_doccano(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The texts of a file. Relations are reported; meta data and comments are not read."""
    for where, value in json_records(path):
        record = record_of(value, where)
        text = text_of(record, next((name for name in _TEXTS if name in record), "text"), where)
        spans: list[Span] = []
        intents: list[str] = []
        for name in (*_SPANS, "cats"):
            if isinstance(record.get(name), dict) and name != "cats":
                spans += _of_names(record[name], where)
                continue
            for item in _list(record, name, where):
                if isinstance(item, str):
                    intents.append(item)
                else:
                    spans.append(_span(item, where))
        if record.get("relations"):
            findings.add(where, "relations", "relations between spans are not read")
        unit = str(record["offsets"]) if record.get("offsets") in OFFSETS else ""
        yield Annotated(text, tuple(intents), tuple(spans), where, session_of(record), unit)


def write_doccano(utterances: Sequence[Utterance], findings: Findings) -> dict[str, str]:
    """One file in the newer form. Sessions, corrections and what offsets count (code points) are fields of ours."""
    lines = []
    number = 0
    for i, utterance in enumerate(utterances, 1):
        entities = []
        for slot in utterance.slots:
            number += 1
            entity = {"id": number, "label": slot.name, "start_offset": slot.start, "end_offset": slot.end}
            entities.append(entity | ({} if slot.correction is None else {"correction": slot.correction}))
        record = {
            "id": i,
            "text": utterance.text,
            "cats": [utterance.intent] if utterance.intent else [],
            "entities": entities,
        }
        own = {"session": utterance.session, "offsets": CODE_POINTS}
        lines.append(json.dumps(record | own, ensure_ascii=False))
    return {"": "\n".join(lines) + "\n"}


def _list(record: dict[str, Any], name: str, where: str) -> list[Any]:
    value = record.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise CorpusError(f"{where}: {name} is not a list; is this an export of doccano?")
    return value


def _of_names(names: dict[str, Any], where: str) -> list[Span]:
    """The spans of an object of names, each with the places of its values, or a list of places."""
    found = []
    for name, values in names.items():
        for value, places in values.items() if isinstance(values, dict) else [(None, values)]:
            for place in places if isinstance(places, list) else [places]:
                if not isinstance(place, list) or len(place) != 2:
                    raise CorpusError(
                        f"{where}: {json.dumps(place)[:60]} is no place of a {name}; [start, end] is expected"
                    )
                found.append(Span(name, offset_of(place[0], where), offset_of(place[1], where), value))
    return found


def _span(item: Any, where: str) -> Span:
    value = correction = None
    if isinstance(item, dict):
        label, start, end, value = (
            next((item[key] for key in keys if key in item), None) for keys in (_NAME, _START, _END, _VALUE)
        )
        correction = item.get("correction")
    elif isinstance(item, list) and len(item) == 3:
        start, end, label = item
    else:
        raise CorpusError(f"{where}: {json.dumps(item)[:60]} is no span; [start, end, name] is expected")
    if not isinstance(label, str) or not (correction is None or isinstance(correction, str)):
        raise CorpusError(f"{where}: {json.dumps(label)[:60]} is not the name of a span; a text is expected")
    said = value if isinstance(value, str) and value else None
    return Span(label, offset_of(start, where), offset_of(end, where), said, correction)
