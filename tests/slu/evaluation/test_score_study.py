"""The evidence behind answers, and scores made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance
from slu.evaluation.evaluate import evaluate
from slu.evaluation.evidence import collect_evidence
from slu.evaluation.score_study import compare_scores
from slu.heads.joint_scores import JointScorer
from slu.runtime.parser import Parser


def test_the_scores_are_those_of_the_answers(knowing: Parser, settled: list[Utterance]) -> None:
    texts = [*(utterance.text for utterance in settled[:80]), "", "谁也不认识我", settled[0].text]
    wanted = knowing.parse_batch(texts)
    answers, evidence = collect_evidence(knowing, lambda: knowing.parse_batch(texts))
    assert answers == wanted == knowing.parse_batch(texts)  # and the parser is as it was
    scorer = JointScorer(evidence, knowing.labels)
    np.testing.assert_allclose(scorer.scores(), [answer.score for answer in answers], rtol=1e-5)
    intents, tags = scorer.log_probabilities(2.0)
    np.testing.assert_allclose(scorer.joint(2.0), np.exp([i + t.sum() for i, t in zip(intents, tags)]), rtol=1e-5)
    assert (scorer.joint() <= scorer.scores() * 1.0001).all()  # what contradicts itself has a part of the heads' mass
    assert [len(t) for t in tags] == [len(kept.logits[1]) for kept in evidence] and len(tags[80]) == 0
    assert all(values.shape == (83,) and np.isfinite(values).all() for values in scorer.alternatives().values())


def test_scores_are_compared(checkpoint_directory: Path, sample: list[Utterance], tmp_path: Path) -> None:
    from slu.runtime.loading import load

    parser = load(checkpoint_directory, "dygraph")
    answers = parser.parse_batch([utterance.text for utterance in sample[:40]])
    half = [replace(u, intent=a.intent, slots=a.slots) if i % 2 else u for i, (u, a) in enumerate(zip(sample, answers))]
    write_corpus(half, tmp_path / "few.txt")  # every other one is answered right
    (tmp_path / "others.txt").write_text("明天会下雨吗\n", encoding="utf-8")
    head, *rows = compare_scores(checkpoint_directory, tmp_path / "few.txt", tmp_path / "others.txt")
    assert len(rows) == 9 and "other_domain" in head
    numbers = rows[0].removeprefix("probability of the answer").split()
    result, _ = evaluate(parser, half)
    assert 50 <= result["exact"] < 70 and result["calibration"]["auroc"] != 50
    assert float(numbers[0]) == pytest.approx(result["calibration"]["auroc"], abs=0.006)
    assert len(numbers) == 8 and all(0 <= float(number) <= 100 for number in numbers)
