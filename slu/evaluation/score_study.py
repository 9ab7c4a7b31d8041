"""What an answer's score is made of, and scores that could be used instead of it.

``python -m slu.evaluation.score_study CHECKPOINT --data FILE`` compares them: how well each tells right answers from
wrong ones, and utterances from what is none (`slu.evaluation.rejection`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from slu.corpus.labels import Labels
from slu.heads.joint_crf import Answers
from slu.heads.joint_decoding import Decision, JointDecoder, log_softmax
from slu.runtime.parser import ParseResult
from slu.runtime.python_parser import PythonParser
from slu.tables import text_table


@dataclass(frozen=True)
class Evidence:
    """One decision and the logits it was made from: ``[intents]`` and, without [CLS] and [SEP], ``[tokens, tags]``."""

    decision: Decision
    intent_logits: np.ndarray
    slot_logits: np.ndarray


def collect_evidence(
    parser: PythonParser, ask: Callable[[], Sequence[ParseResult]]
) -> tuple[list[ParseResult], list[Evidence]]:
    """Call ``ask``, which asks ``parser``; returns its answers, and the evidence of each.

    Not for a parser whose decisions are made elsewhere: that of the backend ``native``.
    """
    recorder, decoder = _Recorder(parser.labels), parser.decoder
    parser.decoder = recorder
    try:
        answers = ask()
    finally:
        parser.decoder = decoder
    evidence = [recorder.kept[int(answer.score)] for answer in answers]
    scores = (kept.decision.score for kept in evidence)
    restored = [replace(a, score=s, understood=s >= parser.threshold) for a, s in zip(answers, scores)]
    return restored, evidence


class _Recorder(JointDecoder):
    """Keeps what it decodes; in place of the score it gives the number of the record, by which to find it again."""

    def __init__(self, labels: Labels):
        super().__init__(labels)
        self.kept: list[Evidence] = []

    def decode(self, *logits: np.ndarray) -> list[Decision]:
        numbered = []
        for row, decision in enumerate(super().decode(*logits)):
            numbered.append(replace(decision, score=float(len(self.kept))))
            self.kept.append(Evidence(decision, *(np.array(array[row]) for array in logits)))
        return numbered


class Scorer:
    """Scores of decisions that stay as they are, at any temperature: of one model on ``n`` utterances."""

    def __init__(self, evidence: Sequence[Evidence], labels: Labels):
        self._intents = np.stack([kept.intent_logits for kept in evidence])
        self._intent = np.array([kept.decision.intent for kept in evidence])
        self._tags = np.concatenate([kept.slot_logits for kept in evidence])
        self._tag = np.array([tag for kept in evidence for tag in kept.decision.tags], int)
        self._lengths = np.array([len(kept.decision.tags) for kept in evidence], int)
        self._owner = np.repeat(np.arange(len(evidence)), self._lengths)
        self._answers = Answers(labels)

    def log_probabilities(self, temperature: float = 1.0) -> tuple[np.ndarray, list[np.ndarray]]:
        """Of the chosen intents ``[n]``, and of the chosen tags, an array an utterance; logits are divided first."""
        intents, tags = self._chosen(temperature)
        return intents, np.split(tags, np.cumsum(self._lengths)[:-1])

    def _chosen(self, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        intents = log_softmax(self._intents / temperature)[np.arange(len(self._intent)), self._intent]
        return intents, log_softmax(self._tags / temperature)[np.arange(len(self._tag)), self._tag]

    def joint(self, temperature: float = 1.0) -> np.ndarray:
        """The product of both heads' probabilities, ``[n]``."""
        intents, tags = self._chosen(temperature)
        return np.exp(intents + np.bincount(self._owner, tags, len(intents)))

    def scores(self, temperature: float = 1.0) -> np.ndarray:
        """The probability of each answer among all of them, ``[n]``: the score of `slu.heads.joint_decoding`."""
        intents, tags = log_softmax(self._intents / temperature), log_softmax(self._tags / temperature)
        log_sums, starts = np.empty(len(intents), np.float32), np.cumsum(self._lengths) - self._lengths
        for length in np.unique(self._lengths):
            group = np.flatnonzero(self._lengths == length)
            places = starts[group][:, None] + np.arange(length)
            log_sums[group] = self._answers.log_sum(intents[group], tags[places])
        of_intents, of_tags = self._chosen(temperature)
        return np.exp(np.minimum(of_intents + np.bincount(self._owner, of_tags, len(intents)) - log_sums, 0))

    def alternatives(self) -> dict[str, np.ndarray]:
        """Scores by name, ``[n]`` each; higher is surer, and only the order within one means anything."""
        intents, tags = self.log_probabilities()
        two_best = np.sort(self._intents, 1)[:, -2:]
        return {
            "probability of the answer": self.scores(),
            "product of both heads": self.joint(),
            "intent probability": intents,
            "probability of the tags": np.array([t.sum() for t in tags]),
            "intent and mean tag": intents + np.array([t.mean() if len(t) else 0.0 for t in tags]),
            "intent and least sure tag": intents + np.array([t.min() if len(t) else 0.0 for t in tags]),
            "largest intent logit": self._intents.max(1),
            # Liu et al. 2020, https://arxiv.org/abs/2010.03759
            "energy of the intent logits": np.logaddexp.reduce(self._intents, 1),
            "margin of the intent logits": two_best[:, -1] - two_best[:, 0],
        }


