"""The C API and the test hooks through ctypes, as the tests use them. Fails loudly: every status must be 0."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any

import numpy as np


class Slot(ctypes.Structure):
    _fields_ = [("name", c_char_p)] + [(name, c_uint32) for name in ("index", "start", "end", "byte_start", "byte_end")]


class Result(ctypes.Structure):
    _fields_ = [
        ("intent", c_char_p),
        ("intent_index", c_uint32),
        ("score", c_float),
        ("understood", c_uint32),
        ("truncated", c_uint32),
        ("token_count", c_uint32),
        ("slot_count", c_uint32),
        ("slots", POINTER(Slot)),
    ]


class Tokens(ctypes.Structure):
    _fields_ = [
        ("count", c_uint32),
        ("truncated", c_uint32),
        ("ids", POINTER(ctypes.c_int32)),
        ("starts", POINTER(c_uint32)),
        ("ends", POINTER(c_uint32)),
    ]


class Input(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("count", c_uint32), ("ids", c_void_p), ("flags", c_void_p)]


class Logits(ctypes.Structure):
    _fields_ = [
        ("intent_count", c_uint32),
        ("tag_count", c_uint32),
        ("token_count", c_uint32),
        ("intents", POINTER(c_float)),
        ("slots", POINTER(c_float)),
    ]


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
    library.slu_tokenize.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p]
    library.slu_run.argtypes = [c_void_p, c_void_p, c_void_p]
    return library


def kernel_names(library: ctypes.CDLL) -> list[str]:
    names = []
    while name := library.slu_kernel_name(c_uint32(len(names))):
        names.append(name.decode())
    return names


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
        r = result.contents
        slots = [
            {
                "name": s.name.decode(),
                "value": raw[s.byte_start : s.byte_end].decode(),
                "start": s.start,
                "end": s.end,
            }
            for s in r.slots[: r.slot_count]
        ]
        return {
            "intent": r.intent.decode(),
            "score": r.score,
            "understood": bool(r.understood),
            "slots": slots,
            "truncated": bool(r.truncated),
        }

    def tokenize(self, text: str | bytes) -> tuple[list[int], list[int], list[int], bool]:
        raw = text.encode() if isinstance(text, str) else text
        tokens = POINTER(Tokens)()
        self._check(self.library.slu_tokenize(self.context, raw, len(raw), byref(tokens)))
        t = tokens.contents
        return t.ids[: t.count], t.starts[: t.count], t.ends[: t.count], bool(t.truncated)

    def run(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits of the intents and, a row a token, of the tags."""
        ids = np.ascontiguousarray(ids, np.int32)
        logits = POINTER(Logits)()
        given = Input(ctypes.sizeof(Input), len(ids), ids.ctypes.data, None)
        self._check(self.library.slu_run(self.context, byref(given), byref(logits)))
        found = logits.contents
        slots = np.array(found.slots[: found.token_count * found.tag_count], np.float32)
        return np.array(found.intents[: found.intent_count], np.float32), slots.reshape(len(ids), -1)

    def states(self, ids: np.ndarray, layers: int, hidden: int) -> np.ndarray:
        """Hidden states ``[layers + 1, tokens, hidden]``; needs the library of hooks."""
        ids = np.ascontiguousarray(ids, np.int32)
        states = np.zeros((layers + 1, len(ids), hidden), np.float32)
        status = self.library.hook_states(
            self.context, c_void_p(ids.ctypes.data), c_uint32(len(ids)), c_void_p(states.ctypes.data)
        )
        self._check(c_int(status).value)
        return states
