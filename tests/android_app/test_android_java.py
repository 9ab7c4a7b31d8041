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

TESTS = ["ParserTest", "HeadsTest", "LexiconTest", "PinsTest", "FileTest", "LifecycleTest", "AssetTest"]


def test_junit(run_junit: Callable[..., str], host: Machine) -> None:
    run_junit(host, *TESTS)


def test_memory_does_not_grow(run_junit: Callable[..., str], host: Machine) -> None:
    run_junit(host, "MemoryTest")


def test_random_calls(run_junit: Callable[..., str], host: Machine) -> None:
    run_junit(Machine([*host.java, "-Dslu.fuzz.calls=100000"], host.library), "FuzzTest")


@pytest.mark.slow
def test_a_million_random_calls(run_junit: Callable[..., str], host: Machine) -> None:
    run_junit(host, "FuzzTest")


@pytest.mark.slow
def test_junit_on_arm64(run_junit: Callable[..., str], arm64: Machine) -> None:
    # Those that are quick there: what a JVM of 32 pages of code does a thousand times takes minutes in an emulator.
    fuzz = Machine([*arm64.java, "-Dslu.fuzz.calls=10000"], arm64.library)
    run_junit(fuzz, "ParserTest", "LexiconTest", "PinsTest", "AssetTest", "FuzzTest")


def shrink(
    tools: Toolchain, checks: Path, directories: list[Path], libraries: list[Path], rules: str, target: Path
) -> str:
    """What an app's build does with its classes: ProGuard with these rules. Returns the mapping of names."""
    written = target.with_suffix(".rules")
    # The tests are the app; the classes that they have instead of Android's are not to be renamed either.
    own = (
        "-keep class org.slu.tests.** { *; }\n-keep class android.** { *; }\n-keepattributes *Annotation*\n-dontnote\n"
    )
    missing = "".join(f"-dontwarn {name}.**\n" for name in ("android", "java.lang.invoke", "org.junit", "org.hamcrest"))
    written.write_text(own + missing + rules, encoding="utf-8")
    program = [
        *tools.jvm,
        "-cp",
        str(checks / "usr/share/java/proguard.jar"),
        "proguard.ProGuard",
        f"@{written}",
    ]
    inputs = [word for directory in directories for word in ("-injars", str(directory))]
    mapping = target.with_suffix(".mapping")
    outputs = ["-outjars", str(target), "-printmapping", str(mapping)]
    path = os.pathsep.join(map(str, [tools.android_jar, *libraries]))
    done = subprocess.run([*program, *inputs, *outputs, "-libraryjars", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return mapping.read_text(encoding="utf-8")


def test_names_survive_renaming(
    run_junit: Callable[..., str],
    host: Machine,
    tools: Toolchain,
    checks: Path,
    classes: Path,
    test_classes: Path,
    junit: list[Path],
    tmp_path: Path,
) -> None:
    """With the rules of the AAR and nothing else."""
    renamed = tmp_path / "renamed.jar"
    mapping = shrink(tools, checks, [classes, test_classes], junit, RULES.read_text(encoding="utf-8"), renamed)
    assert "org.slu.SluNative -> org.slu.SluNative:" in mapping
    assert "org.slu.SluModel -> org.slu.SluModel:" not in mapping, "the others are renamed"
    run_junit(host, "ParserTest", "LexiconTest", "PinsTest", "FileTest", "AssetTest", library=renamed, tests=renamed)


def test_without_the_rules_it_says_so(
    host: Machine,
    tools: Toolchain,
    checks: Path,
    classes: Path,
    test_classes: Path,
    junit: list[Path],
    models: dict[str, Path],
    tmp_path: Path,
) -> None:
    renamed = tmp_path / "renamed.jar"
    shrink(tools, checks, [classes, test_classes], junit, "", renamed)
    with pytest.raises(AssertionError, match=r"keep the name of class org\.slu\.SluNative"):
        host.run([renamed], "org.slu.tests.Script", models["tiny"], "/dev/null", "plain")


def test_a_missing_library_is_an_exception(
    test_classes: Path, classes: Path, host: Machine, models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(
        AssertionError, match=r"SluException: libslu_jni\.so cannot be loaded: package it for processors of"
    ):
        nowhere = Machine(host.java, tmp_path)
        nowhere.run([test_classes, classes], "org.slu.tests.Script", models["tiny"], "/dev/null", "plain")
