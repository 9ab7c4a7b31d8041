"""``model.gguf``: a model of the native engine; docs/gguf.md has its keys and tensors.

The layout is that of GGUF version 3, https://github.com/ggerganov/ggml/blob/master/docs/gguf.md. The engine checks a
file itself when it opens it; this reader is for those who want to see what is in one.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

from slu.corpus.label_sets import one_label
from slu.corpus.labels import Labels, shown_labels
from slu.errors import BundleError
from slu.formats.contents import BYTES_OF, Contents, Port, Tensor
from slu.formats.raw import GGUF, Damaged, damage_reported, map_file, not_a
from slu.heads.table import DEFAULT, HEADS

VERSION = 3
ARCHITECTURE = "ernie-slu"
MODEL_VERSIONS = (1, 2, 3, 4)
"""Values of ``ernie-slu.format_version``."""

_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""GGUF's types of numbers, as `struct` calls them."""
_PRECISIONS = {
    0: "float32",
    1: "float16",
    24: "int8",
    25: "int16",
    26: "int32",
    27: "int64",
    28: "float64",
    30: "bfloat16",
}
"""``ggml_type``, those that are not made of blocks."""
_DEFAULT_ALIGNMENT = 32
_MOST_TENSORS, _MOST_KEYS, _MOST_BYTES = 8192, 65536, 1 << 31
"""As in the engine: a hostile file can take so much time."""
_MOST_VALUES = 1 << 22
"""Of an array: each becomes an object."""


def read_gguf(path: Path) -> Contents:
    """Read a file except for the values of its tensors, whose places are checked.

    Raises `BundleError` when it is not whole, another kind of model, or of a version that this program does not read.
    """
    data = map_file(path)
    tensor_count, key_count = _head(path, data)
    with damage_reported(path, GGUF, data):
        cursor = _Cursor(data, _HEAD.size)
        keys = cursor.keys(key_count)
    architecture, version = keys.get("general.architecture"), keys.get(f"{ARCHITECTURE}.format_version")
    if architecture != ARCHITECTURE:
        raise BundleError(f"{path}: a GGUF file of another kind of model ({architecture}); {ARCHITECTURE} is expected")
    if version not in MODEL_VERSIONS:
        known = f"{', '.join(map(str, MODEL_VERSIONS[:-1]))} and {MODEL_VERSIONS[-1]}"
        raise BundleError(f"{path}: model format version {version}, this program reads {known}; export it again")
    with damage_reported(path, GGUF, data):
        alignment = keys.get("general.alignment", _DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise Damaged(f"its alignment is {alignment}")
        return _contents(keys, _tensors(cursor, tensor_count, alignment, len(data)))


_HEAD = struct.Struct("<4sIQQ")


def _head(path: Path, data: memoryview) -> tuple[int, int]:
    """How many tensors and keys there are."""
    if len(data) < _HEAD.size or data[:4] != b"GGUF":
        raise not_a(path, GGUF, data, "ends within its header" if data[:4] == b"GGUF" else "it begins without GGUF")
    _, version, tensors, keys = _HEAD.unpack_from(data)
    if version != VERSION:
        raise BundleError(f"{path}: GGUF version {version}, this program reads {VERSION}; export it again")
    if tensors > _MOST_TENSORS or keys > _MOST_KEYS or len(data) > _MOST_BYTES:
        raise not_a(path, GGUF, data, "its header is damaged, or it is larger than 2 GiB")
    return tensors, keys


class _Cursor:
    """Reads numbers, strings and values in the order of the file."""

    def __init__(self, data: memoryview, at: int):
        self._data, self.at = data, at

    def keys(self, count: int) -> dict[str, Any]:
        """The values of all keys; of one that is there twice, readers would differ in which of the two counts."""
        found: dict[str, Any] = {}
        for i in range(count):
            key = self.string(f"key {i}")
            if key in found:
                raise Damaged(f"the key {key} occurs twice")
            found[key] = self._value(self.number("I", key), key)
        return found

    def number(self, kind: str, where: str) -> Any:
        return self.numbers(kind, 1, where)[0]

    def numbers(self, kind: str, count: int, where: str) -> tuple[Any, ...]:
        size = struct.calcsize(f"<{kind}") * count
        if size > len(self._data) - self.at:
            raise Damaged(f"ends within {where}")
        self.at += size
        return struct.unpack_from(f"<{count}{kind}", self._data, self.at - size)

    def string(self, where: str) -> str:
        size = self.number("Q", where)
        if size > len(self._data) - self.at:
            raise Damaged(f"ends within {where}")
        self.at += size
        try:
            return str(self._data[self.at - size : self.at], "utf-8")
        except UnicodeDecodeError:
            raise Damaged(f"{where} is not UTF-8") from None

    def _value(self, kind: int, where: str) -> Any:
        if kind == _STRING:
            return self.string(where)
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind], where)
        if kind != _ARRAY:
            raise Damaged(f"{where} is of type {kind}, which is unknown to this program")
        inner, count = self.number("I", where), self.number("Q", where)
        if count > _MOST_VALUES:
            raise Damaged(f"{where} is an array of {count} values; no model has more than {_MOST_VALUES}")
        if inner == _STRING:
            return [self.string(where) for _ in range(count)]
        if inner not in _NUMBERS:
            raise Damaged(f"{where} is an array of type {inner}, which is unknown to this program")
        return list(self.numbers(_NUMBERS[inner], count, where))


def _tensors(cursor: _Cursor, count: int, alignment: int, size: int) -> tuple[Tensor, ...]:
    """The tensors that the file declares; their places are checked against its ``size``."""
    found: dict[str, Tensor] = {}
    places: list[tuple[int, int, str]] = []
    for i in range(count):
        name = cursor.string(f"tensor {i}")
        dimensions = cursor.number("I", name)
        if not 1 <= dimensions <= 4 or name in found:
            raise Damaged(f"{name} occurs twice" if name in found else f"{name} has {dimensions} dimensions")
        shape = cursor.numbers("Q", dimensions, name)[::-1]  # the file has the last one first
        kind, offset = cursor.number("I", name), cursor.number("Q", name)
        if kind not in _PRECISIONS:
            raise Damaged(f"{name} has numbers of type {kind}, which is unknown to this program")
        bytes_ = math.prod(shape) * BYTES_OF[_PRECISIONS[kind]]
        found[name] = Tensor(name, _PRECISIONS[kind], shape, bytes_)
        places.append((offset, offset + bytes_, name))
    begin = _round_up(cursor.at, alignment)
    end = 0
    for first, last, name in sorted(places):
        if first < end:
            raise Damaged(f"{name} overlaps the tensor before it")
        end = last
        if begin + end > size:
            raise Damaged(f"ends within {name}")
    if size > begin + _round_up(end, alignment):
        raise Damaged(f"{size - begin - end} bytes follow its last tensor")
    return tuple(found.values())


def _contents(keys: dict[str, Any], tensors: tuple[Tensor, ...]) -> Contents:
    inputs, intents, slots, names = (
        _names(keys, f"{ARCHITECTURE}.{key}") for key in ("inputs", "intents", "slots", "labels")
    )
    named = keys.get(f"{ARCHITECTURE}.head", DEFAULT.name)
    head = HEADS.get(named) if isinstance(named, str) else None
    if head is None:
        raise Damaged(f"its head is {named!r}, which is unknown to this program")
    of_labels = f"{ARCHITECTURE}.labels" in keys
    try:
        if of_labels:
            labels = Labels.of_sets(tuple(names), one_label(len(names)))
        elif not head.dialogues:
            labels = Labels.of_spans(tuple(slots))
        else:
            labels = Labels(tuple(intents), tuple(slots), dict.fromkeys(intents, ()))
    except ValueError as error:
        raise Damaged(f"its labels cannot be used: {error}") from None
    shapes = zip(head.logits, head.logit_shapes(-1, labels))
    outputs = tuple(Port(name, "float32", shape) for name, shape in shapes)
    return Contents(
        format=f"GGUF, version {VERSION}; {ARCHITECTURE}, version {keys[f'{ARCHITECTURE}.format_version']}",
        producer=_producer(keys),
        tensors=tensors,
        inputs=tuple(Port(name, "int32", (-1,)) for name in inputs),
        outputs=outputs,
        labels=shown_labels(labels),
        facts={"keys": keys},
    )


def _producer(keys: dict[str, Any]) -> str:
    """What the manifest of the checkpoint says: its stage, and the library that trained it."""
    try:
        manifest = json.loads(keys[f"{ARCHITECTURE}.manifest"])
        libraries = [f"{name} {version}" for name, version in manifest["versions"].items() if name == "paddlepaddle"]
        return ", ".join([f"slu, stage {manifest['stage']}", *libraries])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return ""


def _names(keys: dict[str, Any], key: str) -> list[str]:
    """The strings of an array, which may be missing when it is empty."""
    names = keys.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Damaged(f"{key} is no array of strings")
    return names


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
