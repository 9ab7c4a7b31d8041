"""Text in, answer out: what every parser gives and takes, whatever computes it.

There are two implementations of `Parser`: `slu.runtime.python_parser.PythonParser` over any backend that computes
logits, and `slu.runtime.backends.native.NativeParser`, whose whole path is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import PicklingError
from typing import Any, Protocol, TypeVar

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.errors import ConfigError, LexiconError
from slu.heads.head import Head, ScoredLabel
from slu.inputs.flags import FIRST_TURN, FlagColumns
from slu.platform import SLOTS

L = TypeVar("L")


@dataclass(frozen=True, **SLOTS)
class ParseResult:
    """What was understood of ``text``.

    ``score``: probability of the whole answer, intent and slots together, 0..1. ``understood``: whether it reaches the
    threshold chosen on development data. ``truncated``: the text had more tokens than the model reads; the rest was
    ignored. ``pinned``: the answer was given by `Parser.pins`, nothing was computed. ``labels``: of models that answer
    labels, those of the text; intent and slots are empty there. None for others. Of models that answer spans alone,
    the intent is empty and the spans are the slots.
    """

    text: str
    intent: str
    score: float
    understood: bool
    slots: tuple[Slot, ...]
    truncated: bool = False
    pinned: bool = False
    labels: tuple[ScoredLabel, ...] | None = None

    @property
    def answer(self) -> tuple[Any, ...]:
        """What two parsers that answer alike agree in: everything but the scores."""
        names = None if self.labels is None else tuple(label.name for label in self.labels)
        return self.intent, self.slots, names

    def to_dict(self) -> dict[str, Any]:
        """The object that `slu parse` prints."""
        score = {"score": round(self.score, 6), "understood": self.understood}
        data: dict[str, Any]
        if self.labels is None:
            slots = [{"name": s.name, "value": s.value, "start": s.start, "end": s.end} for s in self.slots]
            intent = {"intent": self.intent} if self.intent else {}
            data = {"text": self.text, **intent, **score, "slots": slots}
        else:
            labels = [{"name": label.name, "score": round(label.score, 6)} for label in self.labels]
            data = {"text": self.text, "labels": labels, **score}
        if self.truncated:
            data["truncated"] = True
        if self.pinned:
            data["pinned"] = True
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ParseResult:
        """The answer in an object of `to_dict`, or of the C++ programs, which may have more members."""
        truncated, pinned = bool(data.get("truncated")), bool(data.get("pinned"))
        if "labels" in data:
            labels = tuple(ScoredLabel(each["name"], each["score"]) for each in data["labels"])
            return cls(data["text"], "", data["score"], data["understood"], (), truncated, pinned, labels)
        slots = tuple(Slot(each["name"], each["value"], each["start"], each["end"]) for each in data["slots"])
        return cls(data["text"], data.get("intent", ""), data["score"], data["understood"], slots, truncated, pinned)


class Backend(Protocol):
    """Something that computes logits. ``name``: as in ``--backend``. ``max_length``: most tokens of a text."""

    name: str
    max_length: int

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """``ids`` int32 ``[n, tokens]`` without padding → the logits of the head's outputs (see `slu.heads.head`).

        ``flags``: float32 ``[n, tokens, columns]`` (see `slu.inputs.flags`), None for zeros; only for models that take
        flags.
        """
        ...


class ChangeableLexicon(Protocol):
    """Lexicons, one a slot, that can be changed while a model is in use. A change is made as a whole or not at all."""

    def add(self, slot: str, entries: Iterable[str]) -> None:
        """Add entries to the lexicon of ``slot``."""
        ...

    def remove(self, slot: str, entries: Iterable[str]) -> None:
        """Remove entries, also those of the layers below. Entries that are in no lexicon are ignored."""
        ...

    def replace(self, slot: str, entries: Iterable[str]) -> None:
        """Let ``slot`` have these entries and no others."""
        ...

    def reset(self, slot: str | None = None) -> None:
        """Undo all changes of this layer, for one slot or, without one, for all."""
        ...

    def add_file(self, slot: str, path: str | Path) -> None:
        """Add the entries of a file (see `slu.inputs.entries`)."""
        ...


class ChangeablePins(Protocol):
    """Pinned phrases that can be changed while a model is in use. A change is made as a whole or not at all."""

    def add(self, intent: str, texts: Iterable[str]) -> None:
        """Let ``intent`` be the answer to these texts, with their slots in tags (see `slu.corpus.tagged`)."""
        ...

    def remove(self, texts: Iterable[str]) -> None:
        """Let these texts be computed, also those that are pinned in the layer below; others do no harm."""
        ...

    def replace(self, texts: Mapping[str, Iterable[str]]) -> None:
        """Let these texts, by their intent, be pinned and no others."""
        ...

    def reset(self) -> None:
        """Undo all changes of this layer."""
        ...

    def add_file(self, path: str | Path) -> None:
        """Add the texts of a file (see `slu.inputs.pins`)."""
        ...


class Session(Protocol):
    """One dialogue: its utterances in their order, each parsed with the previous intent."""

    @property
    def pins(self) -> ChangeablePins:
        """Pinned phrases for this dialogue only, on top of the parser's."""
        ...

    @property
    def lexicon(self) -> ChangeableLexicon:
        """Lexicons for this dialogue only, on top of the parser's."""
        ...

    def parse(self, text: str) -> ParseResult:
        """Parse the next utterance of the dialogue."""
        ...

    def restart(self, previous_intent: str | None = FIRST_TURN) -> None:
        """Begin a new dialogue, or go on after ``previous_intent`` (None: not known); the lexicons stay."""
        ...


