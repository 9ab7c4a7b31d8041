"""Losses of labels: their values against all sets, their gradients against differences."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from slu.corpus.label_sets import ROOT, LabelSets, one_label
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.examples import Batch, Example, collate
from slu.heads.head import Head
from slu.heads.table import HEADS
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer

SETS = LabelSets((ROOT, 0, 0, ROOT), (False, True, True, True, True), (True, True, True, True, True))
LABELS = Labels.of_sets(("a", "a##x", "a##y", "b"), SETS)
ONE = Labels.of_sets(("a", "b", "c", "d"), one_label(4))
LOGITS = np.random.default_rng(1).normal(0, 1.5, (3, 4)).astype(np.float32)
EACH = [("sequence", "heads", ONE), ("labels", "heads", LABELS), ("labels", "answers", LABELS)]


def batch_of(head: Head, labels: Labels) -> Batch:
    """Two labelled texts and one without labels."""
    encoding = Tokenizer([*SPECIAL_TOKENS, "x"]).encode("xx", 8)
    texts = [labels.intents[:1], labels.intents[1:2] if head.name == "sequence" else labels.intents[:3]]
    targets = [head.targets(Utterance("xx", "", (), "", names), encoding, labels) for names in texts]
    targets.append(head.no_targets(len(encoding.ids), labels))
    return collate([Example(encoding.ids.astype(np.int64), target) for target in targets], 0)


def value(name: str, loss: str, labels: Labels, logits: np.ndarray, smoothing: float = 0.0) -> paddle.Tensor:
    head = HEADS[name]
    return head.loss(loss, labels, smoothing).of_labels([paddle.to_tensor(logits)], batch_of(head, labels))


def test_values() -> None:
    softmax = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    assert float(value("sequence", "heads", ONE, LOGITS)) == pytest.approx(
        -(np.log(softmax[0, 0]) + np.log(softmax[1, 1])) / 3, rel=1e-5
    )
    sigmoid, wanted = 1 / (1 + np.exp(-LOGITS[:2])), np.array([[1, 0, 0, 0], [1, 1, 1, 0]])
    each = -np.where(wanted, np.log(sigmoid), np.log(1 - sigmoid)).sum() / 3
    assert float(value("labels", "heads", LABELS, LOGITS)) == pytest.approx(each, rel=1e-5)
    from slu.heads.label_weights import LabelWeights

    log_sum = LabelWeights(SETS).log_sum(LOGITS[:2])
    whole = (log_sum - (LOGITS[:2] * wanted).sum(1)).sum() / 3
    assert float(value("labels", "answers", LABELS, LOGITS)) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(("name", "loss", "labels"), EACH)
def test_gradients(name: str, loss: str, labels: Labels) -> None:
    logits = paddle.to_tensor(LOGITS, stop_gradient=False)
    head = HEADS[name]
    head.loss(loss, labels, 0.1).of_labels([logits], batch_of(head, labels)).backward()
    found = logits.grad.numpy()
    assert not found[2].any(), "a text that nobody has labelled teaches nothing"
    for place in ((0, 0), (0, 3), (1, 1), (1, 2)):
        steps = [LOGITS.copy(), LOGITS.copy()]
        steps[0][place] += 0.01
        steps[1][place] -= 0.01
        difference = (
            float(value(name, loss, labels, steps[0], 0.1)) - float(value(name, loss, labels, steps[1], 0.1))
        ) / 0.02
        assert found[place] == pytest.approx(difference, abs=2e-3)


@pytest.mark.parametrize(("name", "loss", "labels"), EACH)
def test_a_teacher_is_imitated_best_by_itself(name: str, loss: str, labels: Labels) -> None:
    head = HEADS[name]
    of, batch = head.loss(loss, labels, 0.0), batch_of(head, labels)
    soft = of.probabilities([paddle.to_tensor(LOGITS)], batch)
    own = float(of.of_teachers([paddle.to_tensor(LOGITS)], soft, batch))
    for seed in range(5):
        other = LOGITS + np.random.default_rng(seed).normal(0, 0.3, LOGITS.shape).astype(np.float32)
        assert float(of.of_teachers([paddle.to_tensor(other)], soft, batch)) > own


def test_a_new_network_knows_how_often_each_label_is() -> None:
    labels = LABELS
    one, two = labels.intents[0], labels.intents[1]
    texts = [Utterance("x", "", (), "", (one,))] * 6 + [Utterance("y", "", (), "", (two,))] * 4
    head = HEADS["labels"]
    assert head.first_biases is not None and HEADS["joint"].first_biases is None
    found = head.first_biases(texts, labels)
    assert tuple(found) == head.layers
    wanted = np.log([6.5 / 4.5, 4.5 / 6.5, 0.5 / 10.5, 0.5 / 10.5])
    np.testing.assert_allclose(found[head.layers[0]], wanted, rtol=1e-6, atol=1e-7)
