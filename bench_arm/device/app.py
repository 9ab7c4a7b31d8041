"""The benchmark inside the demo app: started over adb, followed in the phone's log, its result pulled and checked.

An app is scheduled differently from a program of the shell. What the app takes, logs and writes is said in
docs/android-app.md. Nothing is installed here, and the phone's log is not cleared: a line of our own marks its place.
"""

from __future__ import annotations

import io
import json
import math
import re
import secrets
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench_arm.device.errors import DeviceError, DeviceTimeoutError
from bench_arm.device.phone import Phone
from bench_arm.device.results import SCHEMA, read_lines, select
from bench_arm.device.run import decision
from bench_arm.device.sync import SyncSession
from slu.corpus.utterance import Utterance
from slu.heads.measures import percent
from slu.progress import Progress
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import GGUF
from slu.runtime.parser import ParseResult

PACKAGE = "org.slu.demo"
ACTIVITY = f"{PACKAGE}/.BenchmarkActivity"
TAG = "SluBench"
FORMAT = 1
MODEL = "slu-bench.gguf"
"""The model on the phone."""
MEDIA_SDK = 30
"""From Android 11 on adb does not reach the files of an app, but its media."""
MOST_DURATIONS = 2_000_000
"""Most times that the app keeps, one for each utterance in each round."""
POLL_SECONDS = 2.0
TIMES = ("mean", "min", "p50", "p90", "p99")
INSTALL = "make android-install puts it there (ANDROID_SERIAL names one of several phones)"


class AppError(DeviceError):
    """The app is not there, fails, or its result is not one."""