class Parser(Protocol):
    """A model ready to parse.

    ``head``, ``labels``: what it can answer. ``threshold``: the score from which an answer is understood. ``columns``:
    the flags that the model takes beside the ids.
    """

    head: Head
    labels: Labels
    threshold: float
    columns: FlagColumns

    @property
    def backend(self) -> Backend:
        """The backend that computes the network."""
        ...

    @property
    def lexicon(self) -> ChangeableLexicon:
        """The lexicons that texts are matched with. Changes apply to everything that this parser parses."""
        ...

    @property
    def pins(self) -> ChangeablePins:
        """Texts whose answer is given: change them here, for all that this parser parses."""
        ...

    @property
    def uses_previous_intent(self) -> bool:
        """Whether the model uses the previous intent."""
        ...

    def session(self) -> Session:
        """A dialogue, with lexicons of its own on top of this parser's."""
        ...

    def parse(self, text: str, previous_intent: str | None = None) -> ParseResult:
        """Parse one utterance.

        ``previous_intent``: the intent of the previous utterance, `slu.inputs.flags.FIRST_TURN` if this is the first
        one of a dialogue, None if it is not known. Models that do not use it ignore it.
        """
        ...

    def parse_batch(
        self, texts: Iterable[str], previous_intents: Sequence[str | None] | None = None
    ) -> list[ParseResult]:
        """Parse many utterances; the results are in their order."""
        ...


def not_pickled(what: object) -> PicklingError:
    """Why a parser or a session does not go to another process."""
    return PicklingError(
        f"a {type(what).__name__} has an open model, which cannot be sent to another process; "
        "open the model there, with slu.load(PATH) (a result can be sent)"
    )


def intent_number(name: str | None, columns: FlagColumns, labels: Labels) -> int | None:
    """The number that stands for a previous intent among the flags, None if it is not known or not used."""
    if name is None or not columns.intents:
        return None
    if name == FIRST_TURN:
        return columns.first_turn
    if name not in labels.intents:
        raise ConfigError(f"previous intent {name!r}: unknown; choose one of {', '.join(labels.intents)}")
    return labels.intents.index(name)


def required(lexicon: L | None) -> L:
    """The lexicons of a model; raise `LexiconError` for a model that takes none."""
    if lexicon is None:
        raise LexiconError(
            "this model was trained without lexicons; use one that was trained by a recipe with [lexicon]"
        )
    return lexicon
