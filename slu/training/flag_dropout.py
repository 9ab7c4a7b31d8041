"""Leaving out flags at random in training, so that a model learns to work without them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from slu.errors import ConfigError
from slu.inputs.flags import UNKNOWN, FlagColumns, Found


@dataclass(frozen=True)
class Dropping:
    """Shares of the flags that are left out at random in training.

    ``drop``: share of single matches. ``drop_lists``: share of utterances without any match. ``drop_previous``: share
    of utterances whose previous intent is "not known"; ``replace_previous``: share with a random previous intent.
    """

    drop: float = 0.3
    drop_lists: float = 0.15
    drop_previous: float = 0.15
    replace_previous: float = 0.05

    def __post_init__(self) -> None:
        for field in fields(Dropping):
            if not 0 <= getattr(self, field.name) <= 1:
                raise ConfigError(f"{field.name} is {getattr(self, field.name)}; it must be 0 to 1")

    def apply(self, found: Found, columns: FlagColumns, random: np.random.Generator) -> Found:
        """The matches and previous intents that remain after leaving some out."""
        known = random.random(len(found.previous)) >= self.drop_lists
        kept = known[found.rows] & (random.random(len(found.rows)) >= self.drop)
        previous = found.previous
        if columns.intents:
            chance = random.random(len(previous))
            other = random.integers(0, columns.intents + 1, len(previous))
            previous = np.where(chance < self.drop_previous + self.replace_previous, other, previous)
            previous = np.where(chance < self.drop_previous, UNKNOWN, previous)
        return Found(found.rows[kept], found.spans[kept], previous)
