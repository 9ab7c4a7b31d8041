"""``slu eval --noise`` and ``--reject``: what else is measured with the answers of a file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slu.corpus.utterance import Utterance
    from slu.runtime.parser import Parser, ParseResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``slu eval`` that this module knows."""
    parser.add_argument(
        "--noise",
        metavar="KIND[=RATE][,KIND[=RATE]]",
        action="append",
        default=[],
        help="measure again with what recognisers and people do: homophone=RATE, drop=RATE (of characters), "
        "punctuation, width, spacing, polite, filler, wake, traditional, mixed (of utterances); may be given several "
        "times",
    )
    parser.add_argument(
        "--speech",
        metavar="DIR",
        type=Path,
        help="the phrases of polite, filler and wake (default: data/speech, where that is)",
    )
    parser.add_argument(
        "--reject",
        metavar="FILE",
        nargs="?",
        const="",
        help="measure how much nonsense is not understood, and how many sentences of other domains, those of "
        "FILE, one a line (without FILE: 150 that come with the program)",
    )
    parser.add_argument(
        "--keep",
        metavar="PERCENT",
        type=float,
        default=95.0,
        help="percent of the utterances to be understood at the second threshold of --reject (default: 95)",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="seed of noise and nonsense (default: 0)")


def check_arguments(args: argparse.Namespace) -> None:
    """Raise `ConfigError` for what cannot be measured, before a model is loaded."""
    from slu.errors import ConfigError
    from slu.evaluation.noise import check_installed, parse_noise

    for noise in map(parse_noise, args.noise):
        check_installed(noise)
    if not 0 < args.keep <= 100:
        raise ConfigError(f"--keep {args.keep:g}: must be a percentage above 0, at most 100")


def measure_robustness(
    args: argparse.Namespace,
    parser: Parser,
    utterances: Sequence[Utterance],
    result: dict[str, Any],
    answers: Sequence[ParseResult],
) -> tuple[dict[str, Any], list[str]]:
    """Measure what the options ask for; returns fields for the JSON object, and lines to print."""
    from slu.heads.table import SHOWN
    from slu.tables import text_table

    scores = result["calibration"]
    fields: dict[str, Any] = {}
    lines = ["", f"score: expected calibration error {scores['ece']:.2f} %, AUROC right/wrong {scores['auroc']:.2f} %"]
    if args.noise:
        fields["noise"] = _noise(args, parser, utterances)
        columns = [name for name in (*SHOWN, "understood") if name in result]
        cells = [["noise", "changed", *columns]]
        for row in ({"noise": "none", "changed_utterances": 0, **result}, *fields["noise"]):
            cells.append([row["noise"], str(row["changed_utterances"]), *(f"{row[name]:.2f}" for name in columns)])
        lines += ["", *text_table(cells)]
    if args.reject is not None:
        from slu.evaluation.rejection import OTHER_DOMAINS, measure_rejection, negatives, rejection_table

        groups = negatives(utterances, Path(args.reject) if args.reject else OTHER_DOMAINS, args.seed)
        fields["rejection"] = {"seed": args.seed, **measure_rejection(parser, utterances, answers, groups, args.keep)}
        lines += rejection_table(fields["rejection"])
    return fields, lines


def _default_speech() -> Path | None:
    path = Path("data/speech")
    return path if path.is_dir() else None


def _noise(args: argparse.Namespace, parser: Parser, utterances: Sequence[Utterance]) -> list[dict[str, Any]]:
    from slu.evaluation.evaluate import evaluate, summary
    from slu.evaluation.noise import add_noise, parse_noise

    rows = []
    for noise in map(parse_noise, args.noise):
        noisy = add_noise(utterances, noise, args.seed, args.speech or _default_speech())
        result, _ = evaluate(parser, noisy.utterances)
        rows.append(
            {
                "noise": str(noise),
                "seed": args.seed,
                "changed_utterances": noisy.changed,
                "replaced_characters": noisy.replaced_characters,
                "dropped_characters": noisy.dropped_characters,
                "vanished_slots": noisy.vanished_slots,
                **summary(result),
                "ece": result["calibration"]["ece"],
            }
        )
    return rows
