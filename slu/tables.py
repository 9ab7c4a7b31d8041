"""Tables that read well in a terminal and in a Markdown file."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def markdown_table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length, the header first, as lines of a Markdown table with aligned columns."""
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
