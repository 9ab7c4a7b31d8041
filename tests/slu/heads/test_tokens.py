"""Spans without an intent: probabilities against sums over every answer, losses, measures, labels."""

from __future__ import annotations

from itertools import product

import numpy as np
import paddle
import pytest

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.heads.examples import IGNORED, Batch, Example, collate
from slu.heads.head import Evidence
from slu.heads.table import HEADS
from slu.heads.tokens import SpanDecoder, SpanScorer
from slu.inputs.tokenizer import Tokenizer
from slu.runtime.parser import ParseResult

LABELS = Labels.of_spans(("x", "y"))
TOKENS = HEADS["tokens"]


def every_path(tokens: int) -> list[tuple[int, ...]]:
    """All that the rules allow, said in another way than in the package."""
    found = []
    for path in product(LABELS.tags, repeat=tokens):
        if all(now[0] != "I" or last[2:] == now[2:] for last, now in zip(("O", *path), path)):
            found.append(tuple(LABELS.tags.index(tag) for tag in path))
    return found


def weights(tags: np.ndarray) -> dict[tuple[int, ...], float]:
    return {path: np.exp(sum(tags[t, tag] for t, tag in enumerate(path))) for path in every_path(len(tags))}


@pytest.mark.parametrize("tokens", [0, 1, 4])
def test_the_likeliest_answer_and_its_probability(tokens: int) -> None:
    logits = np.random.default_rng(tokens).normal(0, 2, (3, tokens, 5)).astype(np.float32)
    decisions = SpanDecoder(LABELS).decode(logits)
    scores = SpanScorer([Evidence(d, (own,)) for d, own in zip(decisions, logits)], LABELS)
    for own, decision, score, cool in zip(logits, decisions, scores.scores(), scores.scores(2.0)):
        of_paths, cooler = weights(own), weights(own / 2)
        assert decision.tags == max(of_paths, key=of_paths.__getitem__)
        assert decision.score == pytest.approx(of_paths[decision.tags] / sum(of_paths.values()), rel=1e-5)
        assert score == pytest.approx(decision.score, rel=1e-5)
        assert cool == pytest.approx(cooler[decision.tags] / sum(cooler.values()), rel=1e-5)
    assert all(len(values) == 3 for values in scores.alternatives().values())


def batch() -> tuple[list[paddle.Tensor], Batch, np.ndarray]:
    """Texts of three and one token, the second one unlabelled; and the logits of the tokens of the first."""
    logits = np.random.default_rng(1).normal(0, 2, (2, 5, 5)).astype(np.float32)
    targets = [np.array([IGNORED, 1, 2, 0, IGNORED]), np.full(3, IGNORED)]
    examples = [Example(np.arange(len(tags)), (tags,)) for tags in targets]
    tensor = paddle.to_tensor(logits)
    tensor.stop_gradient = False
    return [tensor], collate(examples, 0), logits[0, 1:4]


def test_losses_are_those_of_the_formula() -> None:
    logits, given, own = batch()
    entropy = -sum(own[t, tag] - np.log(np.exp(own[t]).sum()) for t, tag in enumerate((1, 2, 0)))
    of_paths = weights(own)
    answer = -np.log(of_paths[(1, 2, 0)] / sum(of_paths.values()))
    heads = TOKENS.loss("heads", LABELS, 0.0).of_labels(logits, given)
    assert float(heads) == pytest.approx(entropy / 4, rel=1e-5)  # a mean over all tokens
    answers = TOKENS.loss("answers", LABELS, 0.0).of_labels(logits, given)
    assert float(answers) == pytest.approx(answer / 2 + 0.5 * entropy / 4, rel=1e-5)  # and over all texts
    answers.backward()
    gradient = logits[0].grad.numpy()
    assert np.abs(gradient[0, 1:4]).min() > 0 and not gradient[0, [0, 4]].any() and not gradient[1].any()


def test_a_network_as_its_own_teacher_has_nothing_to_learn() -> None:
    logits, given, own = batch()
    for name in TOKENS.losses:
        loss = TOKENS.loss(name, LABELS, 0.0)
        [soft] = loss.probabilities(logits, given)
        assert soft.shape == (2, 5, 5) and not soft[0, [0, 4]].any() and not soft[1, [0, 2, 3, 4]].any()
        if name == "answers":
            of_paths = weights(own)
            share = sum(w for path, w in of_paths.items() if path[1] == 2) / sum(of_paths.values())
            assert soft[0, 2, 2] == pytest.approx(share, rel=1e-4)
        logits[0].clear_gradient()
        loss.of_teachers(logits, (soft,), given).backward()
        limit = 1e-6 if name == "heads" else 0.5  # where the teacher is not the heads' own, they pull apart
        assert np.abs(logits[0].grad.numpy()).max() < limit


def test_targets_answers_and_measures(vocab: list[str]) -> None:
    labels = Labels.of_spans(("LOC", "PER"))
    utterance = Utterance("李明在北京", "", (Slot("PER", "李明", 0, 2), Slot("LOC", "北京", 3, 5)), "1")
    encoding = Tokenizer(vocab).encode(utterance.text, 16)
    [tags] = TOKENS.targets(utterance, encoding, labels)
    assert tags.tolist() == [IGNORED, 3, 4, 0, 1, 2, IGNORED]
    assert TOKENS.no_targets(4, labels)[0].tolist() == [IGNORED] * 4
    decoder = SpanDecoder(labels)
    [decision] = decoder.decode(np.eye(5, dtype=np.float32)[None, tags[1:-1]] * 9)
    answer = decoder.answer(decision, utterance.text, encoding)
    assert answer == ("", utterance.slots, None)
    results = [
        ParseResult(utterance.text, "", 0.9, True, utterance.slots),
        ParseResult(utterance.text, "", 0.8, False, (Slot("PER", "李明", 0, 2), Slot("LOC", "北", 3, 4))),
    ]
    found = TOKENS.measure([utterance, utterance], results, labels)
    assert {name: found[name] for name in TOKENS.measures} == {
        "exact": 50, "slot_precision": 75, "slot_recall": 75, "slot_f1": 75, "slot_macro_f1": 75, "understood": 50
    }  # fmt: skip
    assert found["classes"]["slots"]["LOC"]["right"] == 1 and set(found["classes"]) == {"slots"}
    assert [TOKENS.right(utterance, result, labels) for result in results] == [True, False]
    assert ParseResult.from_dict(results[0].to_dict()) == results[0] and "intent" not in results[0].to_dict()


def test_labels_without_intents() -> None:
    labels = Labels.of_spans(("LOC", "PER"))
    assert labels.to_json() == {"slots": ["LOC", "PER"]} and Labels.from_json(labels.to_json()) == labels
    for wrong, words in (
        ({"slots": []}, "at least one is needed"),
        ({"slots": ["a", "a"]}, "occurs twice"),
        ({"slots": ["a"], "intents": [], "slots_of_intent": {}}, "no intents"),
    ):
        with pytest.raises(ValueError, match=words):
            Labels.from_json(wrong)
