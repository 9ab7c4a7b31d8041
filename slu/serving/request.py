"""What is asked of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from slu.errors import SluError


class Unfit(SluError):
    """A request that a model cannot answer. ``field``: the part of the body that is wrong."""

    def __init__(self, message: str, field: str):
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Request:
    """What is asked of a model. ``previous``: the intent before each text. ``logits``: whether these are wanted.

    ``lexicons``: entries by slot; ``added``: further ones of each text alone, for logits, None for none. ``one_each``:
    whether the request gave an intent for each text, in ``previous_intents``.
    """

    texts: Sequence[str]
    previous: Sequence[str | None]
    session: str | None = None
    lexicons: dict[str, list[str]] = field(default_factory=dict)
    logits: bool = False
    added: Sequence[dict[str, list[str]]] | None = None
    one_each: bool = False
