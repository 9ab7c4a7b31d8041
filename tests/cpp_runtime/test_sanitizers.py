"""The engine under AddressSanitizer, UndefinedBehaviorSanitizer, ThreadSanitizer and libFuzzer. Needs Clang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engine_build import ROOT, build
from fuzz import TARGETS, fuzz, other_models

CLANG = ("-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address_build() -> Path:
    return build("address", *CLANG, "-DSLU_SANITIZE=address,undefined")


def test_products_and_network_read_nothing_outside(address_build: Path, tiny: Path, tmp_path: Path) -> None:
    others = other_models(tmp_path)
    runs = [["products"], ["digest", tiny], ["threads", tiny, 4], ["lexicon", others["flagged"], 4]]
    runs += [["digest", path] for path in others.values()]
    for arguments in runs:
        command = [str(word) for word in (address_build / "tests/slu-check", *arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_damaged_files_and_odd_texts_under_address_sanitizer(address_build: Path) -> None:
    """The other tests of files, texts and the API, in a Python that has the sanitizer loaded first."""
    runtime = subprocess.run(["clang", "-print-file-name=libclang_rt.asan-x86_64.so"], capture_output=True, text=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
        "SLU_TEST_BUILD": "address",
    }
    parts = ("engine_files", "hostile_models", "api", "engine_decoding", "engine_lexicon")
    names = [f"tests/cpp_runtime/test_{name}.py" for name in parts]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *names]
    command += ["-k", "not the_header_is_c"]  # a program with a sanitizer of its own
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def test_16_threads_under_thread_sanitizer(tiny: Path) -> None:
    directory = build("thread", *CLANG, "-DSLU_SANITIZE=thread", targets=("slu-check",))
    command = [str(directory / "tests/slu-check"), "threads", str(tiny), "16"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "threads 16 same\n"


def test_lists_change_under_thread_sanitizer(flagged: Path) -> None:
    directory = build("thread", *CLANG, "-DSLU_SANITIZE=thread", targets=("slu-check",))
    command = [str(directory / "tests/slu-check"), "lexicon", str(flagged), "8"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "lexicon 8 same\n"


def test_fuzzers_find_nothing_in_60_seconds() -> None:
    for target, done in fuzz(int(os.environ.get("FUZZ_SECONDS", "60"))).items():
        assert done.returncode == 0, f"{target}: {done.stderr[-4000:]}"
    sources = Path(__file__).parent.glob("native/fuzz_*.cpp")
    assert set(TARGETS) == {path.stem.removeprefix("fuzz_") for path in sources}
