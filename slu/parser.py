"""Text in, intent and slots out: the same path for every backend that can compute logits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from slu.corpus import Slot
from slu.decoding import Decoder
from slu.labels import Labels
from slu.tokenizer import Encoding, Tokenizer

BATCH = 128
"""Utterances computed at once; more only costs memory."""


@dataclass(frozen=True, slots=True)
class ParseResult:
    """What was understood of ``text``.

    ``score``: joint probability of the intent and all tags, 0..1. ``understood``: whether it reaches the threshold
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

    def run(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``ids`` int32 ``[n, tokens]`` without padding → logits ``[n, intents]`` and ``[n, tokens, tags]``."""
        ...


class Parser:
    """A model ready to parse. Not safe for several threads at once, as its backend need not be."""

    def __init__(self, backend: Backend, tokenizer: Tokenizer, labels: Labels, threshold: float = 0.0):
        self.backend = backend
        self.tokenizer = tokenizer
        self.labels = labels
        self.threshold = threshold
        self._decoder = Decoder(labels)

    def parse(self, text: str) -> ParseResult:
        """Parse one utterance."""
        return self.parse_batch([text])[0]

    def parse_batch(self, texts: Iterable[str]) -> list[ParseResult]:
        """Parse many; those of like length are computed together, so that nothing is padded."""
        texts = list(texts)
        encodings = [self.tokenizer.encode(text, self.backend.max_length) for text in texts]
        results: list[ParseResult | None] = [None] * len(texts)
        for group in _batches_of_equal_length(encodings):
            ids = np.stack([encodings[i].ids for i in group])
            intent_logits, slot_logits = self.backend.run(ids)
            decisions = self._decoder.decode(intent_logits, slot_logits[:, 1:-1])
            for i, decision in zip(group, decisions):
                encoding = encodings[i]
                slots = self._decoder.slots(decision.tags, texts[i], encoding.starts[1:-1], encoding.ends[1:-1])
                intent = self.labels.intents[decision.intent]
                understood = decision.score >= self.threshold
                results[i] = ParseResult(texts[i], intent, decision.score, understood, slots, encoding.truncated)
        return [result for result in results if result is not None]


def _batches_of_equal_length(encodings: Sequence[Encoding]) -> list[list[int]]:
    by_length: dict[int, list[int]] = defaultdict(list)
    for i, encoding in enumerate(encodings):
        by_length[len(encoding.ids)].append(i)
    groups = (by_length[length] for length in sorted(by_length))
    return [group[i : i + BATCH] for group in groups for i in range(0, len(group), BATCH)]
