"""Running programs and compiling the engine for WebAssembly, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
sys.path.append(str(ROOT / "tests/cpp_runtime"))  # engine_build.py: how tests compile the engine


def run(*command: object, **environment: str) -> str:
    """What a command prints; its output is the message when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def build_wasm(name: str, *, relaxed: bool, hosted: bool = False) -> Path:
    """Compile the engine for WebAssembly in build/NAME; ``hosted``: the test program slu-check.wasm instead."""
    from engine_build import build

    options = {"SLU_RELAXED": relaxed, "SLU_HOSTED": hosted, "SLU_BUILD_CLI": False}
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/cpp_runtime/cmake/zig-wasm32.cmake"
    flags = [f"-D{option}={'ON' if on else 'OFF'}" for option, on in options.items()]
    return build(name, toolchain, f"-DSLU_PYTHON={sys.executable}", *flags)
