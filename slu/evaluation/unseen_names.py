"""What a model makes of names that it has never seen, before and after they are added to its lexicons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slu.errors import LexiconError
from slu.files import read_bytes
from slu.heads.measures import percent
from slu.runtime.parser import Parser

PLACE = "{}"
"""Stands for the name in a template."""


def read_templates(path: str | Path) -> dict[str, list[str]]:
    """Sentences by slot from a file of lines ``SLOT<TAB>sentence with {}``; empty lines and ``#`` lines are skipped.

    Raises `LexiconError`, with the line, for anything else.
    """
    try:
        lines = read_bytes(path).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise LexiconError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise LexiconError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    templates: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        slot, _, sentence = line.partition("\t")
        if not slot or sentence.count(PLACE) != 1:
            raise LexiconError(f"{path}:{number}: write it as the slot, a tab, and a sentence with {PLACE} once")
        templates.setdefault(slot, []).append(sentence)
    return templates


def try_names(parser: Parser, slot: str, names: Sequence[str], templates: Sequence[str]) -> dict[str, Any]:
    """Put every name into every template and parse, before and after ``names`` are added to the list of ``slot``.

    Returns ``slot``, ``names``, ``utterances`` and, in percent of them, ``slot_before``, ``slot_after`` (a slot of that
    name with exactly that value is there), ``exact_before`` and ``exact_after`` (and no other slot is).
    """
    result: dict[str, Any] = {"slot": slot, "names": len(names), "utterances": len(names) * len(templates)}
    for when in ("before", "after"):
        if when == "after":
            parser.lexicon.add(slot, names)
        found, alone = 0, 0
        for template in templates:
            start = template.index(PLACE)
            answers = parser.parse_batch([template.replace(PLACE, name) for name in names])
            for name, answer in zip(names, answers):
                spans = [(s.name, s.start, s.end) for s in answer.slots]
                right = (slot, start, start + len(name)) in spans
                found += right
                alone += right and len(spans) == 1
        result[f"slot_{when}"] = percent(found, result["utterances"])
        result[f"exact_{when}"] = percent(alone, result["utterances"])
    return result
