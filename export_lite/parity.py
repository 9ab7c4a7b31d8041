"""Proof that an exported file computes what its checkpoint does: both are run, and their logits compared."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export_lite.process import run_python
from slu.checkpoint import Checkpoint
from slu.decoding import Decoder
from slu.errors import BundleError
from slu.loading import BACKENDS
from slu.parser import Backend

TEXTS = (
    "来一首周华健的花心",
    "导航到最近的加油站",
    "打电话给张三",
    "取消",
    "播放 Beyond 的《海阔天空》",
    "今天天气怎么样，会下雨吗？",
    "呼叫13800138000",
    "我想听mp3里100首最好听的老歌😀",
)

FLOAT_BOUNDS = (1e-4, 2e-5)
QUANTISED_BOUNDS = (0.1, 0.02)
"""Largest and root-mean-square difference of logits, as shares of the checkpoint's largest logit.

Measured on nano models: 2e-6 for floats. Where inputs are rounded to INT8, a last bit of difference can move a number
by a whole step, and that goes on through the layers: up to 0.03 and 0.006. What was really wrong was off by 0.2.
"""


@dataclass(frozen=True)
class Parity:
    """How far a backend is from the checkpoint, over ``sequences`` of tokens, ``texts`` of which were texts.

    ``largest`` and ``rms``: differences of logits, as shares of ``scale``, the checkpoint's largest logit.
    ``decisions_differ``: texts that are answered with another intent or other slot tags.
    """

    sequences: int
    texts: int
    scale: float
    largest: float
    rms: float
    decisions_differ: int

    def to_json(self) -> dict[str, Any]:
        return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Reference:
    """Sequences of token ids and what the checkpoint computes for them. The first ``texts`` of them are texts."""

    checkpoint: Checkpoint
    ids: list[np.ndarray]
    outputs: list[tuple[np.ndarray, np.ndarray]]
    texts: int


def reference(checkpoint: Checkpoint, length: int, texts: Sequence[str] = ()) -> Reference:
    """Run the checkpoint on `TEXTS`, on ``texts``, and on random tokens: a small vocabulary hardly knows the texts."""
    from slu.backends.dygraph import DygraphBackend
    from slu.model import load_model

    tokenizer = checkpoint.tokenizer()
    ids = [tokenizer.encode(text, length).ids for text in (*TEXTS, *texts)]
    random = np.random.default_rng(0)
    for tokens in sorted({3, length // 2 + 1, length}):
        ids.append(random.integers(0, len(checkpoint.vocab), tokens, np.int32))
        # [PAD] would be a token to the checkpoint and padding to a graph.
        ids[-1][ids[-1] == checkpoint.config.pad_token_id] = tokenizer.unk_id
    outputs = run_each(DygraphBackend(load_model(checkpoint)), ids)
    return Reference(checkpoint, ids, outputs, len(TEXTS) + len(texts))


def run_each(backend: Backend, ids: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Logits ``[intents]`` and ``[tokens, tags]`` of each sequence."""
    outputs = [backend.run(sequence[None]) for sequence in ids]
    return [(intent[0], slots[0]) for intent, slots in outputs]


def measure(directory: Path, backend: str, expected: Reference) -> Parity:
    """Run ``backend`` on the bundle ``directory``, in a process of its own; raise `BundleError` when that fails."""
    with tempfile.TemporaryDirectory() as temporary:
        given, got = Path(temporary) / "ids.npz", Path(temporary) / "logits.npz"
        np.savez(given, *expected.ids)
        what = f"{' and '.join(BACKENDS[backend].files)}: the backend {backend}"
        run_python("export_lite.parity", [str(directory), backend, str(given), str(got)], what)
        with np.load(got) as arrays:
            flat = [arrays[f"arr_{i}"] for i in range(2 * len(expected.ids))]
    return compare(expected, list(zip(flat[::2], flat[1::2])))


def compare(expected: Reference, outputs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Parity:
    """Compare ``outputs``, one pair a sequence, with the expected ones."""
    wanted = np.concatenate([array.ravel() for pair in expected.outputs for array in pair]).astype(np.float64)
    found = np.concatenate([array.ravel() for pair in outputs for array in pair]).astype(np.float64)
    if not np.isfinite(found).all():
        # Comparisons with NaN are false, so a bound would let it through.
        found = np.where(np.isfinite(found), found, np.inf)
    scale = float(np.abs(wanted).max())
    shares = np.abs(found - wanted) / scale
    decoder = Decoder(expected.checkpoint.labels)
    pairs = zip(expected.outputs[: expected.texts], outputs)
    with np.errstate(invalid="ignore"):
        differ = sum(_decision(decoder, *a) != _decision(decoder, *b) for a, b in pairs)
    rms = float(np.sqrt(np.mean(shares**2)))
    return Parity(len(expected.ids), expected.texts, scale, float(shares.max()), rms, differ)


def require_parity(backend: str, parity: Parity, quantised: bool) -> None:
    """Raise `BundleError` when the logits are further off than the bounds allow."""
    largest, rms = QUANTISED_BOUNDS if quantised else FLOAT_BOUNDS
    if parity.largest > largest or parity.rms > rms:
        raise BundleError(
            f"{' and '.join(BACKENDS[backend].files)}: the backend {backend} computes logits that are off by "
            f"{parity.largest:.2g} of the largest (bound {largest:g}), {parity.rms:.2g} in the mean (bound {rms:g}); "
            "nothing was written"
        )


def _decision(decoder: Decoder, intent: np.ndarray, slots: np.ndarray) -> tuple[int, tuple[int, ...]]:
    decision = decoder.decode(intent[None], slots[None, 1:-1])[0]
    return decision.intent, decision.tags


def _run(directory: str, backend: str, given: str, got: str) -> None:
    from slu.bundle import open_directory
    from slu.loading import open_backend

    opened = open_backend(open_directory(directory), backend)
    with np.load(given) as arrays:
        ids = [arrays[f"arr_{i}"] for i in range(len(arrays.files))]
    np.savez(got, *(array for pair in run_each(opened, ids) for array in pair))


if __name__ == "__main__":
    _run(*sys.argv[1:])
