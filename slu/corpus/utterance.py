"""A labelled utterance and its slots."""

from __future__ import annotations

from dataclasses import dataclass

from slu.platform import SLOTS


@dataclass(frozen=True, **SLOTS)
class Slot:
    """A named part of a text: code points ``[start, end)``, with ``value == text[start:end]``.

    ``correction``: what was said where the recogniser heard ``value``; None if nothing is corrected.
    """

    name: str
    value: str
    start: int
    end: int
    correction: str | None = None


@dataclass(frozen=True, **SLOTS)
class Utterance:
    """One labelled utterance. ``slots`` are in text order, without overlap; ``session`` is its dialogue's id.

    ``labels``: in corpora without intents and slots, the labels of the text, in the order of the model's; ``intent`` is
    empty there, and each text a session of its own. In corpora of questions, ``slots`` are the right answers instead:
    the first is that to learn, and they may overlap (`slu.corpus.questions`).
    """

    text: str
    intent: str
    slots: tuple[Slot, ...]
    session: str
    labels: tuple[str, ...] = ()
