"""Build the wheels and the source distribution: build/wheels. Run by `make wheels`, with the environment's Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUT = ROOT / "build/wheels"
PROCESSORS = ("x86_64", "aarch64")
POLICY = "manylinux_2_17_{0}.manylinux2014_{0}"
"""What pip asks a system for. The library needs no C library at all, and ``slu-cli`` is static."""


def main() -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    for old in [*OUT.glob("*.whl"), *OUT.glob("*.tar.gz")]:
        old.unlink()
    # CMake and Ninja of this environment come first.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for processor in PROCESSORS:
        work = OUT / processor
        settings = {
            "build-dir": work / "build",
            "cmake.define.CMAKE_TOOLCHAIN_FILE": ROOT / f"cpp_runtime/cmake/zig-{processor}-linux.cmake",
            "cmake.define.SLU_PYTHON": sys.executable,
        }
        options = [f"--config-settings={name}={value}" for name, value in settings.items()]
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps"]
        _run([*pip, "--no-build-isolation", "--wheel-dir", work, *options, ROOT], environment)
        [made] = work.glob("slu-*.whl")
        platform = POLICY.format(processor)
        _run([sys.executable, "-m", "wheel", "tags", "--remove", "--platform-tag", platform, made], environment)
        [tagged] = work.glob("slu-*.whl")
        tagged.rename(OUT / tagged.name)
    code = f"import scikit_build_core.build as build; build.build_sdist({str(OUT)!r})"
    _run([sys.executable, "-c", code], environment)
    for file in sorted(OUT.glob("slu-*")):
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1e6:.2f} MB")
    return 0


def _run(command: list[object], environment: dict[str, str]) -> None:
    subprocess.run([str(word) for word in command], check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
