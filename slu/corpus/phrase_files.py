"""Files of phrases in two parts: ``[training]``, and ``[check]``, which no model is ever trained with.

UTF-8, one phrase a line; empty lines and lines that begin with ``#`` are skipped. A line ``[training]`` or ``[check]``
begins that part; what stands before the first of them is for training.
"""

from __future__ import annotations

from pathlib import Path

from slu.errors import ConfigError
from slu.files import read_bytes

PARTS = TRAINING, CHECK = ("training", "check")


def read_parts(path: Path) -> dict[str, list[tuple[int, str]]]:
    """Phrases of each part, with their line numbers. Raises `ConfigError` for a file that cannot be read."""
    try:
        content = read_bytes(path).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    parts: dict[str, list[tuple[int, str]]] = {part: [] for part in PARTS}
    part = TRAINING
    for number, raw in enumerate(content.split("\n"), 1):
        line = raw.strip(" \t\r")
        if line in [f"[{name}]" for name in PARTS]:
            part = line[1:-1]
        elif line and not line.startswith("#"):
            parts[part].append((number, line))
    return parts
