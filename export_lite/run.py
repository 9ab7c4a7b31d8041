"""A whole recipe, from the corpus to the bundle."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.manifest import FP32
from slu.tables import markdown_table

if TYPE_CHECKING:
    from slu.model.config import ModelConfig
    from slu.training.data import Data
    from slu.training.recipe import Recipe

FIRST = FP32
DEV, RESULTS, COMMANDS = "dev.txt", "results.json", "commands.json"
"""The directory of the first stage, and files beside it."""
_EVALUATED = ("model", "backend", "data", "utterances", "exact")
"""What an evaluation has whatever was evaluated."""
SECTIONS = ("export",)
"""The section [export] of a recipe."""


@dataclass(frozen=True)
class ExportSettings:
    """``formats``: what the bundle holds, as for ``slu export --format``.

    ``length``: tokens that its graphs take; 0 for as many as a text may have.
    """

    formats: tuple[str, ...] = ("paddle",)
    length: int = 0


def run_recipe(recipe: Recipe, out: Path, say: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Make every stage of ``recipe`` in ``out`` that is not up to date; returns the rows of ``results.json``.

    Raises `OutputError` before the training where a file of somebody else has the name of one that is written.

    Also writes ``dev.txt``, ``evaluation.json`` of the last stage and, if the recipe has commands, ``commands.json``;
    these are in the directory of each of several students.
    """
    from compress.steps import chain, check_settings, shapes
    from compress.students import run_steps, variants
    from export_lite.export import check_formats, check_length, export_up_to_date
    from slu.training.data import load_data
    from slu.training.train import train_stage

    data = load_data(recipe)
    students = variants(recipe, out)
    _check_files(recipe, data, out, [one.directory(out) for one in students])
    export = recipe.section("export", ExportSettings)
    check_formats(export.formats)
    labels = data.labels
    for one in students:
        for step, _ in chain(one.recipe):
            check_settings(
                step, one.recipe, labels
            )  # so that a wrong setting of the last step is reported before the training

    def check(config: ModelConfig) -> None:
        """Before the training, what the steps and the export after it would stop at."""
        for one in students:
            check_length(export.length or None, shapes(one.recipe, config).max_length)

    train_stage(recipe, data, out / FIRST, resume=True, check=check)
    data.head.corpus.write(data.dev, out / DEV)
    stages = [FIRST]
    for one, steps in run_steps(recipe, data, out / FIRST, out, say):
        own = [f"{one.name}/{step}" if one.name else step for step in steps]
        stages += own
        last = own[-1] if own else FIRST
        if recipe.has("export"):
            export_up_to_date(out / last, one.directory(out) / "bundle", export.formats, export.length or None)
        _copy_evaluation(out, last, one.directory(out))
        if recipe.has("commands"):
            say("\n" + "\n".join(_answer_commands(recipe, out, last, one.directory(out))))
    return write_files(out, stages)


def _check_files(recipe: Recipe, data: Data, out: Path, directories: Sequence[Path]) -> None:
    """Raise `OutputError` where a file that another program wrote, or that the recipe reads, would be replaced."""
    from slu.files import MARK, check_result, check_same, real_path
    from slu.training.recipe import DataSettings
    from slu.training.stage import EVALUATION

    if not out.is_dir():
        return
    named = recipe.section("data", DataSettings)
    read = [real_path(recipe.resolve(path)) for path in (named.corpus, named.dev, named.labels) if path]
    ours = (out / FIRST / MARK).is_file()  # an earlier run made all of it: damaged files are replaced as well
    if (out / DEV).is_file() and (not ours or real_path(out / DEV) in read):
        check_same(out / DEV, data.head.corpus.content(data.dev, out))
    if ours:
        return
    check_result(out / RESULTS, json.dumps({"rows": []}))
    for directory in (one for one in dict.fromkeys(directories) if one.is_dir()):
        check_result(directory / EVALUATION, json.dumps(dict.fromkeys(_EVALUATED)))
        if recipe.has("commands"):
            check_result(directory / COMMANDS, json.dumps(dict.fromkeys(("parts", "not_done"))))


def _answer_commands(recipe: Recipe, out: Path, stage: str, to: Path) -> list[str]:
    """Give the recipe's commands to the last stage, and list those that it gets wrong; all of it goes to ``to``."""
    from slu.evaluation.command_check import answer_commands, command_lines, command_shares
    from slu.files import write_file
    from slu.runtime.loading import load
    from slu.training.augmentation import CommandSettings

    directory = recipe.resolve(recipe.section("commands", CommandSettings).phrases)
    answered = answer_commands(load(out / stage), directory)
    write_file(to / COMMANDS, json.dumps(command_shares(answered), ensure_ascii=False, indent=1) + "\n")
    return command_lines(answered, only_wrong=True)


def _copy_evaluation(out: Path, stage: str, to: Path) -> None:
    """The last stage's evaluation, with the paths of this run, into ``to``."""
    from slu.errors import CheckpointError
    from slu.files import write_file
    from slu.manifest import read_json
    from slu.training.stage import EVALUATION

    found = read_json(out / stage / EVALUATION, CheckpointError)
    found |= {"model": str(out / stage), "data": str(out / DEV)}
    write_file(to / EVALUATION, json.dumps(found, ensure_ascii=False, indent=1) + "\n")


def write_files(out: Path, stages: list[str]) -> list[dict[str, Any]]:
    """Collect the stages' manifests into ``results.json``; returns its rows."""
    from slu.files import write_file
    from slu.manifest import Manifest

    rows = []
    for stage in stages:
        manifest = Manifest.load(out / stage)
        where = {"stage": stage, "model": str(out / stage), "backend": "dygraph", "data": str(out / DEV)}
        rows.append({**where, **manifest.metrics})
    write_file(out / RESULTS, json.dumps({"rows": rows}, ensure_ascii=False, indent=1) + "\n")
    return rows


def results_table(rows: list[dict[str, Any]]) -> list[str]:
    """The results as lines of a Markdown table, with aligned columns."""
    from slu.heads.table import SHOWN

    measures = [name for name in SHOWN if name in rows[0]]
    cells = [["stage", *(SHOWN[name] for name in measures), "size MB", "seconds"]]
    for row in rows:
        size, seconds = f"{row['size_bytes'] / 1e6:.2f}", f"{row['seconds']:.0f}"
        cells.append([row["stage"], *(f"{row[name]:.2f}" for name in measures), size, seconds])
    return markdown_table(cells)
