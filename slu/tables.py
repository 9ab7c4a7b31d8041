"""Tables that read well in a terminal and in a Markdown file."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length, the header first, as lines of a Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines
