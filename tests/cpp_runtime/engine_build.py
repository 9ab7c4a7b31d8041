"""Building the engine for tests, and reading the golden files."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
ASSIGNED = [*range(0, 0x32000, 0x1000), 0xE0000]
"""The first code points of the blocks of 4,096 that have characters, and of the others."""
UNASSIGNED = sorted({*range(0, 0x110000, 0x1000)} - {*ASSIGNED})
TOOLS = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "SLU_PYTHON": sys.executable}


def build(name: str, *options: str, targets: tuple[str, ...] = ()) -> Path:
    """Configure and compile the engine in build/NAME, as far as that is not done; returns the directory."""
    directory = ROOT / "build" / name
    directory.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **TOOLS}
    configure = ["cmake", "-G", "Ninja", "-S", str(ROOT / "cpp_runtime"), "-B", str(directory)]
    chosen = [word for target in targets for word in ("--target", target)]
    jobs = os.environ.get("ENGINE_JOBS", str(os.cpu_count()))
    with (directory / ".lock").open("w") as lock:  # another worker of the tests may need the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (
            [*configure, "-DSLU_BUILD_TESTS=ON", *options],
            ["cmake", "--build", str(directory), "-j", jobs, *chosen],
        ):
            # In there, as one of CMake's tries leaves a file where it runs when the compiler is zig.
            done = subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return directory


def golden(name: str) -> list[dict[str, Any]]:
    """The cases of a golden file."""
    cases: list[dict[str, Any]] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert cases
    return cases
