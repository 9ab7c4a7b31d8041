"""Tagged corpora: read, check, write, split.

A line is ``session<TAB>text<TAB>intent<TAB>tagged text`` in UTF-8; an empty line ends a session. The tagged
text is the text with its slots between ``<name>`` and ``</name>``. ``<song>heard||meant</song>`` says that
the text has ``heard`` where ``meant`` was said: the slot's value is ``heard``, ``meant`` its correction.

A name in tags begins with a letter of any script; letters, digits, ``_ . - / + # :`` and single spaces follow (see
`name_problem`). There is no escape: ``<`` and ``>`` that make no such tag, and a single ``|``, are ordinary characters;
what looks like a tag, ``||``, tabs, line breaks and control characters cannot be part of a text, and `write_corpus`
refuses them. A name with spaces makes a tag only together with its other tag, so ``a <b c> d`` is ordinary text.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError, CorpusError
from slu.files import MOST_BYTES, open_regular, write_file
from slu.platform import SLOTS

_NAME = re.compile(r"[A-Za-z\u0080-\U0010ffff](?: ?[A-Za-z0-9_./+#:\u0080-\U0010ffff-])*")
_TAG = re.compile(rf"<(/?)({_NAME.pattern})>")
_CONTROL = re.compile("[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f-\x9f]")  # without tab and carriage return
_NAME_RULE = "a name begins with a letter, then letters, digits, _ . - / + # : and single spaces may follow"
_BAR = "||"
_BLANKS = str.maketrans(dict.fromkeys("\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029", " "))
BOM = b"\xef\xbb\xbf"

FIELDS = ("session id", "text", "intent", "tagged text")

Severity = Literal["error", "warning"]
_Found = tuple[Severity, str]


@dataclass(frozen=True, **SLOTS)
class Problem:
    """Something wrong in line ``line`` (1-based): errors make a corpus unreadable, warnings do not."""

    line: int
    severity: Severity
    message: str


def read_corpus(path: str | Path) -> list[Utterance]:
    """Read a corpus; raise `CorpusError` with file and line at the first error, or when it is empty."""
    utterances = []
    for number, line in numbered_lines(path):
        utterance, problems = _parse_line(line)
        for severity, message in problems:
            if severity == "error":
                raise CorpusError(f"{path}:{number}: {message}")
        if utterance is not None:
            utterances.append(utterance)
    if not utterances:
        raise CorpusError(f"{path}: no utterances; write one a line (docs/corpus.md has the format)")
    return utterances


def check_corpus(path: str | Path, labels: Labels | None = None) -> list[Problem]:
    """Every problem of a corpus, in the order of lines; with ``labels`` also names that those do not have.

    Raises `CorpusError` only when there is nothing to check: the file cannot be read or has no lines.
    Time and memory are linear in the size of the file.
    """
    problems: list[Problem] = []
    across = _AcrossLines()
    lines = 0
    for number, line in numbered_lines(path):
        utterance, found = _parse_line(line, labels)
        if utterance is not None:
            found += across.add(number, utterance)
        elif not found:
            across.end_session()
        lines += utterance is not None or any(severity == "error" for severity, _ in found)
        problems += [Problem(number, severity, message) for severity, message in found]
    if not lines:
        raise CorpusError(f"{path}: no utterances; write one a line (docs/corpus.md has the format)")
    return problems


def write_corpus(utterances: Iterable[Utterance], path: str | Path) -> None:
    """Write a corpus, whole or not at all; `read_corpus` gives the utterances back.

    Raises `CorpusError` for an utterance that the format cannot hold, or without utterances;
    `OutputError` when the file cannot be written.
    """
    lines: list[str] = []
    session = None
    for number, utterance in enumerate(utterances, 1):
        if session is not None and utterance.session != session:
            lines.append("\n")
        session = utterance.session
        if utterance_problem(utterance):
            raise CorpusError(
                f"{path}: the corpus format cannot express utterance {number}: {utterance!r}; change or remove it"
            )
        lines.append(f"{_line(utterance)}\n")
    if not lines:
        raise CorpusError(f"{path}: no utterances to write")
    write_file(path, "".join(lines) + "\n")


def utterance_problem(utterance: Utterance) -> str | None:
    """Why a corpus cannot hold ``utterance``; None if it can."""
    line = _line(utterance)
    try:
        read, found = _parse_line(line.encode("utf-8"))
    except UnicodeEncodeError:
        return "it has half a surrogate pair, which UTF-8 cannot express"
    if "\n" in line:
        return "it has a line break"
    if read == utterance:
        return None
    return next((message for severity, message in found if severity == "error"), "it looks as if it had tags")


def _line(utterance: Utterance) -> str:
    return "\t".join((utterance.session, utterance.text, utterance.intent, _tagged(utterance)))


def parse_tagged(tagged: str) -> tuple[str, tuple[Slot, ...]]:
    """Split tagged text into the text and its slots; raise `CorpusError` when its tags are wrong."""
    text, slots, problems = _scan(tagged)
    if problems:
        raise CorpusError(f"{tagged!r}: {problems[0]}")
    return text, slots


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a slot; None if tags can hold it."""
    odd = odd_character(name)
    if odd or not _NAME.fullmatch(name):
        return f"{name!r} cannot be the name of a slot{f' ({odd})' if odd else ''}: {_NAME_RULE}"
    return None


