"""The handles of the native engine: a model and the contexts in which it parses, closed when nothing refers to them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_size_t, c_void_p
from functools import partial
from pathlib import Path
from typing import NoReturn
from weakref import finalize

from slu.errors import BundleError, ConfigError, SluError
from slu.runtime.backends import native_api as api
from slu.runtime.backends.native_api import utf8


class EngineModel:
    """``slu_model``. Its contexts refer to it, so that it is closed after the last of them."""

    def __init__(self, library: ctypes.CDLL, path: Path):
        self.library, self.path = library, path
        self.handle, error = c_void_p(), api.Error()
        status = library.slu_model_open(_file_name(path), byref(self.handle), byref(error))
        if status != api.OK:
            raise _failure(library, path, status, error)
        # At exit threads may still be parsing, and the system frees everything anyway.
        finalize(self, library.slu_model_close, self.handle).atexit = False

    @property
    def info(self) -> api.Info:
        """``slu_info``; do not keep it longer than the model."""
        info: api.Info = self.library.slu_model_info(self.handle).contents
        return info

    def change(self, change: int, slot: str | None, entries: bytes) -> str:
        """``slu_model_change_lexicon``"""
        return _change(self.library.slu_model_change_lexicon, self.handle, change, slot, entries)

    def change_file(self, change: int, slot: str, path: Path) -> str:
        """``slu_model_change_lexicon_file``"""
        return _change_file(self.library.slu_model_change_lexicon_file, self.handle, change, slot, path)

    def change_pins(self, change: int, lines: bytes) -> str:
        """``slu_model_change_pins``"""
        return _call(self.library.slu_model_change_pins, self.handle, change, lines, len(lines))

    def change_pins_file(self, change: int, path: Path) -> str:
        """``slu_model_change_pins_file``"""
        return _call(self.library.slu_model_change_pins_file, self.handle, change, _file_name(path))


class EngineContext:
    """``slu_context``: working memory of one thread at a time."""

    def __init__(self, model: EngineModel, kernel: str):
        self._library, self._model = model.library, model
        self.handle, error = c_void_p(), api.Error()
        status = self._library.slu_context_create(model.handle, kernel.encode(), byref(self.handle), byref(error))
        if status != api.OK:
            raise _failure(self._library, model.path, status, error)
        finalize(self, self._library.slu_context_free, self.handle).atexit = False
        self.result, self._logits = POINTER(api.Result)(), POINTER(api.Logits)()
        self._previous_intent = api.UNKNOWN_TURN

    def set_previous_intent(self, number: int) -> None:
        """``slu_set_previous_intent``, for the calls of `parse` that follow."""
        if number != self._previous_intent:
            status = self._library.slu_set_previous_intent(self.handle, number)
            if status != api.OK:
                self.fail(status)
            self._previous_intent = number

    def change(self, change: int, slot: str | None, entries: bytes) -> str:
        """``slu_context_change_lexicon``"""
        return _change(self._library.slu_context_change_lexicon, self.handle, change, slot, entries)

    def change_file(self, change: int, slot: str, path: Path) -> str:
        """``slu_context_change_lexicon_file``"""
        return _change_file(self._library.slu_context_change_lexicon_file, self.handle, change, slot, path)

    def change_pins(self, change: int, lines: bytes) -> str:
        """``slu_context_change_pins``"""
        return _call(self._library.slu_context_change_pins, self.handle, change, lines, len(lines))

    def change_pins_file(self, change: int, path: Path) -> str:
        """``slu_context_change_pins_file``"""
        return _call(self._library.slu_context_change_pins_file, self.handle, change, _file_name(path))

    def parse(self, text: bytes) -> api.Result:
        """``slu_parse``; the result is overwritten by the next call."""
        status = self._library.slu_parse(self.handle, text, len(text), byref(self.result))
        if status != api.OK:
            self.fail(status)
        return self.result.contents

    def run(self, ids: object, count: int, flags: object = None) -> api.Logits:
        """``slu_run``; the logits are overwritten by the next call."""
        given = api.Input(ctypes.sizeof(api.Input), count, ids, flags)
        status = self._library.slu_run(self.handle, byref(given), byref(self._logits))
        if status != api.OK:
            self.fail(status)
        return self._logits.contents

    def fail(self, status: int) -> NoReturn:
        """Raise the error of a call in this context."""
        message = self._library.slu_context_message(self.handle) or self._library.slu_status_text(status)
        raise SluError(f"{self._model.path}: {message.decode('utf-8', 'replace')}")


class EngineContexts:
    """Contexts in which one call parses several texts, so that a thread waits for Python's lock once for all of them.

    ``most``: texts of a call. There are as many contexts as the longest call so far had texts.
    """

    def __init__(self, model: EngineModel, kernel: str, most: int):
        self._make, self._parse_each = partial(EngineContext, model, kernel), model.library.slu_parse_each
        self._contexts: list[EngineContext] = []
        self._handles, self._results = (c_void_p * most)(), (POINTER(api.Result) * most)()

    def first(self, count: int) -> list[EngineContext]:
        """The contexts of the next call of `parse` with so many texts."""
        for place in range(len(self._contexts), count):
            self._contexts.append(self._make())
            self._handles[place] = self._contexts[place].handle
        return self._contexts[:count]

    def parse(self, texts: list[bytes]) -> list[api.Result]:
        """``slu_parse_each``; the next call overwrites the results. Raises the error of the first text that fails."""
        count = len(texts)
        contexts = self.first(count)
        given, sizes = (c_char_p * count)(*texts), (c_size_t * count)(*map(len, texts))
        status = self._parse_each(self._handles, given, sizes, count, self._results)
        if status != api.OK:
            next(context for context, result in zip(contexts, self._results) if not result).fail(status)
        return [result.contents for result in self._results[:count]]


def _change(function: Callable[..., int], owner: c_void_p, change: int, slot: str | None, entries: bytes) -> str:
    """Call one of the functions that change a lexicon; returns what is wrong, "" if nothing is."""
    return _call(function, owner, change, None if slot is None else utf8(slot), entries, len(entries))


def _change_file(function: Callable[..., int], owner: c_void_p, change: int, slot: str, path: Path) -> str:
    return _call(function, owner, change, utf8(slot), _file_name(path))


def _call(function: Callable[..., int], *arguments: object) -> str:
    """Call a function of the engine that takes a ``slu_error`` last; returns what is wrong, "" if nothing is."""
    error = api.Error()
    status = function(*arguments, byref(error))
    return error.message.decode("utf-8", "replace") if status != api.OK else ""


def _file_name(path: Path) -> bytes:
    name = os.fsencode(path)
    if b"\0" in name:
        raise BundleError(f"{path!r}: contains a NUL character; give the name of a file")
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
