"""The wheels in clean environments: of every Python that they are for, and of ARM64."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench_arm.emulated.packages import unpacked

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / "build/wheels"
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
MODEL = ROOT / "models/nlpcc2018-pico"
SAMPLE = ROOT / "data/sample/corpus.txt"
TEXT = "来一首周华健的花心"
DEBIAN = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6", "libgomp1")
"""ARM64's Python. Its NumPy and safetensors are pip's, as they would be there."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheels() -> Path:
    subprocess.run(["make", "--silent", "wheels"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return WHEELS


@pytest.fixture(scope="module")
def expected() -> dict:
    return json.loads(_run([Path(sys.executable).parent / "slu", "parse", MODEL, TEXT]))


def _run(command: list[object], **options: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    return done.stdout


def _interpreter(version: str) -> Path:
    """This version's python, of pyenv's or the system's own."""
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    found = [path for root in roots for path in root.glob(f"{version}.*/bin/python")]
    system = shutil.which(f"python{version}")
    if not found and system is None:
        pytest.fail(f"there is no Python {version}; install it with pyenv install {version}")
    return found[-1] if found else Path(str(system))


@pytest.mark.parametrize("version", PYTHONS)
def test_clean_environment(version: str, wheels: Path, expected: dict, tmp_path: Path) -> None:
    _run([_interpreter(version), "-m", "venv", tmp_path / "env"])
    python, program = tmp_path / "env/bin/python", tmp_path / "env/bin/slu"
    [wheel] = wheels.glob("*x86_64.whl")
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel])
    assert json.loads(_run([program, "parse", MODEL, TEXT], cwd=tmp_path)) == expected
    assert "exact" in _run([program, "eval", MODEL, "--data", SAMPLE], cwd=tmp_path)
    assert "model.gguf" in _run([program, "inspect", MODEL], cwd=tmp_path)
    seconds = "import time; begin = time.perf_counter(); import slu; print(time.perf_counter() - begin)"
    assert min(float(_run([python, "-c", seconds], cwd=tmp_path)) for _ in range(5)) < 0.05
    missing = subprocess.run(
        [program, "export", MODEL, "--out", tmp_path / "bundle"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 2
    assert missing.stderr.startswith("slu: error: export: ")
    assert missing.stderr.count("\n") == 1
    assert 'pip install "slu[' in missing.stderr


def test_arm64(wheels: Path, expected: dict, tmp_path: Path) -> None:
    root = unpacked("arm64-python", DEBIAN, architecture="arm64")
    site = tmp_path / "site"
    [wheel] = wheels.glob("*aarch64.whl")
    platforms = [f"--platform=manylinux{kind}_aarch64" for kind in ("_2_28", "_2_27", "_2_17", "2014")]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", site]
    _run([*pip, *platforms, "--python-version=3.11", "--only-binary=:all:", wheel])
    python = ["qemu-aarch64", "-L", root, root / "usr/bin/python3.11"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    answer = _run([*python, "-m", "slu.cli", "parse", MODEL, TEXT], env=environment, cwd=tmp_path)
    assert json.loads(answer) == expected
    some = tmp_path / "some.txt"
    some.write_text("".join(SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:100]), encoding="utf-8")
    assert "exact" in _run([*python, "-m", "slu.cli", "eval", MODEL, "--data", some], env=environment, cwd=tmp_path)
    assert "model.gguf" in _run([*python, "-m", "slu.cli", "inspect", MODEL], env=environment, cwd=tmp_path)


def test_sources_build(wheels: Path, tmp_path: Path) -> None:
    """What is in the source distribution is enough for a wheel."""
    [sources] = wheels.glob("slu-*.tar.gz")
    shutil.unpack_archive(sources, tmp_path)
    [directory] = [path for path in tmp_path.iterdir() if path.is_dir()]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _run([*pip, "--no-build-isolation", "--wheel-dir", tmp_path / "made", directory], env=environment)
    assert list((tmp_path / "made").glob("slu-*.whl"))
