"""``slu eval``: measure a checkpoint or a bundle on a labelled file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.commands.arguments import add_lexicon_argument, add_lexicons, require_output
from slu.commands.robustness import add_arguments, check_arguments, measure_robustness

if TYPE_CHECKING:
    from slu.runtime.parser import Parser
    from slu.runtime.python_parser import PythonParser


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``eval`` to the commands."""
    parser = subparsers.add_parser("eval", help="measure a model on a labelled file")
    parser.add_argument("model", metavar="MODEL", type=Path, help="a checkpoint or a bundle")
    parser.add_argument("--data", metavar="FILE", type=Path, help="a tagged corpus, or texts with labels")
    parser.add_argument(
        "--labels", metavar="FILE", type=Path, help="what the labels in FILE of --data are called (CLUE's labels.json)"
    )
    parser.add_argument(
        "--commands",
        metavar="DIR",
        type=Path,
        help="list everyday commands with their answers: a file INTENT.txt of tagged phrases for each intent",
    )
    parser.add_argument(
        "--backend", metavar="B", help="what computes the network (default: the fastest that MODEL has files for)"
    )
    add_lexicon_argument(parser)
    parser.add_argument(
        "--lexicon-share",
        metavar="X",
        type=float,
        default=1.0,
        help="use only this share of all entries, 0 to 1: to measure incomplete lexicons (default: 1)",
    )
    parser.add_argument("--json", metavar="F", type=Path, help="write the measures there")
    parser.add_argument("--errors", metavar="F", type=Path, help="write every wrong utterance there")
    add_arguments(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from slu.corpus.classified import read_label_names
    from slu.errors import ConfigError
    from slu.evaluation.command_check import answer_commands, command_lines, command_shares
    from slu.evaluation.evaluate import (
        check_labels,
        error_columns,
        error_lines,
        evaluate,
        write_evaluation,
    )
    from slu.files import write_result
    from slu.runtime.loading import load

    check_arguments(args)
    require_output("slu eval", args.json, args.errors)
    if not args.data and not args.commands:
        raise ConfigError("there is nothing to measure: give --data FILE, --commands DIR, or both")
    if not 0 <= args.lexicon_share <= 1:
        raise ConfigError(f"--lexicon-share {args.lexicon_share:g}: must be 0 to 1")
    names = read_label_names(args.labels) if args.labels else None
    parser = load(args.model, args.backend)
    _check_task(args, parser)
    utterances = parser.head.corpus.read(args.data, names) if args.data else []
    if 0 < args.lexicon_share < 1:
        parser = thinned = _python_parser(parser, args.model)
        thinned.lexicon.thin(args.lexicon_share)
    add_lexicons(parser, args.lexicon)
    if args.lexicon_share == 0:
        for slot in parser.labels.slots:
            parser.lexicon.replace(slot, [])
    more: dict[str, Any] = {}
    lines: list[str] = []
    if args.commands:
        answered = answer_commands(parser, args.commands)
        more["commands"] = command_shares(answered)
        lines = command_lines(answered)
    if not utterances:
        if args.json:
            write_result(args.json, json.dumps({"model": str(args.model), **more}, ensure_ascii=False, indent=1) + "\n")
        print("\n".join(lines))
        return 0
    check_labels(utterances, parser.labels, args.data)
    result, answers = evaluate(parser, utterances)
    robustness, more_lines = measure_robustness(args, parser, utterances, result, answers)
    more |= robustness
    if args.lexicon or args.lexicon_share != 1:
        more = {**more, "lexicon": {"added": args.lexicon, "share": args.lexicon_share}}
    if args.json:  # before anything is printed: standard output may be full or closed
        write_evaluation(args.json, args.model, args.data, parser, {**result, **more})
    lines += [*class_table(result), *more_lines]
    if args.errors:
        wrong = error_lines(utterances, answers, parser)
        write_result(args.errors, "\n".join(["\t".join(error_columns(parser.labels, parser.head)), *wrong]) + "\n")
        lines.append(f"{len(wrong)} wrong utterances in {args.errors}")
    print("\n".join(lines))
    return 0


def _check_task(args: argparse.Namespace, parser: Parser) -> None:
    """Raise `ConfigError` for an option that is for models of another task."""
    from slu.errors import ConfigError

    task = parser.head.name
    if args.labels and parser.head.dialogues:
        raise ConfigError(f"--labels: names labels, and {args.model} answers intents and slots; leave it out")
    if not parser.head.dialogues and (args.commands or args.reject is not None):
        option = "--commands" if args.commands else "--reject"
        raise ConfigError(f"{option}: is for models of intents and slots, and the task of {args.model} is {task}")
    if parser.head.windows and args.noise:
        raise ConfigError(f"--noise: changes texts, and with a passage its answers; {args.model} has task {task}")


def _python_parser(parser: Parser, model: Path) -> PythonParser:
    """A parser that computes the same and can ignore a part of its entries."""
    from slu.errors import ConfigError
    from slu.runtime.bundle import open_directory
    from slu.runtime.loading import python_parser_of
    from slu.runtime.python_parser import PythonParser

    if isinstance(parser, PythonParser):
        return parser
    if model.is_file():
        raise ConfigError(
            f"--lexicon-share: the lexicons of {model} cannot be divided; give the directory of the model instead"
        )
    return python_parser_of(parser.backend, open_directory(model))


def class_table(result: dict[str, Any]) -> list[str]:
    """A table of the measures, then one line for each intent and each slot."""
    from slu.evaluation.evaluate import MEASURES
    from slu.evaluation.unknown_labels import unknown_lines
    from slu.tables import text_table

    lines = [f"{result['utterances']} utterances"]
    lines += unknown_lines(result.get("unknown_labels"), result["utterances"])
    lines += text_table([[name, f"{result[name]:.2f} %"] for name in MEASURES if name in result], indent=2)
    for level in result.get("levels", ()):
        told = ", ".join(f"{name} {level[name]:.2f} %" for name in ("exact", "micro_f1", "macro_f1"))
        lines.append(f"  level {level['level']} of the tree: {told}")
    for kind, classes in result["classes"].items():
        counts, shares = ("labelled", "predicted"), ("precision", "recall", "f1")
        cells = [[kind, *counts, *shares]]
        for name, row in classes.items():
            cells.append([name, *(str(row[c]) for c in counts), *(f"{row[s]:.2f}" for s in shares)])
        lines += ["", *text_table(cells)]
    return lines
