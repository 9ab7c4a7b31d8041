"""Imports point one way: each package may import those below it and none above, and no modules import each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from slu.heads.table import HEADS
from slu.runtime.formats import BACKENDS

ROOT = Path(__file__).parent.parent
LAYERS = (
    ("slu.errors", "slu.files", "slu.lock", "slu.manifest", "slu.platform", "slu.progress", "slu.tables", "slu.cli"),
    ("slu.corpus",),
    ("slu.inputs",),
    ("slu.heads",),
    ("slu.model", "slu.formats"),
    ("slu.runtime.formats", "slu.runtime.bundle", "slu.runtime.parser", "slu.runtime.python_parser"),
    ("slu.runtime.backends",),
    ("slu.runtime",),
    ("slu.evaluation",),
    ("slu.analysis",),
    ("slu.training", "slu.serving"),
    ("slu.commands",),
    ("compress",),
    ("export_lite",),
    ("export_lite.commands",),
    ("bench_arm.measurement", "bench_arm.statistics", "bench_arm.pictures", "bench_arm.published", "bench_arm.plots"),
    ("bench_arm.host", "bench_arm.device"),
    ("bench_arm.emulated",),
    ("bench_arm.report",),
    ("bench_arm.commands",),
)
"""From the ground up. Packages beside each other in a layer do not import each other; single modules may."""
PACKAGES = ("slu", "compress", "export_lite", "bench_arm")
SOURCES = ("py", "cpp", "h", "java", "js", "mjs")


def modules() -> dict[str, Path]:
    paths = (path for package in PACKAGES for path in ROOT.glob(f"{package}/**/*.py"))
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
    """The number of a module's layer, and its part of it: the longest name that fits."""
    found = [
        (len(part), number, part)
        for number, parts in enumerate(LAYERS)
        for part in parts
        if module == part or module.startswith(f"{part}.")
    ]
    assert found, f"{module} is in no layer; add its package to LAYERS"
    return max(found)[1:]


def test_every_import_points_down() -> None:
    known = modules()
    wrong = []
    for module, path in known.items():
        if module in PACKAGES:  # the one attribute of slu is imported when it is asked for
            continue
        number, part = place(module)
        for other in imported(path, known):
            below, other_part = place(other) if other not in PACKAGES else (-1, "")
            beside = below == number and other_part != part and (ROOT / part.replace(".", "/")).is_dir()
            if below > number or beside:
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
        if module not in PACKAGES:
            visit(module, ())


def test_nothing_outside_names_a_head_or_its_tensors() -> None:
    known = modules()
    outside = {module: path for module, path in known.items() if not module.startswith("slu.heads")}
    names = {name for head in HEADS.values() for name in (*head.layers, *head.logits)}
    for module, path in outside.items():
        own = {f"slu.heads.{name}" for name in ("head", "table", "examples", "measures", "reasons")}
        heads = {other for other in imported(path, known) if other.startswith("slu.heads.")} - own
        assert not heads, f"{module} imports {min(heads)}; what it needs belongs into Head"
        found = {name for name in names if name in path.read_text(encoding="utf-8")}
        assert not found, f"{module} names {min(found)}"


def compared(path: Path) -> Iterator[tuple[str, object]]:
    """Fields that a file compares with constants, as source text, and each constant."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            parts = [part for side in sides for part in (side.elts if isinstance(side, ast.Tuple) else [side])]
            constants = [part.value for part in parts if isinstance(part, ast.Constant)]
            fields = [ast.unparse(side) for side in sides if isinstance(side, (ast.Attribute, ast.Subscript))]
            yield from ((field, constant) for field in fields for constant in constants)


def test_heads_and_backends_are_asked_for_what_they_are_not_for_their_names() -> None:
    for module, path in modules().items():
        for what, name in compared(path):
            by_head = name in HEADS and what.endswith(("head.name", "config.head", "settings.task"))
            assert not by_head or module.startswith("slu.heads"), f"{module}: {what} == {name!r}: a field of Head"
            by_backend = name in BACKENDS and module != "slu.runtime.formats"
            assert not by_backend, f"{module}: {what} == {name!r}: a field of BackendEntry, or NATIVE_BACKEND"


def test_no_source_file_is_longer_than_400_lines() -> None:
    places = (*PACKAGES, "tools", "cpp_runtime", "android_app", "web")
    found = [path for place in places for kind in SOURCES for path in (ROOT / place).glob(f"**/*.{kind}")]
    own = [path for path in found if not {"build", "node_modules"} & {*path.relative_to(ROOT).parts}]
    assert {path.suffix for path in own} == {f".{kind}" for kind in SOURCES}
    long = [str(path) for path in own if path.read_text(encoding="utf-8").count("\n") > 400]
    assert not long, f"{long[0]}: longer than 400 lines; move a part of it into a file of its own"


def test_only_commands_read_arguments() -> None:
    """Modules of the command line, and programs that nothing imports."""
    known = modules()
    used = {other for path in known.values() for other in imported(path, known)}
    for module, path in known.items():
        package, _, name = module.rpartition(".")
        if "import argparse" in path.read_text(encoding="utf-8") and module != "slu.cli":
            is_command = name == "command" or package.endswith("commands")
            assert is_command or module not in used, f"{module} is imported, and reads arguments"


def test_the_ground_floor_of_slu_is_small() -> None:
    entries = [p for p in (ROOT / "slu").iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()]
    assert len(entries) <= 20, sorted(p.name for p in entries)
