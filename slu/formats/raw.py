"""Opening a file to inspect it, and recognising files of other formats."""

from __future__ import annotations

import codecs
import contextlib
import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

from slu.errors import BundleError

NAIVE_BUFFER = ".nb file of Paddle Lite"
PROGRAM = "program of Paddle (.pdmodel)"
PARAMETERS = "file of Paddle parameters (.pdiparams)"
ONNX = "ONNX model"
GGUF = "GGUF file"
SAFETENSORS = "safetensors file"
"""What messages call the formats, after an article."""

_HEADS = (
    (rb"GGUF", GGUF),
    (rb"[\x00-\x0f]\x00v?\d+\.\d+", NAIVE_BUFFER),
    (rb".{7}\x00\{", SAFETENSORS),
    (rb"\x0a[\x80-\xff]*[\x00-\x7f]\x08\x00\x10", PROGRAM),  # block 0, whose fields are its number 0 and its parent's
    (rb"\x00{16}[\x01-\x60]\x00\x00\x00\x08", PARAMETERS),
    (rb"\x08[\x01-\x20][\x12\x3a]", ONNX),  # version, then the producer or the graph
    (rb"version https://git-lfs", "Git LFS pointer, which stands for the file itself"),
    (rb"PK\x03\x04", "ZIP archive (.zip, .apk, .aar, .pt)"),
    (rb"\x1f\x8b", "gzip archive"),
    (rb"\x28\xb5\x2f\xfd", "Zstandard archive"),
    (rb"\x7fELF", "program or library"),
    (rb"\x89PNG|\xff\xd8\xff", "picture"),
    (rb"%PDF", "PDF document"),
    (rb"\x80[\x02-\x05]", "Python pickle (.pdparams)"),
    (rb".{4}TFL3", "TensorFlow Lite model"),
    (rb"\s*<(!|html|\?xml)", "web page"),
)


_REASON = 400
"""Characters of a reason: it can hold a name out of the file, of any length."""


class Damaged(ValueError):
    """A part of a file is not valid. The text says which part, and becomes part of a `BundleError`."""


@contextlib.contextmanager
def damage_reported(path: Path, expected: str, data: memoryview) -> Iterator[None]:
    """Turn `Damaged` in this block into a `BundleError` that says what the file is, if that shows, or what is wrong."""
    try:
        yield
    except Damaged as error:
        raise not_a(path, expected, data, str(error)) from error


def not_a(path: Path, expected: str, data: memoryview, reason: str) -> BundleError:
    """The error for a file that is not a whole one of the format ``expected``."""
    reason = reason if len(reason) <= _REASON else f"{reason[:_REASON]}..."
    other = what_is(data)
    if other not in ("", expected):
        return BundleError(f"{path}: not {_with_article(expected)}: it is {_with_article(other)}")
    if other == expected:
        return BundleError(f"{path}: not a whole {expected}: {reason}; copy or export it again")
    return BundleError(f"{path}: not {_with_article(expected)}, or a damaged one: {reason}")


def map_file(path: Path) -> memoryview:
    """A file's bytes, mapped, not read; raise `BundleError` for anything that is not a readable file with content."""
    try:
        if path.is_dir():
            raise BundleError(f"{path}: is a directory; give a model file")
        if not path.exists():
            raise BundleError(f"{path}: no such file")
        if not path.is_file():
            raise BundleError(f"{path}: not a regular file; give a model file")
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise BundleError(f"{path}: empty; copy or export it again")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BundleError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def what_is(data: memoryview) -> str:
    """What kind of file this is, by its first bytes; empty if unknown."""
    head = bytes(data[:64])
    for pattern, name in _HEADS:
        if re.match(pattern, head, re.DOTALL):
            return name
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # its last character may be cut
    except UnicodeDecodeError:
        return ""
    return "text file" if all(char.isprintable() or char in "\t\r\n" for char in text) else ""


def _with_article(name: str) -> str:
    return f"an {name}" if name[0] in "AEIO" else f"a {name}"
