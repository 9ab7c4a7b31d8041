"""What stands beside a model of labels: a linear model, and thresholds for each label instead of the tree.

    python -m bench_arm.host.label_baselines linear --task TASK --train train.tsv --data test.tsv
    python -m bench_arm.host.label_baselines thresholds CHECKPOINT --tune held-out.txt --data dev.txt

``linear``: TF-IDF of the n-grams of 1 to 3 characters and a linear support vector machine (one a label where texts have
several). ``thresholds``: the same model's logits decided in three ways: the most probable label set that the tree
allows (as the product does), every label whose probability among these sets is above 0.5, and every label whose
probability is above a threshold of its own, the one with the best F1 on ``--tune``. Prints JSON; measures are
percentages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from slu.corpus.classified import read_label_names
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.table import HEADS, OF_LABELS
from slu.runtime.loading import load
from slu.runtime.python_parser import PythonParser


def of_matrix(wanted: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Measures of label sets, bool ``[n, labels]``: as `slu eval` gives them."""
    hits = (wanted & found).sum(0)
    both = wanted.sum(0) + found.sum(0)
    used = wanted.any(0)
    f1 = 2.0 * hits / np.maximum(both, 1)
    return {
        "exact": round(100.0 * float((wanted == found).all(1).mean()), 2),
        "micro_f1": round(200.0 * float(hits.sum()) / max(1, int(both.sum())), 2),
        "macro_f1": round(100.0 * float(f1[used].mean()), 2),
    }


def indicators(utterances: Sequence[Utterance], labels: Labels) -> np.ndarray:
    """Which labels each utterance has, bool ``[n, labels]``."""
    places = {name: i for i, name in enumerate(labels.intents)}
    result = np.zeros((len(utterances), len(places)), bool)
    for row, utterance in zip(result, utterances):
        row[[places[name] for name in utterance.labels]] = True
    return result


def linear(task: str, train: str, data: str, names: str | None) -> dict[str, Any]:
    """Train and measure the linear model."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    corpus = HEADS[task].corpus
    known = read_label_names(Path(names)) if names else None
    learned, measured = (corpus.read(Path(path), known) for path in (train, data))
    labels = corpus.labels(learned, known)
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    x, y = vectors.fit_transform(u.text for u in learned), vectors.transform(u.text for u in measured)
    wanted = indicators(learned, labels)
    if (wanted.sum(1) == 1).all():
        found = np.zeros((len(measured), wanted.shape[1]), bool)
        found[np.arange(len(found)), LinearSVC().fit(x, wanted.argmax(1)).predict(y)] = True
    else:
        found = OneVsRestClassifier(LinearSVC()).fit(x, wanted).predict(y).astype(bool)
    return {"texts": len(measured), "features": x.shape[1], **of_matrix(indicators(measured, labels), found)}


def thresholds(checkpoint: str, tune: str, data: str, names: str | None) -> dict[str, Any]:
    """Measure the logits of a checkpoint, decided in three ways."""
    parser = load(checkpoint, "dygraph")
    assert isinstance(parser, PythonParser)
    weights = cast(Any, parser.decoder).weights  # of the sets that the tree allows
    known = read_label_names(Path(names)) if names else None
    shares, wanted, best = {}, {}, {}
    for name, path in (("tune", tune), ("data", data)):
        utterances = parser.head.corpus.read(Path(path), known)
        logits = np.stack([one[0] for one in parser.logits([u.text for u in utterances])])
        shares[name] = weights.marginals(logits)[1]
        best[name] = weights.best(logits).astype(bool)
        wanted[name] = indicators(utterances, parser.labels)
    own = np.array([_best_threshold(*pair) for pair in zip(shares["tune"].T, wanted["tune"].T)])
    decided = {"tree": best["data"], "above 0.5": shares["data"] > 0.5, "thresholds": shares["data"] > own}
    parents = np.array(parser.labels.sets.parents)  # type: ignore[union-attr]
    rows: dict[str, Any] = {"texts": len(wanted["data"])}
    for name, found in decided.items():
        below = parents >= 0
        alone = (found[:, below] & ~found[:, parents[below]]).any(1)
        rows[name] = {**of_matrix(wanted["data"], found), "contradict the tree": int(alone.sum())}
    return rows


def _best_threshold(shares: np.ndarray, wanted: np.ndarray) -> float:
    """The threshold with the best F1; 0.5 where there is nothing to choose from."""
    steps = np.unique(np.concatenate([np.arange(0.05, 1, 0.05), [0.5]]))
    f1 = [2 * (wanted & (shares > at)).sum() / max(1, wanted.sum() + (shares > at).sum()) for at in steps]
    close = np.flatnonzero(np.array(f1) == max(f1))
    return float(steps[close[np.abs(steps[close] - 0.5).argmin()]])


def main() -> None:
    parser = argparse.ArgumentParser(description="What stands beside a model of labels.")
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("linear")
    first.add_argument("--task", choices=OF_LABELS, required=True)
    first.add_argument("--train", required=True)
    second = commands.add_parser("thresholds")
    second.add_argument("checkpoint")
    second.add_argument("--tune", required=True)
    for one in (first, second):
        one.add_argument("--data", required=True)
        one.add_argument("--labels", help="the file that names the labels")
    given = parser.parse_args()
    if given.command == "linear":
        result = linear(given.task, given.train, given.data, given.labels)
    else:
        result = thresholds(given.checkpoint, given.tune, given.data, given.labels)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
