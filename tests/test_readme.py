"""What the README and the other pages tell a reader to type, works; what they point at, exists."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from slu.cli import build_parser
from slu.runtime.backends.native_api import find_library

ROOT = Path(__file__).parent.parent
READMES = sorted(ROOT.glob("README*.md"))
INDEXES = [*READMES, *sorted(ROOT.glob("docs/README*.md"))]
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*/README.md"), *ROOT.glob("*/README.md")}
)
CHINESE = [page for page in PAGES if page.name.endswith(".zh-CN.md")]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The contents of the fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def shell_lines(page: Path) -> list[str]:
    joined = (block.replace("\\\n", " ") for block in blocks(page, "sh"))
    return [line.removeprefix("$ ") for block in joined for line in block.splitlines() if line.strip()]


def run(command: list[str | Path], **more: str) -> str:
    environment = {**os.environ, **more}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", READMES, ids=name_of)
def test_the_first_commands_print_what_the_readme_shows(page: Path) -> None:
    setup, parse, *_ = shell_lines(page)
    assert shlex.split(setup, comments=True) == ["make", "setup"]  # which has made what runs this test
    assert parse.startswith(".venv/bin/slu parse ")
    [shown] = blocks(page, "json")
    wanted, printed = json.loads(shown), json.loads(run([Path(sys.executable).parent / "slu", *shlex.split(parse)[1:]]))
    assert printed.pop("score") == pytest.approx(wanted.pop("score"), abs=1e-3)
    assert printed == wanted


@pytest.mark.parametrize("page", READMES, ids=name_of)
def test_the_lines_of_python_find_the_added_contact(page: Path) -> None:
    [snippet] = blocks(page, "python")
    assert run([sys.executable, "-c", snippet]).startswith(
        "phone_call.make_a_phone_call [('contact_name', '诸葛小明')]"
    )


@pytest.mark.parametrize("page", READMES, ids=name_of)
def test_the_lines_of_c_compile_and_parse(page: Path, tmp_path: Path) -> None:
    [snippet] = blocks(page, "c")
    library = find_library()
    assert library is not None
    source, program = tmp_path / "lines.c", tmp_path / "lines"
    includes = "#include <slu/slu.h>\n#include <stdio.h>\n#include <string.h>\n"
    main = f'int main(void) {{\nconst char *text = "来一首周华健的花心";\n{snippet}return 0;\n}}\n'
    source.write_text(includes + main, encoding="utf-8")
    options = ["-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'cpp_runtime/include'}", f"-Wl,-rpath,{library.parent}"]
    run([os.environ.get("CC") or "cc", *options, source, library, "-o", program])
    assert run([program]) == "music.play, 2 slots\n"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    makefiles = (ROOT / "Makefile", *ROOT.glob("*/*.mk"))
    targets = set(re.findall(r"^([a-z-]+):", "".join(file.read_text(encoding="utf-8") for file in makefiles), re.M))
    parser = build_parser()
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] in ("slu", ".venv/bin/slu"):
            parser.parse_args(words[1:])  # exits when the command line would
        elif words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_place_that_a_link_names_is_on_its_page(page: Path) -> None:
    for target, place in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        linked = (page.parent / target).read_text(encoding="utf-8") if target else page.read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.*)$", linked, re.MULTILINE)
        places = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert place in places, f"{target}#{place}"


@pytest.mark.parametrize("index", INDEXES, ids=name_of)
def test_every_page_of_docs_is_in_each_table_of_contents(index: Path) -> None:
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#\s]+\.md)\)", index.read_text("utf-8"))}
    missing = {page for page in ROOT.glob("docs/*.md") if not page.name.startswith("README")} - linked
    assert not missing


@pytest.mark.parametrize("page", CHINESE, ids=name_of)
def test_chinese_is_set_without_spaces_and_with_its_own_words(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert not re.findall(r".[一-鿿] +[\w`*(\[].|.[\w`%*)\]] +[一-鿿].", text)
    assert not re.findall(r".*\d %.*|.*配方.*|.*方案.*", text)  # 96%; a recipe is a 配置


def test_the_pictures_are_those_that_the_script_draws() -> None:
    drawn = runpy.run_path(str(ROOT / "docs/pictures/architecture.py"))
    for name, words in drawn["TEXTS"].items():
        assert (ROOT / "docs/pictures" / name).read_text(encoding="utf-8") == drawn["draw"](
            words
        ), f"{name}: run docs/pictures/architecture.py"
    for step, names in drawn["FOLDERS"].items():
        for name in (part for names_of_box in names for part in names_of_box.split(", ")):
            path = f"{drawn['OWNER'][step]}{name}.py" if step in drawn["OWNER"] else name
            assert (ROOT / path).exists(), f"{step}: {path}"


def test_the_architecture_page_names_folders_that_exist() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    names = re.findall(r"`((?:[a-z_]+/)+[a-z_.]*)`", page)
    assert len(names) > 15
    missing = [
        name for name in names if not any((ROOT / base / name).exists() for base in ("", "bench_arm", "cpp_runtime"))
    ]
    assert not missing
