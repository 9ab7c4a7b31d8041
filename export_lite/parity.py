"""Comparison of exported files with their checkpoint: all are run on the same utterances.

Every backend has a process of its own, because not all of their libraries work together.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from export_lite.process import TIMEOUT_SECONDS, run_python
from slu.corpus.classified import PAIR
from slu.corpus.utterance import Utterance
from slu.errors import BundleError
from slu.heads.measures import percent
from slu.inputs.flags import FlagColumns
from slu.inputs.lexicon import Lexicon, find_matches
from slu.inputs.tokenizer import Encoding
from slu.model.checkpoint import Checkpoint
from slu.runtime.formats import BACKENDS, Bound
from slu.runtime.parser import Backend, ParseResult
from slu.tables import markdown_table

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
"""Texts that are always compared, besides texts of the model's own vocabulary and those of the user."""
OWN_TEXTS = 24


@dataclass(frozen=True)
class Parity:
    """How far a backend is from the checkpoint, over ``sequences`` of tokens, ``texts`` of which were texts.

    ``largest`` and ``rms``: differences of logits, as shares of ``scale``, the checkpoint's largest logit.
    ``decisions_differ``: texts with a different answer. ``exact``: percent of the labelled texts that are answered
    exactly, None without any.
    """

    sequences: int
    texts: int
    scale: float
    largest: float
    rms: float
    decisions_differ: int
    exact: float | None = None

    def to_json(self) -> dict[str, Any]:
        """For a manifest; ``exact`` only if it is known."""
        fields = {k: v for k, v in asdict(self).items() if v is not None}
        return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in fields.items()}


Inputs = tuple[np.ndarray, ...]
"""The input of ``run`` for one sequence: ids ``[tokens]``, and flags ``[tokens, columns]`` of a model that has them."""
Outputs = tuple[np.ndarray, ...]
"""Logits of one sequence, an array an output of the head: ``[width]`` or ``[tokens, width]``."""


@dataclass(frozen=True)
class Reference:
    """Sequences of tokens and what the checkpoint computes for them. The first of them are those of ``texts``.

    ``labelled``: the last of the texts, with their labels; of a long passage, each window is a text.
    """

    checkpoint: Checkpoint
    inputs: list[Inputs]
    outputs: list[Outputs]
    texts: list[str]
    encodings: list[Encoding]
    labelled: list[Utterance]

    @property
    def exact(self) -> float | None:
        """Percent of the labelled texts that the checkpoint answers right; None without any."""
        return _exact(self, _decisions(self, self.outputs))


