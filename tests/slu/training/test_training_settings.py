"""Settings of training: the schedule that they describe, and those that cannot work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slu.errors import ConfigError
from slu.training.fit import TrainingSettings, learning_rate_at


def test_learning_rate_rises_linearly_then_falls_linearly_to_nothing() -> None:
    settings = TrainingSettings(learning_rate=2.0, warmup=0.2)
    rates = [learning_rate_at(step, 20, settings) for step in range(21)]
    assert rates[:5] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0])
    assert rates[4:] == pytest.approx(list(np.linspace(2.0, 0.0, 17)))


def test_without_warmup_the_first_step_has_the_full_rate() -> None:
    assert learning_rate_at(0, 10, TrainingSettings(learning_rate=2.0, warmup=0.0)) == 2.0
    assert learning_rate_at(0, 1, TrainingSettings(learning_rate=2.0)) == 2.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"batch_size": 0}, {"shards": 0}, {"warmup": 1.0}, {"warmup": -0.1}, {"unk_probability": 1.0},
        {"label_smoothing": 1.5}, {"average": 1.0}, {"average": float("nan")}, {"learning_rate": 0.0},
        {"clip_norm": 0.0}, {"weight_decay": -1.0}, {"evaluate_every": -1}, {"patience": -1}, {"seed": -1},
        {"measure": "loss"}, {"measure": "accuracy"}, {"measure": "understood"},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"^[^\n]*{next(iter(wrong))}[^\n]*$"):
        TrainingSettings(**wrong)
