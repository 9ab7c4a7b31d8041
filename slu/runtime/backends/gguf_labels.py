"""The labels inside a GGUF file, for one that lies alone: the engine uses them, but its API gives the names only."""

from __future__ import annotations

from pathlib import Path

from slu.corpus.labels import Labels
from slu.errors import BundleError
from slu.formats.gguf_file import ARCHITECTURE, read_keys

INTENTS, SLOTS = f"{ARCHITECTURE}.intents", f"{ARCHITECTURE}.slots"
COUNTS, TAKEN = f"{ARCHITECTURE}.slots_of_intent.counts", f"{ARCHITECTURE}.slots_of_intent.slots"


def read_labels(path: Path) -> Labels:
    """The labels of a model file, which the engine has checked; raise `BundleError` when they cannot be found."""
    found = read_keys(path, {INTENTS, SLOTS, COUNTS, TAKEN})
    try:
        intents, slots = found[INTENTS], found[SLOTS]
        taken = iter(found[TAKEN])
        selections = [tuple(slots[next(taken)] for _ in range(count)) for count in found[COUNTS]]
        return Labels(tuple(intents), tuple(slots), dict(zip(intents, selections)))
    except (ValueError, LookupError, TypeError, RuntimeError) as error:
        raise BundleError(f"{path}: holds no labels as a model of this kind has them; export it again") from error
