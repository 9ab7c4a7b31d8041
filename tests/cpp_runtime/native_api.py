"""The C API and the test hooks through ctypes, as the tests use them. Fails loudly: every status must be 0."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_int32, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from slu.runtime.backends.native_api import Info, Input, Logits, Result, Tokens

CHANGES = ("add", "remove", "replace", "reset")
"""``slu_lexicon_change``"""


class Failure(Exception):
    def __init__(self, status: int, message: str):
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


def load_library(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.slu_kernel_name.restype = c_char_p
    library.slu_version.restype = c_char_p
    library.slu_status_text.restype = c_char_p
    library.slu_context_message.restype = c_char_p
    library.slu_context_message.argtypes = [c_void_p]
    library.slu_model_open_memory.argtypes = [c_void_p, c_size_t, c_void_p, c_void_p]
    library.slu_model_close.argtypes = [c_void_p]
    library.slu_context_create.argtypes = [c_void_p, c_char_p, c_void_p, c_void_p]
    library.slu_context_free.argtypes = [c_void_p]
    library.slu_parse.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p]
    library.slu_parse_each.argtypes = [c_void_p, c_void_p, c_void_p, c_uint32, c_void_p]
    library.slu_tokenize.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p]
    library.slu_run.argtypes = [c_void_p, c_void_p, c_void_p]
    library.slu_flags.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p, c_size_t]
    library.slu_model_info.argtypes = [c_void_p]
    library.slu_model_info.restype = POINTER(Info)
    library.slu_set_previous_intent.argtypes = [c_void_p, c_int32]
    for owner in ("model", "context"):
        change = [c_void_p, c_int, c_char_p]
        getattr(library, f"slu_{owner}_change_lexicon").argtypes = [*change, c_char_p, c_size_t, c_void_p]
        getattr(library, f"slu_{owner}_change_lexicon_file").argtypes = [*change, c_char_p, c_void_p]
        getattr(library, f"slu_{owner}_change_pins").argtypes = [c_void_p, c_int, c_char_p, c_size_t, c_void_p]
        getattr(library, f"slu_{owner}_change_pins_file").argtypes = [c_void_p, c_int, c_char_p, c_void_p]
    return library


def kernel_names(library: ctypes.CDLL) -> list[str]:
    names = []
    while name := library.slu_kernel_name(c_uint32(len(names))):
        names.append(name.decode())
    return names


def network_input(ids: np.ndarray, flags: np.ndarray | None) -> Input:
    """``slu_input`` over the memory of int32 and float32 arrays, which must outlive it."""
    pointer = None if flags is None else flags.ctypes.data_as(POINTER(c_float))
    return Input(ctypes.sizeof(Input), len(ids), ids.ctypes.data_as(POINTER(c_int32)), pointer)


def answer_of(raw: bytes, result: Result) -> dict[str, Any]:
    """What a result says of a text."""
    slots = [
        {
            "name": s.name.decode(),
            "value": raw[s.byte_start : s.byte_end].decode(),
            "start": s.start,
            "end": s.end,
        }
        for s in result.slots[: result.slot_count]
    ]
    return {
        "intent": result.intent.decode(),
        "score": result.score,
        "understood": bool(result.understood),
        "slots": slots,
        "truncated": bool(result.truncated),
        "pinned": bool(result.pinned),
    }


class Engine:
    """A model and one context of it; ``model`` is a path or the bytes of a file."""

    def __init__(self, library: ctypes.CDLL, model: Path | bytes, kernel: str | None = None):
        self.library = library
        self.model, self.context = c_void_p(), c_void_p()
        error = ctypes.create_string_buffer(256)
        if isinstance(model, bytes):
            # Its own allocation, aligned to 8.
            self._memory = ctypes.create_string_buffer(model, max(len(model), 1))
            status = library.slu_model_open_memory(self._memory, len(model), byref(self.model), error)
        else:
            status = library.slu_model_open(str(model).encode(), byref(self.model), error)
        if status == 0:
            name = kernel.encode() if kernel else None
            status = library.slu_context_create(self.model, name, byref(self.context), error)
            if status:
                library.slu_model_close(self.model)
        if status:
            raise Failure(status, error.value.decode("utf-8", "replace"))

    def close(self) -> None:
        self.library.slu_context_free(self.context)
        self.library.slu_model_close(self.model)
        self.context, self.model = c_void_p(), c_void_p()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, status: int) -> None:
        if status:
            raise Failure(status, self.library.slu_context_message(self.context).decode())

    def parse(self, text: str | bytes) -> dict[str, Any]:
        raw = text.encode() if isinstance(text, str) else text
        result = POINTER(Result)()
        self._check(self.library.slu_parse(self.context, raw, len(raw), byref(result)))
        return answer_of(raw, result.contents)

    def tokenize(self, text: str | bytes) -> tuple[list[int], list[int], list[int], bool]:
        raw = text.encode() if isinstance(text, str) else text
        tokens = POINTER(Tokens)()
        self._check(self.library.slu_tokenize(self.context, raw, len(raw), byref(tokens)))
        t = tokens.contents
        return t.ids[: t.count], t.starts[: t.count], t.ends[: t.count], bool(t.truncated)

    @property
    def info(self) -> Info:
        info: Info = self.library.slu_model_info(self.model).contents
        return info

    def flags(self, text: str | bytes) -> np.ndarray:
        """``[tokens, columns]``"""
        raw = text.encode() if isinstance(text, str) else text
        flags = np.full((self.info.max_tokens, self.info.flag_count), np.nan, np.float32)
        self._check(self.library.slu_flags(self.context, raw, len(raw), flags.ctypes.data, flags.size))
        return flags[: len(self.tokenize(raw)[0])]

    def change(self, level: str, change: str, slot: str | None, phrases: bytes | Path | None = None) -> None:
        """Change the lexicon of the ``level`` "model" or "context"; phrases: a list's bytes, or its file."""
        name, error = None if slot is None else slot.encode(), ctypes.create_string_buffer(256)
        arguments = getattr(self, level), CHANGES.index(change), name
        if isinstance(phrases, Path):
            file = getattr(self.library, f"slu_{level}_change_lexicon_file")
            status = file(*arguments, str(phrases).encode(), error)
        else:
            size = len(phrases or b"")
            status = getattr(self.library, f"slu_{level}_change_lexicon")(*arguments, phrases, size, error)
        if status:
            raise Failure(status, error.value.decode("utf-8", "replace"))

    def change_pins(self, level: str, change: str, lines: bytes | Path = b"") -> None:
        """Change the pinned phrases of the ``level`` "model" or "context"; lines: a file's bytes, or its name."""
        arguments, error = (getattr(self, level), CHANGES.index(change)), ctypes.create_string_buffer(256)
        function = getattr(self.library, f"slu_{level}_change_pins" + "_file" * isinstance(lines, Path))
        if isinstance(lines, Path):
            status = function(*arguments, str(lines).encode(), error)
        else:
            status = function(*arguments, lines, len(lines), error)
        if status:
            raise Failure(status, error.value.decode("utf-8", "replace"))

    def set_previous_intent(self, intent: int) -> None:
        self._check(self.library.slu_set_previous_intent(self.context, intent))

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Logits of the intents and, a row a token, of the tags."""
        if flags is not None:
            flags = np.ascontiguousarray(flags, np.float32)
        ids = np.ascontiguousarray(ids, np.int32)
        logits = POINTER(Logits)()
        given = network_input(ids, flags)
        self._check(self.library.slu_run(self.context, byref(given), byref(logits)))
        found = logits.contents
        slots = np.array(found.slots[: found.token_count * found.tag_count], np.float32)
        return np.array(found.intents[: found.intent_count], np.float32), slots.reshape(len(ids), -1)

    def states(self, ids: np.ndarray, layers: int, hidden: int, flags: np.ndarray | None = None) -> np.ndarray:
        """Hidden states ``[layers + 1, tokens, hidden]``; needs the library of hooks."""
        ids = np.ascontiguousarray(ids, np.int32)
        pointer = c_void_p(None if flags is None else flags.ctypes.data)
        states = np.zeros((layers + 1, len(ids), hidden), np.float32)
        status = self.library.hook_states(
            self.context, c_void_p(ids.ctypes.data), pointer, c_uint32(len(ids)), c_void_p(states.ctypes.data)
        )
        self._check(c_int(status).value)
        return states
