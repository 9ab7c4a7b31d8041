"""Utterances that training adds to the corpus, and the epochs that have them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.heads.examples import EVERY_EPOCH

NEXT_DRAW = 100
"""Added to the seeds of one draw for those of the next."""


@dataclass(frozen=True)
class Added:
    """``source``: index of the utterance that it was made of, whose previous intent it has; None: it has none.

    ``strange``: it has a name that was made of any characters at all: no reason to put them into a vocabulary.
    ``turn``: the epochs that have it (see `slu.heads.examples.Example`).
    """

    utterance: Utterance
    source: int | None
    strange: bool = False
    turn: tuple[int, int] = EVERY_EPOCH


def turns(draws: int) -> list[tuple[int, int]]:
    """The turn of each draw: the epochs that have it."""
    return [(number, draws) for number in range(draws)]


def check_shares(settings: Any, *others: str) -> None:
    """Raise `ConfigError` unless every field but ``others`` is a share, 0 to 1, and ``draws`` is 1 or more."""
    for name in (one.name for one in fields(settings)):
        if name not in others and not 0 <= getattr(settings, name) <= 1:
            raise ConfigError(f"{name} is {getattr(settings, name)}; it must be 0 to 1")
    if settings.draws < 1:
        raise ConfigError(f"draws is {settings.draws}; it must be at least 1")
