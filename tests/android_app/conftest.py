"""The library's Java and native half for this machine's JVM, the tests compiled, and how to run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from machines import GOLDEN, ROOT, Machine

from android_app.tools.build import LIBRARY
from android_app.tools.java import compile_java, sources
from android_app.tools.native import build_host, build_native
from android_app.tools.packages import unpack
from android_app.tools.toolchain import BUILD, Toolchain, toolchain

JAVA = Path(__file__).with_name("java")
sys.path.insert(0, str(ROOT / "tests/cpp_runtime"))  # the C API and models of the engine's own tests

JUNIT = ("usr/share/java/junit4.jar", "usr/share/java/hamcrest.jar")


@pytest.fixture(scope="session")
def tools() -> Toolchain:
    return toolchain()


@pytest.fixture(scope="session")
def checks() -> Path:
    """The unpacked packages of the tests: JUnit, ProGuard, dexdump."""
    return unpack("check", BUILD / "checks")


@pytest.fixture(scope="session")
def junit(checks: Path) -> list[Path]:
    return [checks / name for name in JUNIT]


@pytest.fixture(scope="session")
def classes(tools: Toolchain) -> Path:
    """The library, compiled as for Android."""
    return compile_java(tools, sources(LIBRARY / "java"), BUILD / "tests/library")


@pytest.fixture(scope="session")
def test_classes(tools: Toolchain, classes: Path, junit: list[Path]) -> Path:
    """The tests, and what they have instead of Android."""
    target = BUILD / "tests/classes"
    target.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(map(str, [classes, *junit]))
    options = ["--release", "8", "-encoding", "UTF-8", "-Xlint:all,-options,-serial,-try", "-Werror", "-d", str(target)]
    command = [*tools.compiler("javac"), *options, "-classpath", path, *map(str, sources(JAVA))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The models that the tests are given."""
    from flagged import write_flagged
    from other_heads import write_other_heads

    lists = {"name": ["周华健"], "song": ["花心", "a b", "1"]}
    flagged = write_flagged(tmp_path_factory.mktemp("models") / "flagged.gguf", lists=lists)
    return {"tiny": GOLDEN / "tiny.gguf", "flagged": flagged, **write_other_heads(flagged.parent)}


@pytest.fixture(scope="session")
def properties(models: dict[str, Path]) -> list[str]:
    return [f"-Dslu.{name}={path}" for name, path in models.items()]


@pytest.fixture(scope="session")
def host(tools: Toolchain, properties: list[str]) -> Machine:
    """This machine's JVM."""
    return Machine([*tools.jvm, "-Xcheck:jni", *properties], build_host(tools).parent)


@pytest.fixture(scope="session")
def x86_64(tools: Toolchain, properties: list[str]) -> Machine:
    """This machine's JVM with the library of emulators."""
    return Machine([*tools.jvm, "-Xcheck:jni", *properties], build_native("x86_64", tools).parent)


@pytest.fixture(scope="session")
def run_junit(test_classes: Path, junit: list[Path], classes: Path) -> Callable[..., str]:
    """Run test classes in a machine: ``run_junit(machine, "ParserTest", ...)``."""

    def run(
        machine: Machine, *names: str, library: Path = classes, tests: Path = test_classes, limit: float = 280
    ) -> str:
        full = [f"org.slu.tests.{name}" for name in names]
        printed = machine.run([tests, library, *junit], "org.junit.runner.JUnitCore", *full, limit=limit)
        assert "\nOK (" in printed, printed
        return printed

    return run


@pytest.fixture(scope="session")
def arm64(tools: Toolchain, properties: list[str]) -> Machine:
    """A JVM for ARM64, run by qemu, with the library of the APK."""
    return emulated("aarch64", "arm64", "-XX:TieredStopAtLevel=1", build_native("arm64-v8a", tools), properties)


@pytest.fixture(scope="session")
def arm32(tools: Toolchain, properties: list[str]) -> Machine:
    """The same for ARM of 32 bits."""
    return emulated("arm", "armhf", "-Xint", build_native("armeabi-v7a", tools), properties)


def emulated(processor: str, debian: str, compiler: str, library: Path, properties: list[str]) -> Machine:
    """Debian's JVM for another processor. ``debian``: its name for the architecture."""
    root = unpack(f"jre-{debian}", BUILD / f"jre-{debian}")
    qemu = shutil.which(f"qemu-{processor}") or shutil.which(f"qemu-{processor}-static")
    assert qemu, f"qemu-{processor} is missing: install Debian's qemu-user"
    java = root / f"usr/lib/jvm/java-17-openjdk-{debian}/bin/java"
    options = ["-Xshare:auto", "-XX:+UseSerialGC", compiler, "-Xcheck:jni", *properties]
    return Machine([qemu, "-L", str(root), str(java), *options], library.parent)
