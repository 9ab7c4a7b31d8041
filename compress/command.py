"""``slu compress``: all steps of a recipe, or one of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from compress.steps import STEPS
from slu.commands.arguments import add_recipe_arguments

if TYPE_CHECKING:
    from slu.training.data import Data
    from slu.training.recipe import Recipe


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
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("--out", metavar="DIR", type=Path)
    output.add_argument(
        "--texts", metavar="FILE", type=Path,
        help="with STEP student: write what its teachers are asked about to FILE (.jsonl), for slu label; make nothing",
    )  # fmt: skip
    parser.set_defaults(func=run)
    parser.intermixed = True  # type: ignore[attr-defined]


def run(args: argparse.Namespace) -> int:
    from compress.steps import run_step
    from compress.students import STUDENT, run_steps, run_students, variants
    from slu.training.data import load_data
    from slu.training.recipe import load_recipe

    recipe = load_recipe(args.config, args.set)
    data = load_data(recipe)
    if args.texts:
        return _write_texts(args, recipe, data)
    found = variants(recipe, args.out)
    if args.step == STUDENT and found[0].name:
        run_students(found, data, args.checkpoint, args.out)
    elif args.step:
        run_step(args.step, recipe, data, args.checkpoint, args.out)
    else:
        run_steps(recipe, data, args.checkpoint, args.out)
    return 0


def _write_texts(args: argparse.Namespace, recipe: Recipe, data: Data) -> int:
    from compress.steps import settings_of
    from compress.student import write_texts
    from compress.students import STUDENT, variants
    from slu.errors import ConfigError
    from slu.model.checkpoint import load_checkpoint
    from slu.runtime.labelling import JSON_LINES

    if args.step != STUDENT:
        raise ConfigError(f"--texts {args.texts}: is for `slu compress {STUDENT}`")
    if args.texts.suffix != JSON_LINES:
        raise ConfigError(f"--texts {args.texts}: call it something{JSON_LINES}; by this slu label knows what is in it")
    asked = [(one.recipe, settings_of(STUDENT, one.recipe)) for one in variants(recipe, Path())]
    count = write_texts(load_checkpoint(args.checkpoint), data, asked, args.texts)
    print(f"student: {count} texts in {args.texts}")
    return 0


def _step(name: str) -> str:
    return "calibration" if name == "calibrate" else name
