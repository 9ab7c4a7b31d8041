"""What the measures of all heads are counted with."""

from __future__ import annotations


def percent(part: float, whole: float) -> float:
    """100 times ``part`` over ``whole``, 0 of nothing."""
    return 100.0 * part / whole if whole else 0.0
