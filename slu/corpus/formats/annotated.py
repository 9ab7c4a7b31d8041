"""What the readers give: annotated texts as a file has them, before anybody has checked them; and what was found."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slu.errors import CorpusError
from slu.files import open_regular, read_bytes

_HEAD = 1 << 20
"""Bytes by which a format is recognised."""
_RECORDS = 50
"""Objects of JSON by which it is: the first ones may have no slot."""
_QUOTED = 200
"""Characters of a text that a message has."""
CODE_POINTS, UTF_16 = OFFSETS = ("code-points", "utf-16")
"""What offsets may count: characters, or the units of JavaScript and Java, of which an emoji has two."""
EXCLUSIVE, INCLUSIVE = ENDS = ("exclusive", "inclusive")
"""Where spans may end: behind their last character, or at it."""


@dataclass(frozen=True)
class Span:
    """A slot as a file has it, ``[start, end)`` in the units of the file.

    ``value``: what the file says that stands there, None if it does not say. ``correction``: see `Slot`.
    """

    name: str
    start: int
    end: int
    value: str | None = None
    correction: str | None = None


@dataclass(frozen=True)
class Annotated:
    """One text of a file. ``intents``: those that the file gives, usually one. ``where``: ``file:line``, and more where
    a line has several texts.

    ``session``: its dialogue. ``unit``: what its spans count, see `OFFSETS`. Both are empty if the file does not say.
    """

    text: str
    intents: tuple[str, ...]
    spans: tuple[Span, ...]
    where: str
    session: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Options:
    """What a file may not say itself.

    ``intent``: the intent of texts without one. ``intents``: a file with an intent a line. ``offsets``: what offsets
    count, "code-points" or "utf-16", empty to find out. ``part``: read this part of a file that has several only.
    ``spans_alone``: no text has an intent, and those of the file are not read. ``ends``: where spans end, one of
    `ENDS`; empty to find out for spans alone, and exclusive otherwise.
    """

    intent: str = ""
    intents: Path | None = None
    offsets: str = ""
    part: str = ""
    spans_alone: bool = False
    ends: str = ""


@dataclass
class Findings:
    """What could not be taken over as it is. ``problems``: (where, kind, message, whether the text was left out)."""

    problems: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def add(self, where: str, kind: str, message: str, left_out: bool = False) -> None:
        self.problems.append((where, kind, message, left_out))

    def counts(self) -> dict[str, int]:
        """How often each kind occurs, in the order of the first ones."""
        return dict(Counter(kind for _, kind, _, _ in self.problems))

    @property
    def left_out(self) -> int:
        """Texts that are not in the result."""
        return len({where for where, _, _, left_out in self.problems if left_out})


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file without their ends; raises `CorpusError`. Only a line feed ends a line, with carriage
    returns before it or without; elsewhere these would be taken for spaces, and lines for columns."""
    text = read_text(path)
    lines = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    odd = next((number for number, line in enumerate(lines, 1) if "\r" in line), None) if "\r" in text else None
    if odd is not None:
        raise CorpusError(f"{path}:{odd}: a carriage return inside the line; lines must end with LF or CR LF")
    return lines


def read_text(path: Path) -> str:
    """A whole UTF-8 file, without a byte order mark; raises `CorpusError`."""
    try:
        raw = read_bytes(path)
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{path}:{line}: not UTF-8 at byte {error.start + 1}; save the file as UTF-8") from error


def head_of(path: Path) -> str:
    """The beginning of a file, by which its format is recognised; empty unless it is a readable text file."""
    try:
        with open_regular(path) as stream:
            raw = stream.read(_HEAD)
    except OSError:
        return ""
    return raw.decode("utf-8", "ignore").removeprefix("\ufeff")


def first_records(path: Path) -> list[dict[str, Any]]:
    """The first objects of a file that `json_records` reads, `_RECORDS` at most; none unless it begins with one."""
    text = head_of(path).lstrip()
    at = _past(text, int(text[:1] == "["))
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    while len(found) < _RECORDS and text[at : at + 1] == "{":
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        found.append(record)
        at = _past(text, at)
        at = _past(text, at + int(text[at : at + 1] == ","))
    return found


