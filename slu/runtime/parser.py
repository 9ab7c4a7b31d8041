"""Text in, intent and slots out: the same path for every backend that can compute logits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.errors import ConfigError, LexiconError
from slu.heads.joint_decoding import Decoder
from slu.inputs.flags import FIRST_TURN, LEXICON, NO_FLAGS, FlagColumns
from slu.inputs.lexicon import CompiledLexicon, Entries, Lexicon, compile_lexicon, find_matches
from slu.inputs.tokenizer import Encoding, Tokenizer

Lists = TypeVar("Lists")

BATCH = 128
"""Utterances computed at once; more only costs memory."""


@dataclass(frozen=True, slots=True)
class ParseResult:
    """What was understood of ``text``.

    ``score``: probability of the intent and all tags together, 0..1. ``understood``: whether it reaches the threshold
    chosen on development data. ``truncated``: the text had more tokens than the model reads; the rest was ignored.
    """

    text: str
    intent: str
    score: float
    understood: bool
    slots: tuple[Slot, ...]
    truncated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The object that `slu parse` prints."""
        data: dict[str, Any] = {
            "text": self.text,
            "intent": self.intent,
            "score": round(self.score, 6),
            "understood": self.understood,
            "slots": [{"name": s.name, "value": s.value, "start": s.start, "end": s.end} for s in self.slots],
        }
        if self.truncated:
            data["truncated"] = True
        return data


class Backend(Protocol):
    """Something that computes logits. ``name`` as in ``--backend``; ``max_length``: tokens it can take."""

    name: str
    max_length: int

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """``ids`` int32 ``[n, tokens]`` without padding → logits ``[n, intents]`` and ``[n, tokens, tags]``.

        ``flags``: float32 ``[n, tokens, columns]`` (see `slu.inputs.flags`), None for all 0; only for models that take
        them.
        """
        ...


class Parser:
    """A model ready to parse. Not safe for several threads at once, as its backend need not be.

    ``columns``: the flags that the model takes beside the ids.
    """

    columns: FlagColumns = NO_FLAGS
    _lexicon: Lexicon | None = None

    def __init__(
        self,
        backend: Backend,
        tokenizer: Tokenizer,
        labels: Labels,
        threshold: float = 0.0,
        flags: Sequence[str] = (),
        lists: CompiledLexicon | None = None,
    ):
        """``flags``: kinds of flags that the model takes. ``lists``: those that are built in."""
        self.backend = backend
        self.tokenizer = tokenizer
        self.labels = labels
        self.threshold = threshold
        self.columns = FlagColumns.of(flags, labels)
        if LEXICON in flags:
            self._lexicon = Lexicon(lists or compile_lexicon({}, labels.slots, tokenizer.normalisation))
        self._decoder = Decoder(labels)

    @property
    def lexicon(self) -> Lexicon:
        """The lists that texts are matched with: change them here, for all that this parser parses."""
        return required(self._lexicon)

    @property
    def uses_previous_intent(self) -> bool:
        """Whether the intent of the turn before makes a difference."""
        return self.columns.intents > 0

    def session(self) -> Session:
        """A dialogue, with lists of its own on top of this parser's."""
        return Session(self)

    def parse(self, text: str, previous_intent: str | None = None) -> ParseResult:
        """Parse one utterance.

        ``previous_intent``: that of the turn before, `slu.inputs.flags.FIRST_TURN` if this is the first one of a
        dialogue, None if that is not known. Models that do not use it take no notice of it.
        """
        return self.parse_batch([text], previous_intents=[previous_intent])[0]

    def parse_batch(
        self, texts: Iterable[str], previous_intents: Sequence[str | None] | None = None
    ) -> list[ParseResult]:
        """Parse many; those of like length are computed together, so that nothing is padded."""
        return self.parse_with(self._lexicon, texts, previous_intents)

    def parse_with(
        self, lists: Entries | None, texts: Iterable[str], previous_intents: Sequence[str | None] | None = None
    ) -> list[ParseResult]:
        """As `parse_batch`, with these lists, None for none."""
        texts = list(texts)
        previous = [self._intent_number(name) for name in previous_intents or [None] * len(texts)]
        encodings = [self.tokenizer.encode(text, self.backend.max_length) for text in texts]
        matches = [find_matches(lists, t, e) for t, e in zip(texts, encodings)] if lists else [[] for _ in texts]
        results: list[ParseResult | None] = [None] * len(texts)
        for group in _batches_of_equal_length(encodings):
            ids = np.stack([encodings[i].ids for i in group])
            if self.columns.count:
                given = [matches[i] for i in group], [previous[i] for i in group]
                intent_logits, slot_logits = self.backend.run(ids, self.columns.of_texts(ids.shape[1], *given))
            else:
                intent_logits, slot_logits = self.backend.run(ids)
            decisions = self._decoder.decode(intent_logits, slot_logits[:, 1:-1])
            for i, decision in zip(group, decisions):
                encoding = encodings[i]
                slots = self._decoder.slots(decision.tags, texts[i], encoding.starts[1:-1], encoding.ends[1:-1])
                intent = self.labels.intents[decision.intent]
                understood = decision.score >= self.threshold
                results[i] = ParseResult(texts[i], intent, decision.score, understood, slots, encoding.truncated)
        return [result for result in results if result is not None]

    def _intent_number(self, name: str | None) -> int | None:
        if name is None or not self.columns.intents:
            return None
        if name == FIRST_TURN:
            return self.columns.first_turn
        if name not in self.labels.intents:
            raise ConfigError(f"previous intent {name!r}: the model has {', '.join(self.labels.intents)}")
        return self.labels.intents.index(name)


class Session:
    """One dialogue: its turns in their order, each parsed knowing the intent of the one before."""

    def __init__(self, parser: Parser):
        self._parser = parser
        self._lexicon = Lexicon(parser._lexicon) if parser._lexicon else None
        self._previous = FIRST_TURN

    @property
    def lexicon(self) -> Lexicon:
        """Lists for this dialogue only, on top of the parser's."""
        return required(self._lexicon)

    def parse(self, text: str) -> ParseResult:
        """Parse the next turn."""
        [result] = self._parser.parse_with(self._lexicon, [text], [self._previous])
        self._previous = result.intent
        return result

    def restart(self) -> None:
        """Begin a new dialogue; the lists stay."""
        self._previous = FIRST_TURN


def required(lexicon: Lists | None) -> Lists:
    """The lists of a model; raise `LexiconError` for a model that takes none."""
    if lexicon is None:
        raise LexiconError("this model was trained without lists; one trained by a recipe with [lexicon] takes them")
    return lexicon


def _batches_of_equal_length(encodings: Sequence[Encoding]) -> list[list[int]]:
    by_length: dict[int, list[int]] = defaultdict(list)
    for i, encoding in enumerate(encodings):
        by_length[len(encoding.ids)].append(i)
    groups = (by_length[length] for length in sorted(by_length))
    return [group[i : i + BATCH] for group in groups for i in range(0, len(group), BATCH)]