def control_problem(value: str, name: str) -> str | None:
    """What to say of the first control character, tab and carriage return aside, of the field ``name``."""
    control = _CONTROL.search(value)
    if control is None:
        return None
    return f"control character U+{ord(control.group()):04X} at character {control.start() + 1} of the {name}; delete it"


def odd_character(name: str) -> str | None:
    """The first character that no name may have: control, format and private characters, white space but the space."""
    if name.isprintable():  # the same for the whole name, and much faster
        return None
    for char in name:
        if char != " " and unicodedata.category(char)[0] in "CZ":
            return f"it has U+{ord(char):04X}"
    return None


def format_tagged(utterance: Utterance) -> str:
    """Inverse of `parse_tagged`; raise `CorpusError` when tagged text cannot hold the utterance."""
    tagged = _tagged(utterance)
    if _scan(tagged) != (utterance.text, utterance.slots, []):
        raise CorpusError(f"tagged text cannot hold {utterance!r}; change its text or its slots")
    return tagged


def shown_tagged(utterance: Utterance) -> str:
    """Tagged text or, of an utterance that it cannot hold, the text and a list of its slots: for people, in a cell of
    a table, so that blanks stand for tabs and ends of lines."""
    try:
        found = format_tagged(utterance)
    except CorpusError:
        found = " ".join([utterance.text, *(f"{slot.name}[{slot.start}:{slot.end}]" for slot in utterance.slots)])
    return found.translate(_BLANKS)


def split_corpus(
    utterances: Sequence[Utterance],
    by: Literal["utterance", "session"] = "utterance",
    dev_fraction: float = 0.2,
    seed: int = 0,
) -> tuple[list[Utterance], list[Utterance]]:
    """Split into (train, dev), both in the order of the corpus.

    The units are utterances, or sessions in the order of their first line. Each draws one number from
    ``random.Random(seed).random()``, whose sequence Python guarantees for every version and platform; the
    ``round(units * dev_fraction)`` units with the lowest numbers are dev.
    Raises `ConfigError` for a fraction outside (0, 1), `CorpusError` when a side would be empty.
    """
    if by not in ("utterance", "session"):
        raise ConfigError(f"cannot split by {by!r}; choose utterance or session")
    if not 0 < dev_fraction < 1:
        raise ConfigError(f"the dev fraction is {dev_fraction}; it must lie between 0 and 1")
    keys = list(range(len(utterances)))
    if by == "session":
        ids: dict[str, int] = {}
        keys = [ids.setdefault(utterance.session, len(ids)) for utterance in utterances]
    units = len(set(keys))
    rng = Random(seed)
    drawn = [rng.random() for _ in range(units)]
    dev_units = set(sorted(range(units), key=drawn.__getitem__)[: round(units * dev_fraction)])
    train = [utterance for key, utterance in zip(keys, utterances) if key not in dev_units]
    dev = [utterance for key, utterance in zip(keys, utterances) if key in dev_units]
    if not train or not dev:
        raise CorpusError(
            f"one side of the split is empty ({by}s: {units}, dev fraction: {dev_fraction}); "
            "choose another fraction, or give more of them"
        )
    return train, dev


