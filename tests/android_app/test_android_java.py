"""The library on this machine's JVM, with the same native code: JUnit, with -Xcheck:jni; renamed; under ARM64."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from machines import Machine

from android_app.tools.aar import RULES
from android_app.tools.toolchain import Toolchain

TESTS = ["ParserTest", "LexiconTest", "FileTest", "LifecycleTest", "AssetTest"]


def test_junit(run_junit: Callable[..., str], host: Machine) -> None:
    run_junit(host, *TESTS)


def test_memory_does_not_grow(run_junit: Callable[..., str], host: Machine) -> None:
    run_junit(host, "MemoryTest")


def test_a_million_random_calls(run_junit: Callable[..., str], host: Machine) -> None:
    run_junit(host, "FuzzTest")


def test_junit_on_arm64(run_junit: Callable[..., str], arm64: Machine) -> None:
    # Those that are quick there: what a JVM of 32 pages of code does a thousand times takes minutes in an emulator.
    fuzz = Machine([*arm64.java, "-Dslu.fuzz.calls=10000"], arm64.library)
    run_junit(fuzz, "ParserTest", "LexiconTest", "AssetTest", "FuzzTest")


def test_names_survive_renaming(
    run_junit: Callable[..., str], host: Machine, tools: Toolchain, checks: Path, classes: Path, test_classes: Path,
    junit: list[Path], tmp_path: Path,
) -> None:
    """ProGuard with the rules of the AAR and nothing else: the library in an app, whose own classes are the tests."""
    renamed = tmp_path / "renamed.jar"
    rules = tmp_path / "rules.txt"
    own = "-keep class org.slu.tests.** { *; }\n-keepattributes *Annotation*\n-dontnote\n-dontoptimize\n"
    missing = "-dontwarn java.lang.invoke.**\n-dontwarn org.junit.**\n-dontwarn org.hamcrest.**\n"
    rules.write_text(own + missing + RULES.read_text(encoding="utf-8"), encoding="utf-8")
    jars = [checks / f"usr/share/java/{name}.jar" for name in ("proguard",)]
    command = [tools.java("java"), "-cp", os.pathsep.join(map(str, jars)), "proguard.ProGuard", f"@{rules}"]
    command += ["-injars", str(classes), "-injars", str(test_classes), "-outjars", str(renamed)]
    command += ["-libraryjars", os.pathsep.join(map(str, [tools.android_jar, *junit]))]
    command += ["-printmapping", str(tmp_path / "mapping.txt")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    mapping = (tmp_path / "mapping.txt").read_text(encoding="utf-8")
    assert "org.slu.SluNative -> org.slu.SluNative:" in mapping
    assert "org.slu.SluModel -> org.slu.SluModel:" not in mapping, "the others are renamed"
    run_junit(host, *TESTS, library=renamed, tests=renamed)


@pytest.mark.parametrize("missing", ["-Djava.library.path=/nowhere"])
def test_a_missing_library_is_an_exception(
    test_classes: Path, classes: Path, tools: Toolchain, models: dict[str, Path], missing: str
) -> None:
    path = os.pathsep.join([str(test_classes), str(classes)])
    command = [tools.java("java"), missing, "-cp", path, "org.slu.tests.Script", str(models["tiny"]), "/dev/null", "plain"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "SluException: libslu_jni.so cannot be loaded; package it for the processors of amd64" in done.stderr
