"""``slu train``: train a model by a recipe."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from slu.commands.arguments import add_recipe_arguments, add_shape_argument, changes_of_shape


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``train`` to the commands."""
    parser = subparsers.add_parser(
        "train",
        help="train a model on a labelled corpus",
        description="Train the model of a recipe: one of intent and slots, of labels, of named spans, or of answers to "
        "questions, as its model.task says. --resume continues an interrupted run.",
    )
    add_recipe_arguments(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the checkpoint to make")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--init", metavar="NAME|DIR|scratch", help="start from a published or local ERNIE checkpoint")
    add_shape_argument(start)
    parser.add_argument("--resume", action="store_true", help="continue from the last saved state")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from slu.training.data import load_data
    from slu.training.recipe import load_recipe
    from slu.training.train import train_stage

    start = [f"model.init={json.dumps(args.init)}"] if args.init else changes_of_shape(args.shape)
    overrides = [*args.set, *start]
    recipe = load_recipe(args.config, overrides)
    train_stage(recipe, load_data(recipe), args.out, args.resume)
    return 0
