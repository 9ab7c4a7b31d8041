"""Imports point one way: each package may import those below it and none above, and no modules import each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS = (
    ("slu.errors", "slu.files", "slu.lock", "slu.manifest", "slu.platform", "slu.progress", "slu.tables", "slu.cli"),
    ("slu.corpus",),
    ("slu.inputs",),
    ("slu.heads",),
    ("slu.model", "slu.formats"),
    ("slu.runtime",),
    ("slu.evaluation",),
    ("slu.training",),
    ("slu.commands",),
    ("compress",),
    ("export_lite",),
    ("bench_arm",),
)
"""From the ground up. Those beside each other in a layer do not import each other, but for the small things of the
first."""


def modules() -> dict[str, Path]:
    paths = (
        path for package in ("slu", "compress", "export_lite", "bench_arm") for path in ROOT.glob(f"{package}/**/*.py")
    )
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in paths}


def imported(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The project's modules that a file imports anywhere, also within functions and for type checking alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else node.module


def place(module: str) -> tuple[int, str]:
    """The number of a module's layer, and its part of it."""
    for number, parts in enumerate(LAYERS):
        for part in parts:
            if module == part or module.startswith(f"{part}."):
                return number, part
    raise AssertionError(f"{module} is in no layer; add its package to LAYERS")


def test_every_import_points_down() -> None:
    known = modules()
    wrong = []
    for module, path in known.items():
        if module == "slu":  # its one attribute is imported when it is asked for
            continue
        number, part = place(module)
        for other in imported(path, known):
            below, other_part = place(other) if other != "slu" else (-1, "")
            if below > number or (below == number and other_part != part and number > 0):
                wrong.append(f"{module} imports {other}")
    assert not wrong, wrong[0]


def test_no_modules_import_each_other() -> None:
    known = modules()
    graph = {module: sorted(set(imported(path, known)) - {module}) for module, path in known.items()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path[path.index(module) :], module))
        if module in done:
            return
        for other in graph[module]:
            visit(other, (*path, module))
        done.add(module)

    for module in graph:
        if module != "slu":
            visit(module, ())


def test_the_ground_floor_of_slu_is_small() -> None:
    entries = [p for p in (ROOT / "slu").iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()]
    assert len(entries) <= 20, sorted(p.name for p in entries)
