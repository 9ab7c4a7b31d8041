"""``slu run``: a whole recipe, from the corpus to the bundle."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.commands.arguments import add_set_argument
from slu.tables import markdown_table

if TYPE_CHECKING:
    from slu.model.config import ModelConfig

SECTIONS = ("export",)
"""The section [export] of a recipe."""


@dataclass(frozen=True)
class ExportSettings:
    """``formats``: what the bundle holds, as for ``slu export --format``.

    ``length``: tokens that its graphs take; 0 for as many as a text may have.
    """

    formats: tuple[str, ...] = ("paddle",)
    length: int = 0


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
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from compress.steps import chain, run_step, settings_of, shapes
    from export_lite.export import check_formats, check_length, export_up_to_date
    from slu.corpus.tagged import write_corpus
    from slu.evaluation.command_check import answer_commands, command_lines, command_shares
    from slu.files import write_file
    from slu.runtime.loading import load
    from slu.training.augmentation import CommandSettings
    from slu.training.data import load_data
    from slu.training.recipe import load_recipe
    from slu.training.train import train_stage

    recipe = load_recipe(args.config, args.set)
    data = load_data(recipe)
    out: Path = args.out
    steps = chain(recipe)
    stages = ["fp32", *(step for step, _ in steps)]
    export = recipe.section("export", ExportSettings)
    check_formats(export.formats)
    for step in stages[1:]:
        settings_of(step, recipe)  # so that a wrong setting of the last step is reported before the training

    def check(config: ModelConfig) -> None:
        """Before the training, what the steps and the export after it would stop at."""
        check_length(export.length or None, shapes(recipe, config).max_length)

    train_stage(recipe, data, out / "fp32", resume=True, check=check)
    write_corpus(data.dev, out / "dev.txt")
    for step, before in steps:
        run_step(step, recipe, data, out / (before or "fp32"), out / step)
    if recipe.has("export"):
        export_up_to_date(out / stages[-1], out / "bundle", export.formats, export.length or None)
    rows = write_results(out, stages)
    _copy_evaluation(out, stages[-1])
    if recipe.has("commands"):
        directory = recipe.resolve(recipe.section("commands", CommandSettings).phrases)
        answered = answer_commands(load(out / stages[-1]), directory)
        print("\n" + "\n".join(command_lines(answered, only_wrong=True)))
        write_file(out / "commands.json", json.dumps(command_shares(answered), ensure_ascii=False, indent=1) + "\n")
    print("\n" + "\n".join(results_table(rows)))
    return 0


def _copy_evaluation(out: Path, stage: str) -> None:
    """The last stage's evaluation, with the paths of this run."""
    from slu.errors import CheckpointError
    from slu.files import write_file
    from slu.manifest import read_json
    from slu.training.stage import EVALUATION

    found = read_json(out / stage / EVALUATION, CheckpointError)
    found |= {"model": str(out / stage), "data": str(out / "dev.txt")}
    write_file(out / EVALUATION, json.dumps(found, ensure_ascii=False, indent=1) + "\n")


def write_results(out: Path, stages: list[str]) -> list[dict[str, Any]]:
    """Collect the stages' manifests into ``results.json``; returns its rows."""
    from slu.files import write_file
    from slu.manifest import Manifest

    rows = []
    for stage in stages:
        manifest = Manifest.load(out / stage)
        where = {"stage": stage, "model": str(out / stage), "backend": "dygraph", "data": str(out / "dev.txt")}
        rows.append({**where, **manifest.metrics})
    write_file(out / "results.json", json.dumps({"rows": rows}, ensure_ascii=False, indent=1) + "\n")
    return rows


COLUMNS = (
    ("stage", "stage", "{}"),
    ("exact", "exact", "{:.2f}"),
    ("seed_accuracy", "seed_accuracy", "{:.2f}"),
    ("intent_accuracy", "intent", "{:.2f}"),
    ("intent_macro_f1", "intent macro F1", "{:.2f}"),
    ("slot_f1", "slot F1", "{:.2f}"),
    ("size_bytes", "size MB", "{:.2f}"),
    ("seconds", "seconds", "{:.0f}"),
)


def results_table(rows: list[dict[str, Any]]) -> list[str]:
    """The results as lines of a Markdown table, with aligned columns."""
    cells = [[title for _, title, _ in COLUMNS]]
    for row in rows:
        values = {**row, "size_bytes": row["size_bytes"] / 1e6}
        cells.append([form.format(values[name]) for name, _, form in COLUMNS])
    return markdown_table(cells)
