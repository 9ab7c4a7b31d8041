"""The demo app: resources, code, native libraries and model in one signed file."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from android_app.tools.aar import version
from android_app.tools.archive import Entry, folder, write_archive
from android_app.tools.java import compile_java, dex, sources
from android_app.tools.keys import signing_key
from android_app.tools.toolchain import BUILD, ROOT, Toolchain, run

APP = ROOT / "android_app/app/src/main"
MODEL_ASSET = "assets/model.gguf"
PAGE = 16384  # where native libraries begin, so that phones with pages of 16 KB map them from the APK


def build_apk(tools: Toolchain, library: Path, natives: dict[str, Path], model: Path, target: Path) -> Path:
    """Build and sign. ``library``: classes of the library; ``natives``: libslu_jni.so by ABI."""
    work = BUILD / "app"
    shutil.rmtree(work, ignore_errors=True)
    generated = work / "generated"
    generated.mkdir(parents=True)
    base = _resources(tools, generated, work / "base.apk")
    classes = compile_java(tools, sources(APP / "java", generated), work / "classes", [library])
    code = dex(tools, [library, classes], work / "classes.dex")
    unsigned = write_archive(work / "unsigned.apk", _entries(base, code, natives, model))
    return _sign(tools, unsigned, target)


def _resources(tools: Toolchain, generated: Path, base: Path) -> Path:
    """Compile manifest and resources; R.java goes to ``generated``."""
    numbers = [int(part) for part in version().split(".")]
    code = (numbers[0] * 100 + numbers[1]) * 100 + numbers[2]
    named = ["--version-name", version(), "--version-code", code, "--replace-version"]
    words = [*named, "-f", "-m", "-J", generated, "-M", APP / "AndroidManifest.xml", "-S", APP / "res", "-F", base]
    run([*tools.aapt, "package", *words, "-I", tools.framework, "--no-version-vectors"])
    return base


def _entries(base: Path, code: Path, natives: dict[str, Path], model: Path) -> list[Entry]:
    """What is in the APK. Files that are mapped from it are stored: the resource table, assets, libraries."""
    with zipfile.ZipFile(base) as compiled:
        resources = [Entry(name, compiled.read(name)) for name in sorted(compiled.namelist())]
    mapped = ("resources.arsc",)
    assets = {entry.name: entry for entry in folder(APP / "assets", "assets/")}
    assets.setdefault(MODEL_ASSET, Entry(MODEL_ASSET, model.read_bytes()))
    return [
        *(Entry(e.name, e.data, e.name in mapped or e.name.endswith(".png"), 4) for e in resources),
        Entry("classes.dex", code.read_bytes()),
        *(Entry(name, assets[name].data, True, 4) for name in sorted(assets)),
        *(Entry(f"lib/{abi}/libslu_jni.so", natives[abi].read_bytes(), True, PAGE) for abi in sorted(natives)),
    ]


def _sign(tools: Toolchain, unsigned: Path, target: Path) -> Path:
    key = signing_key(tools)
    schemes = [word for n in (1, 2, 3, 4) for word in (f"--v{n}-signing-enabled", str(n < 4).lower())]
    store = ["--ks", key.keystore, "--ks-pass", key.password, "--ks-key-alias", key.alias]
    target.parent.mkdir(parents=True, exist_ok=True)
    run([*tools.apksigner, "sign", *store, *schemes, "--out", target, unsigned], env=key.environment)
    return target
