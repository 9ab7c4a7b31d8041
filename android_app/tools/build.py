"""Build the Android library and the demo app:  python -m android_app.tools.build [--abi ABI ...] [--model FILE]"""

from __future__ import annotations

import argparse
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from android_app.tools import aar, apk
from android_app.tools.java import compile_java, jar, javadoc, sources
from android_app.tools.native import ABIS, build_native
from android_app.tools.toolchain import BUILD, ROOT, Toolchain, toolchain
from slu.errors import SluError

LIBRARY = ROOT / "android_app/library/src/main"
MODEL = ROOT / "models/nlpcc2018-nano/model.gguf"


@dataclass(frozen=True)
class Java:
    """What the Java half of the library is made into: a directory of classes, and jars."""

    classes: Path
    classes_jar: Path
    sources_jar: Path
    javadoc_jar: Path


def main(arguments: list[str] | None = None) -> int:
    """Build everything in build/android; 0, or 2 after one line on what is wrong."""
    parser = argparse.ArgumentParser(prog="android_app.tools.build", description=__doc__)
    parser.add_argument("--abi", action="append", choices=ABIS, help="of the app; arm64-v8a without (the AAR has all)")
    parser.add_argument("--model", type=Path, default=MODEL, help="model.gguf inside the app and slu.aar")
    given = parser.parse_args(arguments)
    try:
        for path in build(given.abi or ["arm64-v8a"], given.model):
            print(f"{path.stat().st_size:>10,}  {path.relative_to(ROOT)}")
    except SluError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def build(app_abis: list[str], model: Path) -> list[Path]:
    """Build the AARs, the Maven repository and the APK; return the files."""
    if not model.is_file():
        raise SluError(f"{model}: no such file; `make setup` makes the default model")
    tools = toolchain()
    # One compiler of CMake at a time, beside Java: two processes are what the machine has.
    with ThreadPoolExecutor(1) as compiler:
        libraries = {abi: compiler.submit(build_native, abi, tools) for abi in ABIS}
        java = _build_java(tools)
        natives = {abi: library.result() for abi, library in libraries.items()}
    full = aar.build_aar(java.classes_jar, natives, BUILD / "slu.aar", model=model)
    core = aar.build_aar(java.classes_jar, natives, BUILD / "slu-core.aar")
    repository = BUILD / "maven"
    shutil.rmtree(repository, ignore_errors=True)
    for artifact, path in ((aar.FULL, full), (aar.CORE, core)):
        aar.publish(repository, artifact, path, java.sources_jar, java.javadoc_jar)
    app = {abi: natives[abi] for abi in app_abis}
    return [full, core, apk.build_apk(tools, java.classes, app, model, BUILD / "slu-demo.apk")]


def _build_java(tools: Toolchain) -> Java:
    work = BUILD / "library"
    files = sources(LIBRARY / "java")
    classes = compile_java(tools, files, work / "classes")
    return Java(
        classes,
        jar(work / "classes.jar", classes, stored=True),  # smaller in the AAR: its classes have much in common
        jar(work / "sources.jar", LIBRARY / "java"),
        jar(work / "javadoc.jar", javadoc(tools, files, work / "javadoc")),
    )


if __name__ == "__main__":
    sys.exit(main())
