"""The identity of the inputs and settings of a stage, in a form that can be compared and stored."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from slu.errors import CheckpointError
from slu.files import sha256
from slu.model.checkpoint import LEXICONS, NGRAMS, WEIGHTS


def canonical(identity: dict[str, Any]) -> str:
    """The same text for equal objects."""
    return json.dumps(identity, ensure_ascii=False, sort_keys=True)


def file_hash(path: Path) -> str:
    """Identity of an input: the hash of a file, of a checkpoint's weights, lexicons and n-grams, or of all in a
    directory."""
    source = path / WEIGHTS if (path / WEIGHTS).is_file() else path
    try:
        found = sha256(source)
        beside = [path / name for name in (LEXICONS, NGRAMS) if source != path and (path / name).is_file()]
        return "+".join([found, *map(sha256, beside)])
    except OSError as error:
        raise CheckpointError(f"{source}: cannot be read ({error.strerror})") from error


ADDED_LATER = {"added later": True}
"""Metadata of a setting that was added when models had been trained already: while it has its default, it is no part of
the identity of a stage, so that those stay up to date."""


def settings_identity(settings: Any) -> dict[str, Any]:
    """The settings of a stage, a dataclass, as its manifest has them."""
    return plain(_recorded(settings))


def _recorded(settings: Any) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if not field.metadata.keys() >= ADDED_LATER.keys() or value != field.default:
            nested = dataclasses.is_dataclass(value) and not isinstance(value, type)
            found[field.name] = _recorded(value) if nested else value
    return found


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: tuples become lists."""
    return dict(json.loads(json.dumps(config)))
