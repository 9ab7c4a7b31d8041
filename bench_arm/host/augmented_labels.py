"""What edited copies (`slu data augment`) do for a quick model of character n-grams.

    python -m bench_arm.host.augmented_labels --task sequence --train train.json --data test.json --labels labels.json

Draws parts of the training part, trains on each as it is and with its copies, and prints the measures of all as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

from bench_arm.host.quick_measures import quick_f1
from slu.corpus.classified import read_label_names
from slu.corpus.word_edits import EditSettings, edited_copies
from slu.heads.table import HEADS, OF_LABELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=OF_LABELS, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--texts", type=int, nargs="+", default=[500, 2000], help="sizes of the parts")
    parser.add_argument("--seeds", type=int, default=3, help="parts of each size")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--count", type=int, default=1)
    args = parser.parse_args()
    head = HEADS[args.task]
    names = read_label_names(args.labels) if args.labels else None
    train, data = head.corpus.read(args.train, names), head.corpus.read(args.data, names)
    labels = head.corpus.labels(train, names)
    rows = []
    for texts in args.texts:
        for seed in range(args.seeds):
            part = Random(seed).sample(train, min(texts, len(train)))
            more = edited_copies(part, EditSettings(share=args.share, copies=args.count), seed)
            row = {"texts": len(part), "seed": seed, "copies": len(more) - len(part)}
            measures = {name: quick_f1(some, data, head, labels) for name, some in (("without", part), ("with", more))}
            rows.append({**row, **measures})
    print(json.dumps({"share": args.share, "count": args.count, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
