"""The programs of examples/ give the answers of the model that they are shown with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import slu
from slu.runtime.backends.native_api import find_library

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/nlpcc2018-pico"
TURNS = ["导航到人民广场", "取消", "打电话给诸葛小明"]
CONTACT = "诸葛小明"


@pytest.fixture(scope="session")
def c_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/c/parse.c, compiled as C99 with every warning and linked to the installed library."""
    library = find_library()
    assert library is not None
    program = tmp_path_factory.mktemp("examples") / "parse"
    compiler = [os.environ.get("CC") or "cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    source, include = ROOT / "examples/c/parse.c", ROOT / "cpp_runtime/include"
    link = [library, f"-Wl,-rpath,{Path(library).parent}"]
    subprocess.run([*compiler, f"-I{include}", source, "-o", program, *link], check=True)
    return program


def run(*command: str | Path, turns: list[str]) -> subprocess.CompletedProcess[str]:
    given = "".join(f"{turn}\n" for turn in turns)
    return subprocess.run(command, input=given, capture_output=True, text=True, encoding="utf-8", timeout=60)


def expected(contacts: Path) -> list[str]:
    """A line a turn, as both programs write them."""
    model = slu.load(MODEL)
    model.lexicon.add_file("contact_name", contacts)
    session = model.session()
    results = [session.parse(turn) for turn in TURNS]
    assert any(slot.value == CONTACT for slot in results[-1].slots)
    return [
        f"{r.intent} {r.score:.3f}{'' if r.understood else ' (not understood)'}"
        + "".join(f" {slot.name}={slot.value}" for slot in r.slots)
        for r in results
    ]


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    path = tmp_path / "contacts.txt"
    path.write_text(f"{CONTACT}\n", encoding="utf-8")
    return path


def test_the_c_program_parses_a_dialogue(c_program: Path, contacts: Path) -> None:
    done = run(c_program, MODEL / "model.gguf", contacts, turns=TURNS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected(contacts)


def test_the_python_program_parses_a_dialogue(contacts: Path) -> None:
    done = run(sys.executable, ROOT / "examples/python/parse.py", MODEL, contacts, turns=TURNS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected(contacts)


def test_both_explain_a_file_that_is_no_model(c_program: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "model.gguf"
    shutil.copyfile(ROOT / "README.md", wrong)
    for command in ([c_program, wrong], [sys.executable, ROOT / "examples/python/parse.py", wrong]):
        done = run(*command, turns=TURNS)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith("parse: error: ") and "GGUF" in line


def test_the_package_says_its_version_and_has_types() -> None:
    from importlib.metadata import version

    assert slu.__version__ == version("slu")
    assert (Path(slu.__file__).parent / "py.typed").is_file()
