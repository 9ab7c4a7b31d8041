"""``slu parse``: utterances in, one JSON line each out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from slu.commands.arguments import (
    add_lexicon_argument,
    add_lexicons,
    add_pin_arguments,
    add_pins,
    require_output,
)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``parse`` to the commands."""
    parser = subparsers.add_parser(
        "parse",
        help="print intent and slots of utterances",
        description="Print one JSON line an utterance. Without TEXT, read one utterance a line from standard input.",
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="a checkpoint or a bundle")
    parser.add_argument("text", metavar="TEXT", nargs="*", help="utterances")
    parser.add_argument(
        "--backend", metavar="B", help="what computes the network (default: the fastest that MODEL has files for)"
    )
    add_lexicon_argument(parser)
    add_pin_arguments(parser)
    parser.add_argument(
        "--session",
        action="store_true",
        help="the utterances are one dialogue, and an empty one begins another dialogue",
    )
    parser.set_defaults(func=run)
    parser.intermixed = True  # type: ignore[attr-defined]


def run(args: argparse.Namespace) -> int:
    from slu.runtime.loading import load
    from slu.tables import json_line

    texts = _arguments(args.text) if args.text else _lines()
    require_output("slu parse")
    parser = load(args.model, args.backend)
    add_lexicons(parser, args.lexicon)
    add_pins(parser, args.pin, args.pins)
    session = parser.session() if args.session else None
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for text in texts:
        if session is None:
            result = parser.parse(text)
        elif text:
            result = session.parse(text)
        else:
            session.restart()
            continue
        print(json_line(result.to_dict()), flush=True)
    return 0


def _arguments(texts: list[str]) -> list[str]:
    """Arguments as they are; raise `CorpusError` at one that was not text, which Python hides in surrogates."""
    from slu.errors import CorpusError

    for number, text in enumerate(texts, 1):
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise CorpusError(f"TEXT {number}: not UTF-8")
    return texts


def _lines() -> Iterator[str]:
    """Lines of standard input as they come; raise `CorpusError` at one that is not UTF-8."""
    from slu.errors import CorpusError

    if sys.stdin is None:
        raise CorpusError("standard input is closed; write the utterances there, or give them as TEXT")
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise CorpusError(f"standard input, line {number}: not UTF-8 at byte {error.start}") from error
