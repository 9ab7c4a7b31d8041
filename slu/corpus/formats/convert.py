"""From annotated texts of other people's files to utterances, every one checked; and back."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slu.corpus.formats.annotated import (
    CODE_POINTS,
    EXCLUSIVE,
    UTF_16,
    Annotated,
    Findings,
    Options,
    Span,
    head_of,
    quoted,
    read_lines,
    read_text,
)
from slu.corpus.formats.ends import with_exclusive_ends
from slu.corpus.formats.jointbert import is_part
from slu.corpus.formats.table import FORMATS, Format, recognise
from slu.corpus.tagged import FIELDS, name_problem, utterance_problem
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CorpusError, OutputError
from slu.files import check_same, write_file

_BREAKS = str.maketrans("\t\n\r", "   ")


def read_foreign(
    paths: Sequence[Path], options: Options, name: str = "", partly: bool = False
) -> tuple[list[Utterance], Findings, list[Format]]:
    """The utterances of files in other formats, what could not be taken over, and the format of each file.

    ``name``: the format of all of them, empty to find out. ``partly``: a file without a usable text is no error. Raises
    `CorpusError` for a file that cannot be read, has no usable text, or leaves open what ``options`` would say.
    """
    findings = Findings()
    formats = [FORMATS[name] if name else _known(path) for path in paths]
    for path, form in zip(paths, formats):
        if options.part and not form.parts:
            raise CorpusError(f"{path}: a file of the format {form.name} has no parts; leave out --part")
    utterances: list[Utterance] = []
    sessions: dict[tuple[Path, str | int], str] = {}
    last = 0
    for path, form in zip(paths, formats):
        texts = _read(form, path, options, findings)
        if form.ends:
            texts = with_exclusive_ends(texts, options.ends or ("" if options.spans_alone else EXCLUSIVE))
        if form.offsets is not None:
            # Spans alone are mostly written by programs in Python; what files show by themselves counts before that.
            texts = _in_code_points(texts, options.offsets, form.offsets or CODE_POINTS * options.spans_alone)
        if not options.spans_alone and not options.intent and texts and not any(one.intents for one in texts):
            raise CorpusError(
                f"{path}: its texts have no intents; give --intent NAME for all of them, or --intents FILE; "
                "spans alone need none: --task tokens"
            )
        keeps_names = len(paths) == 1 and not options.spans_alone
        taken = {one.session for one in texts} if keeps_names else set()
        for number, one in enumerate(texts):
            # Sessions of several files may have the same names, and texts without one are sessions of their own. Spans
            # alone stand one after the other, without dialogues.
            key = (path, number if options.spans_alone else one.session or number)
            if key not in sessions and one.session and keeps_names:
                sessions[key] = one.session
            elif key not in sessions:
                last = max(last, len(sessions)) + 1
                while str(last) in taken:
                    last += 1
                sessions[key] = str(last)
            try:
                utterances.append(_utterance(one, options, sessions[key], findings))
            except _Unusable as reason:
                findings.add(one.where, reason.kind, str(reason), left_out=True)
    if not utterances and not partly:
        why = ", ".join(f"{count} {kind}" for kind, count in findings.counts().items())
        raise CorpusError(f"{paths[0]}: no text that could be used{f' ({why})' if why else ''}")
    return utterances, findings, formats


def write_foreign(utterances: Sequence[Utterance], form: Format, out: Path) -> Findings:
    """Write utterances in another format to ``out``, a directory if the format has several files.

    Raises `OutputError` before the first of them where other files are.
    """
    findings = Findings()
    contents = form.write(utterances, findings)
    if out.is_file() and "" not in contents:
        raise OutputError(f"{out}: {form.name} has several files, but this is a file; choose another --out")
    files = {(out / name if name else out): content.encode() for name, content in contents.items()}
    for path, content in files.items():
        check_same(path, content)
    for path, content in files.items():
        write_file(path, content)
    return findings


def _known(path: Path) -> Format:
    if is_part(path):
        raise CorpusError(f"{path}: is a part of {FORMATS['jointbert'].title}; give its directory, {path.parent}")
    form = recognise(path)
    if form is None and head_of(path).split("\n", 1)[0].count("\t") == len(FIELDS) - 1:
        raise CorpusError(f"{path}: is a corpus already; --to FORMAT writes it in another format")
    if form is None and not path.is_dir() and not read_text(path).strip():
        raise CorpusError(f"{path}: empty")
    if form is None:
        raise CorpusError(f"{path}: none of the formats that could be recognised; name it: --from FORMAT")
    return form


def _read(form: Format, path: Path, options: Options, findings: Findings) -> list[Annotated]:
    """The texts of a file, with the intents of a second one if the options name it.

    That has a line for each text, also for those that the reader of the format leaves out.
    """
    texts: list[Annotated | None] = []
    known = len(findings.problems)
    for one in form.read(path, options, findings):
        texts += [None] * _left_out(findings, known, one.where)
        known = len(findings.problems)
        texts.append(one)
    texts += [None] * _left_out(findings, known, "")
    if options.intents is None:
        return [one for one in texts if one is not None]
    lines = read_lines(options.intents)
    if len(texts) != len(lines):
        raise CorpusError(f"{options.intents}: {len(lines)} intents for {len(texts)} texts; one a line is expected")
    return [replace(one, intents=(line.strip(),)) for one, line in zip(texts, lines) if one is not None]


def _left_out(findings: Findings, known: int, where: str) -> int:
    """How many texts were left out by the findings after the first ``known``, other than that at ``where``."""
    return len({place for place, _, _, left_out in findings.problems[known:] if left_out} - {where})


def _in_code_points(texts: list[Annotated], unit: str, usual: str) -> list[Annotated]:
    """Spans that count code points, whatever the file counts.

    ``unit``: what the user says. ``usual``: what counts when the texts do not tell, empty to raise `CorpusError`.
    """
    if not unit:
        fits = {CODE_POINTS: "", UTF_16: ""}  # a text for which only this unit is right
        doubtful = []
        for one in texts:
            other = one if one.unit else _from_utf16(one)
            if other.spans != one.spans:
                here, there = _spans_fit(one), _spans_fit(other)
                if here and there:
                    doubtful.append(one.where)
                elif here or there:
                    fits[CODE_POINTS if here else UTF_16] = one.where
        if all(fits.values()):
            raise CorpusError(
                f"{fits[UTF_16]}: the offsets count UTF-16 units, but in {fits[CODE_POINTS]} code points; "
                "convert the texts of each kind by themselves"
            )
        if doubtful and not usual and not any(fits.values()):
            raise CorpusError(
                f"{doubtful[0]}: a character beyond U+FFFF stands before a slot, and the offsets may count code points "
                f"or UTF-16 units ({len(doubtful)} such texts); give --offsets {CODE_POINTS} or --offsets {UTF_16}"
            )
        unit = next((name for name, where in fits.items() if where), usual or CODE_POINTS)
    return [_from_utf16(one) if (one.unit or unit) == UTF_16 else one for one in texts]


def _from_utf16(one: Annotated) -> Annotated:
    """The same with its spans counted in code points; an offset inside a character becomes -1."""
    if one.text.isascii() or max(one.text) < "\U00010000":
        return one
    places: dict[int, int] = {}
    at = 0
    for i, char in enumerate(one.text):
        places[at] = i
        at += 1 + (char >= "\U00010000")
    places[at] = len(one.text)
    spans = (replace(s, start=places.get(s.start, -1), end=places.get(s.end, -1)) for s in one.spans)
    return replace(one, spans=tuple(spans))


def _spans_fit(one: Annotated) -> bool:
    return all(_span_problem(one.text, span) is None for span in one.spans)


def _span_problem(text: str, span: Span) -> tuple[str, str] | None:
    """What is wrong with one span: the kind and the message."""
    place = f"{span.name!r} [{span.start}, {span.end})"
    if not 0 <= span.start < span.end <= len(text):
        return "spans outside the text", f"{place} is not inside the {len(text)} characters of {quoted(text)}"
    value = text[span.start : span.end]
    if span.value is not None and span.value.translate(_BREAKS) != value.translate(_BREAKS):
        both = f"{quoted(value)}, not {quoted(span.value)}"
        return "spans that do not match their text", f"{place} is {both}, in {quoted(text)}"
    if not value.strip():
        return "spans of white space", f"{place} has no value in {quoted(text)}"
    return None


class _Unusable(Exception):
    """A text that is left out."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


