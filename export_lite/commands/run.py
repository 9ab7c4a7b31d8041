"""``slu run``: a whole recipe, from the corpus to the bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from slu.commands.arguments import add_set_argument, add_shape_argument, changes_of_shape


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``run`` to the commands."""
    parser = subparsers.add_parser(
        "run",
        help="train, compress and export by a recipe",
        description="Make all stages of a recipe: DIR/fp32, DIR/vocab, ..., DIR/bundle. Those that are up to date are "
        "skipped, and an interrupted one continues. The table of results at the end is also in DIR/results.json; "
        "DIR/evaluation.json has the last stage class by class. With a section [commands], the commands that the last "
        "stage gets wrong or does not understand are listed, also in DIR/commands.json.",
    )
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the recipe, a TOML file")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True)
    add_set_argument(parser)
    add_shape_argument(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from export_lite.run import results_table, run_recipe
    from slu.training.recipe import load_recipe

    rows = run_recipe(load_recipe(args.config, [*args.set, *changes_of_shape(args.shape)]), args.out)
    print("\n" + "\n".join(results_table(rows)))
    return 0
