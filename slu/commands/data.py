"""``slu data check|split|sample|convert|augment``: check, split, make or vary a corpus, read and write others'."""

from __future__ import annotations

import argparse
import json
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from slu.commands.arguments import add_set_argument
from slu.commands.augment import add_augment
from slu.heads import TASKS
from slu.tables import shown

if TYPE_CHECKING:
    from slu.corpus.classified import LabelNames
    from slu.heads.head import Head
    from slu.inputs.coverage import Coverage

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
        "--labels",
        metavar="FILE",
        type=Path,
        help="a labels.json or, for texts with labels, a file that names them; other names in the corpus are errors",
    )
    tokens = check.add_mutually_exclusive_group()
    tokens.add_argument("--model", metavar="DIR", type=Path, help="also count what this checkpoint could not learn")
    tokens.add_argument("--config", metavar="C", type=Path, help="the same for the model that a recipe trains")
    add_set_argument(check)
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
    split.add_argument(
        "--labels", metavar="FILE", type=Path, help="what labels in FILE are called (CLUE's labels.json)"
    )
    sample = actions.add_parser("sample", help="write the sample corpus")
    sample.add_argument("--out", metavar="FILE", type=Path, required=True)
    sample.add_argument("--count", metavar="N", type=int, default=4000, help="utterances (default: 4000)")
    sample.add_argument("--seed", type=int, default=0)
    sample.add_argument("--lists", metavar="DIR", type=Path, help="write its lexicons there, SLOT.txt")

    augment = add_augment(actions)
    for action in (check, split, sample, augment):
        action.add_argument(
            "--task",
            metavar="TASK",
            default="",
            help=f"of the corpus: {', '.join(TASKS)} (default: of the model or recipe, or {TASKS[0]})",
        )

    convert = actions.add_parser(
        "convert",
        help="read a corpus in the format of another tool, or write one",
        description="Read files of other tools into a corpus, or write a corpus for them (--to). What cannot be taken "
        "over is left out, reported with its line and counted. docs/convert.md describes the formats.",
    )
    convert.add_argument("files", metavar="FILE", type=Path, nargs="+")
    convert.add_argument("--out", metavar="CORPUS", type=Path, required=True)
    convert.add_argument("--from", metavar="FORMAT", dest="source", default="", help="default: found out")
    convert.add_argument("--to", metavar="FORMAT", dest="target", default="", help="write this format instead")
    convert.add_argument("--intent", metavar="NAME", default="", help="the intent of texts that have none")
    convert.add_argument("--intents", metavar="FILE", type=Path, help="a file with the intent of each text a line")
    convert.add_argument("--offsets", metavar="UNIT", default="", help="code-points or utf-16 (default: found out)")
    convert.add_argument("--task", metavar="TASK", default="", help="what CORPUS is for: joint (default), or tokens")
    convert.add_argument(
        "--ends",
        metavar="KIND",
        default="",
        help="spans end behind their last character (exclusive) or at it (inclusive; default: exclusive for joint, "
        "found out for tokens)",
    )
    convert.add_argument(
        "--pieces", metavar="N", type=int, default=0, help="tokens: cut longer texts at the ends of sentences"
    )
    convert.add_argument("--part", metavar="NAME", default="", help="read this part only, such as MASSIVE's test")
    convert.add_argument("--strict", action="store_true", help="write nothing if a text would be left out")
    convert.add_argument("--json", metavar="F", type=Path, help="write everything that was found there")

    for action in (check, split, sample, augment, convert):
        action.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do what ``args.action`` says; return the exit code. Raises `SluError`."""
    from slu.commands.convert import convert

    actions = {"check": _check, "split": _split, "sample": _sample, "augment": _augment, "convert": convert}
    return actions[args.action](args)


def _check(args: argparse.Namespace) -> int:
    from slu.corpus.formats.jointbert import is_part
    from slu.corpus.formats.table import recognise
    from slu.corpus.labels import Labels
    from slu.errors import ConfigError
    from slu.files import write_result

    head = _head(args)
    names = _label_names(args, head)
    labels = Labels.load(args.labels, ConfigError) if args.labels and head.dialogues else None
    whole = args.file.parent if is_part(args.file) else args.file
    form = recognise(whole) if head.dialogues else None
    if form is not None:
        command = f"slu data convert {shlex.quote(str(whole))} --from {form.name} --out corpus.txt"
        message = f"the format is {form.title}; read it into a corpus: {command}"
        print(f"{args.file}:1: error: {message}")
        if args.json:
            found = {"line": 1, "severity": "error", "message": message}
            report = {"data": str(args.file), "errors": 1, "warnings": 0, "problems": [found]}
            write_result(args.json, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
        return 1
    problems = head.corpus.check(args.file, names, labels)
    counts = Counter(problem.severity for problem in problems)
    covered = None if counts["error"] else _coverage(args, head, names)
    if args.json:
        report = {
            "data": str(args.file),
            "errors": counts["error"],
            "warnings": counts["warning"],
            "problems": [{"line": p.line, "severity": p.severity, "message": p.message} for p in problems],
        }
        if covered:
            report["coverage"] = covered.to_json()
        write_result(args.json, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    for problem in problems:
        line = f":{problem.line}" if problem.line else ""
        print(shown(f"{args.file}{line}: {problem.severity}: {problem.message}"))
    for line in covered.lines() if covered else ():
        print(f"{args.file}: {line}")
    print(f"{args.file}: {counts['error']} errors, {counts['warning']} warnings")
    return 1 if counts["error"] else 0


def _head(args: argparse.Namespace) -> Head:
    """What the corpus is for."""
    from slu.errors import ConfigError
    from slu.heads.table import DEFAULT, HEADS
    from slu.runtime.bundle import open_directory
    from slu.training.recipe import ModelSettings, load_recipe

    if args.task:
        if args.task not in HEADS:
            raise ConfigError(f"--task {args.task}: must be one of {', '.join(HEADS)}")
        return HEADS[args.task]
    if getattr(args, "model", None):
        return open_directory(args.model).config.task
    if getattr(args, "config", None):
        return HEADS[load_recipe(args.config, args.set).section("model", ModelSettings).task]
    return DEFAULT


def _check_labels(args: argparse.Namespace, head: Head) -> None:
    """Raise `ConfigError` for ``--labels`` of a corpus with intents and slots, which names its labels itself."""
    from slu.errors import ConfigError
    from slu.heads.table import HEADS

    if head.dialogues and args.labels:
        others = ", ".join(name for name, other in HEADS.items() if not other.dialogues and other.windows is None)
        raise ConfigError(f"--labels: names labels, and the task is {head.name}; add --task, one of {others}")


def _label_names(args: argparse.Namespace, head: Head) -> LabelNames | None:
    """The labels that ``--labels`` or the recipe of ``--config`` names, for a head without intents."""
    from slu.corpus.classified import read_label_names
    from slu.training.recipe import DataSettings, load_recipe

    if head.dialogues:
        return None
    path = args.labels
    if path is None and getattr(args, "config", None):
        recipe = load_recipe(args.config, args.set)
        named = recipe.section("data", DataSettings).labels
        path = recipe.resolve(named) if named else None
    return read_label_names(path) if path else None


def _coverage(args: argparse.Namespace, head: Head, names: LabelNames | None) -> Coverage | None:
    """What the model of ``--model`` or ``--config`` cannot learn of the corpus; None without them."""
    from slu.corpus.classified import PAIR
    from slu.inputs.coverage import coverage
    from slu.model.checkpoint import load_checkpoint

    if args.model:
        checkpoint = load_checkpoint(args.model)
        reads = checkpoint.tokenizer(), checkpoint.config.max_length
        return coverage(head.read_at_once(head.corpus.read(args.file, names), *reads), *reads)
    if args.config:
        from slu.training.recipe import load_recipe
        from slu.training.start import recipe_tokenizer

        utterances = head.corpus.read(args.file, names)
        recipe = load_recipe(args.config, args.set)
        tokenizer, length = recipe_tokenizer(recipe, (utterance.text for utterance in utterances))
        tokenizer.pairs = head.reads_pairs and any(PAIR in utterance.text for utterance in utterances)
        return coverage(head.read_at_once(utterances, tokenizer, length), tokenizer, length)
    return None


def _split(args: argparse.Namespace) -> int:
    from slu.corpus.tagged import split_corpus
    from slu.errors import ConfigError, OutputError
    from slu.files import MARK, check_output_directory, new_directory, real_path, sha256
    from slu.manifest import Manifest

    check_output_directory(args.out)
    if (args.out / MARK).exists() and Manifest.load(args.out, OutputError).stage != SPLIT_STAGE:
        raise OutputError(f"{args.out}: contains files that are not a split; choose another --out")
    if real_path(args.out) in real_path(args.file).parents:
        raise OutputError(f"{args.out}: contains the corpus that is to be split; choose another --out")
    head = _head(args)
    _check_labels(args, head)
    if not head.dialogues and args.by != "utterance":
        raise ConfigError(f"--by {args.by}: texts of task {head.name} have no sessions; leave it out")
    utterances = head.corpus.read(args.file, _label_names(args, head))
    by = "session" if head.corpus.whole_sessions else args.by
    train, dev = split_corpus(utterances, by, args.dev_fraction, args.seed)
    with new_directory(args.out) as directory:
        head.corpus.write(train, directory / "train.txt")
        head.corpus.write(dev, directory / "dev.txt")
        Manifest(
            stage=SPLIT_STAGE,
            inputs={args.file.name: sha256(args.file)},
            config={"by": by, "seed": args.seed, "dev_fraction": args.dev_fraction},
        ).save(directory)
    print(f"{args.out}: {len(train)} utterances in train.txt, {len(dev)} in dev.txt")
    return 0


def _augment(args: argparse.Namespace) -> int:
    from slu.commands.augment import augment

    head = _head(args)
    _check_labels(args, head)
    return augment(args, head, _label_names(args, head))


def _sample(args: argparse.Namespace) -> int:
    from slu.corpus.sample import generate_lexicons
    from slu.errors import ConfigError
    from slu.files import write_new

    head = _head(args)
    if args.lists and not head.dialogues:
        raise ConfigError(f"--lists: lexicons are for intents and slots, and the task is {head.name}; leave it out")
    utterances = head.corpus.sample(args.count, args.seed)
    head.corpus.write_new(utterances, args.out)
    print(f"{args.out}: {args.count} utterances")
    if args.lists:
        for slot, names in generate_lexicons(utterances, args.seed).items():
            path = args.lists / f"{slot}.txt"
            write_new(path, ("\n".join(names) + "\n").encode())
            print(f"{path}: {len(names)} names")
    return 0
