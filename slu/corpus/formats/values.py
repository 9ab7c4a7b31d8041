"""JSON of ``text``, ``intent`` and ``slots``: one array, or an object a line. SMP 2019 has this form.

``slots`` is an object of values, a list of them where a slot occurs twice; or a list of objects with ``name``,
``value`` and perhaps ``start`` and ``end``. Values without a place are searched in the text. ``domain``, if there is
one, is put before the intent, as the names of intents are often shared by domains.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slu.corpus.formats.annotated import (
    CODE_POINTS,
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

_TEXTS = ("text", "query", "utterance", "sentence")
_NAMES = ("name", "slot", "entity", "label")
_MOST_LOOKED_AT = 1 << 28
"""Characters that may be looked at for the values of one text, such as 2,000 values in 100,000 characters."""


def is_values(path: Path) -> bool:
    """Whether one of the first records has a text and slots."""
    return any(
        any(isinstance(record.get(name), str) for name in _TEXTS) and type(record.get("slots")) in (dict, list)
        for record in first_records(path)
    )


def read_values(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The texts of a file; a value that stands at several places is taken at the first one, and reported."""
    for where, value in json_records(path):
        record = record_of(value, where)
        text = text_of(record, next((name for name in _TEXTS if name in record), "text"), where)
        parts = [record.get("domain"), record.get("intent")]
        named = [part for part in parts if isinstance(part, str) and part.strip()]
        intents = (".".join(named),) if named and named[-1] == record.get("intent") else ()
        wanted, placed = _slots(record.get("slots"), where, findings)
        spans = _search(text, wanted, placed, where, findings)
        if spans is not None:
            unit = CODE_POINTS if record.get("offsets") == CODE_POINTS or not placed else ""
            yield Annotated(text, intents, tuple(spans), where, session_of(record), unit)


def write_values(utterances: Sequence[Utterance], findings: Findings) -> dict[str, str]:
    """One array. Slots are an object of values where searching these finds the same places, else a list with places."""
    records = []
    for utterance in utterances:
        values: dict[str, Any] = {}
        for slot in utterance.slots:
            values.setdefault(slot.name, []).append(slot.value)
        wanted = [(name, value) for name, found in values.items() for value in found]
        doubts = Findings()
        searched = _search(utterance.text, wanted, [], "", doubts)
        same = searched is not None and sorted((s.name, s.start, s.end) for s in searched) == sorted(
            (s.name, s.start, s.end) for s in utterance.slots
        )
        record: dict[str, Any] = {"text": utterance.text, "intent": utterance.intent}
        if same and not doubts.problems and not any(slot.correction is not None for slot in utterance.slots):
            record["slots"] = {name: found if len(found) > 1 else found[0] for name, found in values.items()}
        else:
            record["slots"] = [
                {"name": slot.name, "value": slot.value, "start": slot.start, "end": slot.end}
                | ({} if slot.correction is None else {"correction": slot.correction})
                for slot in utterance.slots
            ]
            record["offsets"] = CODE_POINTS
        records.append(record | {"session": utterance.session})
    return {"": "[\n" + ",\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n]\n"}


def _slots(slots: Any, where: str, findings: Findings) -> tuple[list[tuple[str, str]], list[Span]]:
    """Names and values to be searched, and the slots that have a place. One without a value is none."""
    wanted: list[tuple[str, str]] = []
    placed: list[Span] = []

    def want(name: str, value: Any) -> None:
        if value is None or value == "":
            findings.add(where, "slots without a value", f"{name!r} is {json.dumps(value)}; it is no slot")
        else:
            wanted.append((name, _value(value, name, where)))

    if isinstance(slots, dict):
        for name, value in slots.items():
            for one in value if isinstance(value, list) else [value]:
                want(name, one)
    elif isinstance(slots, list):
        for item in slots:
            slot = record_of(item, where)
            name = next((slot[key] for key in _NAMES if isinstance(slot.get(key), str)), None)
            if name is None:
                raise CorpusError(f"{where}: a slot has no name; one of the fields {', '.join(_NAMES)} is expected")
            if slot.get("start") is None:
                want(name, slot.get("value"))
                continue
            value, correction = slot.get("value"), slot.get("correction")
            start, end = offset_of(slot["start"], where), offset_of(slot.get("end"), where)
            known = value if isinstance(value, str) else None
            placed.append(Span(name, start, end, known, correction if isinstance(correction, str) else None))
    elif slots is not None:
        raise CorpusError(f"{where}: slots is {json.dumps(slots)[:40]}; an object or a list is expected")
    return wanted, placed


def _value(value: Any, name: str, where: str) -> str:
    if type(value) in (int, float):
        return str(value)
    if not isinstance(value, str):
        raise CorpusError(f"{where}: the value of {name} is {json.dumps(value)[:40]}; a text is expected")
    return value


def _search(
    text: str, wanted: list[tuple[str, str]], placed: list[Span], where: str, findings: Findings
) -> list[Span] | None:
    """The places of the values, the longest first; None, and a finding, where one is not in the text, or where looking
    for all of them would take too long."""
    spans = list(placed)
    names_of: dict[str, list[str]] = {}
    for name, value in wanted:
        names_of.setdefault(value, []).append(name)
    if not names_of:
        return spans
    taken = bytearray(len(text))  # 1 where a slot is
    borders = [(max(0, span.start), min(len(text), span.end)) for span in placed]
    looked_at = len(names_of) * len(text) + sum(max(0, end - start) for start, end in borders)
    if looked_at > _MOST_LOOKED_AT:
        size = f"{len(names_of)} values in a text of {len(text)} characters"
        findings.add(where, "too much to search", f"{size}; give each its start and end, or cut the text", True)
        return None
    for start, end in borders:
        if start < end:
            taken[start:end] = b"\1" * (end - start)
    for value in sorted(names_of, key=lambda value: (-len(value), value)):
        names = names_of[value]
        everywhere = _places(text, value)
        places = [at for at in everywhere if taken.find(1, at, at + len(value)) < 0]
        if not value.strip() or not everywhere:
            message = f"{names[0]!r} {quoted(value)} is not in {quoted(text)}"
            findings.add(where, "values that are not in their text", message, True)
            return None
        if len(places) < len(names):
            message = f"{names[-1]!r} {quoted(value)} of {quoted(text)} has no place that is not in another slot"
            findings.add(where, "overlapping spans", message, True)
            return None
        if len(places) > len(names) or len(set(names)) > 1:
            which = ", ".join(map(repr, dict.fromkeys(names)))
            message = f"{which} {quoted(value)} may stand at {len(places)} places of {quoted(text)}; the first is taken"
            findings.add(where, "ambiguous values", message)
        for name, at in zip(names, places):
            spans.append(Span(name, at, at + len(value), value))
            taken[at : at + len(value)] = b"\1" * len(value)
    return spans


def _places(text: str, value: str) -> list[int]:
    """Where ``value`` stands in ``text`` without overlap; whole words in letters, if there are any."""
    places = []
    at = text.find(value) if value else -1
    while at >= 0:
        places.append(at)
        at = text.find(value, at + len(value))
    whole = [at for at in places if not _in_word(text, at) and not _in_word(text, at + len(value))]
    return whole or places


def _in_word(text: str, at: int) -> bool:
    around = text[max(0, at - 1) : at + 1]
    return len(around) == 2 and around.isascii() and around.isalnum() and at > 0
