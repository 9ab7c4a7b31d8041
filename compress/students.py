"""All steps of a recipe, for one student or for several of different sizes that learn from the same teachers.

``[[student]]`` instead of ``[student]``: each table is a student with a ``name``, whose stages are in a directory of
that name. They are made one after the other, from one pass over the teachers: what these say of a text is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from compress.steps import STEPS, chain, run_step
from slu.errors import ConfigError
from slu.manifest import FP32
from slu.training.data import Data
from slu.training.recipe import Recipe

STUDENT = "student"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Variant:
    """A recipe with one student, or with none. ``name``: of one of several, the directory of its stages; else ""."""

    name: str
    recipe: Recipe

    def directory(self, out: Path) -> Path:
        """Where its stages are."""
        return out / self.name if self.name else out


def variants(recipe: Recipe, out: Path) -> list[Variant]:
    """The students of a recipe, each with a recipe of its own; raise `ConfigError` for names that do not do.

    ``out``: the directory of all stages, in which a student finds another one that teaches it.
    """
    tables = recipe.raw.get(STUDENT)
    if not isinstance(tables, list):
        return [Variant("", recipe)]
    names: list[str] = []
    found = []
    for table in tables:
        name = table.get("name") if isinstance(table, dict) else None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(f"{recipe.path}: [[{STUDENT}]] name is {name!r}; give each of them one, of ASCII letters")
        if name in names or name in (*STEPS, FP32, "bundle"):
            raise ConfigError(f"{recipe.path}: [[{STUDENT}]] name {name!r} is taken; choose another one")
        asked = table.get("ask", [])
        if isinstance(asked, list):
            here = {other: str((out / other / STUDENT).absolute()) for other in names}
            table = {**table, "ask": [here.get(one, one) if isinstance(one, str) else one for one in asked]}
        names.append(name)
        found.append(Variant(name, replace(recipe, raw={**recipe.raw, STUDENT: table})))
    if not found:
        raise ConfigError(f"{recipe.path}: [[{STUDENT}]] is empty")
    return found


def run_steps(
    recipe: Recipe, data: Data, source: Path, out: Path, say: Callable[[str], None] = print
) -> list[tuple[Variant, list[str]]]:
    """Make every step of ``recipe`` from the checkpoint ``source`` in ``out``.

    Returns each variant of the recipe and its steps.
    """
    found = variants(recipe, out)
    if found[0].name:
        run_students(found, data, source, out, say)
    done = []
    for one in found:
        directory, steps = one.directory(out), chain(one.recipe)
        for step, before in steps:
            if not (one.name and step == STUDENT):
                run_step(step, one.recipe, data, directory / before if before else source, directory / step, say)
        done.append((one, [step for step, _ in steps]))
    return done


def run_students(found: list[Variant], data: Data, source: Path, out: Path, say: Callable[[str], None] = print) -> None:
    """Make several students, without the steps after them, from one pass over their teachers."""
    from compress.lessons import Shared

    shared = Shared()
    try:
        for one in found:
            say(f"{one.name}:")
            run_step(STUDENT, one.recipe, data, source, one.directory(out) / STUDENT, say, shared)
    finally:
        shared.close()
