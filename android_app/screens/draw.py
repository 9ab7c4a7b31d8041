"""Draw the demo app's screens:  python -m android_app.screens.draw [--out DIR] [--docs DIR]"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from android_app.screens.layoutlib import WORK, layoutlib
from android_app.tools.apk import APP
from android_app.tools.build import LIBRARY, MODEL
from android_app.tools.java import compile_java, sources
from android_app.tools.native import build_host
from android_app.tools.toolchain import BUILD, ROOT, BuildError, Toolchain, run, toolchain

HERE = Path(__file__).parent
OUT = BUILD / "screens"

SCENES = "understand not_understood other empty long dialogue names names_error speed model".split()
LANGUAGES = ("en", "zh")
TIMES = ("day", "night")
STRIP = ("understand", "not_understood", "dialogue", "names")
"""Scenes of the pictures for the docs; none whose contents are those of the machine that draws."""

WIDTH, GAP = 300, 12
"""Of the pictures for the docs: pixels of a screen, and between two."""
TIME_LIMIT = 1800  # seconds; half a minute on a quiet machine


def main(arguments: list[str] | None = None) -> int:
    """Draw; 0, or 2 after one line on what is wrong."""
    parser = argparse.ArgumentParser(prog="android_app.screens.draw", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="directory of the screens (%(default)s)")
    parser.add_argument("--docs", type=Path, help="write the pictures for the docs there as well")
    given = parser.parse_args(arguments)
    try:
        wanted = [(scene, language, time) for scene in SCENES for language in LANGUAGES for time in TIMES]
        draw(wanted, given.out)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.docs:
        for language in LANGUAGES:
            for time in TIMES:
                strip(given.out, language, time, given.docs / f"android-{language}-{time}.png")
    return 0


def draw(scenes: Iterable[tuple[str, str, str]], out: Path, model: Path = MODEL) -> list[Path]:
    """Draw scenes, each given as (scene, language, day or night); return the files.

    Raises `BuildError` when layoutlib reports an error, and when a view that is touched is too small or says nothing.
    """
    tools = toolchain()
    library = layoutlib(tools)
    classes = _compile(tools, library.classpath)
    native = build_host(tools).parent
    out.mkdir(parents=True, exist_ok=True)
    names = list(scenes)
    classpath = os.pathsep.join(map(str, [*classes, *library.classpath]))
    options = ["-Djava.awt.headless=true", f"-Djava.library.path={native}", "-cp", classpath]
    inputs = [library.resources, APP / "res", library.fonts, HERE / "stage.xml", model, out]
    words = [tools.java("java"), *options, "org.slu.demo.Draw", *inputs, *(":".join(name) for name in names)]
    try:
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise BuildError(f"layoutlib has not drawn {len(names)} screens in {TIME_LIMIT} s") from None
    if done.returncode:
        raise BuildError(f"layoutlib failed:\n{done.stderr}")
    return [out / ("-".join(name) + ".png") for name in names]


def _compile(tools: Toolchain, classpath: list[Path]) -> list[Path]:
    """The library, the app, and what draws it; the last of these against layoutlib's own classes."""
    generated, app, drawing = WORK / "app-generated", WORK / "app", WORK / "draw"
    generated.mkdir(parents=True, exist_ok=True)
    manifest = ["-M", APP / "AndroidManifest.xml", "-S", APP / "res", "-I", tools.framework]
    run([*tools.aapt, "package", "-f", "-m", "-J", generated, *manifest, "--no-version-vectors"])
    library = compile_java(tools, sources(LIBRARY / "java"), WORK / "library")
    compile_java(tools, sources(APP / "java", generated), app, [library])
    drawing.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(map(str, [app, library, *classpath]))
    options = ["-nowarn", "-source", "8", "-target", "8", "-Xlint:-options", "-encoding", "UTF-8", "-proc:none"]
    run([tools.java("javac"), *options, "-cp", path, "-d", drawing, *sources(HERE / "java/org")])
    return [drawing, app, library]


def strip(screens: Path, language: str, time: str, target: Path) -> Path:
    """Some screens side by side, small enough for a page of the docs."""
    from PIL import Image

    images = [Image.open(screens / f"{scene}-{language}-{time}.png").convert("RGB") for scene in STRIP]
    height = round(WIDTH * images[0].height / images[0].width)
    picture = Image.new("RGB", (len(images) * (WIDTH + GAP) - GAP, height), (128, 134, 145))
    for i, image in enumerate(images):
        picture.paste(image.resize((WIDTH, height), Image.Resampling.LANCZOS), (i * (WIDTH + GAP), 0))
    target.parent.mkdir(parents=True, exist_ok=True)
    # An octree of colours keeps those of small areas, such as slots; a median cut makes them all one brown.
    few = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(target, optimize=True)
    return target


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
