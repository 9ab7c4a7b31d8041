"""Label sets: names that write a tree, and what a corpus shows to be possible."""

from __future__ import annotations

import pytest

from slu.corpus.label_sets import ROOT, LabelSets, in_order, name_problem, one_label, tree_sets, with_parents
from slu.corpus.labels import Labels

NAMES = ("a", "a##x", "a##y", "b", "b##z")


def test_every_label_follows_those_above_it() -> None:
    assert in_order(["b##z", "a##x##deep", "a", "b"]) == ("b", "b##z", "a", "a##x", "a##x##deep")
    places = {name: i for i, name in enumerate(NAMES)}
    assert with_parents(["b##z", "a##y"], places) == ("a", "a##y", "b", "b##z")


@pytest.mark.parametrize("name", ["", " a", "a##", "##a", "a## ##b", "a,b"])
def test_a_name_that_is_none(name: str) -> None:
    assert name_problem(name)


def test_what_is_seen_is_possible() -> None:
    sets = tree_sets(NAMES, [("a", "a##x"), ("a", "a##x", "b", "b##z")])
    assert sets.parents == (ROOT, 0, 0, ROOT, 3)
    # Always a label, once two of them; below a, b exactly one. Nothing is below the others.
    assert sets.optional == (False, False, True, True, False, True)
    assert sets.several == (True, False, True, True, False, True)
    assert sets.levels == (1, 2, 2, 1, 2)
    more = tree_sets(NAMES, [(), ("a",), ("a", "a##x", "a##y")])
    assert more.optional[:2] == (True, True) and more.several[:2] == (False, True)
    assert more.optional[4] and more.several[4], "nothing is known of b"


def test_they_survive_a_file() -> None:
    labels = Labels.of_sets(NAMES, tree_sets(NAMES, [("a",)]))
    assert Labels.from_json(labels.to_json()) == labels
    assert set(labels.to_json()) == {"labels", "parents", "optional", "several"}


@pytest.mark.parametrize(
    "change",
    [{"parents": [1, -1]}, {"parents": [-1]}, {"optional": [True]}, {"several": [1, 1, 1]}, {"labels": ["a", "a"]}],
)
def test_labels_that_do_not_fit(change: dict[str, object]) -> None:
    """A cycle among them: the label above must stand before."""
    data = {**Labels.of_sets(("a", "b"), one_label(2)).to_json(), **change}
    with pytest.raises(ValueError, match="label|lengths|list"):
        Labels.from_json(data)


def test_sets_of_another_number() -> None:
    with pytest.raises(ValueError, match="parents of 2"):
        Labels.of_sets(("a",), LabelSets((ROOT, ROOT), (True,) * 3, (True,) * 3))
