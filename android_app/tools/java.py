"""Java: compiling, jars, dex and javadoc."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from android_app.tools.archive import Entry, folder, write_archive
from android_app.tools.toolchain import Toolchain, run

MIN_SDK = 21
MANIFEST = Entry("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n")


def sources(*directories: Path) -> list[Path]:
    """All Java files below the directories, by name."""
    return sorted(path for directory in directories for path in directory.rglob("*.java"))


def compile_java(tools: Toolchain, files: list[Path], target: Path, classpath: Iterable[Path] = ()) -> Path:
    """Compile for Android: Java 8 against the stubs of android.jar; every warning is an error."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    # -options: that Java 8 is old; -deprecation: what an API of level 21 still needs. The stubs have java.* too.
    options = [
        "-source",
        "8",
        "-target",
        "8",
        "-encoding",
        "UTF-8",
        "-g:source,lines",
        "-Xlint:all,-options,-deprecation",
        "-Werror",
    ]
    words = ["-bootclasspath", tools.android_jar, "-implicit:none", "-proc:none", "-d", target]
    path = os.pathsep.join(map(str, classpath))
    run([*tools.compiler("javac"), *options, *words, *(["-classpath", path] if path else []), *files])
    return target


def jar(path: Path, directory: Path, *, stored: bool = False) -> Path:
    """A jar of a directory of classes or sources. ``stored``: uncompressed, for one that an archive compresses."""
    return write_archive(path, [replace(MANIFEST, stored=stored), *folder(directory, stored=stored)])


def dex(tools: Toolchain, classes: Iterable[Path], target: Path) -> Path:
    """classes.dex of directories of classes or jars."""
    target.parent.mkdir(parents=True, exist_ok=True)
    run([*tools.dx, "--dex", f"--min-sdk-version={MIN_SDK}", f"--output={target}", *classes])
    return target


def javadoc(tools: Toolchain, files: list[Path], target: Path) -> Path:
    """The HTML pages of the API; every warning is an error."""
    shutil.rmtree(target, ignore_errors=True)
    options = ["-quiet", "-notimestamp", "-Xdoclint:all", "-Xwerror", "-encoding", "UTF-8", "-charset", "UTF-8"]
    words = ["-source", "8", "-bootclasspath", tools.android_jar, "-d", target]
    run([*tools.compiler("javadoc"), *options, *words, *files])
    return target
