"""What the measures of all heads are counted with."""

from __future__ import annotations

from typing import Any

OTHER_BORDERS = "other borders"
"""In place of a class that is taken for another one: a slot of the same name is longer or shorter, or the answer to a
question shares words with a right one."""


def percent(part: float, whole: float) -> float:
    """100 times ``part`` over ``whole``, 0 of nothing."""
    return 100.0 * part / whole if whole else 0.0


def f1_of(right: int, predicted: int, labelled: int) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean, in percent; 0 where undefined."""
    precision, recall = percent(right, predicted), percent(right, labelled)
    return precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0


def class_row(right: int, predicted: int, labelled: int) -> dict[str, Any]:
    """The row of a class: counts, and its precision, recall and F1 in percent."""
    precision, recall, f1 = f1_of(right, predicted, labelled)
    return {
        "labelled": labelled,
        "predicted": predicted,
        "right": right,
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }
