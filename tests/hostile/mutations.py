"""Seeded mutants of a bundle: of the bytes of a model file, its numbers and names, and of the values of JSON files."""

from __future__ import annotations

import hashlib
import json
import random
import re
import struct
from pathlib import Path
from typing import Any

from slu.files import MARK

NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 65535, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, 1 << 63)
WORDS = (b"save", b"load", b"print", b"py_func", b"while", b"Loop", b"Scan", b"If", b"scale", b"concat", b"fc", b"feed")
"""Operators that write, read or loop, and others, in the place of names."""
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 1e308, -0.5, 10**30, 2**63, "", "x", "\0", "\x1b[2J", "\u202e", "\ud800", "../x", "/dev/zero",
    [], [None], [[]], {}, {"": None}, {"x": {"y": []}}, [1, "x"], ["O"] * 300,
)  # fmt: skip


def mutate_bytes(data: bytes, seed: int, head: int) -> bytes:
    """Change a file in up to 4 places, four times in five within its first ``head`` bytes, where its structure is."""
    rng = random.Random(seed)
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(min(head, len(result)) if rng.random() < 0.8 else len(result))
        kind = rng.randrange(8)
        if kind <= 1:
            result[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            result[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 3:
            form = rng.choice(("<I", "<Q"))
            number = rng.choice(NUMBERS) & ((1 << 8 * struct.calcsize(form)) - 1)
            result[at : at + struct.calcsize(form)] = struct.pack(form, number)
        elif kind == 4:  # a name in the place of another of its length, or a part of it
            names = [found.span() for found in re.finditer(rb"[A-Za-z_0-9.]{4,40}", bytes(result[:head]))]
            begin, end = rng.choice(names) if names else (at, at + 4)
            word = rng.choice(WORDS)
            result[begin : begin + min(len(word), end - begin)] = word[: end - begin]
        elif kind == 5:  # two names change places
            names = [found.span() for found in re.finditer(rb"[A-Za-z_0-9.]{4,40}", bytes(result[:head]))]
            (a, b), (c, d) = (rng.choice(names), rng.choice(names)) if names else ((0, 0), (0, 0))
            size = min(b - a, d - c)
            result[a : a + size], result[c : c + size] = result[c : c + size], result[a : a + size]
        elif kind == 6:
            size = rng.choice((1, 4, 8, 64, 1024))
            if rng.random() < 0.5:
                del result[at : at + size]
            else:
                result[at:at] = result[at : at + size]
        else:
            del result[rng.randrange(len(result)) if rng.random() < 0.3 else len(result) :]
            result[at : at + 8] = rng.randbytes(max(0, min(8, len(result) - at)))
        if not result:
            result += b"\0"
    return bytes(result)


def mutate_json(value: Any, seed: int) -> str:
    """The text of a JSON file with one to three values, or names of values, replaced; sometimes no JSON any more."""
    rng = random.Random(seed)
    kind = rng.randrange(12)
    if kind == 0:
        raw = bytearray(json.dumps(value).encode())
        for _ in range(3):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        return raw.decode("latin1")
    if kind == 1:
        return "[" * rng.choice((1, 100, 100_000)) + json.dumps(value)
    if kind == 2:
        return json.dumps(rng.choice(ODD))
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _replaced(value, rng)
    return json.dumps(value)


def _replaced(value: Any, rng: random.Random) -> Any:
    """A copy in which something at a random place is something odd."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice(list(value))
        other = rng.choice((name, name, name, name, str(rng.choice(ODD))))
        changed = {k: v for k, v in value.items() if k != name}
        return changed if rng.random() < 0.1 else {**changed, other: _replaced(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        i = rng.randrange(len(value))
        more = rng.choice(([], [], value[i : i + 1]))
        return [*value[:i], _replaced(value[i], rng), *more, *value[i + 1 :]]
    return rng.choice(ODD)


def write_mutant(original: Path, directory: Path, names: tuple[str, ...], seed: int) -> None:
    """Put a mutant of one of ``names`` into a copy of a bundle, and its hash into the manifest, as a forger would."""
    name = names[seed % len(names)]
    for file in original.iterdir():
        if file.name in (*names, MARK):
            (directory / file.name).write_bytes(file.read_bytes())
    if name.endswith((".json", ".txt")):
        content = (original / name).read_text(encoding="utf-8")
        text = mutate_json(json.loads(content), seed) if name.endswith(".json") else _mutate_lines(content, seed)
        (directory / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    else:
        data = (original / name).read_bytes()
        (directory / name).write_bytes(mutate_bytes(data, seed, 60_000))
    if name != MARK:
        _forge(directory, name)


def _mutate_lines(content: str, seed: int) -> str:
    """A vocabulary with a few lines changed, gone or twice."""
    return mutate_bytes(content.encode(), seed, len(content)).decode("latin1")


def _forge(directory: Path, name: str) -> None:
    manifest = json.loads((directory / MARK).read_text(encoding="utf-8"))
    raw = (directory / name).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if name in manifest["config"]["files"]:
        manifest["config"]["files"][name] |= {"bytes": len(raw), "sha256": digest}
    else:
        manifest["inputs"][name] = digest
    (directory / MARK).write_text(json.dumps(manifest), encoding="utf-8")
