"""CoNLL columns: a token a line with its tag in the last column, an empty line after each text.

``# text = ...``, ``# intent = ...`` and ``# session = ...`` before the first token of a text give what the columns
cannot say. Other comments there, and lines ``-DOCSTART-``, are passed over; a line that begins with ``#`` and ends with
a tag is a token. Lines may be numbered: the first column counts the tokens of each text then, and the second has them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slu.corpus.formats.annotated import Annotated, Findings, Options, head_of, quoted, read_lines
from slu.corpus.formats.tokens import (
    BEGIN,
    END,
    INSIDE,
    SINGLE,
    are_characters,
    cut,
    divided,
    lost_in_tokens,
    with_tags,
)
from slu.corpus.utterance import Utterance

_SAID = re.compile(r"#\s*(?P<name>text|intent|session)\s*[=:] ?(?P<value>.*)", re.IGNORECASE)
_TAG = re.compile(rf"O|[{BEGIN}{INSIDE}{END}{SINGLE}]-.+")


@dataclass
class _Block:
    """One text of a file. ``where``: ``file:line``. ``said``: by its comments. ``rows``: columns by their lines."""

    where: str
    said: dict[str, str] = field(default_factory=dict)
    rows: dict[int, list[str]] = field(default_factory=dict)

    @property
    def counted(self) -> bool:
        """Whether its first column counts its lines."""
        return [row[0] for row in self.rows.values()] == [str(i + 1) for i in range(len(self.rows))]


def is_conll(path: Path) -> bool:
    """Whether most of the first lines that are not comments are columns that end with tags."""
    lines = head_of(path).replace("\r", " ").split("\n")[:200]
    width = _width(lines)
    rows = [_columns(line) for line in lines if line.strip() and not _is_comment(line, width)]
    return 2 * sum(_has_tag(row) for row in rows) > len(rows)


def first_odd_tag(path: Path) -> tuple[int, str] | None:
    """Of a file that would be columns of tokens and tags if its tags were right, the first line with a tag that is
    none, and that tag: lower-case prefixes, or names without any."""
    lines = head_of(path).split("\n")[:200]
    width = _width(lines)
    rows = {i: _columns(line) for i, line in enumerate(lines, 1) if line.strip() and not _is_comment(line, width)}
    like_tags = ["-" in row[-1] or row[-1] in ("O", "o") for row in rows.values()]
    if width < 2 or not all(like_tags) or any(len(row) != width for row in rows.values()):
        return None
    return next(((number, row[-1]) for number, row in rows.items() if not _has_tag(row)), None)


def read_conll(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The texts of a file. A line without a tag makes its text unusable."""
    blocks = list(_blocks(path))
    numbered = _are_numbered(blocks)
    place = int(numbered)
    characters = are_characters([row[place] for row in b.rows.values() if len(row) > place + 1] for b in blocks)
    for block in blocks:
        if numbered and not block.counted:
            findings.add(
                block.where, "wrong numbers", "its lines are not numbered from 1, as those of others are", True
            )
            continue
        bare = next((number for number, row in block.rows.items() if len(row) < place + 2), None)
        if bare is not None:
            shown = " ".join(block.rows[bare])
            findings.add(f"{path}:{bare}", "tokens without tags", f"{quoted(shown)} has no tag", True)
            continue
        tokens, tags = ([row[i] for row in block.rows.values()] for i in (place, -1))
        intent = block.said.get("intent", "").strip()
        found = with_tags(
            tokens, tags, (intent,) if intent else (), block.where, findings,
            block.said.get("text"), block.said.get("session", "").strip(), characters,
            [f"{path}:{number}" for number in block.rows],
        )  # fmt: skip
        if found is not None:
            yield found


def write_conll(utterances: Sequence[Utterance], findings: Findings) -> dict[str, str]:
    """One file, BIO, tab-separated, with the text, the intent and the session in comments."""
    lines = []
    for number, utterance in enumerate(utterances, 1):
        tokens, tags = cut(utterance)
        lost_in_tokens(utterance, tokens, f"utterance {number}", findings, text=True)
        lines += [f"# text = {utterance.text}", f"# intent = {utterance.intent}", f"# session = {utterance.session}"]
        lines += [f"{token}\t{tag}" for token, tag in zip(tokens, tags)]
        lines.append("")
    return {"": "\n".join(lines) + "\n"}


def _blocks(path: Path) -> Iterator[_Block]:
    """The texts of a file, those that have lines."""
    block = None
    lines = read_lines(path)
    width = _width(lines)
    for number, line in [*enumerate(lines, 1), (0, "")]:
        if not line.strip():
            if block is not None and block.rows:
                yield block
            block = None
            continue
        block = block or _Block(f"{path}:{number}")
        if not block.rows and _is_comment(line, width):
            said = _SAID.match(line)
            if said:
                block.said[said["name"].lower()] = said["value"]
        elif _columns(line)[0] != "-DOCSTART-":
            block.rows[number] = _columns(line)


def _are_numbered(blocks: Sequence[_Block]) -> bool:
    """Whether the first column counts the lines of most texts, beside a token and a tag, and not of short ones only."""
    counted = [block for block in blocks if block.counted]
    if 2 * len(counted) <= len(blocks) or not any(len(block.rows) > 1 for block in counted):
        return False
    return all(len(row) > 2 for block in counted for row in block.rows.values())


def _width(lines: Sequence[str]) -> int:
    """Columns of most lines, those that begin with ``#`` aside; 0 if there are no others."""
    counts = Counter(len(_columns(line)) for line in lines if line.strip() and not line.startswith("#"))
    return counts.most_common(1)[0][0] if counts else 0


def _is_comment(line: str, width: int) -> bool:
    """A line that begins with ``#`` and says something of the text, or is not like the others (see `_width`): it does
    not end with a tag, as in ``# see above``, or has more columns, as in ``# about E-mail``."""
    columns = _columns(line)
    return line.startswith("#") and bool(
        _SAID.match(line) or not _has_tag(columns) or (width and len(columns) != width)
    )


def _has_tag(columns: Sequence[str]) -> bool:
    return len(columns) > 1 and bool(_TAG.fullmatch(columns[-1]))


def _columns(line: str) -> list[str]:
    """Cut at tabs if there are any: names may have spaces then, and a token may be white space. Else at spaces."""
    return [column.strip() or column for column in line.split("\t")] if "\t" in line else divided(line)
