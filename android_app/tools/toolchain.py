"""The programs that build Android packages, from the unpacked Debian packages and this machine's JDK."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from android_app.tools.packages import unpack
from slu.errors import SluError

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build/android"


class BuildError(SluError):
    """A step of the Android build fails, or a program for it is missing."""


QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@dataclass(frozen=True)
class Toolchain:
    """Commands and files of the build."""

    root: Path
    jdk: Path

    @property
    def android_jar(self) -> Path:
        """Stubs of the Android API of level 23: what is compiled against."""
        return self.root / "usr/lib/android-sdk/platforms/android-23/android.jar"

    @property
    def framework(self) -> Path:
        """Resources of the Android API of level 29."""
        return self.root / "usr/share/android-framework-res/framework-res.apk"

    @property
    def aapt(self) -> list[str]:
        return debian_program(self.root, "usr/lib/android-sdk/build-tools/debian/aapt")

    @property
    def dx(self) -> list[str]:
        return [
            *self.jvm,
            "-cp",
            str(self.root / "usr/share/java/com.android.dx.jar"),
            "com.android.dx.command.Main",
        ]

    @property
    def apksigner(self) -> list[str]:
        jars = [self.root / f"usr/share/java/{name}.jar" for name in ("apksigner", "apksig")]
        return [*self.jvm, "-cp", os.pathsep.join(map(str, jars)), "com.android.apksigner.ApkSignerTool"]

    def java(self, program: str) -> str:
        """Path of a program of the JDK."""
        return str(self.jdk / "bin" / program)

    @property
    def jvm(self) -> list[str]:
        """Runs a Java program that ends within seconds: what the optimising compiler costs then is never earned."""
        return [self.java("java"), *QUICK]

    def compiler(self, program: str) -> list[str]:
        """Runs javac or javadoc in the same way."""
        return [self.java(program), *(f"-J{option}" for option in QUICK)]

    @property
    def jni_include(self) -> list[Path]:
        """Directories of jni.h and jni_md.h."""
        return [self.jdk / "include", self.jdk / "include/linux"]


def toolchain() -> Toolchain:
    """The toolchain, fetched and unpacked if need be."""
    return Toolchain(unpack("build", BUILD / "tools"), find_jdk())


def find_jdk() -> Path:
    """JAVA_HOME, else the JDK whose javac is on the path."""
    given = os.environ.get("JAVA_HOME")
    javac = Path(given) / "bin/javac" if given else Path(shutil.which("javac") or "")
    if not javac.name or not javac.exists():
        raise BuildError("a JDK (17 is what is tested) is needed: install openjdk-17-jdk-headless, or set JAVA_HOME")
    return javac.resolve().parents[1]


def debian_program(root: Path, program: str) -> list[str]:
    """A command that runs an unpacked program of amd64 with the libraries beside it, whatever this machine has."""
    libraries = root / "usr/lib/x86_64-linux-gnu"
    path = [libraries, root / "lib/x86_64-linux-gnu", libraries / "android", root / "usr/lib/p7zip"]
    loader = root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    return [str(loader), "--library-path", os.pathsep.join(map(str, path)), str(root / program)]


def run(command: Sequence[object], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a program to its end; return what it printed, raise `BuildError` with it when it fails."""
    words = [str(word) for word in command]
    environment = {**os.environ, **env} if env else None
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(
            f"{' '.join(words)}\nfailed with status {done.returncode}:\n{done.stdout}{done.stderr}".rstrip()
        )
    return done.stdout
