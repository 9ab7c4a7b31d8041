"""slu bench device --app, against the emulated phone and its stand-in of the app."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench_arm.device import app
from bench_arm.device.app import AppError, measure_app, read_result, require_app
from bench_arm.device.errors import DeviceError
from bench_arm.device.phone import Phone
from bench_arm.device.results import FILE, SCHEMA_FILE, read_lines
from bench_arm.device.summary import summarise, table
from bench_arm.emulated.android import APK, STAND_IN
from bench_arm.emulated.daemon import Daemon
from slu.cli import main
from slu.corpus.tagged import read_corpus
from slu.corpus.utterance import Utterance
from slu.runtime.bundle import ModelDirectory, open_directory

Emulate = Callable[..., Daemon]
MEDIA = "sdcard/Android/media/org.slu.demo"
FILES = "sdcard/Android/data/org.slu.demo/files"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "POLL_SECONDS", 0.05)


@pytest.fixture
def few_utterances(few: Path) -> list[Utterance]:
    return read_corpus(few)


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path) -> ModelDirectory:
    return open_directory(tiny_bundle)


def install(daemon: Daemon) -> None:
    apk = daemon.machine.root / APK
    apk.parent.mkdir(parents=True)
    apk.write_bytes(b"")


def measure(phone: Phone, path: Path, bundle: ModelDirectory, utterances: list[Utterance], **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": "slu.bench/1", "kind": "run"}) + "\n")
    given = {"rounds": 2, "timeout": 10.0, "say": lambda text: None, **more}
    measure_app(phone, path, bundle, utterances, **given)


def left_on(daemon: Daemon) -> set[str]:
    return {path.name for path in (daemon.machine.root / "sdcard").rglob("slu-bench*")}


def test_a_run_with_the_app(
    arm_cli: Path, emulate: Emulate, tiny_bundle: Path, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon = emulate()
    out = tmp_path / "out"
    words = ["bench", "device", tiny_bundle, "--serial", daemon.serial, "--data", few, "--cli", arm_cli, "--out", out]
    words += ["--limit", 4, "--repeat", 2, "--app", "--accept", 1]
    assert main(list(map(str, words))) != 0
    assert "org.slu.demo is not installed; make android-install puts it there" in capsys.readouterr().err
    assert not (out / FILE).exists(), "nothing is measured first"

    install(daemon)
    assert main(list(map(str, words))) == 0
    shown = capsys.readouterr().out
    assert "native in the app" in shown
    assert f"native inside the app: {STAND_IN}" in shown
    lines = read_lines(out / FILE)
    for line in lines:
        VALIDATOR.validate(line)
    [line] = [line for line in lines if line["kind"] == "app"]
    [first] = [line for line in lines if line["kind"] == "round" and line["round"] == 0]
    assert line["decisions"] == first["decisions"], "the app and the shell's program understand the same"
    assert line["exact"] == first["exact"] and len(line["by_round"]) == 2
    [shell, inside] = json.loads((out / "bench.json").read_text())["measurements"]
    assert (shell.get("place"), inside["place"]) == (None, "app")
    assert inside["setting"] == f"inside the app: {STAND_IN}"
    assert STAND_IN in (out / "report.html").read_text()
    assert left_on(daemon) == set()
    assert not daemon.machine.system.alive, "nothing goes on in the app"

    assert main([*map(str, words), "--resume"]) == 0
    assert [line["kind"] for line in read_lines(out / FILE)].count("app") == 1


def test_where_the_files_go(emulate: Emulate, phone_of: Callable[..., Phone]) -> None:
    """Android 10 and before, Android 11 and later."""
    for profile, folder in (("kirin985", FILES), ("snapdragon865", MEDIA)):
        daemon = emulate(profile=profile)
        install(daemon)
        assert require_app(phone_of(daemon)) == f"/{folder}"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("app-crash:2", "has ended in the middle of the benchmark: java.lang.Error: made"),
        ("app-silent", "the app said nothing for 1 s: unlock the phone"),
        ("app-broken", "the result of the app is broken: it is not JSON"),
    ],
)
def test_what_goes_wrong_in_the_app(
    fault: str,
    message: str,
    emulate: Emulate,
    phone_of: Callable[..., Phone],
    tiny: ModelDirectory,
    few_utterances: list[Utterance],
    tmp_path: Path,
) -> None:
    daemon = emulate(fault)
    install(daemon)
    path = tmp_path / "out" / FILE
    with pytest.raises(DeviceError, match=message):
        measure(phone_of(daemon), path, tiny, few_utterances, timeout=1.0)
    assert left_on(daemon) == set()
    if fault != "app-broken":
        assert not daemon.machine.system.alive
    assert len(read_lines(path)) == 1
    # What went wrong once does no harm to the next try, although the log still has it.
    measure(phone_of(daemon), path, tiny, few_utterances, keep=True)
    assert [line["kind"] for line in read_lines(path)] == ["run", "app"]
    assert len(left_on(daemon)) == 3


def test_the_app_says_what_is_wrong(
    emulate: Emulate,
    phone_of: Callable[..., Phone],
    tiny: ModelDirectory,
    few_utterances: list[Utterance],
    tmp_path: Path,
) -> None:
    daemon = emulate()
    install(daemon)
    shutil.copytree(tiny.path, tmp_path / "broken")
    (tmp_path / "broken/model.gguf").write_bytes(b"no model")
    broken = replace(tiny, path=tmp_path / "broken")
    with pytest.raises(AppError, match="the benchmark in the app failed: .*not a GGUF file|failed: .*"):
        measure(phone_of(daemon), tmp_path / FILE, broken, few_utterances)
    with pytest.raises(AppError, match="2,000,000"):
        measure(phone_of(daemon), tmp_path / FILE, tiny, few_utterances, rounds=1_000_000)


def test_an_app_without_the_benchmark(
    emulate: Emulate, phone_of: Callable[..., Phone], monkeypatch: pytest.MonkeyPatch, tiny: ModelDirectory,
    few_utterances: list[Utterance], tmp_path: Path,
) -> None:  # fmt: skip
    daemon = emulate()
    install(daemon)
    monkeypatch.setattr(app, "ACTIVITY", "org.slu.demo/.OtherActivity")
    with pytest.raises(
        AppError, match="does not start its benchmark: Error: Activity class .* does not exist.; make android-install"
    ):
        measure(phone_of(daemon), tmp_path / FILE, tiny, few_utterances)


def result(**changes: Any) -> bytes:
    times = {"mean": 0.2, "min": 0.1, "p50": 0.2, "p90": 0.3, "p99": 0.4}
    answer = {"text": "来", "intent": "play", "score": 0.9, "understood": True, "slots": []}
    whole = {
        "format": 1, "place": "app", "engine": "1.2.0", "kernel": "sdot", "model": "m.gguf", "precision": "int8",
        "threads": 1, "utterances": 1, "rounds": 1, "size_bytes": 9, "load_ms": 1.5, "first_parse_ms": 0.5,
        "pss_bytes": None, "rss_growth_bytes": -5, "end_to_end_ms": times, "by_round": [times], "answers": [answer],
    }  # fmt: skip
    return json.dumps({**whole, **changes}).encode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "its format is 2, and this program reads 1"),
        ({"utterances": 2}, "utterances is 2, not 1"),
        ({"place": "shell"}, "place is 'shell', not 'app'"),
        ({"load_ms": "fast"}, "load_ms is no number"),
        ({"load_ms": float("nan")}, "load_ms is no number"),
        ({"by_round": []}, "it has another number of rounds"),
        ({"end_to_end_ms": {"mean": 1}}, "end_to_end_ms lacks one of mean, min"),
        ({"by_round": [None]}, "by_round lacks one of"),
        ({"answers": [{"text": "来"}]}, "the answers are not those"),
        ({"answers": None}, "the answers are not those"),
        ({"kernel": None}, "kernel is missing"),
    ],
)
def test_broken_results(changes: dict[str, Any], message: str) -> None:
    assert read_result(result(), 1, 1, "A1")["kernel"] == "sdot"
    with pytest.raises(AppError, match=f"A1: the result of the app is broken: {message}.*make android-install"):
        read_result(result(**changes), 1, 1, "A1")
    for raw in (b"", b"[]", b"null", b"\xff\xfe"):
        with pytest.raises(AppError, match="broken"):
            read_result(raw, 1, 1, "A1")


def test_rows_without_a_stand_in(tmp_path: Path) -> None:
    from test_results import made_up

    times = {"mean": 0.2, "min": 0.1, "p50": 0.25, "p90": 0.3, "p99": 0.4}
    line = {
        "schema": "slu.bench/1", "kind": "app", "entry": "native gguf", "engine": "1.2.0", "kernel": "sdot",
        "load_ms": 1.5, "first_parse_ms": 0.5, "pss_bytes": 60_000_000, "rss_growth_bytes": None, "exact": 90.0,
        "end_to_end_ms": times, "by_round": [times], "decisions": [["music.play"]], "stand_in": "",
    }  # fmt: skip
    VALIDATOR.validate(line)
    summary = summarise([*made_up(), line])
    row = next(row for row in summary["measurements"] if row.get("place"))
    assert (row["setting"], row["end_to_end_ms"]["p50"], row["pss_bytes"]) == ("inside the app", 0.25, 60_000_000)
    assert "rss_growth_bytes" not in row
    assert any(text.startswith("native in the app") and "0.250" in text for text in table(summary))


def test_pm_looks_at_the_apk(emulate: Emulate, phone_of: Callable[..., Phone], tmp_path: Path) -> None:
    daemon = emulate()
    phone = phone_of(daemon)
    phone.make_folder()
    files = {"AndroidManifest.xml": "org.slu.demo".encode("utf-16-le"), "lib/arm64-v8a/libslu_jni.so": b""}
    cases = [
        (dict(list(files.items())[:1]), "INSTALL_FAILED_NO_MATCHING_ABIS"),
        ({**files, "AndroidManifest.xml": b"org.other"}, "INSTALL_FAILED_INVALID_APK: not org.slu.demo"),
        (files, "Success"),
    ]
    for entries, said in cases:
        with zipfile.ZipFile(tmp_path / "a.apk", "w") as archive:
            for name, data in entries.items():
                archive.writestr(name, data)
        phone.push(tmp_path / "a.apk", "a.apk")
        assert said in phone.run(f"pm install -r {phone.folder}/a.apk").text
    assert phone.run("pm list packages").text == "package:org.slu.demo\n"
    assert phone.run("pm path org.slu.demo").text.startswith("package:/data/app/org.slu.demo")
    assert phone.run("pm uninstall org.slu.demo").text == "Success\n"
    with pytest.raises(AppError, match="not installed"):
        require_app(phone)
