"""Text for people: tables that read well in a terminal and in a Markdown file, pages, names that may hold anything."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

_CONTROL = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Controls of C0 and C1, line breaks and the controls of the bidirectional algorithm: terminals obey them."""


def shown(text: str) -> str:
    """A text with escapes for all that a terminal would take for a command, except for line breaks. JSON stays JSON."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def json_line(value: Any) -> str:
    """JSON on one line, characters as they are, except for those that `shown` escapes."""
    return shown(json.dumps(value, ensure_ascii=False))


def page_templates(directory: Path) -> jinja2.Environment:
    """Templates of HTML pages: what is put in is escaped, for browsers and as by `shown`, and must be there."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(directory),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: shown(value) if type(value) is str else value,  # Markup is escaped already
    )


def page_beginning(environment: jinja2.Environment, template: str) -> str:
    """What every page of a template begins with, up to its title: the mark of the pages of one command."""
    assert environment.loader is not None
    start, mark, _ = environment.loader.get_source(environment, template)[0].partition("<title>")
    return environment.from_string(start + mark).render()


def markdown_table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length, the header first, as lines of a Markdown table with aligned columns."""
    cells = [[shown(cell) for cell in row] for row in cells]
    widths = _widths(cells)
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def text_table(
    cells: Sequence[Sequence[str]], left: Collection[int] = (0,), indent: int = 0, gap: int = 2
) -> list[str]:
    """Rows of equal length, the header first, as lines of text.

    ``left``: numbers of the columns whose cells begin at the same place; those of the others end at it. ``gap``: spaces
    between columns, ``indent``: before the first.
    """
    cells = [[shown(cell) for cell in row] for row in cells]
    widths = _widths(cells)
    lines = []
    for row in cells:
        aligned = (
            cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))
        )
        lines.append((" " * indent + (" " * gap).join(aligned)).rstrip())
    return lines


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*cells)]
