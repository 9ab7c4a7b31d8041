"""Confident learning, against the reference implementation's answers and against cases made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from slu.analysis.confident import confidently_wrong, several_errors, single_errors, thresholds

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/confident.json").read_text(encoding="utf-8"))


def test_wrong_labels_are_those_that_cleanlab_finds() -> None:
    assert len(GOLDEN["cases"]) == 3
    for case in GOLDEN["cases"]:
        labels, shares = np.array(case["labels"]), np.array(case["shares"])
        np.testing.assert_allclose(thresholds(labels, shares), case["thresholds"], atol=2e-6)
        assert np.flatnonzero(confidently_wrong(labels, shares)).tolist() == case["wrong"]
        assert len(case["wrong"]) > 5


def test_the_worst_label_comes_first() -> None:
    shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.05, 0.95]])
    found = single_errors(np.array([0, 0, 0, 0]), shares)
    assert found.order.tolist() == [3, 1, 2, 0]
    assert found.missing.tolist() == [1, 1, 1, 1] and found.spare.tolist() == [0, 0, 0, 0]


def test_a_class_without_texts_is_never_confident() -> None:
    shares = np.array([[0.5, 0.1, 0.4], [0.1, 0.5, 0.4]])
    assert thresholds(np.array([0, 1]), shares)[2] == 1
    assert not confidently_wrong(np.array([0, 1]), shares).any()


def test_of_several_classes_the_missing_and_the_spare_one_are_named() -> None:
    classes = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]], bool)
    shares = np.array([[0.9, 0.2, 0.1], [0.8, 0.01, 0.9], [0.1, 0.7, 0.2], [0.9, 0.3, 0.8]])
    found = several_errors(classes, shares)
    assert found.order[0] == 1
    assert (found.spare[1], found.missing[1]) == (1, 2)
    assert (found.spare[2], found.missing[2]) == (-1, 1)
    assert (found.spare[3], found.missing[3]) == (1, -1)
