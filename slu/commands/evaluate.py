"""``slu eval``: measure a checkpoint or a bundle on a labelled file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.commands.arguments import add_lexicon_argument, add_lists
from slu.commands.robustness import add_arguments, check_arguments, measure_robustness
from slu.evaluation.evaluate import check_labels

if TYPE_CHECKING:
    from slu.runtime.parser import Parser


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``eval`` to the commands."""
    parser = subparsers.add_parser("eval", help="measure a model on a labelled file")
    parser.add_argument("model", metavar="MODEL", type=Path, help="a checkpoint or a bundle")
    parser.add_argument("--data", metavar="FILE", type=Path, required=True, help="a tagged corpus")
    parser.add_argument("--backend", metavar="B", help="what computes it; MODEL decides if left out")
    add_lexicon_argument(parser)
    parser.add_argument(
        "--lexicon-share",
        metavar="X",
        type=float,
        default=1.0,
        help="let only this share of all names in lists count, 0 to 1: to measure incomplete lists (default: 1)",
    )
    parser.add_argument("--json", metavar="F", type=Path, help="write the measures there")
    parser.add_argument("--errors", metavar="F", type=Path, help="write every wrong utterance there")
    add_arguments(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from slu.corpus.tagged import read_corpus
    from slu.errors import ConfigError
    from slu.evaluation.evaluate import error_lines, evaluate, write_evaluation
    from slu.files import write_file
    from slu.runtime.loading import load

    check_arguments(args)
    if not 0 <= args.lexicon_share <= 1:
        raise ConfigError(f"--lexicon-share {args.lexicon_share:g}: a share, 0 to 1, is expected")
    utterances = read_corpus(args.data)
    parser = load(args.model, args.backend)
    if 0 < args.lexicon_share < 1:
        parser = _thinnable(parser, args.model)
    add_lists(parser, args.lexicon)
    if args.lexicon_share == 0:
        for slot in parser.labels.slots:
            parser.lexicon.replace(slot, [])
    elif args.lexicon_share < 1:
        parser.lexicon.thin(args.lexicon_share)
    check_labels(utterances, parser.labels, args.data)
    result, answers = evaluate(parser, utterances)
    more, lines = measure_robustness(args, parser, utterances, result, answers)
    print("\n".join([*class_table(result), *lines]))
    if args.errors:
        lines = error_lines(utterances, answers, parser)
        head = "session\ttext\tintent\ttagged\tanswered intent\tanswered tagged\tscore"
        write_file(args.errors, "\n".join([head, *lines]) + "\n")
        print(f"{len(lines)} wrong utterances in {args.errors}")
    if args.lexicon or args.lexicon_share != 1:
        more = {**more, "lexicon": {"added": args.lexicon, "share": args.lexicon_share}}
    if args.json:
        write_evaluation(args.json, args.model, args.data, parser, {**result, **more})
    return 0


def _thinnable(parser: Parser, model: Path) -> Parser:
    """A parser that computes the same and of whose names a part can be left out."""
    from slu.errors import ConfigError
    from slu.inputs.lexicon import Lexicon
    from slu.runtime.bundle import open_directory
    from slu.runtime.loading import python_parser_of

    if isinstance(parser.lexicon, Lexicon):
        return parser
    if model.is_file():
        raise ConfigError(f"--lexicon-share: the lists of {model} cannot be taken apart; give its directory instead")
    return python_parser_of(parser.backend, open_directory(model))


def class_table(result: dict[str, Any]) -> list[str]:
    """The measures, then a line an intent and a line a slot."""
    from slu.evaluation.evaluate import MEASURES

    lines = [f"{result['utterances']} utterances"]
    lines += [f"  {name:<16} {result[name]:7.2f} %" for name in MEASURES]
    for kind in ("intents", "slots"):
        lines += ["", f"{kind:<32} labelled predicted precision  recall      f1"]
        for name, row in result["classes"][kind].items():
            numbers = f"{row['labelled']:8d} {row['predicted']:9d} {row['precision']:9.2f} {row['recall']:7.2f}"
            lines.append(f"  {name:<30} {numbers} {row['f1']:7.2f}")
    return lines
