"""An emulated phone, a key of the tests' own, the engine for ARM64, and a tiny bundle for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench_arm.device.choose import connect_tcp
from bench_arm.device.phone import Phone
from bench_arm.emulated.daemon import Daemon
from bench_arm.emulated.faults import Faults, parse_fault
from bench_arm.emulated.machine import Machine
from bench_arm.emulated.profiles import get_profile

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/cpp_runtime"))

Emulate = Callable[..., Daemon]


@pytest.fixture(scope="session")
def key_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for keys, not the user's."""
    return tmp_path_factory.mktemp("android")


@pytest.fixture(autouse=True)
def _own_keys(key_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_USER_HOME", str(key_home))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")  # nobody listens there


@pytest.fixture
def emulate(tmp_path: Path) -> Iterator[Emulate]:
    """A function that starts an emulated phone: of a profile, with faults, with keys or without."""
    with ExitStack() as stack:

        def start(*faults: str, profile: str = "kirin985", keys: bool = False, version: int = 2) -> Daemon:
            root = tmp_path / f"phone{len(list(tmp_path.iterdir()))}"
            root.mkdir()
            machine = Machine(get_profile(profile), root, Faults([parse_fault(text) for text in faults]))
            return stack.enter_context(Daemon(machine, keys=keys, version=version))

        yield start


@pytest.fixture
def phone_of() -> Iterator[Callable[..., Phone]]:
    """A function that connects with an emulated phone."""
    with ExitStack() as stack:

        def connect(daemon: Daemon, timeout: float = 10.0) -> Phone:
            opened = Phone(lambda: connect_tcp(daemon.serial, timeout, 1.0, lambda text: None), timeout, quiet=True)
            return stack.enter_context(opened)

        yield connect


@pytest.fixture(scope="session")
def arm_cli() -> Path:
    """slu-cli for ARM64."""
    from engine_build import build

    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/cpp_runtime/cmake/zig-aarch64-linux.cmake"
    return build("linux-arm64", toolchain, f"-DSLU_PYTHON={sys.executable}", targets=("slu-cli",)) / "slu-cli"


@pytest.fixture(scope="session")
def tiny_bundle(_whole_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as the engine maps it."""
    directory = tmp_path_factory.mktemp("bench") / "tiny"
    shutil.copytree(_whole_checkpoint, directory)
    subprocess.run([sys.executable, "-m", "export_lite.gguf", str(directory)], check=True, cwd=ROOT)
    return directory


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory, sample_path: Path) -> Path:
    """The first utterances of the sample corpus, as a file."""
    path = tmp_path_factory.mktemp("data") / "few.txt"
    path.write_text(
        "\n".join(sample_path.read_text(encoding="utf-8").split("\n")[:30]).rstrip() + "\n", encoding="utf-8"
    )
    return path
