"""``slu data check|split|sample``: check a corpus, split it, write the sample corpus."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

SPLIT_STAGE = "data split"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``data`` to the commands."""
    data = subparsers.add_parser("data", help="check, split or make a corpus")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")

    check = actions.add_parser(
        "check",
        help="report every problem of a corpus; exit code 1 if there is an error",
        description="Report every problem of a corpus with its line. Errors give exit code 1, warnings do not.",
    )
    check.add_argument("file", metavar="FILE", type=Path)
    check.add_argument(
        "--labels", metavar="FILE", type=Path, help="a labels.json; other names in the corpus are errors"
    )
    check.add_argument("--json", metavar="F", type=Path, help="write the problems there as well")

    split = actions.add_parser("split", help="split a corpus into DIR/train.txt and DIR/dev.txt")
    split.add_argument("file", metavar="FILE", type=Path)
    split.add_argument("--out", metavar="DIR", type=Path, required=True)
    split.add_argument(
        "--by",
        choices=("utterance", "session"),
        default="utterance",
        help="the units that are not divided (default: %(default)s)",
    )
    split.add_argument("--seed", type=int, default=0)
    split.add_argument("--dev-fraction", metavar="X", type=float, default=0.2, help="default: 0.2")

    sample = actions.add_parser("sample", help="write the sample corpus")
    sample.add_argument("--out", metavar="FILE", type=Path, required=True)
    sample.add_argument("--count", metavar="N", type=int, default=4000, help="utterances (default: 4000)")
    sample.add_argument("--seed", type=int, default=0)
    sample.add_argument("--lists", metavar="DIR", type=Path, help="write its lexicons there, SLOT.txt")

    for action in (check, split, sample):
        action.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do what ``args.action`` says; return the exit code. Raises `SluError`."""
    return {"check": _check, "split": _split, "sample": _sample}[args.action](args)


def _check(args: argparse.Namespace) -> int:
    from slu.corpus.labels import Labels
    from slu.corpus.tagged import check_corpus
    from slu.errors import ConfigError
    from slu.files import write_file

    labels = Labels.load(args.labels, ConfigError) if args.labels else None
    problems = check_corpus(args.file, labels)
    counts = Counter(problem.severity for problem in problems)
    if args.json:
        report = {
            "data": str(args.file),
            "errors": counts["error"],
            "warnings": counts["warning"],
            "problems": [{"line": p.line, "severity": p.severity, "message": p.message} for p in problems],
        }
        write_file(args.json, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    for problem in problems:
        print(f"{args.file}:{problem.line}: {problem.severity}: {problem.message}")
    print(f"{args.file}: {counts['error']} errors, {counts['warning']} warnings")
    return 1 if counts["error"] else 0


def _split(args: argparse.Namespace) -> int:
    from slu.corpus.tagged import read_corpus, split_corpus, write_corpus
    from slu.errors import OutputError
    from slu.files import MARK, check_output_directory, new_directory, sha256
    from slu.manifest import Manifest

    check_output_directory(args.out)
    if (args.out / MARK).exists() and Manifest.load(args.out, OutputError).stage != SPLIT_STAGE:
        raise OutputError(f"{args.out}: contains files that are not a split; choose another --out")
    if args.out.resolve() in args.file.resolve().parents:
        raise OutputError(f"{args.out}: contains the corpus that is to be split; choose another --out")
    train, dev = split_corpus(read_corpus(args.file), args.by, args.dev_fraction, args.seed)
    with new_directory(args.out) as directory:
        write_corpus(train, directory / "train.txt")
        write_corpus(dev, directory / "dev.txt")
        Manifest(
            stage=SPLIT_STAGE,
            inputs={args.file.name: sha256(args.file)},
            config={"by": args.by, "seed": args.seed, "dev_fraction": args.dev_fraction},
        ).save(directory)
    print(f"{args.out}: {len(train)} utterances in train.txt, {len(dev)} in dev.txt")
    return 0


def _sample(args: argparse.Namespace) -> int:
    from slu.corpus.sample import generate_lexicons, generate_sample
    from slu.corpus.tagged import write_corpus
    from slu.files import write_file

    utterances = generate_sample(args.count, args.seed)
    write_corpus(utterances, args.out)
    print(f"{args.out}: {args.count} utterances")
    if args.lists:
        for slot, names in generate_lexicons(utterances, args.seed).items():
            path = args.lists / f"{slot}.txt"
            write_file(path, "\n".join(names) + "\n")
            print(f"{path}: {len(names)} names")
    return 0
