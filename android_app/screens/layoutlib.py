"""layoutlib, which draws layouts on a workstation as Android 6 does, made of the source package of the framework.

Android Studio's previews are drawn by it. It consists of the framework's own classes, whose native methods a tool of
the framework's (``layoutlib_create``) redirects to Java, and of the bridge, which has that Java. Its build is Android's
whole one; this is the part of it that matters here. Parts of the framework for telephony and the like do not compile
without the rest of Android: the compiler leaves methods that throw in their place.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from android_app.tools.packages import LOCK, fetch_source, unpack
from android_app.tools.toolchain import BUILD, BuildError, Toolchain, debian_program, run
from slu.files import sha256

WORK = BUILD / "layoutlib"
OURS = Path(__file__).parent / "java/com"
API = "23"

# Where the framework's Java is, below frameworks/base: as in its own Android.mk.
FRAMEWORK = (
    "core graphics location media media/mca/effect media/mca/filterfw media/mca/filterpacks drm opengl sax telecomm "
    "telephony wifi keystore rs"
).split()
CORE = ("dalvik", "json", "libart", "luni", "xml")
ASM = ("asm", "asm-tree", "asm-commons", "asm-analysis", "asm-util")
ANDROID = ("annotations", "common", "dvlib", "layoutlib.layoutlib-api", "repository", "sdklib", "sdk-common")

# The bridge is of a later version than the framework beside it: what differs, by the end of the file's name.
CHANGES = (
    ("", "android.icu", "com.ibm.icu"),  # the same library, before it moved into Android
    ("StaticLayout_Delegate.java", "it.setText(new Segment(", "it.setText((java.text.CharacterIterator) new Segment("),
    (
        "StaticLayout_Delegate.java",
        "nLoadHyphenator(String patternData)",
        "nLoadHyphenator(java.nio.ByteBuffer data, int at)",
    ),
    ("StaticLayout_Delegate.java", "loadHyphenator(patternData)", "loadHyphenator(null)"),
)

SANS = {300: "Roboto-Light.ttf", 400: "Roboto-Regular.ttf", 500: "Roboto-Medium.ttf", 700: "Roboto-Bold.ttf"}
CHINESE = {400: "NotoSansCJK-Regular.ttc", 700: "NotoSansCJK-Bold.ttc"}
CHINESE_FACE = "Noto Sans CJK SC"
MONOSPACE = {400: "DejaVuSansMono.ttf"}


@dataclass(frozen=True)
class Layoutlib:
    """What a program that draws needs."""

    classpath: list[Path]
    resources: Path  # of the framework
    fonts: Path


def layoutlib(tools: Toolchain) -> Layoutlib:
    """Build it in build/android/layoutlib, unless it is there: about two minutes on two quiet cores."""
    root = unpack("screens", WORK / "packages")
    stamp = WORK / ".built"
    identity = f"{sha256(LOCK)} {sha256(Path(__file__))} " + " ".join(
        sha256(path) for path in sorted(OURS.rglob("*.java"))
    )
    source = WORK / "source"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != identity:
        stamp.unlink(missing_ok=True)
        shutil.rmtree(source, ignore_errors=True)
        run(["dpkg-source", "--extract", fetch_source("screens-source"), source])
        _build(tools, root, source)
        _fonts(root, WORK / "fonts")
        stamp.write_text(identity, encoding="utf-8")
    bridge = source / "frameworks/base/tools/layoutlib/bridge/resources"
    # The framework as it was compiled comes last: for the few classes that layoutlib_create leaves out.
    jars = [WORK / "bridge", bridge, WORK / "layoutlib.jar", *_libraries(root), WORK / "framework"]
    return Layoutlib(jars, source / "frameworks/base/core/res/res", WORK / "fonts")


def _build(tools: Toolchain, root: Path, source: Path) -> None:
    generated = WORK / "generated"
    shutil.rmtree(generated, ignore_errors=True)
    generated.mkdir(parents=True)
    base = source / "frameworks/base"
    with ThreadPoolExecutor(2) as pool:
        list(
            pool.map(
                lambda step: step(),
                (lambda: _resources(tools, base, generated), lambda: _aidl(root, source, generated)),
            )
        )

    directories = [base / part / "java" for part in FRAMEWORK]
    directories += [source / "libcore" / part / "src/main/java" for part in CORE]
    files = [generated, *directories, source / "external/junit/src"]
    _compile(tools, root, files, WORK / "framework", [])
    creator = base / "tools/layoutlib/create/src"
    asm = [root / f"usr/share/java/{name}.jar" for name in ASM]
    _compile(tools, root, [creator], WORK / "create", asm)
    plain = WORK / "framework.jar"
    run([tools.java("jar"), "--create", "--no-compress", "--file", plain, "-C", WORK / "framework", "."])
    classpath = os.pathsep.join(map(str, [WORK / "create", *asm]))
    run(
        [tools.java("java"), "-cp", classpath, "com.android.tools.layoutlib.create.Main", WORK / "layoutlib.jar", plain]
    )
    plain.unlink()

    bridge = base / "tools/layoutlib/bridge"
    for path in (bridge / "src").rglob("*.java"):
        text = path.read_text(encoding="utf-8")
        changed = text
        for ending, before, after in CHANGES:
            if path.name.endswith(ending):
                changed = re.sub(rf"\b{re.escape(before)}", after, changed)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
    setup = bridge / "tests/src/com/android/layoutlib/bridge/intensive/setup"
    drawing = [setup / "ConfigGenerator.java", setup / "LayoutPullParser.java"]
    libraries = [WORK / "layoutlib.jar", *_libraries(root), WORK / "framework"]
    _compile(tools, root, [bridge / "src", *drawing, OURS], WORK / "bridge", libraries, "1.8")


def _libraries(root: Path) -> list[Path]:
    jars = root / "usr/share/java"
    return [
        *(jars / f"com.android.tools.{name}.jar" for name in ANDROID),
        *(jars / f"{n}.jar" for n in ("icu4j", "kxml2", "guava")),
    ]


def _resources(tools: Toolchain, base: Path, generated: Path) -> None:
    """R.java of the framework, with what is private too."""
    res = base / "core/res"
    files = ["-M", res / "AndroidManifest.xml", "-S", res / "res", "-A", res / "assets", "-J", generated]
    versions = ["--min-sdk-version", API, "--target-sdk-version", API, "--version-code", API, "--version-name", "6.0.1"]
    run([*tools.aapt, "package", "-u", "-x", "-z", "-m", "--product", "default", *files, *versions])


def _aidl(root: Path, source: Path, generated: Path) -> None:
    """Java of the interfaces between processes, those that the Debian package names."""
    listed = (source / "debian/aidl.mk").read_text(encoding="utf-8").partition("# From build/core")[0]
    program = debian_program(root, "usr/lib/android-sdk/build-tools/debian/aidl")
    includes = [f"-I{source}/frameworks/base/{part}/java" for part in FRAMEWORK]
    for name in re.findall(r"[\w/]+\.aidl", listed.replace("$(addprefix frameworks/base/,", "")):
        file = source / name if name.startswith("frameworks/") else source / "frameworks/base" / name
        run([*program, "-b", *includes, f"-o{generated}", file])


def _compile(
    tools: Toolchain, root: Path, places: list[Path], target: Path, classpath: list[Path], level: str = "1.7"
) -> None:
    """Compile with Eclipse's compiler, which goes on after errors; that too few classes come of it is an error."""
    files = sorted(path for place in places for path in ([place] if place.is_file() else place.rglob("*.java")))
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    listing = target.with_suffix(".files")
    listing.write_text("".join(f"{path}\n" for path in files), encoding="utf-8")
    options = ["-proc:none", "-proceedOnError", "-nowarn", "-source", level, "-target", level, "-encoding", "UTF-8"]
    if classpath:
        options += ["-cp", os.pathsep.join(map(str, classpath))]
    compiler = [tools.java("java"), "-Xmx2g", "-cp", root / "usr/share/java/eclipse-jdt-core.jar"]
    main = "org.eclipse.jdt.internal.compiler.batch.Main"
    words = [str(word) for word in (*compiler, main, *options, "-d", target, f"@{listing}")]
    with target.with_suffix(".log").open("w", encoding="utf-8") as log:
        subprocess.run(words, stdout=log, stderr=log, check=False)
    classes = sum(1 for _ in target.rglob("*.class"))
    if classes < 0.9 * len(files):
        raise BuildError(f"{target.name}: only {classes} classes of {len(files)} files were compiled; see {log.name}")


