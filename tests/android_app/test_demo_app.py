"""The demo app: its logic on the host's JVM with the real engine, and what its resources promise."""

from __future__ import annotations

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from android_app.tools import aar
from android_app.tools.apk import APP
from android_app.tools.build import MODEL
from android_app.tools.java import sources
from android_app.tools.native import build_host
from android_app.tools.toolchain import BUILD, Toolchain
from bench_arm.device.app import read_result

JAVA = APP / "java/org/slu/demo"
TESTS = APP.parent / "test/java"
ANDROID = re.compile(r"^import (android\.|org\.slu\.demo\.R)|\bR\.\w+\.", re.MULTILINE)
NAME = "{http://schemas.android.com/apk/res/android}"


def without_android() -> list[Path]:
    """The app's classes that need nothing of Android: its logic."""
    views = {path.stem for path in JAVA.glob("*.java") if ANDROID.search(path.read_text(encoding="utf-8"))}
    return [path for path in sorted(JAVA.glob("*.java")) if path.stem not in views]


def test_the_logic_on_the_host(tools: Toolchain, classes: Path, junit: list[Path], tmp_path: Path) -> None:
    target = BUILD / "tests/app"
    target.mkdir(parents=True, exist_ok=True)
    tests = sources(TESTS)
    path = os.pathsep.join(map(str, [classes, tools.android_jar, *junit]))
    options = ["-source", "8", "-target", "8", "-encoding", "UTF-8", "-Xlint:all,-options", "-Werror", "-d", target]
    compiler = [*tools.compiler("javac"), *options, "-cp", path, *without_android(), *tests]
    done = subprocess.run([str(word) for word in compiler], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    names = [".".join(test.relative_to(TESTS).with_suffix("").parts) for test in tests if test.stem.endswith("Test")]
    library = build_host(tools).parent
    path = os.pathsep.join(map(str, [target, classes, *junit]))
    properties = [f"-Dslu.model={MODEL}", f"-Dslu.result={tmp_path}/result.json"]
    options = ["-Xcheck:jni", f"-Djava.library.path={library}", *properties, "-cp", path]
    runner = [*tools.jvm, *options, "org.junit.runner.JUnitCore", *names]
    done = subprocess.run([str(word) for word in runner], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "\nOK (" in done.stdout and "WARNING" not in done.stdout, done.stdout + done.stderr

    # What the app's benchmark writes is what `slu bench device --app` reads.
    result = read_result((tmp_path / "result.json").read_bytes(), 3, 3, "host")
    assert [answer["intent"] for answer in result["answers"]][2] == "navigation.navigation"
    assert result["engine"] == aar.version() and result["by_round"][2]["at_seconds"] > 0


def test_the_logic_is_not_in_the_activity() -> None:
    names = {path.stem for path in without_android()}
    assert {
        "Answer",
        "Highlight",
        "Labels",
        "Timings",
        "Assistant",
        "ModelStore",
        "Benchmark",
        "BenchmarkRequest",
    } <= names


def values(folder: str, file: str, tag: str) -> dict[str, str]:
    root = ET.parse(APP / "res" / folder / file).getroot()
    return {element.attrib["name"]: "".join(element.itertext()) for element in root.iter(tag)}


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%(?:\d\$)?[sd%]", text))


def test_both_languages_say_everything() -> None:
    english, chinese = (values(folder, "strings.xml", "string") for folder in ("values", "values-zh"))
    assert english.keys() == chinese.keys()
    for name, text in english.items():
        assert text.strip() and chinese[name].strip(), name
        assert placeholders(text) == placeholders(chinese[name]), name


@pytest.mark.parametrize("folder", ["values", "values-zh"])
def test_the_default_model_has_words_for_people(folder: str) -> None:
    root = ET.parse(APP / "res" / folder / "strings.xml").getroot()
    arrays = {array.attrib["name"]: [item.text or "" for item in array] for array in root.iter("string-array")}
    labels = json.loads(MODEL.with_name("labels.json").read_text(encoding="utf-8"))
    assert {line.partition("=")[0] for line in arrays["intent_labels"]} == set(labels["intents"])
    assert {line.partition("=")[0] for line in arrays["slot_labels"]} == set(labels["slots"])
    assert all(line.partition("=")[2] for name in ("intent_labels", "slot_labels") for line in arrays[name])


def colors(folder: str) -> dict[str, str]:
    found = values("values", "colors.xml", "color") | values(folder, "colors.xml", "color")
    while any(value.startswith("@color/") for value in found.values()):
        found = {name: found[v.removeprefix("@color/")] if v.startswith("@color/") else v for name, v in found.items()}
    return found


def luminance(color: str) -> float:
    """As the Web Content Accessibility Guidelines define it, of #RRGGBB."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("folder", ["values", "values-night"])
def test_letters_can_be_read(folder: str) -> None:
    color = colors(folder)
    pairs = [(text, ground) for text in ("text", "text_quiet") for ground in ("page", "surface")]
    pairs += [(f"slot_text_{i}", f"slot_tint_{i}") for i in range(8)]
    pairs += [(text, ground) for text in ("good", "unsure", "accent") for ground in ("page", "surface")]
    pairs += [
        ("on_accent", "accent"),
        ("accent", "accent_tint"),
        ("bad", "bad_tint"),
        ("good", "good_tint"),
        ("on_accent", "bad"),
    ]
    low = {pair: round(contrast(color[pair[0]], color[pair[1]]), 2) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}


def test_slots_differ_from_each_other_and_from_the_ground() -> None:
    for folder in ("values", "values-night"):
        color = colors(folder)
        tints = [color[f"slot_tint_{i}"] for i in range(8)]
        assert len(set(tints)) == 8
        assert all(contrast(tint, color["surface"]) > 1.1 for tint in tints), folder


def test_nothing_is_asked_for_but_the_microphone() -> None:
    manifest = ET.parse(APP / "AndroidManifest.xml").getroot()
    wanted = [element.attrib[NAME + "name"] for element in manifest.iter("uses-permission")]
    assert wanted == ["android.permission.RECORD_AUDIO"]
    sdk = next(manifest.iter("uses-sdk")).attrib
    assert (sdk[NAME + "minSdkVersion"], sdk[NAME + "targetSdkVersion"]) == ("21", "35")
    required = {e.attrib[NAME + "name"]: e.attrib[NAME + "required"] for e in manifest.iter("uses-feature")}
    assert required["android.hardware.microphone"] == "false"


def test_every_resource_is_used() -> None:
    texts = [p.read_text(encoding="utf-8") for p in [*JAVA.glob("*.java"), *APP.rglob("*.xml")]]
    everything = "\n".join(texts)
    for kind, names in (
        ("string", values("values", "strings.xml", "string")),
        ("array", values("values", "strings.xml", "string-array")),
        ("color", values("values", "colors.xml", "color")),
        *((folder, {p.stem: "" for p in (APP / "res" / folder).glob("*.xml")}) for folder in ("drawable", "layout")),
    ):
        for name in names:
            assert re.search(rf"(R\.{kind}\.|@{kind}/){name}\b", everything), f"{kind} {name} is used nowhere"
