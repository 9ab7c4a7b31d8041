"""What of Android's own programs the emulated phone has: pm, am, log, logcat and pidof, for the demo app alone.

There is no Android behind it. An installed APK is looked at and kept, not run: ``am start`` starts a stand-in of the
app's benchmark. It logs and writes what docs/android-app.md says, and its result says that it is a stand-in.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench_arm.emulated.context import Context
from bench_arm.emulated.machine import Machine
from slu.runtime.formats import NATIVE_BACKEND

PACKAGE = "org.slu.demo"
ACTIVITY = "BenchmarkActivity"
DIRECTORIES = (f"/sdcard/Android/data/{PACKAGE}/files", f"/sdcard/Android/media/{PACKAGE}")
APK = f"data/app/{PACKAGE}-1/base.apk"
EXTRAS = ("utterances", "rounds", "model", "kernel", "output", "answers")
STAND_IN = "a stand-in of the emulated phone: computed by this workstation's slu-cli, not by the app"
TAG = "SluBench"


def pm(context: Context, words: list[str], stdin: bytes) -> int:
    """``path``, ``list packages``, ``install`` and ``uninstall``."""
    verb, rest = words[0] if words else "", [word for word in words[1:] if not word.startswith("-")]
    apk = context.machine.root / APK
    if verb == "path":
        if rest == [PACKAGE] and apk.is_file():
            context.say(f"package:/{APK}\n")
            return 0
        return 1
    if verb == "list":
        context.say(f"package:{PACKAGE}\n" if apk.is_file() else "")
        return 0
    if verb == "install" and "-S" in words:
        return _install(context, io.BytesIO(stdin), apk)
    if verb == "install" and rest:
        return _install(context, context.machine.path(context.cwd, rest[-1]), apk)
    if verb == "uninstall" and rest == [PACKAGE] and apk.is_file():
        shutil.rmtree(apk.parent)
        context.say("Success\n")
        return 0
    context.say(f"Failure [pm {verb}: not on the emulated phone]\n")
    return 1


def cmd(context: Context, words: list[str], stdin: bytes) -> int:
    """``cmd package``, which adb calls in the place of pm."""
    if words[:1] == ["package"]:
        return pm(context, words[1:], stdin)
    context.complain(f"cmd: Can't find service: {' '.join(words[:1])}")
    return 20


def _install(context: Context, source: Path | io.BytesIO, apk: Path) -> int:
    """Keep an APK that is one of ours for this phone; a signature is not looked at."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = set(archive.namelist())
            manifest = archive.read("AndroidManifest.xml")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        context.say(f"Failure [INSTALL_FAILED_INVALID_APK: {error}]\n")
        return 1
    if "lib/arm64-v8a/libslu_jni.so" not in names:
        context.say("Failure [INSTALL_FAILED_NO_MATCHING_ABIS: Failed to extract native libraries, res=-113]\n")
        return 1
    # A compiled manifest has its strings in one of two encodings.
    if PACKAGE.encode() not in manifest and PACKAGE.encode("utf-16-le") not in manifest:
        context.say(f"Failure [INSTALL_FAILED_INVALID_APK: not {PACKAGE}]\n")
        return 1
    apk.parent.mkdir(parents=True, exist_ok=True)
    apk.write_bytes(source.read_bytes() if isinstance(source, Path) else source.getvalue())
    context.say("Success\n")
    return 0


def log(context: Context, words: list[str], stdin: bytes) -> int:
    """``log [-p PRIORITY] [-t TAG] TEXT``."""
    options = {"-p": "i", "-t": "log"}
    rest = list(words)
    while len(rest) > 1 and rest[0] in options:
        options[rest[0]] = rest[1]
        rest = rest[2:]
    _write(context.machine, f"{options['-p'].upper()[:1]}/{options['-t']}: {' '.join(rest)}")
    return 0


def logcat(context: Context, words: list[str], stdin: bytes) -> int:
    """In the format of ``-v tag``; with ``-c``, ``-d`` and ``-s TAG:PRIORITY...``."""
    system = context.machine.system
    if "-c" in words:
        system.log.clear()
        return 0
    tags = {word.partition(":")[0] for word in words[words.index("-s") + 1 :]} if "-s" in words else set()
    shown = 0
    while True:
        lines = list(system.log)
        for line in lines[shown:]:
            if not tags or line[2:].partition(":")[0] in tags:
                context.say(line + "\n")
        shown = len(lines)
        if "-d" in words or context.cancelled():
            return 0
        time.sleep(0.05)


def pidof(context: Context, words: list[str], stdin: bytes) -> int:
    """The process of the app while it has one."""
    alive = words == [PACKAGE] and context.machine.system.alive
    context.say("4711\n" if alive else "")
    return int(not alive)