def measure_app(
    phone: Phone,
    path: Path,
    bundle: ModelDirectory,
    utterances: Sequence[Utterance],
    rounds: int,
    timeout: float,
    keep: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Add the line ``app`` to the results at ``path``: the bundle inside the installed app. Raises `DeviceError`.

    The folder of ``phone`` becomes the app's. ``timeout``: seconds that the app may say nothing. ``keep``: leave the
    files on the phone.
    """
    if any(select(read_lines(path), "app")):
        return
    if len(utterances) * rounds > MOST_DURATIONS:
        raise AppError(f"--app: {len(utterances)} utterances in {rounds} rounds are more than {MOST_DURATIONS:,}")
    phone.folder = folder = require_app(phone)
    token = secrets.token_hex(4)
    texts, output = f"slu-bench-{token}.txt", f"slu-bench-{token}.json"
    try:
        phone.make_folder()
        phone.push(bundle.path / GGUF.files[0], MODEL)
        phone.write("".join(utterance.text + "\n" for utterance in utterances).encode(), texts)
        say(f"{phone.label}: the app is on the screen now; leave the phone alone until it is done")
        _start(phone, token, texts, output, rounds)
        try:
            _follow(phone, token, rounds, timeout)
        finally:
            _stop(phone)
        result = read_result(_pull(phone, f"{folder}/{output}"), len(utterances), rounds, phone.label)
        line = {"schema": SCHEMA, "kind": "app", **_line(result, utterances, bundle, phone.label)}
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    finally:
        if not keep:
            _remove(phone, [f"{folder}/{name}" for name in (texts, output, MODEL)], say)


def read_result(raw: bytes, utterances: int, rounds: int, label: str) -> dict[str, Any]:
    """What the app wrote, checked. Raises `AppError` that says what of it is wrong."""

    def broken(what: str) -> AppError:
        return AppError(f"{label}: the result of the app is broken: {what}; install the app of this version: {INSTALL}")

    try:
        result = json.loads(raw)
    except ValueError:
        raise broken(f"it is not JSON, {len(raw)} bytes") from None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        found = result.get("format") if isinstance(result, dict) else None
        raise broken(f"its format is {found!r}, and this program reads {FORMAT}")
    for name, wanted in (("utterances", utterances), ("rounds", rounds), ("threads", 1), ("place", "app")):
        if result.get(name) != wanted:
            raise broken(f"{name} is {result.get(name)!r}, not {wanted!r}")
    for name in ("engine", "kernel", "model", "precision"):
        if not isinstance(result.get(name), str):
            raise broken(f"{name} is missing")
    for name in ("load_ms", "first_parse_ms", "size_bytes"):
        if not _is_number(result.get(name)):
            raise broken(f"{name} is no number")
    for name in ("pss_bytes", "rss_growth_bytes"):
        if result.get(name) is not None and not _is_number(result[name], negative=True):
            raise broken(f"{name} is no number")
    by_round = result.get("by_round")
    if not isinstance(by_round, list) or len(by_round) != rounds:
        raise broken("it has another number of rounds than it says")
    for name, times in (("end_to_end_ms", result.get("end_to_end_ms")), *(("by_round", each) for each in by_round)):
        if not isinstance(times, dict) or not all(_is_number(times.get(key)) for key in TIMES):
            raise broken(f"{name} lacks one of {', '.join(TIMES)}")
    answers = result.get("answers")
    if not isinstance(answers, list) or len(answers) != utterances or not all(_is_answer(each) for each in answers):
        raise broken("the answers are not those of the utterances")
    return result


def _is_number(value: Any, negative: bool = False) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return number and (negative or value >= 0)


def _is_answer(answer: Any) -> bool:
    if not isinstance(answer, dict) or not isinstance(answer.get("slots"), list):
        return False
    slots = all(
        isinstance(slot, dict)
        and isinstance(slot.get("name"), str)
        and isinstance(slot.get("value"), str)
        and all(type(slot.get(key)) is int for key in ("start", "end"))
        for slot in answer["slots"]
    )
    texts = all(isinstance(answer.get(key), str) for key in ("text", "intent"))
    return slots and texts and _is_number(answer.get("score")) and isinstance(answer.get("understood"), bool)


def _line(
    result: dict[str, Any], utterances: Sequence[Utterance], bundle: ModelDirectory, label: str
) -> dict[str, Any]:
    answers = result["answers"]
    if [answer["text"] for answer in answers] != [utterance.text for utterance in utterances]:
        raise AppError(f"{label}: the app answered other texts than it was given; run it again")
    head, labels = bundle.config.task, bundle.labels
    right = [head.right(u, ParseResult.from_dict(answer), labels) for u, answer in zip(utterances, answers)]
    return {
        "entry": "native gguf",
        **{name: result[name] for name in ("engine", "kernel", "load_ms", "first_parse_ms")},
        **{name: result.get(name) for name in ("pss_bytes", "rss_growth_bytes")},
        "end_to_end_ms": {name: result["end_to_end_ms"][name] for name in TIMES},
        "by_round": result["by_round"],
        "exact": percent(sum(right), len(right)),
        "decisions": [decision(answer) for answer in answers],
        "stand_in": str(result.get("stand_in", "")),
    }


def require_app(phone: Phone) -> str:
    """The app's directory that adb reaches on this version of Android. Raises `AppError` when the app is not there."""
    if not phone.run(f"pm path {PACKAGE} 2>/dev/null").text.startswith("package:"):
        raise AppError(f"{phone.label}: the app {PACKAGE} is not installed; {INSTALL}")
    sdk = phone.run("getprop ro.build.version.sdk").text.strip()
    media = not sdk.isdigit() or int(sdk) >= MEDIA_SDK
    return f"/sdcard/Android/media/{PACKAGE}" if media else f"/sdcard/Android/data/{PACKAGE}/files"


def _start(phone: Phone, token: str, texts: str, output: str, rounds: int) -> None:
    phone.check(f"log -p i -t {TAG} 'from here {token}'")
    extras = f"--es utterances {texts} --es model {MODEL} --es output {output} --ei rounds {rounds}"
    done = phone.run(f"am start -S -n {ACTIVITY} {extras}")
    said = f"{done.text}\n{done.err.decode('utf-8', 'replace')}"
    why = re.search(r"^(Error:|java\.).*", said, re.M) or re.search("^Error.*", said, re.M)
    if done.status or why:
        words = why.group().strip()[:200] if why else done.last_words
        raise AppError(f"{phone.label}: the app does not start its benchmark: {words}; {INSTALL}")


def _follow(phone: Phone, token: str, rounds: int, timeout: float) -> None:
    """Read the log until the app says that it is done. The phone is asked seldom, as that takes its time too."""
    seen, gone, last = 0, 0, time.monotonic()
    with Progress(f"app {phone.label}", rounds, unit="round") as progress:
        while True:
            time.sleep(POLL_SECONDS)
            lines, crash = _log(phone, token)
            if len(lines) > seen:
                last = time.monotonic()
            for line in lines[seen:]:
                word, _, rest = line.partition(" ")
                if word == "round":
                    progress.advance()
                elif word == "failed":
                    raise AppError(f"{phone.label}: the benchmark in the app failed: {rest}")
                elif word == "done":
                    return
            seen = len(lines)
            # Before Android 6 there is no pidof, and ps shows all.
            alive = phone.run(f"pidof {PACKAGE} 2>/dev/null || ps | grep {PACKAGE}").text.strip()
            gone = 0 if alive else gone + 1
            if crash or gone > 1:
                why = f": {crash}" if crash else "; the log does not say why, low memory perhaps"
                raise AppError(f"{phone.label}: the app has ended in the middle of the benchmark{why}")
            if time.monotonic() - last > timeout:
                raise DeviceTimeoutError(
                    f"{phone.label}: the app said nothing for {timeout:.0f} s: unlock the phone and leave the app on "
                    "its screen; --timeout gives it longer"
                )


def _log(phone: Phone, token: str) -> tuple[list[str], str]:
    """What the app has said since it was started, and the words it crashed with."""
    text = phone.run(f"logcat -d -v tag -s {TAG}:I AndroidRuntime:E libc:F DEBUG:F").text
    _, found, after = text.partition(f"from here {token}")
    if not found:
        raise AppError(
            f"{phone.label}: its log has lost the beginning of the benchmark: make it larger (adb logcat -G 4M), or "
            "switch it on, as some makers switch it off"
        )
    lines = re.findall(rf"^I/{TAG}\s*: (.*)$", after, re.M)
    crash = re.search(r"^E/AndroidRuntime\s*: (?!FATAL EXCEPTION|Process:|PID:)(\S.*)$", after, re.M) or re.search(
        r"^F/(?:libc|DEBUG)\s*: (.*signal.*)$", after, re.M
    )
    ours = crash and (f"Process: {PACKAGE}" in after or "SIG" in crash.group(1))
    return lines, crash.group(1).strip()[:200] if crash and ours else ""


def _pull(phone: Phone, path: str) -> bytes:
    target = io.BytesIO()
    with SyncSession(phone.connection) as session:
        session.receive(path, target)
    return target.getvalue()


def _stop(phone: Phone) -> None:
    """End the app; no benchmark goes on behind one's back."""
    try:
        phone.run(f"am force-stop {PACKAGE}")
    except DeviceError:
        phone.close()


def _remove(phone: Phone, paths: Sequence[str], say: Callable[[str], None]) -> None:
    try:
        phone.check("rm -f " + " ".join(map(shlex.quote, paths)))
    except DeviceError:
        say(f"{phone.label}: {', '.join(paths)} stay on it as it cannot be reached")
