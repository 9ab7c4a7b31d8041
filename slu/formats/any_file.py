"""A model file of any format that the project writes: which one it is, and what is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from slu.formats.contents import Contents
from slu.formats.gguf_file import read_gguf
from slu.formats.naive_buffer import read_naive_buffer
from slu.formats.onnx_model import read_onnx
from slu.formats.paddle_program import read_paddle, read_parameters_alone, read_program
from slu.formats.raw import GGUF, NAIVE_BUFFER, ONNX, PARAMETERS, PROGRAM, SAFETENSORS, map_file, not_a, what_is
from slu.formats.safetensors_file import read_safetensors


def read_model_file(path: Path) -> Contents:
    """Read a file by the reader of its ending or, where that says nothing, of its first bytes. Raises `BundleError`.

    A program of Paddle and the parameters beside it are read together, whichever of them is given.
    """
    reader = _OF_ENDING.get(path.suffix)
    if reader is not None:
        return reader(path)
    data = map_file(path)
    kind = what_is(data)
    if kind in _OF_CONTENT:
        return _OF_CONTENT[kind](path)
    raise not_a(
        path, f"model file that this program knows ({', '.join(_OF_ENDING)})", data, "its first bytes fit none of them"
    )


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that `read_model_file` reads for ``path``."""
    both = (path.with_suffix(".pdmodel"), path.with_suffix(".pdiparams"))
    return both if path in both and all(file.is_file() for file in both) else (path,)


def _program(path: Path) -> Contents:
    files = files_of(path)
    return read_paddle(*files) if len(files) == 2 else _program_alone(path)


def _program_alone(path: Path) -> Contents:
    contents = read_program(path)
    note = "the parameters (.pdiparams) are not beside it; their sizes are those that the program declares"
    return replace(contents, facts={**contents.facts, "note": note})


def _parameters(path: Path) -> Contents:
    files = files_of(path)
    return read_paddle(*files) if len(files) == 2 else read_parameters_alone(path)


_OF_ENDING: dict[str, Callable[[Path], Contents]] = {
    ".gguf": read_gguf,
    ".nb": read_naive_buffer,
    ".pdmodel": _program,
    ".pdiparams": _parameters,
    ".onnx": read_onnx,
    ".safetensors": read_safetensors,
}
ENDINGS = tuple(_OF_ENDING)
_OF_CONTENT: dict[str, Callable[[Path], Contents]] = {
    GGUF: read_gguf,
    NAIVE_BUFFER: read_naive_buffer,
    PROGRAM: _program_alone,
    PARAMETERS: read_parameters_alone,
    ONNX: read_onnx,
    SAFETENSORS: read_safetensors,
}