def compare_scores(path: Path, data: Path, other_domains: Path) -> list[str]:
    """A table: AUROC of every score, and the wrong answers below what 95 % of the right ones reach, in percent."""
    from slu.corpus.tagged import read_corpus
    from slu.evaluation.evaluate import KEPT, evaluate
    from slu.evaluation.rejection import keep_threshold, negatives
    from slu.evaluation.reliability import auroc
    from slu.heads.measures import percent
    from slu.model.checkpoint import load_checkpoint
    from slu.platform import prepare_paddle
    from slu.runtime.loading import checkpoint_parser

    prepare_paddle()
    parser, utterances = checkpoint_parser(load_checkpoint(path)), read_corpus(data)
    answers, evidence = collect_evidence(parser, lambda: evaluate(parser, utterances)[1])
    right = np.array([parser.head.right(u, a, parser.labels) for u, a in zip(utterances, answers)])
    real = Scorer(evidence, parser.labels).alternatives()
    groups = {}
    for kind, texts in negatives(utterances, other_domains).items():
        _, evidence = collect_evidence(parser, partial(parser.parse_batch, texts))
        groups[kind] = Scorer(evidence, parser.labels).alternatives()
    cells = [["AUROC, %", "right/wrong", *groups, "wrong refused, %"]]
    for name, scores in real.items():
        areas = [auroc(scores, right)]
        refused = percent((scores[~right] < keep_threshold(scores[right], KEPT)).sum(), (~right).sum())
        for found in groups.values():
            both = np.concatenate([scores, found[name]])
            areas.append(auroc(both, np.arange(len(both)) < len(scores)))
        cells.append([name, *(f"{number:.2f}" for number in (*areas, refused))])
    return text_table(cells)


def main() -> None:
    from slu.evaluation.rejection import OTHER_DOMAINS

    parser = argparse.ArgumentParser(
        prog="python -m slu.evaluation.score_study", description="Compare scores of answers."
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path)
    parser.add_argument("--data", metavar="FILE", type=Path, required=True, help="a tagged corpus")
    parser.add_argument("--reject", metavar="FILE", type=Path, default=OTHER_DOMAINS, help="as for slu eval")
    args = parser.parse_args()
    print("\n".join(compare_scores(args.checkpoint, args.data, args.reject)))


if __name__ == "__main__":
    main()
