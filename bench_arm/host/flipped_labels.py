"""How many wrong labels `slu analyze` finds: some labels of a training part are flipped by chance, and looked for.

    python -m bench_arm.host.flipped_labels --task labels --train train.txt --data dev.txt --labels label.txt

A flipped text has one label exchanged for another, drawn evenly; in a tree one of its lowest labels, with those above
it. Prints JSON: the share of the flipped texts among as many named ones, and the measures of a quick model that is
trained on the true labels, on the flipped ones, and on those where each named text has its true labels back. With
``--model``, a checkpoint trained on the file of ``--out``, also what a linear model on its features finds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from bench_arm.host.quick_measures import quick_f1
from slu.analysis.dirty import errors_of, find_dirty
from slu.analysis.examples import class_table
from slu.analysis.quick import HeldOut, folds
from slu.corpus.classified import read_label_names
from slu.corpus.label_sets import in_order, with_parents
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.table import HEADS, OF_LABELS
from slu.model.checkpoint import Checkpoint, load_checkpoint
from slu.platform import prepare_paddle


def flip(
    train: Sequence[Utterance], names: Sequence[str], share: float, seed: int
) -> tuple[list[Utterance], list[int]]:
    """Exchange a label of ``share`` of the texts; returns all texts, and the numbers of those that were changed."""
    random = Random(seed)
    places = {name: i for i, name in enumerate(names)}
    lowest = [name for name in names if not any(other.startswith(f"{name}##") for other in names)]
    chosen = sorted(random.sample(range(len(train)), round(share * len(train))))
    flipped = list(train)
    for i in chosen:
        own = [name for name in train[i].labels if name in lowest] or list(train[i].labels[-1:])
        lost = random.choice(own)
        new = random.choice([name for name in lowest if name not in train[i].labels])
        kept = [name for name in own if name != lost]
        flipped[i] = replace(train[i], labels=with_parents(in_order([*kept, new]), places))
    return flipped, chosen


def by_features(checkpoint: Checkpoint, train: Sequence[Utterance], labels: Labels, seed: int) -> np.ndarray:
    """The order of the training texts by confident learning over a linear model on a model's features."""
    from sklearn.linear_model import LogisticRegression

    from slu.analysis.inside import features, float_network

    read = features(float_network(checkpoint), checkpoint, [utterance.text for utterance in train])
    read = (read - read.mean(0)) / (read.std(0) + 1e-6)
    given = class_table(train, labels.intents)
    shares = np.zeros(given.shape)
    single = bool((given.sum(1) == 1).all())
    for kept, left in folds(len(train), seed):
        columns: list[Any] = [given[kept].argmax(1)] if single else list(given[kept].T)
        for number, targets in enumerate(columns):
            known = np.unique(targets)
            if len(known) < 2:
                shares[left, number] = known[0]
                continue
            found = LogisticRegression(C=0.1, max_iter=200).fit(read[kept], targets).predict_proba(read[left])
            if single:
                shares[np.ix_(left, known)] = found
            else:
                shares[left, number] = found[:, 1]
    return errors_of(HeldOut(labels.intents, given, shares)).order


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=OF_LABELS, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--share", type=float, default=0.1, help="of the texts, to flip and to name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the flipped training part there")
    parser.add_argument("--model", type=Path, help="a checkpoint trained on that file")
    args = parser.parse_args()
    head = HEADS[args.task]
    names = read_label_names(args.labels) if args.labels else None
    train, data = head.corpus.read(args.train, names), head.corpus.read(args.data, names)
    labels = head.corpus.labels(train, names)
    flipped, changed = flip(train, labels.intents, args.share, args.seed)
    if args.out:
        head.corpus.write(flipped, args.out)
    started = time.process_time()
    order = find_dirty(flipped, labels, args.seed).order
    seconds = time.process_time() - started
    named = order[: len(changed)]
    mended = list(flipped)
    for i in named:
        mended[i] = train[i]
    result: dict[str, Any] = {
        "texts": len(train), "flipped": len(changed), "named": len(named), "seed": args.seed,
        "found": round(float(np.isin(changed, named).mean()), 4), "processor_seconds": round(seconds, 1),
        "quick_model": {
            name: quick_f1(part, data, head, labels)
            for name, part in (("true", train), ("flipped", flipped), ("mended", mended))
        },
    }  # fmt: skip
    if args.model:
        prepare_paddle()
        found = by_features(load_checkpoint(args.model), flipped, labels, args.seed)[: len(changed)]
        result["found_by_features"] = round(float(np.isin(changed, found).mean()), 4)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