def numbered_lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines without their ends. Only a line feed ends a line: a text may hold U+2028."""
    try:
        with open_regular(path, MOST_BYTES) as stream:
            for number, line in enumerate(stream, 1):
                yield number, line.removesuffix(b"\n").removesuffix(b"\r")
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror or error})") from error


def _parse_line(raw: bytes, labels: Labels | None = None) -> tuple[Utterance | None, list[_Found]]:
    """The utterance of a line, None when the line is empty or has an error, and the line's problems."""
    found: list[_Found] = []
    if raw.startswith(BOM):
        found.append(("warning", "a byte order mark; it is ignored, save the file without one"))
        raw = raw[len(BOM) :]
    if not raw:
        return None, found
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, [*found, ("error", f"not UTF-8 at byte {error.start + 1}; save the file as UTF-8")]
    fields = line.split("\t")
    if len(fields) != 4:
        expected = (
            "session, text, intent and tagged text, with tabs between, are expected; slu data convert reads others"
        )
        return None, [*found, ("error", f"{len(fields)} fields instead of 4; {expected}")]
    session, text, intent, tagged = fields
    errors = [f"the {name} is empty" for name, value in zip(FIELDS, fields) if not value.strip()]
    if _CONTROL.search(line):
        errors += [problem for name, value in zip(FIELDS, fields) if (problem := control_problem(value, name))]
    if not errors and odd_character(intent):
        errors.append(f"{intent!r} cannot be an intent ({odd_character(intent)}); rename it")
    if "\r" in line:
        errors.append("a carriage return inside the line; lines must end with LF or CR LF")
    tagless, slots, wrong = _scan(tagged)
    errors += wrong
    # The tags of slots that are right need not be looked for again.
    names = dict.fromkeys([match.group(2) for match in _tags(tagged)] if wrong else [slot.name for slot in slots])
    errors += [problem for problem in map(name_problem, names) if problem]
    if not wrong and tagless != text and tagged.strip():
        errors.append(_difference(text, tagless))
    if labels is not None:
        errors += [f"<{name}> is not a slot of the labels" for name in names if name not in labels.slots]
        if intent not in labels.intents:
            errors.append(f"{intent!r} is not an intent of the labels")
        else:
            foreign = [n for n in names if n in labels.slots and n not in labels.slots_of_intent[intent]]
            found += [("warning", f"the labels know no <{name}> in {intent}") for name in foreign]
    found += [("error", message) for message in errors]
    if errors:
        return None, found
    padded = [slot for slot in slots if slot.value != slot.value.strip()]
    found += [("warning", f"<{slot.name}> starts or ends with white space: {slot.value!r}") for slot in padded]
    return Utterance(text, sys.intern(intent), slots, sys.intern(session)), found


def _difference(text: str, tagless: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(text, tagless)) if a != b),
        min(len(text), len(tagless)),
    )
    left, right = (repr(side[at]) if at < len(side) else "the end" for side in (text, tagless))
    return f"text and tagged text differ at character {at + 1}: {left} in the text, {right} in the tagged text"


def _tags(tagged: str) -> list[re.Match[str]]:
    """The tags; one whose name has spaces is a tag only if its other one is there as well, where it belongs."""
    matches = list(_TAG.finditer(tagged))
    if not any(" " in match.group(2) for match in matches):
        return matches
    opened: dict[str, int] = {}
    closed: dict[str, int] = {}
    for match in matches:
        closing, name = match.groups()
        if closing:
            closed[name] = match.start()
        else:
            opened.setdefault(name, match.start())
    return [
        match
        for match in matches
        if " " not in match.group(2)
        or opened.get(match.group(2), match.start() + 1) <= match.start() <= closed.get(match.group(2), -1)
    ]


