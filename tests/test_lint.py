"""What `make lint` runs: formatting, linting and types. Here they run beside the tests, instead of before them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("part", ["types", "style"])
def test_lint(part: str) -> None:
    done = subprocess.run(["make", "--no-print-directory", part], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