def _fonts(root: Path, target: Path) -> None:
    """The fonts of a phone with their list, as layoutlib reads it."""
    from fontTools.ttLib import TTCollection

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    sources = root / "usr/share/fonts"
    for name in (*SANS.values(), *MONOSPACE.values()):
        shutil.copy(next(sources.rglob(name)), target / name)
    for weight, name in CHINESE.items():
        faces = TTCollection(str(next(sources.rglob(name)))).fonts
        face = next(face for face in faces if str(face["name"].getDebugName(1)).startswith(CHINESE_FACE))
        face.save(str(target / f"chinese-{weight}.otf"))
    families = (
        ('name="sans-serif"', SANS),
        ('name="monospace"', MONOSPACE),
        ('lang="zh-Hans"', {weight: f"chinese-{weight}.otf" for weight in CHINESE}),
    )
    lines = ['<?xml version="1.0" encoding="utf-8"?>', '<familyset version="22">']
    for attribute, fonts in families:
        members = "".join(f'<font weight="{weight}" style="normal">{name}</font>' for weight, name in fonts.items())
        lines.append(f"<family {attribute}>{members}</family>")
        if fonts is SANS:
            lines += [
                f'<alias name="sans-serif-{n}" to="sans-serif" weight="{w}" />'
                for n, w in (("light", 300), ("medium", 500))
            ]
    (target / "fonts.xml").write_text("\n".join([*lines, "</familyset>", ""]), encoding="utf-8")
    names = [name for _, fonts in families for name in fonts.values()]
    (target / "fontsInSdk.txt").write_text("\n".join([*names, ""]), encoding="utf-8")
