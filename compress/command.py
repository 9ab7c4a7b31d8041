"""``slu compress``: all steps of a recipe, or one of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from compress.steps import STEPS
from slu.commands.arguments import add_recipe_arguments


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``compress`` to the commands."""
    parser = subparsers.add_parser(
        "compress",
        help="make a trained model smaller",
        description="Compress a checkpoint. Without STEP, all steps of the recipe are made, into DIR/vocab, "
        "DIR/width and so on, and those that are up to date are skipped; with STEP, only that one, into DIR.",
    )
    parser.add_argument("step", metavar="STEP", nargs="?", type=_step, choices=tuple(STEPS), help=" | ".join(STEPS))
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path)
    add_recipe_arguments(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True)
    parser.set_defaults(func=run)
    parser.intermixed = True  # type: ignore[attr-defined]


def run(args: argparse.Namespace) -> int:
    from compress.steps import chain, run_step
    from slu.training.data import load_data
    from slu.training.recipe import load_recipe

    recipe = load_recipe(args.config, args.set)
    data = load_data(recipe)
    if args.step:
        run_step(args.step, recipe, data, args.checkpoint, args.out)
        return 0
    for step, before in chain(recipe):
        run_step(step, recipe, data, args.out / before if before else args.checkpoint, args.out / step)
    return 0


def _step(name: str) -> str:
    return "calibration" if name == "calibrate" else name
