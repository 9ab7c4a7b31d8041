"""Arguments that several commands share: the recipe and its settings, lexicons."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slu.runtime.parser import Parser


def require_output(command: str, *files: Path | None) -> None:
    """Raise `OutputError` at once where a command has no place for its result: standard output is closed, and it is
    given none of these files."""
    from slu.errors import OutputError

    if sys.stdout is None and not any(files):
        raise OutputError(f"standard output is closed; {command} needs it for its result")


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """``--config`` and ``--set``, for every command that follows a recipe."""
    parser.add_argument("--config", metavar="C", type=Path, required=True, help="the recipe, a TOML file")
    add_set_argument(parser)


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        metavar="SECTION.NAME=VALUE",
        action="append",
        default=[],
        help="change a setting of the recipe, such as data.corpus=my.txt; may be given several times",
    )


def add_shape_argument(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--shape",
        metavar="NAME",
        help="train a model from scratch of a published size, such as ernie-3.0-tiny-micro-v2",
    )


def changes_of_shape(name: str | None) -> list[str]:
    """What ``--set`` would be given for ``--shape``."""
    from slu.model.shapes import published_shape

    if not name:
        return []
    return ['model.init="scratch"', *(f"model.{size}={value}" for size, value in published_shape(name).items())]


def add_lexicon_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lexicon",
        metavar="SLOT=FILE",
        action="append",
        default=[],
        help="entries to add to the lexicon of a slot, one a line; may be given several times",
    )


def add_pin_arguments(parser: argparse.ArgumentParser) -> None:
    """``--pin`` and ``--pins``"""
    parser.add_argument(
        "--pin",
        metavar="INTENT=TEXT",
        action="append",
        default=[],
        help="answer TEXT with INTENT, and with the slots that TEXT has in tags; may be given several times",
    )
    parser.add_argument(
        "--pins",
        metavar="FILE",
        action="append",
        default=[],
        type=Path,
        help="the same for a file with an intent, a tab and a text a line",
    )


def add_pins(parser: Parser, texts: list[str], files: list[Path]) -> None:
    """Pin what ``--pin`` and ``--pins`` name."""
    from slu.errors import ConfigError

    for path in files:
        parser.pins.add_file(path)
    for text in texts:
        intent, equals, phrase = text.partition("=")
        if not equals:
            raise ConfigError(f"{text}: write it as INTENT=TEXT")
        parser.pins.add(intent, [phrase])


def parse_lexicons(texts: list[str]) -> list[tuple[str, Path]]:
    """The slots and the files of the arguments ``SLOT=FILE``."""
    from slu.errors import ConfigError

    lexicons = []
    for text in texts:
        slot, equals, path = text.partition("=")
        if not slot or not equals or not path:
            raise ConfigError(f"{text}: write it as SLOT=FILE")
        lexicons.append((slot, Path(path)))
    return lexicons


def add_lexicons(parser: Parser, texts: list[str]) -> None:
    """Add the entries of the files that ``--lexicon`` names."""
    for slot, path in parse_lexicons(texts):
        parser.lexicon.add_file(slot, path)
