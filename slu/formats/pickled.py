"""``.pdparams``: parameters as Paddle pickles them, read without running anything that the file names.

A pickle says which functions to call with which arguments. Here there are no functions but those that build arrays and
the containers around them, and none of them is NumPy's or Paddle's own. It is read by the interpreter of pickles that
is written in Python: the other one takes 32 GiB for a file of 10 bytes that says to remember something by a large
number, and both would look up nested tuples in a dictionary for longer than anybody waits.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from slu.errors import CheckpointError
from slu.files import open_regular

_MOST_DIMENSIONS = 32
_TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class _Refused(pickle.UnpicklingError):
    """What is not numbers is not made."""


def read_pdparams(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by their names; whatever else is in it is left out.

    Raises `CheckpointError` when it is not whole, or asks for anything but arrays.
    """
    try:
        with open_regular(path) as stream:
            found = _Unpickler(stream).load()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except _Refused as error:
        raise CheckpointError(
            f"{path}: {' '.join(str(error).split())}; convert it to safetensors where it was made"
        ) from error
    except Exception as error:  # unpickling a damaged file can raise any exception
        raise CheckpointError(f"{path}: not a whole .pdparams file ({type(error).__name__}); copy it again") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: holds no parameters by their names; give a .pdparams file")
    tensors = {}
    for name, value in found.items():
        if isinstance(value, tuple) and len(value) == 2:  # a tensor, with the name that Paddle gave it
            value = value[1]
        if isinstance(name, str) and isinstance(value, _Array) and value.array is not None:
            tensors[name] = value.array
    return tensors


class _Type:
    """Stands for ``numpy.dtype``."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        if name not in _TYPES:
            raise _Refused(f"holds an array of {str(name)[:40]!r}, numbers are expected")
        self.name = name

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", "|", "="):
            raise _Refused("holds numbers in another order of bytes than this machine's")


class _Array:
    """Stands for ``numpy.ndarray``; ``array`` is it, once its state is known."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, data = state
        good = isinstance(kind, _Type) and isinstance(shape, tuple) and isinstance(data, bytes)
        if not good or len(shape) > _MOST_DIMENSIONS or not all(_is_size(size) for size in shape):
            raise _Refused("holds an array that is none of numbers")
        dtype = np.dtype(f"<{kind.name}")
        if math.prod(shape) * dtype.itemsize != len(data):
            raise _Refused("holds an array that is not whole")
        self.array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and 0 <= size < 1 << 48


class _MakeArray:
    """``numpy.core.multiarray._reconstruct``, whose arguments are those of every array."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> _Array:
        return _Array()


class _MakeType:
    """``numpy.dtype``"""

    __slots__ = ()

    def __call__(self, name: Any, *arguments: Any) -> _Type:
        return _Type(name)


class _MakeBytes:
    """``_codecs.encode``, by which pickles of Python 2 make bytes of text."""

    __slots__ = ()

    def __call__(self, text: Any, encoding: Any) -> bytes:
        if encoding != "latin1" or not isinstance(text, str):
            raise _Refused("holds text in an encoding that arrays do not have")
        return text.encode("latin1")


class _NoBytes:
    """``bytes``, of no bytes: those of an empty array."""

    __slots__ = ()

    def __call__(self) -> bytes:
        return b""


class _MakeDict:
    """``collections.OrderedDict``, of nothing or, in pickles of Python 2, of pairs."""

    __slots__ = ()

    def __call__(self, pairs: Any = ()) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            found[_checked(name)] = value
        return found


def _checked(name: Any) -> Any:
    """A key of a dictionary."""
    if type(name) not in (str, int):
        raise _Refused("holds a dictionary whose keys are no names")
    return name


def _with_names(code: bytes, names: slice) -> Callable[[Any], None]:
    """What reads the instruction ``code`` once its keys, the values ``names`` before it, are known to be some."""
    read = pickle._Unpickler.dispatch[code[0]]

    def load(unpickler: Any) -> None:
        for name in unpickler.stack[names]:
            _checked(name)
        read(unpickler)

    return load


def _refuse_set(unpickler: Any) -> None:
    raise _Refused("holds a set, which no parameters are in")


class _Unpickler(pickle._Unpickler):
    """Knows these names only, and has no keys but texts and numbers."""

    dispatch = {
        **pickle._Unpickler.dispatch,
        pickle.SETITEM[0]: _with_names(pickle.SETITEM, slice(-2, -1)),
        pickle.SETITEMS[0]: _with_names(pickle.SETITEMS, slice(None, None, 2)),
        pickle.DICT[0]: _with_names(pickle.DICT, slice(None, None, 2)),
        **dict.fromkeys((pickle.EMPTY_SET[0], pickle.ADDITEMS[0], pickle.FROZENSET[0]), _refuse_set),
    }

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Any] = {
            ("numpy.core.multiarray", "_reconstruct"): _MakeArray(),
            ("numpy._core.multiarray", "_reconstruct"): _MakeArray(),
            ("numpy", "ndarray"): None,  # an argument of the former
            ("numpy", "dtype"): _MakeType(),
            ("collections", "OrderedDict"): _MakeDict(),
            ("builtins", "tuple"): tuple,
            ("__builtin__", "tuple"): tuple,
            ("_codecs", "encode"): _MakeBytes(),
            ("__builtin__", "bytes"): _NoBytes(),
        }
        if (module, name) not in known:
            raise _Refused(f"asks for {module[:40]}.{name[:40]}, which is none of arrays")
        return known[module, name]
