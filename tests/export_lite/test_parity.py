"""The comparison of an export with its checkpoint: what it sees, and what it lets pass."""

from __future__ import annotations

import numpy as np
import pytest
from exporting import LENGTH, random_checkpoint

from export_lite.parity import (
    TEXTS,
    Parity,
    compare,
    matrix_table,
    reference,
    require_parity,
)
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.errors import BundleError
from slu.evaluation.evaluate import evaluate
from slu.inputs.flags import FlagColumns
from slu.inputs.lexicon import compile_lexicon
from slu.runtime.formats import EXACT, ROUNDED
from slu.runtime.loading import checkpoint_parser


def test_every_kind_of_difference_is_seen(vocab: list[str], labels: Labels, sample: list[Utterance]) -> None:
    checkpoint = random_checkpoint(vocab, labels)
    expected = reference(checkpoint, LENGTH, sample[:40])
    right = [(intent.copy(), slots.copy()) for intent, slots in expected.outputs]
    parity = compare(expected, right)
    assert (parity.largest, parity.rms, parity.decisions_differ) == (0, 0, 0)
    assert parity.texts == len(expected.texts) >= len(TEXTS) + 20 + 40
    assert {len(given[0]) for given in expected.inputs} >= {3, LENGTH // 2 + 1, LENGTH}
    measured, _ = evaluate(checkpoint_parser(checkpoint), sample[:40])
    assert parity.exact == expected.exact == measured["exact"]
    require_parity("paddle", parity, EXACT)

    one_text = [(right[0][0] * -100, right[0][1]), *right[1:]]
    assert compare(expected, one_text).decisions_differ == 1
    one_number = [(intent, slots.copy()) for intent, slots in right]
    one_number[2][1][1, 0] += np.float32(parity.scale * 2e-4)
    with pytest.raises(BundleError, match=r"differ by 0\.0002 of the largest"):
        require_parity("paddle", compare(expected, one_number), EXACT)
    require_parity("paddle", compare(expected, one_number), ROUNDED)
    for wrong in (np.nan, np.inf):
        one_number[2][1][1, 0] = wrong
        with pytest.raises(BundleError, match="differ by inf"):
            require_parity("paddle", compare(expected, one_number), ROUNDED)


def test_a_model_with_flags_is_compared_on_flags(vocab: list[str], labels: Labels) -> None:
    checkpoint = random_checkpoint(vocab, labels, flags=("lexicon", "previous_intent"))
    slot = labels.slots[0]
    checkpoint.lexicon = compile_lexicon({slot: ["周华健"]}, labels.slots)
    expected = reference(checkpoint, LENGTH)
    columns = FlagColumns.of(checkpoint.config.flags, labels).count
    assert all(flags.shape == (len(ids), columns) for ids, flags in expected.inputs)
    assert expected.inputs[0][1].sum() == 3  # of the first text, which has that name
    other = random_checkpoint(vocab, labels, flags=("lexicon", "previous_intent"))
    assert compare(expected, reference(other, LENGTH).outputs).largest > 0


def test_a_bound_is_a_share_of_the_texts() -> None:
    assert [EXACT.allowed(n) for n in (8, 10000)] == [0, 0]
    assert [ROUNDED.allowed(n) for n in (8, 1999, 2000, 10000)] == [1, 1, 2, 10]

    def parity(texts: int, differ: int) -> Parity:
        return Parity(texts, texts, 10.0, 1e-6, 1e-7, differ)

    require_parity("onnxruntime-int8", parity(4000, 4), ROUNDED)
    for backend, bound, differ, words in (
        ("onnxruntime-int8", ROUNDED, 5, r"5 of 4000 texts differently from the checkpoint; 99.9 % must be equal"),
        ("native", EXACT, 1, "1 of 4000 texts .* 100 % must be equal"),
    ):
        with pytest.raises(BundleError, match=words):
            require_parity(backend, parity(4000, differ), bound)


def test_the_matrix_is_a_table() -> None:
    row = Parity(12, 10, 9.5, 0.00123, 4e-5, 1, 87.5).to_json()
    lines = matrix_table({"texts": 10, "exact": 88.0, "formats": {"paddle": {"lite": row}, "lite-arm": {}}})
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]] == [
        ["checkpoint", "dygraph", "", "", "", "88.00"],
        ["paddle", "lite", "1.2e-03", "4.0e-05", "1 of 10", "87.50"],
        ["lite-arm", "not run here", "", "", "", ""],
    ]
