"""JointBERT's directories: ``seq.in`` with the tokens of a text a line, ``seq.out`` with their tags, ``label`` with its
intent. The form in which ATIS and SNIPS are passed on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from slu.corpus.formats.annotated import Annotated, Findings, Options, quoted, read_lines
from slu.corpus.formats.tokens import are_characters, cut, divided, lost_in_tokens, with_tags
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError

TOKENS, TAGS, INTENTS = FILES = ("seq.in", "seq.out", "label")


def is_jointbert(path: Path) -> bool:
    return path.is_dir() and (path / TOKENS).is_file()


def is_part(path: Path) -> bool:
    """Whether it is one of the files of such a directory."""
    return path.name in FILES and all((path.parent / name).is_file() for name in FILES)


def read_jointbert(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The texts of one directory. Raises `CorpusError` when its files have different numbers of lines."""
    if not is_jointbert(path):
        raise CorpusError(f"{path}: has no {TOKENS}; give the directory that holds {', '.join(FILES)}")
    tokens, tags, intents = (read_lines(path / name) for name in FILES)
    if not len(tokens) == len(tags) == len(intents):
        counts = ", ".join(f"{name} {len(lines)}" for name, lines in zip(FILES, (tokens, tags, intents)))
        raise CorpusError(f"{path}: the numbers of lines differ ({counts}); each line is one text")
    characters = are_characters(divided(line) for line in tokens)
    for number, (words, labels, intent) in enumerate(zip(tokens, tags, intents), 1):
        where = f"{path / TOKENS}:{number}"
        one, other = divided(words), divided(labels)
        if len(one) != len(other):
            findings.add(where, "tokens without tags", f"{len(one)} tokens and {len(other)} tags", True)
            continue
        named = (intent.strip(),) if intent.strip() else ()
        found = with_tags(one, other, named, where, findings, characters=characters)
        if found is not None:
            yield found


def write_jointbert(utterances: Sequence[Utterance], findings: Findings) -> dict[str, str]:
    """The three files."""
    lines: list[tuple[str, str, str]] = []
    pieces = [cut(utterance) for utterance in utterances]
    characters = are_characters(tokens for tokens, tags in pieces if not _divided(tags))
    for number, (utterance, (tokens, tags)) in enumerate(zip(utterances, pieces), 1):
        where = f"utterance {number}"
        if _divided(tags):
            findings.add(where, "names with spaces", f"{quoted(utterance.text)}: tags are divided by spaces", True)
            continue
        lost_in_tokens(utterance, tokens, where, findings, characters=characters)
        lines.append((" ".join(tokens), " ".join(tags), utterance.intent))
    return {name: "".join(f"{line[i]}\n" for line in lines) for i, name in enumerate(FILES)}


def _divided(tags: Sequence[str]) -> bool:
    return any(" " in tag for tag in tags)
