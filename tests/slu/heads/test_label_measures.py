"""Measures of labels, against scikit-learn's definitions worked by hand."""

from __future__ import annotations

import pytest

from slu.corpus.label_sets import tree_sets
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.head import ScoredLabel
from slu.heads.label_measures import measure_one, measure_several, right
from slu.runtime.parser import ParseResult

NAMES = ("a", "a##x", "a##y", "b")
TREE = Labels.of_sets(NAMES, tree_sets(NAMES, [("a", "a##x"), ()]))


def texts(*sets: tuple[str, ...]) -> list[Utterance]:
    return [Utterance("text", "", (), str(i), names) for i, names in enumerate(sets)]


def answers(*sets: tuple[str, ...]) -> list[ParseResult]:
    return [
        ParseResult("text", "", 0.5, i != 0, (), labels=tuple(ScoredLabel(name, 0.5) for name in names))
        for i, names in enumerate(sets)
    ]


def test_several() -> None:
    want = texts(("a", "a##x"), ("a", "a##y"), ("b",), ())
    got = answers(("a", "a##x"), ("a", "a##x"), ("a", "b"), ())
    result = measure_several(want, got, TREE)
    assert result["exact"] == 50 and result["understood"] == 75
    # a: 2 of 3 predicted, 2 labelled; a##x: 1 of 2, 1; a##y: never, 1; b: 1 of 1, 1
    assert result["micro_precision"] == pytest.approx(100 * 4 / 6) and result["micro_recall"] == pytest.approx(80)
    assert result["micro_f1"] == pytest.approx(100 * 2 * 4 / (6 + 5))
    assert result["macro_f1"] == pytest.approx(100 * (0.8 + 2 / 3 + 0 + 1) / 4)
    assert list(result["classes"]["labels"]) == list(NAMES)
    first, second = result["levels"]
    assert (first["level"], first["exact"], first["macro_f1"]) == (1, 75, pytest.approx(90))
    assert (second["level"], second["exact"]) == (2, 75) and second["macro_f1"] == pytest.approx(100 / 3)
    assert [right(u, a, TREE) for u, a in zip(want, got)] == [True, False, False, True]


def test_one() -> None:
    labels = Labels.of_sets(("p", "q"), tree_sets(("p", "q"), [("p",)]))
    result = measure_one(texts(("p",), ("p",), ("q",), ("new",)), answers(("p",), ("q",), ("q",), ("q",)), labels)
    assert set(result) == {"utterances", "exact", "macro_f1", "understood", "classes", "confusion"}
    assert result["exact"] == 50 and result["macro_f1"] == pytest.approx(100 * (2 / 3 + 0.5 + 0) / 3)
    assert result["confusion"] == {"names": ["new", "p", "q"], "counts": [[0, 0, 1], [0, 1, 1], [0, 0, 1]]}
