"""Scripts of calls (tests/android_app/java/.../Script.java) and what the C API answers to them."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STATUS = {1: "ARGUMENT", 2: "FILE", 3: "FORMAT", 4: "VERSION", 5: "MEMORY", 6: "ARGUMENT", 7: "KERNEL"}
FIRST, UNKNOWN = -1, -2
LEVELS = ("model", "context")
PINS = ("pin-model", "pin-context")


def digits(text: str) -> str:
    """The UTF-16 units of a text."""
    return text.encode("utf-16-be", "surrogatepass").hex()


def write_script(path: Path, lines: Iterable[tuple[str, ...]]) -> Path:
    """Write calls, with their texts as they are: the last field, of changes a text with a phrase a line."""
    with path.open("w", encoding="utf-8") as file:
        for name, *fields in lines:
            words = [name, *fields]
            if name in ("parse", "after", "turn"):
                words[-1] = digits(words[-1])
            elif name in (*LEVELS, *PINS) and fields[0] != "reset":
                words[-1] = ",".join(digits(phrase) for phrase in words[-1].split("\n"))
            file.write("\t".join(words) + "\n")
    return path


def answers(library: ctypes.CDLL, model: Path, lines: Iterable[tuple[str, ...]]) -> list[str]:
    """What Script prints, by the C API."""
    from native_api import Engine, Failure

    printed = []
    with Engine(library, model) as engine:
        previous = FIRST
        intents = [engine.info.intents[i].decode() for i in range(engine.info.intent_count)]
        for name, *fields in lines:
            try:
                line = ""
                if name == "restart":
                    previous = FIRST
                elif name in PINS:
                    change, *rest = fields
                    lines = "\n".join(f"{rest[0]}\t{text}" for text in rest[-1].split("\n")) if rest else ""
                    engine.change_pins(name.removeprefix("pin-"), change, lines.encode())
                elif name in LEVELS:
                    change, *rest = fields
                    phrases = rest[1].encode() if len(rest) > 1 else b""
                    engine.change(name, change, rest[0] if rest else None, phrases)
                else:
                    before = {"parse": UNKNOWN, "turn": previous}.get(name)
                    before = intents.index(fields[0]) if before is None else before
                    if engine.info.uses_previous_intent:
                        engine.set_previous_intent(before)
                    result = engine.parse(_valid(fields[-1]))
                    if name == "turn":
                        previous = intents.index(result["intent"])
                    line = _line(fields[-1], result)
            except Failure as failure:
                line = f"!{STATUS[failure.status]} {failure.message}"
            printed.append(line)
    return printed


def _valid(text: str) -> str:
    """With U+FFFD for surrogates without their other half: as many code points."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _line(given: str, result: dict[str, Any]) -> str:
    text = _valid(given)
    units = given.encode("utf-16-be", "surrogatepass")
    [bits] = struct.unpack("<i", struct.pack("<f", result["score"]))
    flags = ("understood", "truncated", "pinned")
    words = [result["intent"], str(bits), *(str(result[name]).lower() for name in flags)]
    for slot in result["slots"]:
        start, end = (len(text[: slot[name]].encode("utf-16-be")) for name in ("start", "end"))
        words.append(f"{slot['name']}:{start // 2}:{end // 2}:{units[start:end].hex()}")
    return "\t".join(words)
