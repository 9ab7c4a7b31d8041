"""Corpora of texts with labels, without intents and slots: read, check, write.

Three forms are read, told apart by the first line:

* ``text<TAB>label[,label...]`` a line, as PaddleNLP's classification recipes have it;
* a table whose first line names its columns, among them ``text_a`` and ``label``, as that of ChnSentiCorp;
* JSON Lines as CLUE has them: the text under ``sentence`` or ``text``, its label, or a list of labels, under ``label``.

A text can be a pair: ``text<TAB>text<TAB>label`` or the columns or fields ``text_a`` and ``text_b`` (``sentence1`` and
``sentence2``). In an utterance, a tab then stands between the two; nowhere else is a tab in a text.

A second file can name the labels: one a line (PaddleNLP's ``label.txt``), or JSON Lines with a ``label`` and what it is
called, ``label_des`` (CLUE's ``labels.json``). Other labels are errors then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slu.corpus.formats.annotated import load_json
from slu.corpus.label_sets import SEPARATOR, in_order, name_problem, parent_of, with_parents
from slu.corpus.labels import Labels
from slu.corpus.tagged import BOM, Problem, Severity, control_problem, numbered_lines, odd_character
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.files import write_file

PAIR = "\t"
"""Between the two texts of a pair."""
_TEXTS = (("sentence", ""), ("text", ""), ("sentence1", "sentence2"), ("text_a", "text_b"))
_TITLES = ("label_des", "label_desc")
_Found = list[tuple[Severity, str]]


@dataclass(frozen=True)
class LabelNames:
    """The labels that a corpus may have. ``names``: all of them, each after those above it, empty for any. ``titles``:
    what the corpus calls them, where that is something else."""

    names: tuple[str, ...] = ()
    titles: dict[str, str] = field(default_factory=dict)


def read_label_names(path: str | Path) -> LabelNames:
    """Read a file that names labels; raise `CorpusError` with file and line at the first error."""
    names: dict[str, int] = {}
    titles: dict[str, str] = {}
    for number, raw in numbered_lines(path):
        where = f"{path}:{number}"
        text = _decoded(raw, where)
        if not text.strip():
            continue
        name = text.strip()
        if name.startswith("{"):
            entry = _object(name, where)
            own = _label_text(entry.get("label"), where)
            name = next((str(entry[key]) for key in _TITLES if entry.get(key)), own)
            titles[own] = name
        problem = _name_problem(name)
        if name in names:
            problem = f"the label {name!r} is in line {names[name]} already"
        if problem:
            raise CorpusError(f"{where}: {problem}")
        names[name] = number
    if not names:
        raise CorpusError(f"{path}: no labels; write one a line")
    for name, number in names.items():
        if parent_of(name) and parent_of(name) not in names:
            raise CorpusError(f"{path}:{number}: {name!r} has no label above it; add {parent_of(name)!r}")
    return LabelNames(in_order(names), titles)


def read_classified(path: str | Path, single: bool, names: LabelNames | None = None) -> list[Utterance]:
    """Read a corpus; raise `CorpusError` with file and line at the first error, or when it is empty.

    ``single``: every text has exactly one label; otherwise any number, and those above in the tree are added.
    """
    utterances = []
    for number, utterance, problems in _Reader(path, single, names or LabelNames()):
        for severity, message in problems:
            if severity == "error":
                raise CorpusError(f"{path}:{number}: {message}")
        if utterance is not None:
            utterances.append(utterance)
    if not utterances:
        raise CorpusError(f"{path}: no texts; write one a line (docs/classification.md has the format)")
    return utterances


def check_classified(
    path: str | Path, single: bool, names: LabelNames | None = None, labels: Labels | None = None
) -> list[Problem]:
    """Every problem of a corpus, in the order of lines; with ``labels`` also names that those do not have."""
    problems: list[Problem] = []
    lines = 0
    known: dict[str, tuple[int, tuple[str, ...]]] = {}
    used: Counter[str] = Counter()
    for number, utterance, found in _Reader(path, single, names or LabelNames()):
        lines += 1
        if utterance is not None:
            used.update(utterance.labels)
            first, before = known.setdefault(utterance.text, (number, utterance.labels))
            if before != utterance.labels:
                found.append(("warning", f"{utterance.text[:60]!r} is labelled otherwise in line {first}"))
            unknown = [name for name in utterance.labels if labels and name not in labels.intents]
            found += [("error", f"the labels file has no label {name!r}") for name in unknown]
        problems += [Problem(number, severity, message) for severity, message in found]
    if not lines:
        raise CorpusError(f"{path}: no texts; write one a line (docs/classification.md has the format)")
    for name in names.names if names else ():
        if name not in used:
            problems.append(Problem(0, "warning", f"no text has the label {name!r}"))
    return problems


def write_classified(utterances: Iterable[Utterance], path: str | Path) -> None:
    """Write ``text<TAB>label[,label...]`` a line, whole or not at all; `read_classified` gives the utterances back."""
    lines = [f"{utterance.text}\t{','.join(utterance.labels)}\n" for utterance in utterances]
    if not lines:
        raise CorpusError(f"{path}: no texts to write")
    write_file(path, "".join(lines))


def copy_lines(source: str | Path, numbers: Sequence[int], out: str | Path) -> None:
    """Write lines of a corpus (1-based; the session of an utterance is its line) as they are, in the order of
    ``numbers``; that with the names of the columns comes first, if the corpus is a table."""
    wanted, lines, first = set(numbers), {}, b""
    for number, raw in numbered_lines(source):
        if not first and raw.strip():
            first = raw.removeprefix(BOM)
        if number in wanted:
            lines[number] = raw.removeprefix(BOM)
    titles = first.decode("utf-8", "replace").split("\t")
    head = [first] if "text_a" in titles and "label" in titles else []
    write_file(out, b"".join(line + b"\n" for line in (*head, *(lines[number] for number in numbers))))


def names_of_corpus(utterances: Sequence[Utterance]) -> tuple[str, ...]:
    """The labels that occur, sorted, each after those above it."""
    return in_order(sorted({name for utterance in utterances for name in utterance.labels}))


class _Reader:
    """Numbered lines, each with its utterance (None where it has an error) and its problems; no empty ones."""

    def __init__(self, path: str | Path, single: bool, names: LabelNames):
        self._path, self._single, self._names = path, single, names
        self._columns: dict[str, int] = {}
        self._places = {name: i for i, name in enumerate(names.names)}

    def __iter__(self) -> Iterator[tuple[int, Utterance | None, _Found]]:
        first = True
        for number, raw in numbered_lines(self._path):
            found: _Found = []
            try:
                line = _decoded(raw, "")
            except CorpusError as error:
                yield number, None, [("error", str(error).removeprefix(": "))]
                continue
            if not line.strip():
                continue
            if first:
                first = False
                if raw.startswith(BOM):
                    found.append(("warning", "a byte order mark; it is ignored, save the file without one"))
                titles = line.split("\t")
                if "text_a" in titles and "label" in titles:
                    self._columns = {title: i for i, title in enumerate(titles)}
                    continue
            try:
                texts, labels = self._fields(line)
                text = self._text(texts)
                yield number, Utterance(text, "", (), str(number), self._labels(labels, found)), found
            except CorpusError as error:
                yield number, None, [*found, ("error", str(error))]

    def _fields(self, line: str) -> tuple[list[str], list[str]]:
        """The text or the two texts of a line, and its labels."""
        if line.lstrip().startswith("{"):
            return self._json_fields(line)
        cells = line.split("\t")
        if self._columns:
            if len(cells) != len(self._columns):
                raise CorpusError(f"{len(cells)} columns; the first line names {len(self._columns)}")
            texts = [cells[self._columns[name]] for name in ("text_a", "text_b") if name in self._columns]
            return texts, self._split(cells[self._columns["label"]])
        if not 2 <= len(cells) <= 3:
            raise CorpusError(
                f"{len(cells)} fields between tabs; a text (or two), a tab and "
                f"{'a label' if self._single else 'its labels, between commas,'} are expected"
            )
        return cells[:-1], self._split(cells[-1])

    def _json_fields(self, line: str) -> tuple[list[str], list[str]]:
        entry = _object(line, "")
        keys = next((pair for pair in _TEXTS if isinstance(entry.get(pair[0]), str)), None)
        if keys is None:
            raise CorpusError(f"no text; it is expected under one of {', '.join(key for key, _ in _TEXTS)}")
        texts = [entry[key] for key in keys if key in entry]
        if not all(isinstance(text, str) for text in texts):
            raise CorpusError(f"{keys[1]} is not a text")
        if "label" not in entry:
            raise CorpusError("no label; it is expected under label")
        value = entry["label"]
        values = value if isinstance(value, list) else [value]
        return [" ".join(text.split()) for text in texts], [_label_text(one, "") for one in values]

    def _split(self, cell: str) -> list[str]:
        cell = cell.strip()
        return [cell] if self._single and cell else [name.strip() for name in cell.split(",")] if cell else []

    def _text(self, texts: list[str]) -> str:
        if not all(text.strip() for text in texts):
            raise CorpusError("the text is empty")
        for text in texts:
            problem = control_problem(text.strip(), "text")
            if problem is None and "\r" in text.strip():
                problem = "a carriage return inside the text; delete it"
            if problem is None and any("\ud800" <= char <= "\udfff" for char in text):
                problem = "the text has half a surrogate pair, which UTF-8 cannot express; delete it"
            if problem:
                raise CorpusError(problem)
        return PAIR.join(text.strip() for text in texts)

    def _labels(self, given: list[str], found: _Found) -> tuple[str, ...]:
        """The labels of a text by their names, in order; raises `CorpusError` for those it cannot have."""
        labels = [self._names.titles.get(name, name) for name in given]
        if self._single and len(labels) != 1:
            raise CorpusError(f"{len(labels)} labels; the task sequence has exactly one")
        for name in labels:
            problem = _name_problem(name)
            if problem:
                raise CorpusError(problem)
            if self._places and name not in self._places:
                raise CorpusError(f"the label {name!r} is not among those of the labels file")
        if self._single:
            return tuple(labels)
        if len(set(labels)) < len(labels):
            found.append(("warning", "a label is there twice"))
        places = self._places or {name: i for i, name in enumerate(sorted(in_order(labels)))}
        whole = with_parents(labels, places)
        added = [name for name in whole if name not in labels]
        if added:
            found.append(("warning", f"{', '.join(added)} is missing above a label of the text; it is added"))
        return whole


def _name_problem(name: str) -> str | None:
    """What is wrong with the name of a label; None if a file and a screen can show it."""
    odd = odd_character(name)
    return name_problem(name) or (f"{name!r} cannot be a label ({odd}); rename it" if odd else None)


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{where}: not UTF-8 at byte {error.start + 1} of the line; save the file as UTF-8"
        ) from error


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        entry = load_json(text)
    except ValueError as error:
        raise CorpusError(f"{where}{': ' if where else ''}{error}") from error
    if not isinstance(entry, dict):
        raise CorpusError(f"{where}{': ' if where else ''}not an object of JSON")
    return entry


def _label_text(value: Any, where: str) -> str:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value).strip()
    raise CorpusError(f"{where}{': ' if where else ''}the label is {value!r}; a name or a number is expected")


__all__ = [
    "PAIR",
    "SEPARATOR",
    "LabelNames",
    "check_classified",
    "copy_lines",
    "names_of_corpus",
    "read_classified",
    "read_label_names",
    "write_classified",
]
