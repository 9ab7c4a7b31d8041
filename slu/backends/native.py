"""``native``: the project's own engine, by its C API. Text goes in and an answer comes out; Python only wraps them.

ctypes lets go of Python's lock during a call, so threads parse at the same time.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_void_p
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize

from slu.backends import native_api as api
from slu.bundle import GGUF, ModelDirectory
from slu.corpus import Slot
from slu.errors import BundleError, ConfigError, SluError
from slu.labels import Labels
from slu.parser import Parser, ParseResult

if TYPE_CHECKING:
    import numpy as np

CHUNK = 32
"""Texts that a thread takes at a time: about a millisecond of work, many times what handing them over costs."""

_SURROGATES = re.compile("[\ud800-\udfff]")


class NativeBackend:
    """A GGUF file that the native engine has opened. Any number of threads may use it at once.

    ``max_length``: tokens of the longest text. ``intents``, ``slots``: names, in the order of the logits.
    ``threshold``: as the file says. ``kernel``: what computes.
    """

    name = "native"

    def __init__(self, path: str | Path, kernel: str | None = None):
        """Open a file. ``kernel``: one of `kernel_names`, without it the fastest of this processor.

        Raises `BundleError` when the file is missing, damaged or of another version, `ConfigError` for an unknown
        kernel and when the engine's library is not there.
        """
        self.path = Path(path)
        self._model = _Model(api.load_library(), self.path)
        self._idle: list[_Context] = []
        info = self._model.info
        self.max_length = int(info.max_tokens)
        self.intents = tuple(info.intents[i].decode() for i in range(info.intent_count))
        self.slots = tuple(info.slots[i].decode() for i in range(info.slot_count))
        self.threshold = float(info.threshold)
        self.kernel = kernel or info.kernel.decode()
        with self.context():  # so that an unknown kernel is found out now
            pass

    @contextmanager
    def context(self) -> Iterator[_Context]:
        """Borrow a context: one that is idle, or a new one. So there are as many as threads that parse at a time."""
        try:
            context = self._idle.pop()
        except IndexError:
            context = _Context(self._model, self.kernel)
        try:
            yield context
        finally:
            self._idle.append(context)

    def run(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The network alone: ``ids`` int32 ``[n, tokens]`` → logits ``[n, intents]`` and ``[n, tokens, tags]``."""
        import numpy as np

        count, length = ids.shape
        intents = np.empty((count, len(self.intents)), np.float32)
        slots = np.empty((count, length, 2 * len(self.slots) + 1), np.float32)
        with self.context() as context:
            for row, sequence in enumerate(np.ascontiguousarray(ids, np.int32)):
                logits = context.run(sequence.ctypes.data_as(POINTER(ctypes.c_int32)), length)
                intents[row] = np.ctypeslib.as_array(logits.intents, intents.shape[1:])
                slots[row] = np.ctypeslib.as_array(logits.slots, slots.shape[1:])
        return intents, slots


class _Model:
    """``slu_model``. Its contexts refer to it, so that it is closed after the last of them."""

    def __init__(self, library: ctypes.CDLL, path: Path):
        self.library, self.path = library, path
        self.handle, error = c_void_p(), api.Error()
        status = library.slu_model_open(_file_name(path), byref(self.handle), byref(error))
        if status != api.OK:
            raise _failure(library, path, status, error)
        # At exit threads may still be parsing, and the system takes everything back.
        finalize(self, library.slu_model_close, self.handle).atexit = False

    @property
    def info(self) -> api.Info:
        """``slu_info``; do not keep it longer than the model."""
        info: api.Info = self.library.slu_model_info(self.handle).contents
        return info


class _Context:
    """``slu_context``: working memory of one thread at a time."""

    def __init__(self, model: _Model, kernel: str):
        self._library, self._model = model.library, model
        self.handle, error = c_void_p(), api.Error()
        status = self._library.slu_context_create(model.handle, kernel.encode(), byref(self.handle), byref(error))
        if status != api.OK:
            raise _failure(self._library, model.path, status, error)
        finalize(self, self._library.slu_context_free, self.handle).atexit = False
        self.result, self._logits = POINTER(api.Result)(), POINTER(api.Logits)()

    def parse(self, text: bytes) -> api.Result:
        """``slu_parse``; the result is overwritten by the next call."""
        status = self._library.slu_parse(self.handle, text, len(text), byref(self.result))
        if status != api.OK:
            self._fail(status)
        return self.result.contents

    def run(self, ids: object, count: int) -> api.Logits:
        """``slu_run``; the logits are overwritten by the next call."""
        given = api.Input(ctypes.sizeof(api.Input), count, ids, None)
        status = self._library.slu_run(self.handle, byref(given), byref(self._logits))
        if status != api.OK:
            self._fail(status)
        return self._logits.contents

    def _fail(self, status: int) -> None:
        message = self._library.slu_context_message(self.handle) or self._library.slu_status_text(status)
        raise SluError(f"{self._model.path}: {message.decode('utf-8', 'replace')}")


