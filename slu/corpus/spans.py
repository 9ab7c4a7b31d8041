"""Corpora of texts with named spans and no intents: read, check, write.

Read are the formats that `slu.corpus.formats.table` knows, found out by the content: BIO, BMES and BIOES columns, JSON
Lines of spans as doccano and CLUENER have them, and others; what these say of intents is not read. A tagged corpus of
this project is read in the same way. Written are JSON Lines, ``{"text": ..., "entities": [[start, end, name], ...]}``,
with code points and exclusive ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from slu.corpus.classified import LabelNames
from slu.corpus.formats.annotated import CODE_POINTS, Findings, Options
from slu.corpus.formats.conll import first_odd_tag
from slu.corpus.formats.convert import read_foreign
from slu.corpus.formats.table import recognise
from slu.corpus.labels import Labels
from slu.corpus.tagged import FIELDS, Problem, check_corpus, numbered_lines, read_corpus
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.files import write_file

_PLACE = re.compile(r"(?P<path>.*):(?P<line>\d+)(: (record|example) \d+)?", re.DOTALL)


def read_spans(path: str | Path, names: LabelNames | None = None) -> list[Utterance]:
    """Read a corpus; raise `CorpusError` with file and line at the first error, or when it is empty.

    ``names``: the names that spans may have, None for any.
    """
    utterances, findings = _read(Path(path))
    for where, _, message, left_out in findings.problems:
        if left_out:
            raise CorpusError(f"{where}: {message}")
    if not utterances:
        raise CorpusError(f"{path}: no texts; docs/ner.md has the formats that are read")
    for utterance in utterances:
        for name in _unknown(utterance, names):
            raise CorpusError(f"{path}: {utterance.text[:40]!r}: {_not_among(name)}")
    return utterances


def check_spans(path: str | Path, names: LabelNames | None = None, labels: Labels | None = None) -> list[Problem]:
    """Every problem of a corpus, in the order of lines; what stops the reading is the only one.

    Raises `CorpusError` for a file that cannot be read at all.
    """
    path = Path(path)
    of_tags = check_corpus(path) if _is_tagged(path) else []
    if any(problem.severity == "error" for problem in of_tags):
        return of_tags
    try:
        utterances, findings = _read(path)
    except CorpusError as error:
        place, _, message = str(error).partition(": ")
        found = _PLACE.fullmatch(place)
        if found is None:
            raise
        return [Problem(int(found["line"]), "error", message)]
    problems = of_tags or [
        Problem(_line(where), "error" if left_out else "warning", message)
        for where, _, message, left_out in findings.problems
    ]
    if not utterances and not problems:
        return [Problem(0, "error", "no texts")]
    used = {slot.name for utterance in utterances for slot in utterance.slots}
    if utterances and not used:
        problems.append(Problem(0, "warning", "no text has a span; labels of whole texts are for --task labels"))
    known: dict[str, tuple[object, ...]] = {}
    for utterance in utterances:
        shown = repr(utterance.text[:40])
        problems += [Problem(0, "error", f"{shown}: {_not_among(name)}") for name in _unknown(utterance, names)]
        before = known.setdefault(utterance.text, utterance.slots)
        if before != utterance.slots:
            problems.append(Problem(0, "warning", f"{shown} is there twice, with other spans"))
    if labels is not None:
        problems += [Problem(0, "error", f"the labels have no {name!r}") for name in sorted(used - {*labels.slots})]
    for name in names.names if names else ():
        if name not in used:
            problems.append(Problem(0, "warning", f"no span is called {name!r}"))
    return sorted(problems, key=lambda problem: problem.line)


def write_spans(utterances: Iterable[Utterance], path: str | Path) -> None:
    """Write JSON Lines, whole or not at all; `read_spans` gives texts and spans back."""
    lines = []
    for utterance in utterances:
        record: dict[str, object] = {"text": utterance.text}
        record["entities"] = [[slot.start, slot.end, slot.name] for slot in utterance.slots]
        if utterance.text and max(utterance.text) > "\uffff":
            record["offsets"] = CODE_POINTS
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    if not lines:
        raise CorpusError(f"{path}: no texts to write")
    write_file(path, "".join(lines))


def labels_of_spans(utterances: Sequence[Utterance], names: LabelNames | None = None) -> Labels:
    """What a model of these spans answers: ``names``, or those that occur, sorted."""
    found = names.names if names else tuple(sorted({slot.name for u in utterances for slot in u.slots}))
    if not found:
        raise CorpusError("no text of the training part has a span; there is nothing to learn")
    return Labels.of_spans(found)


def without_intents(utterances: Iterable[Utterance]) -> list[Utterance]:
    """Utterances of dialogues as texts with spans alone; nothing is said of what was meant."""
    return [
        Utterance(u.text, "", tuple(replace(slot, correction=None) for slot in u.slots), str(number))
        for number, u in enumerate(utterances, 1)
    ]


def _read(path: Path) -> tuple[list[Utterance], Findings]:
    """The usable texts, and what is to be said of the others."""
    if _is_tagged(path):
        return without_intents(read_corpus(path)), Findings()
    if recognise(path) is None:
        odd = first_odd_tag(path)
        if odd:
            raise CorpusError(f"{path}:{odd[0]}: the tag {odd[1]!r}: O or a prefix such as B- and a name expected")
        raise CorpusError(
            f"{path}: none of the formats that could be recognised: columns of tokens and tags, or JSON Lines of texts "
            "and spans (docs/ner.md)"
        )
    utterances, findings, _ = read_foreign([path], Options(spans_alone=True), partly=True)
    return utterances, findings


def _is_tagged(path: Path) -> bool:
    """Whether the first line that is not empty is one of a tagged corpus."""
    if path.is_dir():
        return False
    line = next((raw for _, raw in numbered_lines(path) if raw.strip()), b"")
    return line.count(b"\t") == len(FIELDS) - 1


def _unknown(utterance: Utterance, names: LabelNames | None) -> list[str]:
    known = names.names if names else ()
    return [slot.name for slot in utterance.slots if known and slot.name not in known]


def _not_among(name: str) -> str:
    return f"the name {name!r} of a span is not among those of the labels file"


def _line(where: str) -> int:
    found = _PLACE.fullmatch(where)
    return int(found["line"]) if found else 0
