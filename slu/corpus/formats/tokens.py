"""Texts that are given as tokens with a tag each: joining and cutting tokens, and tags in BIO, BIOES and BMES."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slu.corpus.formats.annotated import Annotated, Findings, Span, quoted
from slu.corpus.utterance import Utterance

BEGIN, INSIDE, END, SINGLE, OUTSIDE = "B", "IM", "EL", "SUW", "O"
"""Prefixes: BIO has B and I; BIOES and BMES (M for I) have E and S; BILOU calls these L and U; some write W for S."""

_WIDE = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF), (0x20000, 0x3FFFF))
"""Ideographs, kana and their punctuation, which are written without spaces."""


def divided(line: str) -> list[str]:
    """What stands between spaces and tabs. Wider spaces and those that lines are not broken at are parts of it."""
    return [piece for piece in line.replace("\t", " ").split(" ") if piece]


def joined(tokens: Sequence[str], characters: bool = False) -> tuple[str, list[int]]:
    """The text of tokens, and where each begins: a space between two, but not beside ideographs and their marks, nor
    beside tokens of white space. ``characters``: see `are_characters`; then there is nothing between them."""
    text, starts = "", []
    for token in tokens:
        if text and not characters and not any(_is_wide(char) or char.isspace() for char in (text[-1], token[0])):
            text += " "
        starts.append(len(text))
        text += token
    return text, starts


def are_characters(texts: Iterable[Sequence[str]]) -> bool:
    """Whether every token of a file is a single character: white space, where it has some, is a token then as well."""
    return all(len(token) == 1 for tokens in texts for token in tokens)


def aligned(tokens: Sequence[str], text: str) -> list[int] | None:
    """Where each token stands in ``text``, which has nothing but white space between them; None if it is another."""
    starts, at = [], 0
    for token in tokens:
        while at < len(text) and text[at].isspace() and not text.startswith(token, at):
            at += 1
        if not text.startswith(token, at):
            return None
        starts.append(at)
        at += len(token)
    return None if text[at:].strip() else starts


def cut(utterance: Utterance) -> tuple[list[str], list[str]]:
    """Tokens of an utterance and their BIO tags: cut at white space, around ideographs, and at the borders of slots."""
    borders = {0, len(utterance.text)}
    for slot in utterance.slots:
        borders |= {slot.start, slot.end}
    for i, char in enumerate(utterance.text):
        if char.isspace() or _is_wide(char):
            borders |= {i, i + 1}
    places = sorted(borders)
    tokens, tags = [], []
    for at, start in enumerate(places[:-1]):
        end = places[at + 1]
        token = utterance.text[start:end]
        if token.strip():
            tokens.append(token)
            tags.append(OUTSIDE)
            for slot in utterance.slots:
                if slot.start <= start and end <= slot.end:
                    first = not utterance.text[slot.start : start].strip()
                    tags[-1] = f"{'B' if first else 'I'}-{slot.name}"
    return tokens, tags


def with_tags(
    tokens: Sequence[str],
    tags: Sequence[str],
    intents: tuple[str, ...],
    where: str,
    findings: Findings,
    text: str | None = None,
    session: str = "",
    characters: bool = False,
    places: Sequence[str] = (),
) -> Annotated | None:
    """The annotated text of tokens; None, and a finding, where the tags say nothing that could be read.

    ``text``: the text that the tokens were cut from, if the file has it. ``characters``: of the file, see
    `are_characters`. Tokens of white space are a part of the text, and their tags do not count. ``places``: where each
    token stands, for findings about its tag; without them ``where``.
    """
    if not all(tokens):
        findings.add(where, "empty tokens", f"token {tokens.index('') + 1} is empty", True)
        return None
    if text is None:
        text, _ = joined(tokens, characters)
    kept = [i for i, token in enumerate(tokens) if token.strip()]
    tokens, tags, places = ([of[i] for i in kept] for of in (tokens, tags, places or [where] * len(tokens)))
    starts = aligned(tokens, text)
    if starts is None:
        findings.add(where, "tokens that are not the text", f"the tokens are not those of {quoted(text)}", True)
        return None
    spans: list[Span] = []
    name, begin, end = "", 0, 0
    for token, tag, start, place in [*zip(tokens, tags, starts, places), ("", OUTSIDE, len(text), where)]:
        prefix, dash, label = tag.partition("-")
        if tag != OUTSIDE and (not label or dash != "-" or prefix not in BEGIN + INSIDE + END + SINGLE):
            findings.add(place, "unknown tags", f"the tag {tag!r}: O or a prefix such as B- and a name expected", True)
            return None
        continues = tag != OUTSIDE and prefix in INSIDE + END
        if name and not (continues and label == name):
            spans.append(Span(name, begin, end, text[begin:end]))
            name = ""
        if tag == OUTSIDE:
            continue
        if not name:
            if continues and prefix not in END:
                findings.add(place, "slots without a beginning", f"{tag!r} begins a slot; it is read as its beginning")
            elif continues:
                findings.add(
                    place, "slots without a beginning", f"{tag!r} ends nothing; it is read as a slot of its own"
                )
            name, begin = label, start
        end = start + len(token)
        if prefix in END + SINGLE:
            spans.append(Span(name, begin, end, text[begin:end]))
            name = ""
    return Annotated(text, intents, tuple(spans), where, session)


def lost_in_tokens(
    utterance: Utterance,
    tokens: Sequence[str],
    where: str,
    findings: Findings,
    text: bool = False,
    characters: bool = False,
) -> None:
    """Report what tokens and tags cannot say: corrections, and spaces unless the format has the whole ``text``.

    ``characters``: of the file, see `are_characters`.
    """
    if any(slot.correction is not None for slot in utterance.slots):
        findings.add(where, "corrections", f"{quoted(utterance.text)}: the format has no place for what was meant")
    back, _ = joined(tokens, characters)
    if not text and back != utterance.text:
        findings.add(where, "spaces", f"{quoted(utterance.text)} is read back as {quoted(back)}")


def _is_wide(char: str) -> bool:
    return any(low <= ord(char) <= high for low, high in _WIDE)
