"""Models with the second input, made of the one of tiny.gguf, and the oracle of their flags."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from engine_build import ROOT

from export_lite.gguf import write_gguf
from slu.inputs.flags import KINDS, FlagColumns
from slu.inputs.lexicon import Entries, compile_lexicon, find_matches
from slu.inputs.tokenizer import Tokenizer
from slu.model.checkpoint import FLAG_EMBEDDINGS, Checkpoint
from slu.model.quantization import quantise

sys.path.insert(0, str(ROOT / "tests/golden"))

import make_golden

FIRST, UNKNOWN = -1, -2
"""``SLU_TURN_FIRST`` and ``SLU_TURN_UNKNOWN``"""
MAX_TOKENS = make_golden.MAX_TOKENS
LABELS = make_golden.labels()
COLUMNS = FlagColumns.of(KINDS, LABELS)
TOKENIZER = Tokenizer(make_golden.vocabulary())


def flagged_checkpoint(
    kinds: Sequence[str] = KINDS, lists: Mapping[str, Iterable[str]] | None = None, quantised: bool = True
) -> Checkpoint:
    """The tiny model with the flags of ``kinds`` and these built-in lists."""
    model = make_golden.checkpoint()
    model.config = model.config.replace(flags=tuple(kinds))
    shape = (FlagColumns.of(kinds, LABELS).count, model.config.hidden_size)
    table = (np.random.default_rng(9).standard_normal(shape) * 0.3).astype(np.float32)
    if quantised:
        table, model.tensors[f"{FLAG_EMBEDDINGS}_scale"] = quantise(table, 0)
    model.tensors[FLAG_EMBEDDINGS] = table
    model.lexicon = compile_lexicon(lists, LABELS.slots) if lists is not None else None
    return model


def write_flagged(path: Path, *arguments: object, **options: object) -> Path:
    write_gguf(flagged_checkpoint(*arguments, **options), path)  # type: ignore[arg-type]
    return path


def expected_flags(lists: Entries, text: str, previous: int = UNKNOWN) -> np.ndarray:
    """``[tokens, columns]`` by the Python reference, for a model with both kinds of flags."""
    encoding = TOKENIZER.encode(text, MAX_TOKENS)
    before = {FIRST: COLUMNS.first_turn, UNKNOWN: None}.get(previous, previous)
    return COLUMNS.of_texts(len(encoding.ids), [find_matches(lists, text, encoding)], [before])[0]
