"""What the README and the pages of docs/ tell a reader to type, works."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from slu.cli import build_parser

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*/README.md")])
READMES = sorted(ROOT.glob("README*.md"))


def shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [
        line.removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()
    ]


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_the_example_prints_what_the_readme_shows(page: Path) -> None:
    (command,) = (line for line in shell_lines(page) if line.startswith(".venv/bin/slu parse"))
    (shown,) = re.findall(r"^```json\n(.*?)\n```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True)
    wanted, printed = json.loads(shown), json.loads(done.stdout)
    assert printed.pop("score") == pytest.approx(wanted.pop("score"), abs=1e-3)
    assert printed == wanted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", "".join(p.read_text() for p in (ROOT / "Makefile", *ROOT.glob("*/*.mk"))), re.M)
    )
    parser = build_parser()
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)
        if words[0] in ("slu", ".venv/bin/slu"):
            parser.parse_args(words[1:])  # exits when the command line would
        elif words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