def am(context: Context, words: list[str], stdin: bytes) -> int:
    """``start -n PACKAGE/.ACTIVITY`` with extras, and ``force-stop``."""
    machine, system = context.machine, context.machine.system
    if words[:1] == ["force-stop"]:
        system.stop()
        return 0
    name = words[words.index("-n") + 1] if "-n" in words[:-1] else ""
    installed = (machine.root / APK).is_file()
    if words[:1] != ["start"] or name != f"{PACKAGE}/.{ACTIVITY}" or not installed:
        context.say("Error type 3\n")
        context.complain(f"Error: Activity class {{{name.replace('/.', f'/{PACKAGE}.')}}} does not exist.")
        return 0 if words[:1] == ["start"] else 1  # so have older Androids it
    if "-S" in words:
        system.stop()
    extras = {words[i + 1]: words[i + 2] for i, word in enumerate(words[:-2]) if word in ("--es", "--ei", "--ez")}
    context.say(f"Starting: Intent {{ cmp={name} (has extras) }}\n")
    system.start(lambda stopped: _benchmark(machine, extras, stopped))
    return 0


def _benchmark(machine: Machine, extras: dict[str, str], stopped: threading.Event) -> None:
    """The stand-in: what the app would log and write."""
    try:
        wrong = [key for key in extras if key not in EXTRAS]
        if wrong or "utterances" not in extras:
            raise ValueError(f"unknown extra {wrong[0]}" if wrong else "the extra utterances is missing")
        folder = next((d for d in DIRECTORIES if machine.exists("/", f"{d}/{extras['utterances']}")), "")
        if not folder:
            raise ValueError(f"no file {extras['utterances']} in any of {list(DIRECTORIES)}: push it there first")
        rounds, output = int(extras.get("rounds", "5")), f"{folder}/{extras.get('output', 'result.json')}"
        _say(machine, f"started {json.dumps({'directory': folder, 'rounds': rounds})}")
        if machine.faults.due("app-silent"):
            stopped.wait()
            return
        result = _measure(machine, folder, extras, rounds)
        for number, figures in enumerate(result["by_round"], 1):
            if machine.faults.due("app-crash"):
                for text in ("FATAL EXCEPTION: benchmark", f"Process: {PACKAGE}, PID: 4711", "java.lang.Error: made"):
                    _write(machine, f"E/AndroidRuntime: {text}")
                return
            _say(machine, f"round {number}/{rounds} {json.dumps(figures)}")
        text = json.dumps(result)
        if machine.faults.due("app-broken"):
            text = text[: len(text) // 2]
        machine.write("/", output, text.encode())
        _say(machine, f"done {output}")
        stopped.wait()  # the activity stays on the screen
    except (ValueError, OSError, subprocess.SubprocessError) as error:
        _say(machine, f"failed {error}")
        stopped.wait()


def _measure(machine: Machine, folder: str, extras: dict[str, str], rounds: int) -> dict[str, Any]:
    program = shutil.which("slu-cli", path=str(Path(sys.executable).parent)) or shutil.which("slu-cli")
    if not program or "model" not in extras:
        raise ValueError("the stand-in needs slu-cli of this workstation, and a model beside the utterances")
    model, texts = (machine.path("/", f"{folder}/{extras[name]}") for name in ("model", "utterances"))
    command = [program, "bench", str(model), str(texts), "--lines", "--repeat", str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise ValueError((done.stderr.strip().splitlines() or ["slu-cli failed"])[-1])
    *rows, facts = (json.loads(line) for line in done.stdout.splitlines())
    passes = [[row["end_to_end_ms"][number] for row in rows] for number in range(rounds)]
    keys = ("text", "intent", "score", "understood", "slots", "truncated")
    properties = machine.properties()
    return {
        "format": 1,
        "backend": NATIVE_BACKEND,
        "place": "app",
        "engine": subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip(),
        "model": extras["model"],
        "model_name": "",
        "size_bytes": model.stat().st_size,
        "precision": "",
        "context_bytes": 0,
        "kernel": facts["kernel"],
        "kernels": [facts["kernel"]],
        "processor": "",
        "device": {"model": properties["ro.product.model"], "sdk": machine.profile.sdk},
        "threads": 1,
        "utterances": len(rows),
        "rounds": rounds,
        "first_parse_ms": facts["first_parse_ms"],
        "end_to_end_ms": _times([time_ms for each in passes for time_ms in each]),
        "by_round": [
            {"at_seconds": 0.0, **_times(each), "battery_celsius": None, "plugged": None, "frequencies_khz": []}
            for each in passes
        ],
        "pss_bytes": None,
        "answers": [{key: row[key] for key in keys if key in row} for row in rows],
        "load_ms": facts["load_ms"],
        "rss_growth_bytes": None,
        "stand_in": STAND_IN,
    }


def _times(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    ranks = {f"p{part}": ordered[min(len(ordered) - 1, part * len(ordered) // 100)] for part in (50, 90, 99)}
    return {"mean": sum(values) / len(values), "min": ordered[0], **ranks}


def _say(machine: Machine, text: str) -> None:
    _write(machine, f"I/{TAG}: {re.sub(r'[^ -~]', '?', text)}")


def _write(machine: Machine, line: str) -> None:
    machine.system.log.append(line)


Tool = Callable[[Context, list[str], bytes], int]
ANDROID: dict[str, Tool] = {"cmd": cmd, "am": am, "log": log, "logcat": logcat, "pidof": pidof, "pm": pm}
