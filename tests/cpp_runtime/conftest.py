"""The engine, built once for all tests."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_build import GOLDEN, ROOT, build
from native_api import Engine, load_library


@pytest.fixture(scope="session")
def host_build() -> Path:
    """For this machine; or the build that test_sanitizers.py asks for, which is there already."""
    other = os.environ.get("SLU_TEST_BUILD")
    return ROOT / "build" / other if other else build("host")


@pytest.fixture(scope="session")
def arm_build() -> Path:
    """slu-check and libslu.so for ARM64."""
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/cpp_runtime/cmake/zig-aarch64-linux.cmake"
    return build("linux-arm64", toolchain, f"-DSLU_PYTHON={sys.executable}", targets=("slu", "slu-check"))


@pytest.fixture(scope="session")
def qemu() -> str:
    """The program that runs ARM64 code here."""
    program = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    assert program, "qemu-aarch64 is missing: install Debian's qemu-user or qemu-user-static"
    return program


@pytest.fixture(scope="session")
def library(host_build: Path) -> ctypes.CDLL:
    return load_library(host_build / "tests/libslu_hooks.so")


@pytest.fixture(scope="session")
def tiny() -> Path:
    return GOLDEN / "tiny.gguf"


@pytest.fixture(scope="session")
def flagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with the second input, of both kinds, and lists."""
    from flagged import write_flagged

    lists = {"name": ["周华健"], "song": ["花心", "a b", "1"]}
    return write_flagged(tmp_path_factory.mktemp("flagged") / "flagged.gguf", lists=lists)


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with attention scores of INT8."""
    from scored import write_scored

    return write_scored(tmp_path_factory.mktemp("scored") / "scored.gguf")


@pytest.fixture(scope="session")
def scored_below_zero(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with all scores far below 0."""
    from scored import write_scored

    return write_scored(tmp_path_factory.mktemp("scored") / "below.gguf", below_zero=True)


@pytest.fixture
def engine(library: ctypes.CDLL, tiny: Path) -> Iterator[Engine]:
    """The tiny golden model."""
    with Engine(library, tiny) as opened:
        yield opened