def _scan(tagged: str) -> tuple[str, tuple[Slot, ...], list[str]]:
    """Text, slots and problems of tagged text. If there are problems, text and slots must not be used."""
    if "<" not in tagged and _BAR not in tagged:
        return tagged, (), []
    pieces: list[str] = []
    slots: list[Slot] = []
    problems: list[str] = []
    # Name, column and end of the tags that are open; more than one only where tags are wrong.
    opened: list[tuple[str, int, int]] = []
    length = position = 0
    for match in _tags(tagged):
        closing, name = match.groups()
        if len(problems) > 99:  # of a damaged line; each may be compared with all before it
            return "", (), [*problems, "and more in this line"]
        piece, column = tagged[position : match.start()], match.start() + 1
        whole = bool(opened) and opened[-1][2] == position
        position = match.end()
        correction = None
        if opened:
            piece, bar, after = piece.partition(_BAR)
            correction = after if bar else None
        elif _BAR in piece:
            problems.append(_stray(piece, column - len(piece)))
        pieces.append(piece)
        length += len(piece)
        if not closing:
            if opened:
                problems.append(f"<{name}> at character {column} is inside <{opened[-1][0]}>; slots do not nest")
            opened.append((name, column, position))
        elif not opened:
            problems.append(f"</{name}> at character {column} closes nothing")
        elif opened[-1][0] == name:
            opened.pop()
            slots.append(Slot(sys.intern(name), piece, length - len(piece), length, correction))
            if whole and not piece.strip():
                problems.append(f"<{name}> that ends at character {column} has no value")
            if whole and correction is not None and (not correction.strip() or _BAR in correction):
                problems.append(f"<{name}> that ends at character {column} needs one correction after its ||")
        elif any(name == tag[0] for tag in opened):
            problems.append(f"</{name}> at character {column} crosses <{opened[-1][0]}>")
            opened = [tag for tag in opened if tag[0] != name]
        else:
            problems.append(f"</{name}> at character {column} does not close <{opened[-1][0]}>")
    problems += [f"<{name}> at character {column} is never closed" for name, column, _ in opened]
    rest = tagged[position:]
    if _BAR in rest and not opened:
        problems.append(_stray(rest, position + 1))
    pieces.append(rest)
    return "".join(pieces), tuple(slots), problems


def _stray(piece: str, column: int) -> str:
    return f"|| at character {column + piece.index(_BAR)} is outside a slot"


def _tagged(utterance: Utterance) -> str:
    pieces = []
    position = 0
    for slot in utterance.slots:
        value = slot.value if slot.correction is None else f"{slot.value}{_BAR}{slot.correction}"
        pieces.append(f"{utterance.text[position : slot.start]}<{slot.name}>{value}</{slot.name}>")
        position = slot.end
    return "".join((*pieces, utterance.text[position:]))


class _AcrossLines:
    """Problems that only several lines together show. Every line takes a few dictionary look-ups."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._last_line: dict[str, int] = {}
        self._labels: dict[str, dict[tuple[object, ...], int]] = {}

    def add(self, number: int, utterance: Utterance) -> list[_Found]:
        found: list[_Found] = []
        session = utterance.session
        if session != self._session:
            if self._session is not None:
                found.append(("warning", f"session {session} begins without an empty line after {self._session}"))
            if session in self._last_line:
                found.append(("warning", f"session {session} ended in line {self._last_line[session]} already"))
            self._session = session
        self._last_line[session] = number
        label = (utterance.intent, *((slot.name, slot.start, slot.end) for slot in utterance.slots))
        known = self._labels.setdefault(utterance.text, {})
        if label not in known and known:
            first = next(iter(known.values()))
            found.append(("warning", f"{utterance.text!r} is labelled otherwise in line {first}"))
        known.setdefault(label, number)
        return found

    def end_session(self) -> None:
        self._session = None
