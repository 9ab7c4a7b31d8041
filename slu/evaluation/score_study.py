"""``python -m slu.evaluation.score_study CHECKPOINT --data FILE``: which score of an answer is worth most.

It compares the scores that a head has (`slu.heads.head.Scorer`): how well each tells right answers from wrong ones, and
utterances from what is none (`slu.evaluation.rejection`).
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from slu.tables import text_table


def compare_scores(path: Path, data: Path, other_domains: Path) -> list[str]:
    """A table: AUROC of every score, and the wrong answers below what 95 % of the right ones reach, in percent."""
    from slu.corpus.tagged import read_corpus
    from slu.evaluation.evaluate import KEPT, evaluate
    from slu.evaluation.evidence import collect_evidence
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
    real = parser.head.scorer(evidence, parser.labels).alternatives()
    groups = {}
    for kind, texts in negatives(utterances, other_domains).items():
        _, evidence = collect_evidence(parser, partial(parser.parse_batch, texts))
        groups[kind] = parser.head.scorer(evidence, parser.labels).alternatives()
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