def _utterance(one: Annotated, options: Options, session: str, findings: Findings) -> Utterance:
    """The utterance of a text; raises `_Unusable` where there is none."""
    if not one.text.strip():
        raise _Unusable("empty texts", "the text is empty")
    text = one.text.translate(_BREAKS)
    if text != one.text:
        findings.add(one.where, "line breaks and tabs", f"{quoted(one.text)}: they are spaces in the corpus")
    control = next((char for char in text if unicodedata.category(char) in ("Cc", "Cs")), None)
    if control is not None:
        raise _Unusable("control characters", f"U+{ord(control):04X} in {quoted(text)}")
    slots = _slots(one, text, options, findings)
    utterance = Utterance(text, _intent(one, options), slots, session)
    wrong = None if options.spans_alone else utterance_problem(utterance)
    if wrong:
        raise _Unusable("texts that a corpus cannot hold", f"{quoted(text)}: {wrong}")
    for slot in slots:
        if slot.value != slot.value.strip():
            findings.add(
                one.where, "white space at the border of a slot", f"{slot.name!r} is {quoted(slot.value)}; it is kept"
            )
    return utterance


def _intent(one: Annotated, options: Options) -> str:
    if options.spans_alone:
        return ""
    intents = tuple(dict.fromkeys(one.intents)) or ((options.intent,) if options.intent else ())
    if len(intents) > 1:
        raise _Unusable("texts with several intents", f"{quoted(one.text)} has {', '.join(map(repr, intents))}")
    if not intents or not intents[0].strip():
        raise _Unusable("texts with no intent", f"{quoted(one.text)} has no intent")
    return intents[0].strip()


def _slots(one: Annotated, text: str, options: Options, findings: Findings) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    for span in sorted(dict.fromkeys(one.spans), key=lambda span: (span.start, span.end)):
        problem = _span_problem(text, span)
        if problem:
            raise _Unusable(*problem)
        name = name_problem(span.name)
        if name:
            raise _Unusable("names that tags cannot hold", name)
        if slots and span.start < slots[-1].end:
            last = slots[-1]
            both = f"{last.name!r} [{last.start}, {last.end}) and {span.name!r} [{span.start}, {span.end})"
            raise _Unusable("overlapping spans", f"{both} of {quoted(text)}; slots do not overlap")
        value = text[span.start : span.end]
        correction = None if span.correction == value or options.spans_alone else span.correction
        slots.append(Slot(span.name, value, span.start, span.end, correction))
    if len(set(one.spans)) < len(one.spans):
        findings.add(one.where, "spans given twice", f"in {quoted(text)}; they count once")
    return tuple(slots)
