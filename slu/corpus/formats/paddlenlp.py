"""PaddleNLP's sequence labelling: ``tokens<TAB>tags``, each divided by the control character U+0002.

The first line may be a header such as ``text_a<TAB>label``. Its example for intents and slots (ERNIE 3.0 Tiny) has the
form of our own corpora, which needs no conversion. Files have no intents: give them by ``--intent`` or ``--intents``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from slu.corpus.formats.annotated import Annotated, Findings, Options, head_of, read_lines
from slu.corpus.formats.tokens import are_characters, cut, lost_in_tokens, with_tags
from slu.corpus.utterance import Utterance

_BETWEEN = "\x02"
_HEADER = "text_a\tlabel"


def is_paddlenlp(path: Path) -> bool:
    """Whether the first line is the header, or one of the first two has two fields that are divided by U+0002."""
    lines = head_of(path).split("\n")[:2]
    return lines[0].rstrip("\r") == _HEADER or any(line.count("\t") == 1 and _BETWEEN in line for line in lines)


def read_paddlenlp(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The texts of a file."""
    lines = [
        (number, line)
        for number, line in enumerate(read_lines(path), 1)
        if line.strip() and not (number == 1 and line.endswith("\tlabel"))
    ]
    characters = are_characters(line.split("\t")[0].split(_BETWEEN) for _, line in lines)
    for number, line in lines:
        where = f"{path}:{number}"
        fields = line.split("\t")
        tokens, tags = (field.split(_BETWEEN) for field in (fields if len(fields) == 2 else ("", "O")))
        if len(fields) != 2 or len(tokens) != len(tags) or not all(tokens):
            message = (
                f"{len(fields)} fields, {len(tokens)} tokens and {len(tags)} tags; two of equal length are expected"
            )
            findings.add(where, "tokens without tags", message, True)
            continue
        # Where white space is a token, every character is one.
        text = "".join(tokens) if any(token.isspace() for token in tokens) else None
        found = with_tags(tokens, tags, (), where, findings, text, characters=characters)
        if found is not None:
            yield found


def write_paddlenlp(utterances: Sequence[Utterance], findings: Findings) -> dict[str, str]:
    """Two files: ``tags.tsv``, and ``intents.txt`` with an intent a line, which ``--intents`` reads."""
    lines, intents = [_HEADER], []
    pieces = [cut(utterance) for utterance in utterances]
    characters = are_characters(tokens for tokens, _ in pieces)
    for number, (utterance, (tokens, tags)) in enumerate(zip(utterances, pieces), 1):
        lost_in_tokens(utterance, tokens, f"utterance {number}", findings, characters=characters)
        lines.append(f"{_BETWEEN.join(tokens)}\t{_BETWEEN.join(tags)}")
        intents.append(utterance.intent)
    return {"tags.tsv": "\n".join(lines) + "\n", "intents.txt": "".join(f"{intent}\n" for intent in intents)}
