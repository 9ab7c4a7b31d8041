"""``slu analyze``: what a model gets wrong, why, and which training lines are to blame."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slu.corpus.utterance import Utterance
    from slu.heads.head import Head


_DEFAULTS = {"examples": 20, "share": 0.1, "count": 100, "seed": 0}
_NAMES = (
    "model", "data", "train", "task_has_dialogues", "task", "question", "measures", "classes", "levels", "texts", "bad",
    "importance", "conflicts", "behind", "dirty", "sparse", "next", "seconds",
)  # fmt: skip
"""The names in the JSON file when everything is asked, by which one of this command is told."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``analyze`` to the commands."""
    parser = subparsers.add_parser(
        "analyze",
        help="what a model gets wrong, why, and which training lines are to blame",
        description="Writes one HTML page and a JSON file: measures per class, the words that wrong answers rest on, "
        "and with --train the training texts behind them, training lines that are probably labelled wrong, and texts "
        "with thin support.",
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="a checkpoint")
    parser.add_argument("--data", metavar="FILE", type=Path, required=True, help="a labelled file to measure with")
    parser.add_argument("--train", metavar="FILE", type=Path, help="the labelled file that the model was trained on")
    parser.add_argument(
        "--unlabelled", metavar="FILE", type=Path, help="texts, one a line, to choose from what to label"
    )
    parser.add_argument(
        "--labels", metavar="FILE", type=Path, help="what labels in the files are called (CLUE's labels.json)"
    )
    parser.add_argument("--out", metavar="PAGE", type=Path, help="write the page there, such as analysis.html")
    parser.add_argument("--json", metavar="F", type=Path, help="write everything there")
    parser.add_argument("--bad", metavar="FILE", type=Path, help="write the wrongly answered texts of --data there")
    parser.add_argument(
        "--suspects", metavar="FILE", type=Path, help="write the training lines that are probably labelled wrong there"
    )
    parser.add_argument("--next", metavar="FILE", type=Path, help="write the unlabelled lines to label next there")
    parser.add_argument(
        "--examples",
        metavar="N",
        type=int,
        default=_DEFAULTS["examples"],
        help="wrong answers to explain (default: %(default)s)",
    )
    parser.add_argument(
        "--share",
        metavar="X",
        type=float,
        default=_DEFAULTS["share"],
        help="of the training lines to name (default: %(default)s)",
    )
    parser.add_argument(
        "--count",
        metavar="N",
        type=int,
        default=_DEFAULTS["count"],
        help="unlabelled lines to choose (default: %(default)s)",
    )
    parser.add_argument("--characters", action="store_true", help="explain characters, not words")
    parser.add_argument("--seed", type=int, default=_DEFAULTS["seed"], help="of the folds (default: %(default)s)")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from slu.analysis.analysis import Question, analyse
    from slu.analysis.page import render
    from slu.corpus.classified import read_label_names
    from slu.corpus.texts import numbered_texts
    from slu.errors import ConfigError, CorpusError
    from slu.evaluation.evaluate import check_labels
    from slu.files import write_file, write_result
    from slu.model.checkpoint import load_checkpoint

    _check(args)
    checkpoint = load_checkpoint(args.model)
    head = checkpoint.head
    if args.labels and head.dialogues:
        raise ConfigError(f"--labels: names labels, and {args.model} answers intents and slots; leave it out")
    if args.suspects and head.windows:
        raise ConfigError("--suspects: wrong labels are not looked for in answers to questions; leave it out")
    names = read_label_names(args.labels) if args.labels else None
    dev = head.corpus.read(args.data, names)
    check_labels(dev, checkpoint.labels, args.data)
    train = head.corpus.read(args.train, names) if args.train else None
    if train:
        check_labels(train, checkpoint.labels, args.train)
        if len(train) < 2 and not head.windows:
            raise CorpusError(f"{args.train}: one text; two texts at least are needed to judge the labels of each")
    unlabelled = _new_texts(numbered_texts(args.unlabelled), train or ()) if args.unlabelled else []
    question = Question(args.examples, args.share, next=args.count, by_words=not args.characters, seed=args.seed)
    analysis = analyse(
        checkpoint, dev, train, [text for _, text in unlabelled], question, lambda text: print(text, file=sys.stderr)
    )
    for row, number in zip(analysis.facts.get("next", ()), analysis.next):
        row["line"] = unlabelled[number][0]
    where = {"model": str(args.model), "data": str(args.data), "train": str(args.train or "")}
    facts: dict[str, Any] = {**where, "task_has_dialogues": head.dialogues, **analysis.facts}
    lines = []
    if args.json:
        write_result(args.json, json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
        lines.append(f"everything: {args.json}")
    if args.out:
        write_result(args.out, render(facts, shlex.join(["slu", "analyze", *_typed(args)])))
        lines.append(f"page: {args.out}")
    if args.bad and analysis.bad:
        _write(head, args.data, dev, sorted(analysis.bad), args.bad)
        lines.append(f"{len(analysis.bad)} texts that were answered wrongly: {args.bad}")
    elif args.bad:
        lines.append(f"no text was answered wrongly: {args.bad} is not written")
    if args.suspects and train:
        order = analysis.dirty if head.corpus.lines else sorted(analysis.dirty)
        _write(head, args.train, train, order, args.suspects)
        lines.append(f"{len(analysis.dirty)} training lines that are probably labelled wrong: {args.suspects}")
    if args.next and analysis.next:
        write_file(args.next, "".join(f"{unlabelled[i][1]}\n" for i in analysis.next))
        lines.append(f"{len(analysis.next)} lines to label next: {args.next}")
    elif args.next:
        lines.append(f"all lines of {args.unlabelled} are in {args.train}: {args.next} is not written")
    print("\n".join([*_summary(facts), *lines]))
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse before the work what cannot be done or written."""
    from slu.analysis.page import beginning
    from slu.errors import ConfigError
    from slu.files import check_new, check_result, real_path

    if not args.out and not args.json:
        raise ConfigError("nothing would be written: give --out PAGE, --json F, or both")
    for option, needed in (("suspects", "train"), ("unlabelled", "train"), ("next", "unlabelled")):
        if getattr(args, option) and not getattr(args, needed):
            raise ConfigError(f"--{option}: needs --{needed} FILE")
    if args.examples < 0 or args.count < 1:
        raise ConfigError(f"--examples {args.examples} --count {args.count}: must be at least 0 and 1")
    if not 0 < args.share <= 1:
        raise ConfigError(f"--share {args.share:g}: must be more than 0 and at most 1")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: must not be negative")
    written = [path for path in (args.out, args.json, args.bad, args.suspects, args.next) if path]
    read = [path for path in (args.data, args.train, args.unlabelled, args.labels) if path]
    for i, path in enumerate(written):
        if real_path(path) in [real_path(other) for other in (*read, *written[:i])]:
            raise ConfigError(f"{path}: is named twice, or would be written over; choose another name")
    if args.out:
        check_result(args.out, beginning())
    if args.json:
        check_result(args.json, json.dumps(dict.fromkeys(_NAMES)))
    for path in (args.bad, args.suspects, args.next):
        if path:
            check_new(path)


def _new_texts(texts: Sequence[tuple[int, str]], train: Sequence[Utterance]) -> list[tuple[int, str]]:
    """The first of each text that is not one of the training part, with its line number."""
    from slu.analysis.dirty import plain

    known = {plain(utterance.text) for utterance in train}
    found = []
    for number, text in texts:
        if plain(text) not in known:
            known.add(plain(text))
            found.append((number, text))
    return found


def _write(head: Head, source: Path, utterances: Sequence[Utterance], order: Sequence[int], out: Path) -> None:
    """The texts of these numbers in the format of the file that they come from."""
    from slu.corpus.classified import copy_lines

    if not head.corpus.lines:
        head.corpus.write([utterances[i] for i in order], out)
    else:
        copy_lines(source, [int(utterances[i].session) for i in order], out)


def _typed(args: argparse.Namespace) -> list[str]:
    """The arguments that say what is on the page."""
    options = [name for name in ("data", "train", "unlabelled", "labels") if getattr(args, name)]
    options += [name for name, usual in _DEFAULTS.items() if getattr(args, name) != usual]
    pairs = [[f"--{name}", str(getattr(args, name))] for name in options]
    more = ["--characters"] if args.characters else []
    return [str(args.model), *(part for pair in pairs for part in pair), *more]


def _summary(facts: dict[str, Any]) -> list[str]:
    told = facts["importance"]
    lines = [f"{len(facts['bad'])} of {facts['texts']['data']} texts are answered wrongly"]
    if told["reasons"]:
        alike = "" if told["agreement"] is None else f", correlation with leaving them out {told['agreement']:.2f}"
        lines.append(
            f"importance of {told['units']}: {told['complete']} of {told['reasons']} complete within 1 %{alike}"
        )
    if "confident" in facts.get("dirty", ()):
        lines.append(f"{facts['dirty']['confident']} training lines are confidently labelled wrong")
    for part, found in facts["conflicts"].items():
        explained = sum(one["explained"] for one in found)
        if found:
            more = f", {explained} of them told apart by the previous intent" if facts["task_has_dialogues"] else ""
            lines.append(f"{part}: {len(found)} texts are labelled in several ways{more}")
    return lines