class _TwiceError(ValueError):
    """An object has a name twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What a JSON object is read as; raises `_TwiceError` where a value would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        name = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise _TwiceError(f"{quoted(name)} is there twice, and only one would count; put both into a list")
    return found


def parse_json(text: str, where: str) -> Any:
    """Raises `CorpusError` that names ``where``."""
    try:
        return load_json(text)
    except ValueError as error:
        raise CorpusError(f"{where}: {error}") from error


def load_json(text: str) -> Any:
    """Raises `ValueError` that says what is wrong, also where an object has a name twice."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except _TwiceError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from error


def json_records(path: Path) -> list[tuple[str, Any]]:
    """The objects of a JSON file with one array, one object, or one object a line; each with its ``file:line``.

    For an array the line is the one in which the object begins; where several begin in one, the number of each follows.
    """
    text = read_text(path)
    first = text.lstrip()[:1]
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if first == "[" and not _is_json_lines(lines):
        return _array(text, path)
    if first == "{" and not _is_json_lines(lines):
        return [(f"{path}:1", parse_json(text, str(path)))]
    return [(f"{path}:{number}", parse_json(line, f"{path}:{number}")) for number, line in lines]


def _is_json_lines(lines: list[tuple[int, str]]) -> bool:
    """Whether the first line is a whole object: then a wrong line further down is an error of that line."""
    try:
        return bool(lines) and isinstance(json.loads(lines[0][1]), dict)
    except (ValueError, RecursionError):
        return False


def _array(text: str, path: Path) -> list[tuple[str, Any]]:
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    records: list[tuple[int, Any]] = []
    at = text.index("[") + 1
    line, counted = 1, 0
    while True:
        at = _past(text, at)
        line += text.count("\n", counted, at)
        counted = at
        if text[at : at + 1] == "]":
            rest = text[at + 1 :].strip()
            if rest:
                raise CorpusError(f"{path}:{line}: something follows the array; give a file with one JSON array")
            return _placed(records, path)
        try:
            record, at = decoder.raw_decode(text, at)
        except _TwiceError as error:
            raise CorpusError(f"{path}:{line}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{path}:{line}: not JSON ({error})") from error
        records.append((line, record))
        at = _past(text, at)
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != "]":
            line += text.count("\n", counted, at)
            raise CorpusError(f"{path}:{line}: not JSON (a comma or the end of the array is expected)")


def _placed(records: list[tuple[int, Any]], path: Path) -> list[tuple[str, Any]]:
    """Each with the only name of its place instead of its line."""
    begin = Counter(line for line, _ in records)
    return [
        (f"{path}:{line}{f': record {number}' if begin[line] > 1 else ''}", record)
        for number, (line, record) in enumerate(records, 1)
    ]


def _past(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def record_of(value: Any, where: str) -> dict[str, Any]:
    """``value`` if it is a JSON object; raises `CorpusError` otherwise."""
    if not isinstance(value, dict):
        raise CorpusError(f"{where}: {_short(value)} is not an object; one for each text is expected")
    return value


def text_of(record: dict[str, Any], name: str, where: str) -> str:
    """The field ``name``, a text; raises `CorpusError` otherwise."""
    value = record.get(name)
    if not isinstance(value, str):
        raise CorpusError(f"{where}: {name} is {_short(value)}; a text is expected")
    return value


def session_of(record: dict[str, Any]) -> str:
    """The dialogue of a text, by its name or its number, which may be 0; empty if the record does not say."""
    value = record.get("session")
    return str(value) if value or (value == 0 and not isinstance(value, bool)) else ""


def offset_of(value: Any, where: str) -> int:
    """``value`` if it is a whole number; raises `CorpusError` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise CorpusError(f"{where}: {_short(value)} is not an offset; a whole number is expected")
    return value


def quoted(text: str) -> str:
    """A text in a message, of a long one the beginning: there may be a message for each slot of a text."""
    return repr(text) if len(text) <= _QUOTED else f"{text[:_QUOTED]!r}... ({len(text)} characters)"


def _short(value: Any) -> str:
    text = "missing" if value is None else json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else f"{text[:57]}..."