class NativeParser(Parser):
    """A `Parser` whose whole path from text to answer is the engine's. Safe for several threads at once."""

    def __init__(self, backend: NativeBackend, labels: Labels, threshold: float, threads: int = 1):
        """``threads``: that `parse_batch` uses if it is not told otherwise."""
        self.backend: NativeBackend = backend
        self.labels = labels
        self.threshold = threshold
        self.threads = threads

    def parse(self, text: str) -> ParseResult:
        """Parse one utterance."""
        with self.backend.context() as context:
            return self._parse(context, text)

    def parse_batch(self, texts: Iterable[str], threads: int | None = None) -> list[ParseResult]:
        """Parse many, on ``threads`` threads at once."""
        texts = list(texts)
        threads = self.threads if threads is None else threads
        if threads < 1:
            raise ConfigError(f"threads is {threads}; at least one is needed")
        chunks = [texts[i : i + CHUNK] for i in range(0, len(texts), CHUNK)]
        if min(threads, len(chunks)) < 2:
            return self._parse_all(texts)
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(threads, len(chunks))) as pool:
            return [result for results in pool.map(self._parse_all, chunks) for result in results]

    def _parse_all(self, texts: list[str]) -> list[ParseResult]:
        with self.backend.context() as context:
            return [self._parse(context, text) for text in texts]

    def _parse(self, context: _Context, text: str) -> ParseResult:
        result = context.parse(utf8(text))
        names = self.labels.slots
        slots = tuple(
            Slot(names[span.index], text[span.start : span.end], span.start, span.end)
            for span in result.slots[: result.slot_count]
        )
        intent, score = self.labels.intents[result.intent_index], result.score
        return ParseResult(text, intent, score, score >= self.threshold, slots, bool(result.truncated))


def kernel_names() -> list[str]:
    """The engine's kernels that this processor can run, the fastest first."""
    library = api.load_library()
    names: list[str] = []
    while name := library.slu_kernel_name(len(names)):
        names.append(name.decode())
    return names


def open_native(model: ModelDirectory, kernel: str | None = None) -> NativeBackend:
    """Open the GGUF file of a bundle or a checkpoint; raise `BundleError` when it is the file of another model."""
    model.require(GGUF)
    backend = NativeBackend(model.path / GGUF, kernel)
    for what, found, expected in (
        ("intents", backend.intents, model.labels.intents),
        ("slots", backend.slots, model.labels.slots),
    ):
        if found != expected:
            raise BundleError(f"{backend.path}: has other {what} than the labels beside it; export the model again")
    return backend


def load_native(path: str | Path, threads: int = 1) -> NativeParser:
    """Open a GGUF file that lies anywhere: all that parsing needs is in it."""
    from slu.backends.gguf_labels import read_labels

    backend = NativeBackend(path)
    return NativeParser(backend, read_labels(backend.path), backend.threshold, threads)


def utf8(text: str) -> bytes:
    """What the engine reads. Lone surrogates, which UTF-8 has not, become U+FFFD: no token holds either of them."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()


def _file_name(path: Path) -> bytes:
    name = os.fsencode(path)
    if b"\0" in name:
        raise BundleError(f"{path!r}: not the name of a file")
    return name


def _failure(library: ctypes.CDLL, path: Path, status: int, error: api.Error) -> SluError:
    """The exception for a status of opening ``path`` or making a context for it."""
    message = error.message.decode("utf-8", "replace")
    if not message or len(error.message) == ctypes.sizeof(error) - 1:  # none, or cut off by a long path
        message = library.slu_status_text(status).decode()
    if not message.startswith(f"{path}: "):
        message = f"{path}: {message}"
    if status in (api.FILE, api.FORMAT, api.VERSION):
        return BundleError(message)
    return (ConfigError if status == api.KERNEL else SluError)(message)
