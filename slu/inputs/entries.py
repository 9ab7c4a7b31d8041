"""Entries of lexicons: their normalised form, their hash, and the files that hold them.

A lexicon file is UTF-8, one entry a line. White space around an entry, empty lines, lines that begin with ``#``, a byte
order mark and CRLF are ignored. Only a line feed ends a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from slu.corpus.tagged import Problem
from slu.errors import LexiconError
from slu.files import read_bytes
from slu.inputs.normalisation import PLAIN, normalise_text

MAX_CHARACTERS = 62
"""Most characters of an entry after normalisation: so the set of lengths fits a 64-bit word."""

SEED, FACTOR, WORD = 0xCBF29CE484222325, 0x9E3779B97F4A7C15, (1 << 64) - 1
"""Constants of the hash, see `key_of`."""

_BOM = b"\xef\xbb\xbf"
_WHITE = b" \t\r"


def normalise(entry: str, normalisation: str = PLAIN) -> str:
    """The characters of an entry or a text that are compared."""
    return "".join(replacement for _, replacement in normalise_text(entry, normalisation))


def key_of(normalised: str) -> int:
    """Hash of normalised characters: 64 bits, never 0."""
    value = SEED
    for char in normalised:
        value = ((value ^ ord(char)) * FACTOR) & WORD
    return (value ^ (value >> 32)) or 1


def read_lexicon(path: str | Path, normalisation: str = PLAIN) -> list[str]:
    """The entries of a lexicon file; raise `LexiconError` with the line of the first one that is not valid."""
    return parse_lexicon(_content(path), str(path), normalisation)


def parse_lexicon(content: bytes, where: str, normalisation: str = PLAIN) -> list[str]:
    """As `read_lexicon`, from the bytes of a file."""
    entries = []
    for number, raw in numbered_lines(content):
        problem, entry = read_entry(raw, normalisation)
        if problem:
            raise LexiconError(f"{where}:{number}: {problem}")
        entries.append(entry)
    return entries


def check_lexicon(path: str | Path, normalisation: str = PLAIN) -> list[Problem]:
    """Every problem of a lexicon file, in the order of the lines, for a model that normalises text in this way."""
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    lines = 0
    for number, raw in numbered_lines(_content(path)):
        lines += 1
        error, entry = read_entry(raw, normalisation)
        characters = normalise(entry, normalisation)
        if error:
            problems.append(Problem(number, "error", error))
        elif not characters:
            problems.append(
                Problem(number, "warning", f"{entry!r}: has no character that can be matched, so it is ignored")
            )
        elif characters in seen:
            problems.append(Problem(number, "warning", f"{entry!r}: the same as line {seen[characters]}"))
        else:
            seen[characters] = number
    if not lines:
        problems.append(Problem(1, "warning", "no entries; write one a line"))
    return problems


def lexicon_files(directory: Path, slots: Sequence[str]) -> list[Path]:
    """The files ``SLOT.txt`` of a directory, sorted; raise `LexiconError` for an unknown slot, or if there are none."""
    files = sorted(directory.glob("*.txt"))
    if not files:
        raise LexiconError(f"{directory}: contains no lexicon; put a file SLOT.txt there for each slot that has one")
    for path in files:
        if path.stem not in slots:
            raise LexiconError(f"{path}: the corpus has no slot {path.stem!r}; its slots are {', '.join(slots)}")
    return files


def numbered_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The numbered lines that hold an entry, without the white space around it."""
    for number, line in enumerate(content.removeprefix(_BOM).split(b"\n"), 1):
        entry = line.strip(_WHITE)
        if entry and not entry.startswith(b"#"):
            yield number, entry


def read_entry(raw: bytes, normalisation: str = PLAIN) -> tuple[str, str]:
    """What is wrong with a line (empty: nothing), and its entry."""
    try:
        entry = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start} of the entry", ""
    length = len(normalise(entry, normalisation))
    if length > MAX_CHARACTERS:
        return f"{length} characters, at most {MAX_CHARACTERS} fit; shorten it", entry
    return "", entry


def _content(path: str | Path) -> bytes:
    try:
        return read_bytes(path)
    except OSError as error:
        raise LexiconError(f"{path}: cannot be read ({error.strerror or error})") from error
