"""C++ is formatted by clang-format, with the configuration at the root of the repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine_build import ROOT


def test_sources_are_formatted() -> None:
    folders = (ROOT / "cpp_runtime", ROOT / "tests/cpp_runtime")
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".c", ".cpp", ".h")]
    assert len(files) > 40
    command = [Path(sys.executable).parent / "clang-format", "--dry-run", "-Werror", *sorted(files)]
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
