"""``native``: the project's own engine, by its C API. Text goes in and an answer comes out; Python only wraps them.

ctypes lets go of Python's lock during a call, so threads parse at the same time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import POINTER
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from slu.corpus.label_sets import LabelSets
from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.errors import BundleError, ConfigError
from slu.heads.head import ScoredLabel
from slu.heads.table import HEADS
from slu.inputs.flags import FIRST_TURN, FlagColumns
from slu.runtime.backends import native_api as api
from slu.runtime.backends.native_api import utf8
from slu.runtime.backends.native_handles import EngineContext, EngineContexts, EngineModel
from slu.runtime.backends.native_lexicon import NativeLexicon
from slu.runtime.backends.native_pins import NativePins
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import GGUF, NATIVE_BACKEND
from slu.runtime.parser import ParseResult, intent_number, not_pickled, required

if TYPE_CHECKING:
    import numpy as np

CHUNK = 32
"""Texts that a thread takes at a time: about a millisecond of work, many times the cost of handing them over."""
TOGETHER = 16
"""Texts of one call of the engine at most: after a call a thread waits for Python's lock."""
TOGETHER_BYTES = 8 << 20
"""Memory that the contexts of one call may take, each of which has its text; one is always there."""


class NativeBackend:
    """A GGUF file that the native engine has opened. Any number of threads may use it at once.

    ``max_length``: tokens of the longest text. ``labels``: names in the order of the logits. ``threshold``,
    ``columns`` (of flags): as the file says. ``kernel``: what computes. ``together``: texts of one call of the engine.
    """

    name = NATIVE_BACKEND

    def __init__(self, path: str | Path, kernel: str | None = None):
        """Open a file. ``kernel``: one of `kernel_names`, without it the fastest of this processor.

        Raises `BundleError` when the file is missing, damaged or of another version, `ConfigError` for an unknown
        kernel and when the engine's library is not there.
        """
        self.path = Path(path)
        self._model = EngineModel(api.load_library(), self.path)
        self._idle: list[EngineContext] = []
        self._idle_for_several: list[EngineContexts] = []
        info = self._model.info
        self.together = max(1, min(TOGETHER, TOGETHER_BYTES // info.context_bytes))
        self.max_length = int(info.max_tokens)
        self.labels = _labels(info, self.path)
        self.threshold = float(info.threshold)
        labels = self.labels
        uses = (len(labels.slots), info.uses_lexicon), (len(labels.intents), info.uses_previous_intent)
        self.columns = FlagColumns(*(count if used else 0 for count, used in uses))
        self.lexicon = NativeLexicon(self._model.change, self._model.change_file) if info.uses_lexicon else None
        self.head = HEADS[info.head.decode()]
        self.pins = NativePins(labels, self._model.change_pins, self._model.change_pins_file)
        self.kernel = kernel or info.kernel.decode()
        with self.context():  # so that an unknown kernel is reported now
            pass

    @contextmanager
    def context(self) -> Iterator[EngineContext]:
        """Borrow an idle context, or make a new one. So there are as many contexts as threads that parse at a time."""
        try:
            context = self._idle.pop()
        except IndexError:
            context = self.new_context()
        try:
            yield context
        finally:
            self._idle.append(context)

    @contextmanager
    def contexts(self) -> Iterator[EngineContexts]:
        """The same for calls with up to `together` texts."""
        try:
            contexts = self._idle_for_several.pop()
        except IndexError:
            contexts = EngineContexts(self._model, self.kernel, self.together)
        try:
            yield contexts
        finally:
            self._idle_for_several.append(contexts)

    def new_context(self) -> EngineContext:
        """A context that is not lent to others."""
        return EngineContext(self._model, self.kernel)

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """The network alone: ``ids`` int32 ``[n, tokens]`` → the logits of the head's outputs.

        ``flags``: float32 ``[n, tokens, columns]`` of zeros and ones, None for all 0.
        """
        import numpy as np

        shape = (*ids.shape, self.columns.count)
        if flags is not None and flags.shape != shape:
            raise ConfigError(f"flags have shape {list(flags.shape)}; they must have {list(shape)}")
        count, length = ids.shape
        outputs = tuple(np.empty((count, *shape), np.float32) for shape in self.head.logit_shapes(length, self.labels))
        with self.context() as context:
            for row, sequence in enumerate(np.ascontiguousarray(ids, np.int32)):
                given = None if flags is None else np.ascontiguousarray(flags[row], np.float32)
                pointer = None if given is None else given.ctypes.data_as(POINTER(ctypes.c_float))
                logits = context.run(sequence.ctypes.data_as(POINTER(ctypes.c_int32)), length, pointer)
                for about, output in zip(self.head.outputs, outputs):
                    found = logits.slots if about.per_token else logits.intents
                    output[row] = np.ctypeslib.as_array(found, output.shape[1:])
        return outputs


class NativeParser:
    """A `slu.runtime.parser.Parser` whose path from text to answer is the engine's. Safe for several threads."""

    def __init__(self, backend: NativeBackend, labels: Labels, threshold: float, threads: int = 1):
        """``threads``: number of threads that `parse_batch` uses by default."""
        self.backend: NativeBackend = backend
        self.head = backend.head
        self.labels = labels
        self.threshold = threshold
        self.threads = threads
        self.columns = backend.columns

    @property
    def uses_previous_intent(self) -> bool:
        """Whether the model uses the previous intent."""
        return self.columns.intents > 0

    @property
    def lexicon(self) -> NativeLexicon:
        """The lexicons that texts are matched with. Changes apply to everything that this parser parses."""
        return required(self.backend.lexicon)

    @property
    def pins(self) -> NativePins:
        """Texts whose answer is given: change them here, for all that this parser parses."""
        return self.backend.pins

    def session(self) -> NativeSession:
        """A dialogue, with lexicons of its own on top of this parser's. For one thread at a time."""
        return NativeSession(self)

    def __reduce__(self) -> NoReturn:
        raise not_pickled(self)

    def parse(self, text: str, previous_intent: str | None = None) -> ParseResult:
        """Parse one utterance; ``previous_intent`` as for every `Parser`."""
        with self.backend.context() as context:
            return self.parse_in(context, text, previous_intent)

    def parse_batch(
        self, texts: Iterable[str], previous_intents: Sequence[str | None] | None = None, threads: int | None = None
    ) -> list[ParseResult]:
        """Parse many utterances, on ``threads`` threads at once."""
        texts = list(texts)
        turns = list(zip(texts, previous_intents or [None] * len(texts)))
        threads = self.threads if threads is None else threads
        if threads < 1:
            raise ConfigError(f"threads is {threads}; it must be at least 1")
        chunks = [turns[i : i + CHUNK] for i in range(0, len(turns), CHUNK)]
        if min(threads, len(chunks)) < 2:
            return self._parse_all(turns)
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(threads, len(chunks))) as pool:
            return [result for results in pool.map(self._parse_all, chunks) for result in results]

    def _parse_all(self, turns: list[tuple[str, str | None]]) -> list[ParseResult]:
        size = self.backend.together
        if min(size, len(turns)) < 2:
            return [self.parse(text, previous) for text, previous in turns]
        results: list[ParseResult] = []
        with self.backend.contexts() as contexts:
            for begin in range(0, len(turns), size):
                part = turns[begin : begin + size]
                if self.columns.intents:
                    for context, (_, previous) in zip(contexts.first(len(part)), part):
                        self._set_previous(context, previous)
                found = contexts.parse([utf8(text) for text, _ in part])
                results += [self._answer(text, result) for (text, _), result in zip(part, found)]
        return results

    def parse_in(self, context: EngineContext, text: str, previous_intent: str | None) -> ParseResult:
        """Parse one utterance in this context."""
        if self.columns.intents:
            self._set_previous(context, previous_intent)
        return self._answer(text, context.parse(utf8(text)))

    def _set_previous(self, context: EngineContext, previous_intent: str | None) -> None:
        number = intent_number(previous_intent, self.columns, self.labels)
        is_first = number == self.columns.first_turn
        context.set_previous_intent(api.UNKNOWN_TURN if number is None else api.FIRST_TURN if is_first else number)

    def _answer(self, text: str, result: api.Result) -> ParseResult:
        if self.labels.sets is not None:
            return self._labels_of(text, result)
        names = self.labels.slots
        slots = tuple(
            Slot(names[span.index], text[span.start : span.end], span.start, span.end)
            for span in result.slots[: result.slot_count]
        )
        intent = self.labels.intents[result.intent_index] if self.labels.intents else ""
        score = result.score
        understood, truncated, pinned = score >= self.threshold, bool(result.truncated), bool(result.pinned)
        return ParseResult(text, intent, score, understood, slots, truncated, pinned)

    def _labels_of(self, text: str, result: api.Result) -> ParseResult:
        """The answer of a model of labels."""
        names = self.labels.intents
        found = tuple(ScoredLabel(names[one.index], one.score) for one in result.labels[: result.label_count])
        understood = result.score >= self.threshold
        return ParseResult(text, "", result.score, understood, (), bool(result.truncated), labels=found)


class NativeSession:
    """A `slu.runtime.parser.Session`, in a context of its own."""

    def __init__(self, parser: NativeParser):
        self._native = parser
        self._context = parser.backend.new_context()
        self._lexicon = NativeLexicon(self._context.change, self._context.change_file) if parser.columns.slots else None
        self.pins = NativePins(parser.labels, self._context.change_pins, self._context.change_pins_file)
        self._previous: str | None = FIRST_TURN

    @property
    def lexicon(self) -> NativeLexicon:
        """Lexicons for this dialogue only, on top of the parser's."""
        return required(self._lexicon)

    def parse(self, text: str) -> ParseResult:
        """Parse the next utterance of the dialogue."""
        result = self._native.parse_in(self._context, text, self._previous)
        self._previous = result.intent
        return result

    def restart(self, previous_intent: str | None = FIRST_TURN) -> None:
        """Begin a new dialogue, or go on after ``previous_intent``; the lexicons stay."""
        self._previous = previous_intent


def kernel_names() -> list[str]:
    """The engine's kernels that this processor can run, the fastest first."""
    library = api.load_library()
    names: list[str] = []
    while name := library.slu_kernel_name(len(names)):
        names.append(name.decode())
    return names


def open_native(
    model: ModelDirectory, name: str = NATIVE_BACKEND, threads: int = 1, kernel: str | None = None
) -> NativeBackend:
    """Open the GGUF file of a bundle or a checkpoint; raise `BundleError` when it is the file of another model.

    ``name`` and ``threads`` are as for every backend: there is one, and `NativeParser` has the threads.
    """
    [file] = GGUF.files
    model.require(file)
    backend = NativeBackend(model.path / file, kernel)
    for what, found, expected in (
        ("intents", backend.labels.intents, model.labels.intents),
        ("slots", backend.labels.slots, model.labels.slots),
    ):
        if found != expected:
            raise BundleError(
                f"{backend.path}: its {what} differ from those in the labels.json beside it; export the model again"
            )
    return backend


def parser_of(backend: NativeBackend, model: ModelDirectory, threads: int = 1) -> NativeParser:
    """The parser of a bundle or a checkpoint whose GGUF file ``backend`` has opened."""
    return NativeParser(backend, model.labels, model.manifest.threshold, threads)


def load_native(path: str | Path, threads: int = 1) -> NativeParser:
    """Open a GGUF file without a bundle around it: it contains everything that parsing needs."""
    backend = NativeBackend(path)
    return NativeParser(backend, backend.labels, backend.threshold, threads)


def _labels(info: api.Info, path: Path) -> Labels:
    intents = tuple(info.intents[i].decode() for i in range(info.intent_count))
    if info.label_parents:
        parents, rules = info.label_parents[: len(intents)], info.label_rules[: len(intents) + 1]
        return Labels.of_sets(intents, LabelSets.of_rules(tuple(parents), rules))
    slots = tuple(info.slots[i].decode() for i in range(info.slot_count))
    if not intents:
        return Labels.of_spans(slots)
    sets = info.slots_of_intents[: info.intent_count]
    try:
        return Labels(intents, slots, {n: tuple(slots[i] for i in s.slots[: s.count]) for n, s in zip(intents, sets)})
    except ValueError as error:  # a name that is there twice
        raise BundleError(f"{path}: its labels cannot be used ({error}); export it again") from error
