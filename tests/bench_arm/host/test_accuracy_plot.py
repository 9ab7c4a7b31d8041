"""Accuracy against size and time, of several models."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bench_arm.host.accuracy_plot import draw, frontier, points

MODELS = {
    "2x32": (0.25, 0.006, 82.0),
    "2x48": (0.4, 0.008, 84.5),
    "3x96": (1.1, 0.03, 84.0),
    "3x192": (2.2, 0.07, 87.0),
}
"""MB, milliseconds, exact."""


def result() -> dict[str, Any]:
    rows = [
        {"bundle": f"runs/{name}/bundle", "size_bytes": mb * 1e6, "end_to_end_ms": {"mean": ms}, "exact": exact}
        for name, (mb, ms, exact) in reversed(MODELS.items())
    ]
    other = {**rows[0], "end_to_end_ms": {"mean": 9.0}}  # a slower engine on a bundle that has a point already
    return {"measurements": [*rows, other]}


def test_every_model_has_a_point_named_after_its_run() -> None:
    assert points(result()) == [(name, *numbers) for name, numbers in MODELS.items()]


def test_the_figure_names_them_and_is_the_same_every_time() -> None:
    svg = draw(result(), "svg")
    for name in MODELS:
        assert f">{name}<".encode() in svg
    assert svg == draw(result(), "svg")
    assert draw(result(), "png").startswith(b"\x89PNG")


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1))
def test_the_line_joins_those_that_none_beats(values: list[tuple[float, float]]) -> None:
    beaten = {v for v in values for w in values if w != v and w[0] <= v[0] and w[1] >= v[1]}
    assert set(frontier(values)) == set(values) - beaten
