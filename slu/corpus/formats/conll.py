"""CoNLL columns: a token a line with its tag in the last column, an empty line after each text.

``# text = ...`` and ``# intent = ...`` before the first token of a text give what the columns cannot say. Other
comments, and lines ``-DOCSTART-``, are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from slu.corpus.formats.annotated import Annotated, Findings, Options, head_of, read_lines
from slu.corpus.formats.tokens import BEGIN, END, INSIDE, SINGLE, cut, lost_in_tokens, with_tags
from slu.corpus.utterance import Utterance

_COMMENT = re.compile(r"#\s*(?P<name>[A-Za-z_]+)\s*[=:]\s*(?P<value>.*)")
_TAG = re.compile(rf"O|[{BEGIN}{INSIDE}{END}{SINGLE}]-.+")


def is_conll(path: Path) -> bool:
    """Whether most of the first lines that are not comments are columns that end with tags."""
    lines = head_of(path).split("\n")[:200]
    rows = [_columns(line) for line in lines if line.strip() and not _is_comment(line)]
    return 2 * sum(len(row) > 1 and bool(_TAG.fullmatch(row[-1])) for row in rows) > len(rows)


def read_conll(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The texts of a file. A line without a tag makes its text unusable."""
    block: list[tuple[int, str]] = []
    for number, line in [*enumerate(read_lines(path), 1), (0, "")]:
        if line.strip():
            block.append((number, line))
        elif block:
            found = _text(path, block, findings)
            if found is not None:
                yield found
            block = []


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


def _text(path: Path, block: list[tuple[int, str]], findings: Findings) -> Annotated | None:
    said: dict[str, str] = {}
    tokens: list[str] = []
    tags: list[str] = []
    where = f"{path}:{block[0][0]}"
    for number, line in block:
        comment = _is_comment(line)
        if comment:
            named = _COMMENT.match(line)
            if named and not tokens:
                said[named["name"].lower()] = named["value"]
            continue
        columns = _columns(line)
        if columns[0] == "-DOCSTART-":
            continue
        if len(columns) < 2:
            findings.add(f"{path}:{number}", "tokens without tags", f"{line.strip()!r} has no tag", True)
            return None
        tokens.append(columns[0])
        tags.append(columns[-1])
    if not tokens:
        return None
    intent = said.get("intent", "").strip()
    intents = (intent,) if intent else ()
    return with_tags(tokens, tags, intents, where, findings, said.get("text"), said.get("session", "").strip())


def _is_comment(line: str) -> bool:
    """A line that begins with ``#``, unless that is the token of a line with a tag."""
    columns = _columns(line)
    return line.startswith("#") and not (columns[0] == "#" and len(columns) == 2 and bool(_TAG.fullmatch(columns[1])))


def _columns(line: str) -> list[str]:
    """Cut at tabs if there are any: names may have spaces then. Else at white space."""
    return [column.strip() for column in line.split("\t")] if "\t" in line else line.split()
