"""The engine on models that read n-grams: rows against the golden file, and files that have to be refused.

Their logits are compared with Paddle's in test_network.py and tests/export_lite/test_ngram_files.py.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_build import GOLDEN, ROOT
from gguf_pieces import Pieces, strings
from native_api import Engine

from export_lite.gguf import write_gguf
from slu.errors import BundleError
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.runtime.backends.native import NativeBackend

sys.path.insert(0, str(ROOT / "tests/golden"))

import make_golden

NGRAMS = json.loads((GOLDEN / "ngrams.json").read_text(encoding="utf-8"))


def paired() -> Checkpoint:
    """The tiny model with the keys of the golden file."""
    tiny = make_golden.checkpoint()
    config = tiny.config.replace(ngram_rows=len(NGRAMS["keys"]) + 1, ngram_width=5)
    random = np.random.default_rng(8)
    more = {
        name: random.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in parameter_shapes(config, tiny.labels).items()
        if name not in tiny.tensors
    }
    return replace(tiny, config=config, tensors=tiny.tensors | more, ngrams=np.array(NGRAMS["keys"], np.uint32))


def test_the_golden_file(library: ctypes.CDLL, tmp_path: Path) -> None:
    write_gguf(paired(), tmp_path / "model.gguf")
    with Engine(library, tmp_path / "model.gguf") as engine:
        for case in NGRAMS["cases"]:
            ids = np.array(case["ids"], np.int32)
            rows = np.zeros(len(ids), np.uint32)
            library.hook_ngram_rows(
                engine.context, ids.ctypes.data_as(ctypes.c_void_p), len(ids), rows.ctypes.data_as(ctypes.c_void_p)
            )
            assert rows.tolist() == case["rows"]


def number(value: int) -> bytes:
    """A key's type and value."""
    return (4).to_bytes(4, "little") + value.to_bytes(4, "little")


DAMAGE: list[tuple[str, str, Callable[[list[int]], bytes] | bytes | None, str]] = [
    ("no rows", "ngrams.rows", None, "does not agree with ernie-slu.ngrams.rows"),
    ("no width", "ngrams.width", None, "does not agree with ernie-slu.ngrams.width"),
    ("one row", "ngrams.rows", number(1), "does not agree with"),
    ("a width of 0", "ngrams.width", number(0), "does not agree with ernie-slu.ngrams.width"),
    ("2^32 - 1 rows", "ngrams.rows", number(2**32 - 1), "does not agree with"),
    ("a row more", "ngrams.rows", number(len(NGRAMS["keys"]) + 2), "wrong shape or type: the tensor ngram.keys"),
    ("another width", "ngrams.width", number(6), "wrong shape or type: the tensor ngram_embd"),
    ("no input", "inputs", strings(["tokens"]), "does not agree with"),
    ("twice", "inputs", strings(["tokens", "ngrams", "ngrams"]), "does not know; a newer one"),
    ("another order", "inputs", strings(["tokens", "ngrams", "flags"]), "does not know; a newer one"),
    ("no tokens", "inputs", strings(["ngrams"]), "does not know; a newer one"),
    ("another input", "inputs", strings(["tokens", "ngrams", "n"]), "does not know; a newer one"),
]


@pytest.mark.parametrize(("key", "value", "words"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damaged_keys(tmp_path: Path, key: str, value: bytes | None, words: str) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(paired(), path)
    pieces = Pieces.of(path.read_bytes())
    name = f"ernie-slu.{key}"
    pieces.keys = [pair for pair in pieces.keys if pair[0] != name]
    if value is not None:
        pieces.keys.append((name, value))
    path.write_bytes(bytes(pieces))
    with pytest.raises(BundleError, match=words):
        NativeBackend(path)


def test_damaged_tensors(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    model = paired()
    assert model.ngrams is not None
    write_gguf(replace(model, ngrams=model.ngrams[::-1].copy()), path)
    with pytest.raises(BundleError, match="do not ascend in ngram.keys"):
        NativeBackend(path)
    table = "ernie.embeddings.ngram_embeddings.weight"
    broken = model.tensors[table].copy()
    broken[3, 1] = np.nan
    write_gguf(replace(model, tensors={**model.tensors, table: broken}), path)
    with pytest.raises(BundleError, match="values that no training gives .* in ngram_embd.weight"):
        NativeBackend(path)
