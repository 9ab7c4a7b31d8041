"""One self-contained HTML page of an analysis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.corpus.classified import PAIR
from slu.tables import page_beginning, page_templates

if TYPE_CHECKING:
    import jinja2

TEMPLATE = "page.html.j2"
MOST_ROWS = 200
"""Rows of a list on the page; the JSON file has all of them."""


def render(analysis: dict[str, Any], command: str) -> str:
    """The page. ``analysis``: the facts; ``command``: what was typed to make it."""
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            a=analysis, command=command, most=MOST_ROWS, cases=_cases(analysis),
            title=f"Analysis of {analysis['model']}",
        )
    )  # fmt: skip


def beginning() -> str:
    """What every page begins with, up to its title: the mark of a page of this command."""
    return page_beginning(_environment(), TEMPLATE)


def _environment() -> jinja2.Environment:
    environment = page_templates(Path(__file__).parent)
    environment.filters |= {
        "percent": lambda x: f"{x:.2f}",
        "share": lambda x: f"{100 * x:.1f} %",
        "two": lambda x: f"{x:.2f}",
        "signed": lambda x: f"{x:+.2f}".replace("-", "−"),
        "count": lambda x: f"{x:,.0f}",
    }
    return environment


def _cases(analysis: dict[str, Any]) -> list[dict[str, Any]]:
    """The explained answers: each with its coloured texts and the training texts behind it."""
    by_number = {case["number"]: case for case in analysis["bad"]}
    behind = {one["number"]: one for one in analysis.get("behind", {"texts": ()})["texts"]}
    cases = []
    for one in analysis["importance"]["texts"]:
        case = by_number[one["number"]]
        reasons = [{**reason, "pieces": coloured(*_read(case, reason))} for reason in one["reasons"]]
        cases.append({**case, "reasons": reasons, "behind": behind.get(one["number"])})
    return cases


def _read(case: dict[str, Any], reason: dict[str, Any]) -> tuple[str, list[list[Any]]]:
    """The text that a reason rests on and its units there: of a question and its passage, each begins a line, and of
    the passage only the window is left."""
    if "window" not in reason:
        return case["text"], reason["units"]
    text, question = case["text"], case["question"]
    start, end = reason["window"]
    before = question + ("\n… " if start > len(question) + len(PAIR) else "\n")
    shift = len(before) - start
    units = [[a + shift, b + shift, *values] if a >= start else [a, b, *values] for a, b, *values in reason["units"]]
    return before + text[start:end] + (" …" if end < len(text) else ""), units


def coloured(text: str, units: list[list[Any]]) -> list[tuple[str, float, str]]:
    """Pieces of a text: their characters, how strong their colour is, -1..1, and what to say of them."""
    largest = max((abs(unit[2]) for unit in units), default=0.0) or 1.0
    pieces, position = [], 0
    for start, end, own, fall in units:
        if start > position:
            pieces.append((text[position:start], 0.0, ""))
        pieces.append((text[start:end], own / largest, f"{own:+.2f}; left out: {fall:+.2f}"))
        position = end
    if position < len(text):
        pieces.append((text[position:], 0.0, ""))
    return pieces
