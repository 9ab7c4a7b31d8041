"""libslu_jni.so for each kind of processor, by CMake and the pinned ziglang."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from android_app.tools.toolchain import ROOT, Toolchain, run

ABIS = ("arm64-v8a", "x86_64", "armeabi-v7a")
# That of `make arm` for ARM64, so that the engine is compiled once.
DIRECTORIES = {"arm64-v8a": "linux-arm64", "x86_64": "android-x86_64", "armeabi-v7a": "android-armv7"}


def build_native(abi: str, tools: Toolchain) -> Path:
    """Compile what has changed; return the library."""
    cmake_files = ROOT / "cpp_runtime/cmake"
    if abi == "arm64-v8a":
        options = [f"-DCMAKE_TOOLCHAIN_FILE={cmake_files}/zig-aarch64-linux.cmake", "-DSLU_BUILD_TESTS=ON"]
    else:
        options = [f"-DCMAKE_TOOLCHAIN_FILE={cmake_files}/zig-android.cmake", f"-DSLU_ANDROID_ABI={abi}"]
    return build_in(DIRECTORIES[abi], tools, [*options, f"-DSLU_PYTHON={sys.executable}"])


def build_host(tools: Toolchain) -> Path:
    """The same library for the JVM of this machine, in the directory of `make engine`."""
    return build_in("host", tools, ["-DSLU_BUILD_TESTS=ON"])


def build_in(name: str, tools: Toolchain, options: list[str]) -> Path:
    """Build target slu_jni in build/NAME with these options of CMake."""
    directory = ROOT / "build" / name
    directory.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {"PATH": path, "SLU_PYTHON": sys.executable}
    include = ";".join(map(str, tools.jni_include))
    configure = ["cmake", "-G", "Ninja", "-S", ROOT / "cpp_runtime", "-B", directory, "-DSLU_BUILD_JNI=ON"]
    # In there, as one of CMake's tries leaves a file where it runs when the compiler is zig.
    run([*configure, f"-DSLU_JNI_INCLUDE={include}", *options], cwd=directory, env=environment)
    jobs = os.environ.get("ENGINE_JOBS", "2")
    run(["cmake", "--build", directory, "-j", jobs, "--target", "slu_jni"], cwd=directory, env=environment)
    return directory / "jni/libslu_jni.so"
