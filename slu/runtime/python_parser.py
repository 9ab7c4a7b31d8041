"""The parser in Python: tokens, matches and decoding here, logits by any backend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import RLock
from typing import Any, NoReturn, Protocol

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.inputs.brackets import with_partners
from slu.inputs.flags import FIRST_TURN, LEXICON, FlagColumns
from slu.inputs.lexicon import CompiledLexicon, Entries, Lexicon, compile_lexicon, find_matches
from slu.inputs.normalisation import PLAIN
from slu.inputs.pins import Pins
from slu.inputs.tokenizer import Encoding, Tokenizer
from slu.manifest import Manifest
from slu.model.config import ModelConfig
from slu.runtime.formats import computes_alone
from slu.runtime.parser import Backend, ParseResult, intent_number, not_pickled, required

BATCH, BATCH_TOKENS = 128, 8192
"""Utterances, and tokens, computed at once; more would only take more memory."""
TOGETHER = 16
"""Texts in every run of a network whose logits are wanted: the same text then has the same bits in any company."""


class Model(Protocol):
    """What a parser needs of a model beside its logits: a `Checkpoint` and a `ModelDirectory` are such."""

    @property
    def config(self) -> ModelConfig: ...
    @property
    def labels(self) -> Labels: ...
    @property
    def manifest(self) -> Manifest: ...
    @property
    def lexicon(self) -> CompiledLexicon | None: ...
    def tokenizer(self) -> Tokenizer: ...


class PythonParser:
    """A `slu.runtime.parser.Parser`. Threads may share it, and wait for each other: most backends can do one thing at a
    time (Paddle Inference would end the process, Paddle Lite would answer with another text's logits).
    """

    def __init__(self, backend: Backend, model: Model):
        self.backend = backend
        self.tokenizer = model.tokenizer()
        self.labels = model.labels
        self.threshold = model.manifest.threshold
        self.head = model.config.task
        self.columns = FlagColumns.of(model.config.flags, model.labels)
        self.decoder = self.head.decoder(model.labels)
        self.pins = Pins(self.labels, self.tokenizer.normalisation)
        self._lock = RLock()
        self._lexicon: Lexicon | None = None
        if LEXICON in model.config.flags:
            self._lexicon = Lexicon(
                model.lexicon or compile_lexicon({}, model.labels.slots, self.tokenizer.normalisation)
            )

    @property
    def lexicon(self) -> Lexicon:
        """See `slu.runtime.parser.Parser`."""
        return required(self._lexicon)

    @property
    def uses_previous_intent(self) -> bool:
        """See `slu.runtime.parser.Parser`."""
        return self.columns.intents > 0

    def session(self) -> PythonSession:
        """See `slu.runtime.parser.Parser`."""
        return PythonSession(self)

    def __reduce__(self) -> NoReturn:
        raise not_pickled(self)

    def parse(self, text: str, previous_intent: str | None = None) -> ParseResult:
        """See `slu.runtime.parser.Parser`."""
        return self.parse_batch([text], previous_intents=[previous_intent])[0]

    def parse_batch(
        self, texts: Iterable[str], previous_intents: Sequence[str | None] | None = None
    ) -> list[ParseResult]:
        """Parse many utterances. Those of equal length are computed together, without padding."""
        return self.parse_with(self._lexicon, texts, previous_intents, self.pins)

    def parse_with(
        self,
        lexicon: Entries | None,
        texts: Iterable[str],
        previous_intents: Sequence[str | None] | None = None,
        pins: Pins | None = None,
    ) -> list[ParseResult]:
        """As `parse_batch`, with these lexicons and pinned phrases, None for none."""
        texts = list(texts)
        results = [_pinned(pins, text) for text in texts]
        computed = [i for i, result in enumerate(results) if result is None]
        given = None if previous_intents is None else [previous_intents[i] for i in computed]
        with self._lock:
            answers = self._compute(lexicon, [texts[i] for i in computed], given)
        for i, result in zip(computed, answers):
            results[i] = result
        return [result for result in results if result is not None]

    def _compute(
        self, lexicon: Entries | None, texts: Sequence[str], previous_intents: Sequence[str | None] | None
    ) -> list[ParseResult]:
        windows = [self.head.encodings(self.tokenizer, text, self.backend.max_length) for text in texts]
        encodings = [encoding for of_one in windows for encoding in of_one]
        of_text = [i for i, of_one in enumerate(windows) for _ in of_one]
        decisions: list[Any] = [None] * len(encodings)
        given = None if previous_intents is None else [previous_intents[i] for i in of_text]
        for group, logits in self._run([lexicon] * len(encodings), [texts[i] for i in of_text], encodings, given):
            asked = [encodings[i] for i in group]
            decoded = self.decoder.decode(*self.head.without_specials(logits), encodings=asked)
            for i, decision in zip(group, decoded):
                decisions[i] = decision
        results, ordered, parts = [], iter(decisions), self.head.windows
        for text, of_one in zip(texts, windows):
            found = [next(ordered) for _ in of_one]
            decision = parts.join(found) if parts and len(found) > 1 else found[0]
            intent, slots, names = self.decoder.answer(decision, text, of_one[0])
            if parts is None and self.tokenizer.normalisation != PLAIN:
                slots = tuple(_whole(text, slot) for slot in slots)
            understood, truncated = decision.score >= self.threshold, of_one[0].truncated
            results.append(ParseResult(text, intent, decision.score, understood, slots, truncated, labels=names))
        return results

    def logits(
        self,
        texts: Sequence[str],
        previous_intents: Sequence[str | None] | None = None,
        lexicon: Entries | None = None,
        added: Sequence[Mapping[str, Sequence[str]]] | None = None,
        encodings: Sequence[Encoding] | None = None,
    ) -> list[tuple[np.ndarray, ...]]:
        """What the network says of each text, an array an output of the head, with [CLS] and [SEP].

        ``lexicon``: what texts are matched with, None for the parser's own. ``added``: entries by slot that are added
        to it for one text each. ``encodings``: of the texts, if they are known. Pinned phrases do not count. A text has
        the same bits whichever others are asked with it: matrix products of other sizes would be added up in another
        order.
        """
        together = 0 if computes_alone(self.backend.name) else TOGETHER
        if encodings is None:
            encodings = [self.tokenizer.encode(text, self.backend.max_length) for text in texts]
        found: dict[int, tuple[np.ndarray, ...]] = {}
        with self._lock:
            lexicons = _with_added(lexicon or self._lexicon, added or [{}] * len(texts))
            for group, logits in self._run(lexicons, texts, encodings, previous_intents, together):
                found.update((i, tuple(output[row].copy() for output in logits)) for row, i in enumerate(group))
        return [found[i] for i in range(len(texts))]

    def _run(
        self,
        lexicons: Sequence[Entries | None],
        texts: Sequence[str],
        encodings: Sequence[Encoding],
        previous_intents: Sequence[str | None] | None,
        together: int = 0,
    ) -> Iterator[tuple[list[int], tuple[np.ndarray, ...]]]:
        """Numbers of texts of the same number of tokens, and their logits.

        ``together``: the size of every run, which is filled up with the last of its texts; 0 for any size.
        """
        previous = [intent_number(name, self.columns, self.labels) for name in previous_intents or [None] * len(texts)]
        matches = [find_matches(of_one, t, e) if of_one else [] for of_one, t, e in zip(lexicons, texts, encodings)]
        for group in _batches_of_equal_length(encodings, together):
            filled = group + group[-1:] * (together - len(group))
            ids = np.stack([encodings[i].ids for i in filled])
            if self.columns.count:
                given = [matches[i] for i in filled], [previous[i] for i in filled]
                yield group, self.backend.run(ids, self.columns.of_texts(ids.shape[1], *given))
            else:
                yield group, self.backend.run(ids)


class PythonSession:
    """A `slu.runtime.parser.Session` of a `PythonParser`."""

    def __init__(self, parser: PythonParser):
        self._parser = parser
        self._lexicon = Lexicon(parser._lexicon) if parser._lexicon else None
        self.pins = Pins(parser.labels, parser.tokenizer.normalisation, parser.pins)
        self._previous: str | None = FIRST_TURN

    @property
    def lexicon(self) -> Lexicon:
        """See `slu.runtime.parser.Session`."""
        return required(self._lexicon)

    def parse(self, text: str) -> ParseResult:
        """See `slu.runtime.parser.Session`."""
        [result] = self._parser.parse_with(self._lexicon, [text], [self._previous], self.pins)
        self._previous = result.intent
        return result

    def restart(self, previous_intent: str | None = FIRST_TURN) -> None:
        """See `slu.runtime.parser.Session`."""
        self._previous = previous_intent


def _whole(text: str, slot: Slot) -> Slot:
    """A slot with the brackets beside it whose partners it has."""
    start, end = with_partners(text, slot.start, slot.end)
    return slot if (start, end) == (slot.start, slot.end) else Slot(slot.name, text[start:end], start, end)


def _pinned(pins: Pins | None, text: str) -> ParseResult | None:
    found = pins.find(text) if pins else None
    return None if found is None else ParseResult(text, found[0], 1.0, True, found[1], pinned=True)


def _with_added(lexicon: Entries | None, added: Sequence[Mapping[str, Sequence[str]]]) -> Sequence[Entries | None]:
    """The lexicons of each text."""
    found: list[Entries | None] = []
    for entries in added:
        own = lexicon
        if entries:
            own = Lexicon(required(lexicon))
            for slot, names in entries.items():
                own.add(slot, names)
        found.append(own)
    return found


def _batches_of_equal_length(encodings: Sequence[Encoding], together: int) -> list[list[int]]:
    by_length: dict[int, list[int]] = defaultdict(list)
    for i, encoding in enumerate(encodings):
        by_length[len(encoding.ids)].append(i)
    batches = []
    for length, group in sorted(by_length.items()):
        size = together or max(1, min(BATCH, BATCH_TOKENS // length))
        batches += [group[i : i + size] for i in range(0, len(group), size)]
    return batches
