"""MASSIVE's bracket form: ``wake me at [time : five am]``, in the field ``annot_utt`` of JSON Lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from slu.corpus.formats.annotated import (
    Annotated,
    Findings,
    Options,
    Span,
    first_records,
    json_records,
    quoted,
    record_of,
    session_of,
    text_of,
)
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError

# A name has no " : " in it, so that a line of many of them without an end is looked through once.
_SLOT = re.compile(r"\[(?P<name>(?:(?! : )[^\[\]])*) : (?P<value>[^\[\]]*)\]")
_PART = "partition"


def is_massive(path: Path) -> bool:
    """Whether one of the first records has ``annot_utt``."""
    return any(isinstance(record.get("annot_utt"), str) for record in first_records(path))


def read_massive(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The texts of a file, those of one part if the options name it. ``utt`` must be the text without brackets."""
    parts = set()
    for where, value in json_records(path):
        record = record_of(value, where)
        if _PART in record:
            parts.add(text_of(record, _PART, where))
        if options.part and record.get(_PART) != options.part:
            continue
        annotated = text_of(record, "annot_utt", where)
        text, spans = _scan(annotated)
        if isinstance(record.get("utt"), str) and record["utt"].strip() != text.strip():
            message = f"{quoted(annotated)} without its brackets is not {quoted(record['utt'])}"
            findings.add(where, "spans that do not match their text", message, True)
            continue
        if "[" in text or "]" in text:
            findings.add(where, "brackets that are no slots", f"{quoted(annotated)}: they are part of the text")
        intent = record.get("intent")
        intents = (intent,) if isinstance(intent, str) and intent.strip() else ()
        yield Annotated(text, intents, tuple(spans), where, session_of(record))
    if options.part and options.part not in parts:
        raise CorpusError(
            f"{path}: has no part {options.part!r}; its parts are {', '.join(sorted(parts)) or 'not named'}"
        )


def write_massive(utterances: Sequence[Utterance], findings: Findings) -> dict[str, str]:
    """One file; texts that brackets cannot hold are left out."""
    lines = []
    for number, utterance in enumerate(utterances, 1):
        where = f"utterance {number}"
        pieces, at = [], 0
        for slot in utterance.slots:
            pieces.append(f"{utterance.text[at : slot.start]}[{slot.name} : {slot.value}]")
            at = slot.end
        annotated = "".join((*pieces, utterance.text[at:]))
        if any(slot.correction is not None for slot in utterance.slots):
            findings.add(where, "corrections", f"{quoted(utterance.text)}: the format has no place for what was meant")
        text, spans = _scan(annotated)
        if (text, [(s.name, s.start, s.end) for s in spans]) != (
            utterance.text,
            [(s.name, s.start, s.end) for s in utterance.slots],
        ):
            findings.add(where, "texts that the format cannot hold", f"{quoted(utterance.text)} has brackets", True)
            continue
        record = {"id": str(number), "intent": utterance.intent, "utt": text, "annot_utt": annotated}
        lines.append(json.dumps(record | {"session": utterance.session}, ensure_ascii=False))
    return {"": "".join(f"{line}\n" for line in lines)}


def _scan(annotated: str) -> tuple[str, list[Span]]:
    """The text without brackets, and the spans in it."""
    text, spans, at = "", [], 0
    for match in _SLOT.finditer(annotated):
        text += annotated[at : match.start()]
        value = match["value"]
        spans.append(Span(match["name"].strip(), len(text), len(text) + len(value), value))
        text += value
        at = match.end()
    return text + annotated[at:], spans