def reference(checkpoint: Checkpoint, length: int, data: Sequence[Utterance] = ()) -> Reference:
    """Run the checkpoint on `TEXTS`, on texts of its own vocabulary, on ``data``, and on random tokens.

    ``length``: tokens that are kept of a text.
    """
    from slu.model.network import load_model
    from slu.runtime.backends.dygraph import DygraphBackend

    tokenizer = checkpoint.tokenizer()
    columns = FlagColumns.of(checkpoint.config.flags, checkpoint.labels)
    lexicon = Lexicon(checkpoint.lexicon) if checkpoint.lexicon else None
    random = np.random.default_rng(0)
    texts = [*TEXTS, *_own_texts(checkpoint, length, random)]
    if checkpoint.config.pairs:
        texts = [PAIR.join(pair) for pair in zip(texts, reversed(texts))]
    data = checkpoint.head.read_at_once(data, tokenizer, length)
    texts += [utterance.text for utterance in data]
    encodings = [tokenizer.encode(text, length) for text in texts]
    inputs: list[Inputs] = []
    for text, encoding in zip(texts, encodings):
        matches = find_matches(lexicon, text, encoding) if lexicon else []
        flags = [columns.of_texts(len(encoding.ids), [matches], [None])[0]] if columns.count else []
        inputs.append((encoding.ids, *flags))
    for tokens in sorted({3, length // 2 + 1, length}):
        ids = random.integers(0, len(checkpoint.vocab), tokens, np.int32)
        # [PAD] would be a token to the checkpoint and padding to a graph.
        ids[ids == checkpoint.config.pad_token_id] = tokenizer.unk_id
        flags = [(random.random((tokens, columns.count)) < 0.1).astype(np.float32)] if columns.count else []
        inputs.append((ids, *flags))
    outputs = run_each(DygraphBackend(load_model(checkpoint)), inputs)
    return Reference(checkpoint, inputs, outputs, texts, encodings, list(data))


def _own_texts(checkpoint: Checkpoint, length: int, random: np.random.Generator) -> list[str]:
    """Texts of characters that the model knows, of all lengths."""
    known = [token for token in checkpoint.vocab if len(token) == 1]
    sizes = random.integers(1, max(length - 2, 2), OWN_TEXTS)
    return ["".join(random.choice(known, size)) for size in sizes] if known else []


def run_each(backend: Backend, inputs: Sequence[Inputs]) -> list[Outputs]:
    """The logits of each sequence, computed one at a time, as a device does."""
    outputs = [backend.run(*(array[None] for array in given)) for given in inputs]
    return [tuple(array[0] for array in logits) for logits in outputs]


def measure(directory: Path, backend: str, expected: Reference, scratch: Path | None = None) -> Parity:
    """Run ``backend`` on the bundle ``directory``, in a process of its own; raise `BundleError` when that fails.

    ``scratch``: a directory for temporary files, in place of the system's.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as temporary:
        given, got = Path(temporary) / "inputs.npz", Path(temporary) / "logits.npz"
        _save(given, expected.inputs)
        what = f"{' and '.join(BACKENDS[backend].files)}: the backend {backend}"
        patience = TIMEOUT_SECONDS + len(expected.inputs)
        run_python("export_lite.parity", [str(directory), backend, str(given), str(got)], what, patience)
        return compare(expected, _load(got))


def compare(expected: Reference, outputs: Sequence[Outputs]) -> Parity:
    """Compare ``outputs``, one pair a sequence, with the expected ones."""
    wanted = np.concatenate([array.ravel() for pair in expected.outputs for array in pair]).astype(np.float64)
    found = np.concatenate([array.ravel() for pair in outputs for array in pair]).astype(np.float64)
    if not np.isfinite(found).all():
        # Comparisons with NaN are false, so a bound would let it through.
        found = np.where(np.isfinite(found), found, np.inf)
    scale = float(np.abs(wanted).max())
    shares = np.abs(found - wanted) / scale
    with np.errstate(invalid="ignore"):
        decisions = _decisions(expected, outputs)
    pairs = zip(_decisions(expected, expected.outputs), decisions)
    differ = sum(replace(a, score=0.0) != replace(b, score=0.0) for a, b in pairs)
    rms = float(np.sqrt(np.mean(shares**2)))
    texts, exact = len(expected.texts), _exact(expected, decisions)
    return Parity(len(expected.inputs), texts, scale, float(shares.max()), rms, differ, exact)


def require_parity(backend: str, parity: Parity, bound: Bound) -> None:
    """Raise `BundleError` when logits or decisions are further off than the bound allows."""
    what = f"{' and '.join(BACKENDS[backend].files)}: the backend {backend}"
    if parity.largest > bound.largest or parity.rms > bound.rms:
        raise BundleError(
            f"{what} computes logits that differ by {parity.largest:.2g} of the largest (bound {bound.largest:g}), "
            f"{parity.rms:.2g} in the mean (bound {bound.rms:g})"
        )
    if parity.decisions_differ > bound.allowed(parity.texts):
        raise BundleError(
            f"{what} answers {parity.decisions_differ} of {parity.texts} texts differently from the checkpoint; "
            f"{bound.decisions:g} % must be equal"
        )


def matrix_table(matrix: dict[str, Any]) -> list[str]:
    """The matrix of a manifest as lines of a Markdown table: a row a format and runtime."""
    rows = [["format", "runtime", "largest", "rms", "decisions that differ", "exact %"]]
    exact = matrix.get("exact")
    rows.append(["checkpoint", "dygraph", "", "", "", "" if exact is None else f"{exact:.2f}"])
    for format_, results in matrix["formats"].items():
        for backend, row in results.items():
            differ = f"{row['decisions_differ']} of {row['texts']}"
            percent_ = f"{row['exact']:.2f}" if "exact" in row else ""
            rows.append([format_, backend, f"{row['largest']:.1e}", f"{row['rms']:.1e}", differ, percent_])
        if not results:
            rows.append([format_, "not run here", "", "", "", ""])
    return markdown_table(rows)


def _decisions(expected: Reference, outputs: Sequence[Outputs]) -> list[Any]:
    """The answers to the texts."""
    head, labels = expected.checkpoint.head, expected.checkpoint.labels
    decoder = head.decoder(labels)
    of_texts = outputs[: len(expected.texts)]
    found: list[Any] = []
    for encoding, logits in zip(expected.encodings, of_texts):
        rows = head.without_specials([array[None] for array in logits])
        found += decoder.decode(*rows, encodings=[encoding])
    return found


def _exact(expected: Reference, decisions: Sequence[Any]) -> float | None:
    if not expected.labelled:
        return None
    head, labels = expected.checkpoint.head, expected.checkpoint.labels
    decoder, right = head.decoder(labels), 0
    first = len(expected.texts) - len(expected.labelled)
    for utterance, encoding, decision in zip(expected.labelled, expected.encodings[first:], decisions[first:]):
        intent, slots, names = decoder.answer(decision, utterance.text, encoding)
        answer = ParseResult(utterance.text, intent, decision.score, True, slots, encoding.truncated, labels=names)
        right += head.right(utterance, answer, labels)
    return percent(right, len(expected.labelled))


def _save(path: Path, sequences: Sequence[tuple[np.ndarray, ...]]) -> None:
    """Write tuples of arrays, all of one length."""
    np.savez(path, *(array for arrays in sequences for array in arrays), width=len(sequences[0]))


def _load(path: Path) -> list[tuple[np.ndarray, ...]]:
    """Inverse of `_save`."""
    with np.load(path) as arrays:
        width = int(arrays["width"])
        flat = [arrays[f"arr_{i}"] for i in range(len(arrays.files) - 1)]
    return [tuple(flat[i : i + width]) for i in range(0, len(flat), width)]


def _run(directory: str, backend: str, given: str, got: str) -> None:
    from slu.runtime.bundle import open_directory
    from slu.runtime.loading import open_backend

    opened = open_backend(open_directory(directory), backend)
    _save(Path(got), run_each(opened, _load(Path(given))))


if __name__ == "__main__":
    _run(*sys.argv[1:])
