"""The C API of the native engine through ctypes: what ``cpp_runtime/include/slu/slu.h`` declares, and finding it."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from ctypes import (
    POINTER,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import lru_cache
from pathlib import Path

from slu.errors import ConfigError

LIBRARY = Path("slu/lib/libslu.so")
"""Where `pip install` puts the library, below the directory that it installs into."""
VARIABLE = "SLU_LIBRARY"
"""Environment variable that names another library, such as one built with sanitizers."""
API_VERSION = (1, 4)
"""Version of the API that these declarations fit. The second number of a library may be higher."""

_SURROGATES = re.compile("[\ud800-\udfff]")

OK, _, FILE, FORMAT, VERSION, MEMORY, _, KERNEL = range(8)
"""Values of ``slu_status`` that are distinguished here."""
FIRST_TURN, UNKNOWN_TURN = -1, -2
"""``SLU_TURN_FIRST`` and ``SLU_TURN_UNKNOWN``"""


class Error(ctypes.Structure):
    """``slu_error``"""

    _fields_ = (("message", ctypes.c_char * 256),)


class SlotSet(ctypes.Structure):
    """``slu_slot_set``"""

    _fields_ = (("slots", POINTER(c_uint16)), ("count", c_uint32))


class Info(ctypes.Structure):
    """``slu_info``"""

    _fields_ = (
        ("name", c_char_p),
        *((name, c_uint32) for name in ("format_version", "layers", "hidden_size", "heads", "head_size")),
        *((name, c_uint32) for name in ("intermediate_size", "vocab_size", "max_tokens")),
        *((name, c_uint32) for name in ("intent_count", "slot_count", "quantised")),
        ("intents", POINTER(c_char_p)),
        ("slots", POINTER(c_char_p)),
        ("threshold", c_double),
        ("model_bytes", c_uint64),
        ("context_bytes", c_uint64),
        ("kernel", c_char_p),
        ("manifest", c_void_p),
        ("manifest_bytes", c_uint64),
        *((name, c_uint32) for name in ("flag_count", "uses_lexicon", "lexicon_entries", "uses_previous_intent")),
        ("slots_of_intents", POINTER(SlotSet)),
        ("normalisation", c_char_p),
        ("head", c_char_p),
        ("label_parents", POINTER(c_int32)),
        ("label_rules", POINTER(c_uint8)),
        ("pairs", c_uint32),
    )


class SlotSpan(ctypes.Structure):
    """``slu_slot``"""

    _fields_ = (
        ("name", c_char_p),
        *((name, c_uint32) for name in ("index", "start", "end", "byte_start", "byte_end")),
    )


class Label(ctypes.Structure):
    """``slu_label``"""

    _fields_ = (("name", c_char_p), ("index", c_uint32), ("score", c_float))


class Result(ctypes.Structure):
    """``slu_result``"""

    _fields_ = (
        ("intent", c_char_p),
        ("intent_index", c_uint32),
        ("score", c_float),
        *((name, c_uint32) for name in ("understood", "truncated", "token_count", "slot_count")),
        ("slots", POINTER(SlotSpan)),
        ("pinned", c_uint32),
        ("label_count", c_uint32),
        ("labels", POINTER(Label)),
    )


class Input(ctypes.Structure):
    """``slu_input``"""

    _fields_ = (("size", c_uint32), ("count", c_uint32), ("ids", POINTER(c_int32)), ("flags", POINTER(c_float)))


class Tokens(ctypes.Structure):
    """``slu_tokens``"""

    _fields_ = (
        ("count", c_uint32),
        ("truncated", c_uint32),
        ("ids", POINTER(c_int32)),
        ("starts", POINTER(c_uint32)),
        ("ends", POINTER(c_uint32)),
    )


class Logits(ctypes.Structure):
    """``slu_logits``"""

    _fields_ = (
        *((name, c_uint32) for name in ("intent_count", "tag_count", "token_count")),
        ("intents", POINTER(c_float)),
        ("slots", POINTER(c_float)),
    )


_CHANGE = (c_void_p, c_int, c_char_p, c_char_p, c_size_t, POINTER(Error))
_CHANGE_FILE = (c_void_p, c_int, c_char_p, c_char_p, POINTER(Error))
_CHANGE_PINS = (c_void_p, c_int, c_char_p, c_size_t, POINTER(Error))
_CHANGE_PINS_FILE = (c_void_p, c_int, c_char_p, POINTER(Error))
_FUNCTIONS = {
    "slu_status_text": (c_char_p, (c_int,)),
    "slu_kernel_name": (c_char_p, (c_uint32,)),
    "slu_model_open": (c_int, (c_char_p, POINTER(c_void_p), POINTER(Error))),
    "slu_model_close": (None, (c_void_p,)),
    "slu_model_info": (POINTER(Info), (c_void_p,)),
    "slu_context_create": (c_int, (c_void_p, c_char_p, POINTER(c_void_p), POINTER(Error))),
    "slu_context_free": (None, (c_void_p,)),
    "slu_context_message": (c_char_p, (c_void_p,)),
    "slu_parse": (c_int, (c_void_p, c_char_p, c_size_t, POINTER(POINTER(Result)))),
    "slu_parse_each": (c_int, (c_void_p, c_void_p, c_void_p, c_uint32, c_void_p)),
    "slu_run": (c_int, (c_void_p, POINTER(Input), POINTER(POINTER(Logits)))),
    "slu_model_change_lexicon": (c_int, _CHANGE),
    "slu_model_change_lexicon_file": (c_int, _CHANGE_FILE),
    "slu_context_change_lexicon": (c_int, _CHANGE),
    "slu_context_change_lexicon_file": (c_int, _CHANGE_FILE),
    "slu_model_change_pins": (c_int, _CHANGE_PINS),
    "slu_model_change_pins_file": (c_int, _CHANGE_PINS_FILE),
    "slu_context_change_pins": (c_int, _CHANGE_PINS),
    "slu_context_change_pins_file": (c_int, _CHANGE_PINS_FILE),
    "slu_set_previous_intent": (c_int, (c_void_p, c_int32)),
}


def utf8(text: str) -> bytes:
    """A text as the engine reads it. Lone surrogates, which UTF-8 cannot express, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()


def find_library() -> Path | None:
    """The engine's library, None where there is none.

    ``SLU_LIBRARY`` if that is set; otherwise the one beside this package, or, when the package is an editable
    install, the one that pip put into its directory.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    candidates = (Path(entry) / LIBRARY for entry in (Path(__file__).parents[3], *map(Path, sys.path)))
    return next((path for path in candidates if path.is_file()), None)


def missing_library() -> str | None:
    """What to say where the engine's library is not; None where it is."""
    return None if find_library() else f"there is no {LIBRARY}; `pip install .` builds it"


def load_library() -> ctypes.CDLL:
    """The engine's library, ready to be called. Raises `ConfigError` when it is missing or of another version."""
    path = find_library()
    if path is None:
        raise ConfigError(f"the native engine is not installed: no {LIBRARY}; `pip install .` builds it")
    return _open(path)


@lru_cache
def _open(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path.absolute()))
        library.slu_version.restype = c_char_p
        version = library.slu_version().decode()
        major, minor = API_VERSION
        found = [int(number) for number in version.split(".")]
        if found[0] != major or found[1] < minor:
            raise ConfigError(
                f"{path}: API version {version}, this program needs {major}.{minor} or a later {major}.x; "
                "install both again"
            )
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise ConfigError(f"{path}: not a library of the native engine for this machine ({error})") from error
    return library
