"""``slu lexicon check`` and ``slu lexicon try``: check lexicon files, and measure what they change."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from slu.commands.arguments import parse_lexicons, require_output


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``lexicon`` to the commands."""
    lexicon = subparsers.add_parser("lexicon", help="check lexicon files, and measure what they change")
    actions = lexicon.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="report every problem of lexicon files; exit code 1 if there is an error",
        description="Report every problem of lexicon files with its line. Errors give exit code 1, warnings do not.",
    )
    check.add_argument("lexicons", metavar="SLOT=FILE", nargs="+", help="a slot and the file of its lexicon")
    check.add_argument(
        "--model",
        metavar="MODEL",
        type=Path,
        help="a checkpoint or a bundle, which must have these slots, and whose normalisation entries are compared with",
    )
    check.set_defaults(func=run)
    trial = actions.add_parser(
        "try",
        help="parse sentences with the entries of a lexicon, before and after they are added",
        description="Put every entry of a lexicon into every sentence for its slot, and report how often the "
        "slot is found, before and after the entries are added to the model's lexicon.",
    )
    trial.add_argument("model", metavar="MODEL", type=Path, help="a checkpoint or a bundle")
    trial.add_argument(
        "lexicons", metavar="SLOT=FILE", nargs="+", help="a slot and a file with names that the model does not know"
    )
    trial.add_argument(
        "--templates", metavar="FILE", type=Path, required=True, help="lines SLOT<TAB>sentence with {} for the name"
    )
    trial.add_argument(
        "--backend", metavar="B", help="what computes the network (default: the fastest that MODEL has files for)"
    )
    trial.add_argument("--json", metavar="F", type=Path, help="write the figures there")
    trial.set_defaults(func=run_trial)


def run(args: argparse.Namespace) -> int:
    from slu.errors import LexiconError
    from slu.inputs.entries import check_lexicon
    from slu.inputs.normalisation import PLAIN
    from slu.runtime.bundle import open_directory

    lexicons = parse_lexicons(args.lexicons)
    model = open_directory(args.model) if args.model else None
    slots, normalisation = (model.labels.slots, model.config.normalisation) if model else (None, PLAIN)
    errors = 0
    for slot, path in lexicons:
        if slots is not None and slot not in slots:
            raise LexiconError(f"{slot}={path}: the model has no slot {slot!r}; it has {', '.join(slots)}")
        problems = check_lexicon(path, normalisation)
        for problem in problems:
            print(f"{path}:{problem.line}: {problem.severity}: {problem.message}")
        counts = Counter(problem.severity for problem in problems)
        print(f"{path}: {counts['error']} errors, {counts['warning']} warnings")
        errors += counts["error"]
    return 1 if errors else 0


def run_trial(args: argparse.Namespace) -> int:
    import json

    from slu.errors import LexiconError
    from slu.evaluation.unseen_names import read_templates, try_names
    from slu.files import write_result
    from slu.inputs.entries import read_lexicon
    from slu.inputs.normalisation import PLAIN
    from slu.runtime.bundle import open_directory
    from slu.runtime.loading import load
    from slu.tables import markdown_table

    require_output("slu lexicon try", args.json)
    normalisation = open_directory(args.model).config.normalisation if args.model.is_dir() else PLAIN
    lexicons = [(slot, path, read_lexicon(path, normalisation)) for slot, path in parse_lexicons(args.lexicons)]
    templates = read_templates(args.templates)
    for slot, path, names in lexicons:
        if slot not in templates:
            raise LexiconError(
                f"{args.templates}: no sentence for {slot}; add a line with {slot}, a tab and a sentence with "
                f"{{}} for the name"
            )
        if not names:
            raise LexiconError(f"{path}: no entries; write one a line")
    parser = load(args.model, args.backend)
    results = [try_names(parser, slot, names, templates[slot]) for slot, _, names in lexicons]
    rows = [["slot", "names", "utterances", "slot found before %", "after %", "nothing else found before %", "after %"]]
    for row in results:
        measures = (row[name] for name in ("slot_before", "slot_after", "exact_before", "exact_after"))
        rows.append([row["slot"], str(row["names"]), str(row["utterances"]), *(f"{value:.2f}" for value in measures)])
    if args.json:
        write_result(args.json, json.dumps({"model": str(args.model), "results": results}, indent=1) + "\n")
    print("\n".join(markdown_table(rows)))
    return 0
