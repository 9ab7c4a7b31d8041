"""Everything that can go wrong with a phone: one clear line, no result lost, and --resume goes on to the same end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench_arm.device import FOLDER
from bench_arm.device.errors import (
    AbiError,
    DeviceError,
    DeviceGoneError,
    DeviceTimeoutError,
    KilledError,
    NoSpaceError,
    ProtocolError,
    UnauthorisedError,
)
from bench_arm.device.phone import Phone
from bench_arm.device.programs import entries
from bench_arm.device.results import FILE, read_lines
from bench_arm.device.run import Plan, measure
from bench_arm.emulated.daemon import Daemon
from slu.corpus.tagged import read_corpus

Emulate = Callable[..., Daemon]
PhoneOf = Callable[..., Phone]


@pytest.fixture
def bench(arm_cli: Path, tiny_bundle: Path, few: Path, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """A function that measures on a phone and returns the lines of the results."""

    def run(phone: Phone, resume: bool = False, timeout: float = 60.0, keep: bool = False) -> list[dict[str, Any]]:
        found, left_out, model = entries(tiny_bundle, arm_cli)
        plan = Plan(tiny_bundle, few, rounds=2, resume=resume, timeout=timeout, keep=keep)
        phone.label = "the phone"
        measure(phone, plan, found, read_corpus(few)[:6], model, left_out, tmp_path / "out", lambda text: None)
        return read_lines(tmp_path / "out" / FILE)

    return run


def _stages(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What was measured, without the numbers; states may come more often."""
    kept = [line for line in lines if line["kind"] != "state"]
    return [(line["kind"], line.get("entry"), line.get("caches"), line.get("round")) for line in kept]


WHOLE = [
    ("run", None, None, None),
    ("memory", "native gguf", None, None),
    ("start", "native gguf", "warm", None),
    ("start", "native gguf", "cold", None),
    ("round", "native gguf", None, 0),
    ("round", "native gguf", None, 1),
    ("end", None, None, None),
]

# The programs that a run starts: 1 memory, 5 warm starts, 5 cold ones with an eviction before each and a look at the
# page cache before the first, 2 rounds.
FAULTS = [
    ("cable-push:100000", DeviceGoneError, "closed the connection; check the cable, then use --resume", 1),
    ("cable-run:18", DeviceGoneError, "closed the connection; check the cable, then use --resume", 4),
    ("no-space:100000", NoSpaceError, "no space left for /data/local/tmp/slu-bench/slu-cli; free some", 1),
    ("killed:19", KilledError, "./slu-cli was killed by the device .SIGKILL: most likely the low-memory killer", 5),
    (
        "hang:18",
        DeviceTimeoutError,
        "./slu-cli did not end in time; is the phone stuck|does not answer; reconnect it",
        4,
    ),
    ("malformed:18", ProtocolError, "which is no adb packet; reconnect the device", 4),
]


@pytest.mark.parametrize(("fault", "error", "message", "kept"), FAULTS)
def test_a_run_is_interrupted_and_resumed(
    fault: str,
    error: type[DeviceError],
    message: str,
    kept: int,
    emulate: Emulate,
    phone_of: PhoneOf,
    bench: Callable[..., list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    daemon = emulate(fault)
    phone = phone_of(daemon)
    with pytest.raises(error, match=message) as raised:
        bench(phone, timeout=5.0 if "hang" in fault else 60.0)
    assert "\n" not in str(raised.value)
    before = read_lines(tmp_path / "out" / FILE)
    assert _stages(before) == WHOLE[:kept]

    after = bench(phone, resume=True)
    assert after[: len(before)] == before  # nothing that was measured is lost, nor measured again
    assert _stages(after) == WHOLE
    assert not daemon.machine.exists("/", FOLDER)
    assert daemon.unhandled == []


def test_a_whole_run(emulate: Emulate, phone_of: PhoneOf, bench: Callable[..., list[dict[str, Any]]]) -> None:
    daemon = emulate(profile="little", version=1)  # an old phone: no shell protocol 2
    phone = phone_of(daemon)
    with pytest.raises(Exception, match="--cores big: Redmi 6 has no such cores; it has little"):
        bench(phone)
    daemon = emulate()
    lines = bench(phone_of(daemon), keep=True)
    assert _stages(lines) == WHOLE
    assert daemon.machine.names("/", FOLDER) == ["model.gguf", "one.txt", "slu-cli", "texts.txt"]
    rounds = [line for line in lines if line["kind"] == "round"]
    assert rounds[0]["decisions"] and len(rounds[0]["end_to_end_ms"]) == 6
    cold = next(line for line in lines if line.get("caches") == "cold")
    assert {start["resident_pages"] for start in cold["starts"]} == {0}


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("offline", DeviceTimeoutError, "is offline: it does not answer; reconnect it"),
        ("unauthorised", UnauthorisedError, "unauthorised: was not allowed on the phone within 1 s; unlock it"),
    ],
)
def test_a_phone_that_cannot_be_used(
    fault: str, error: type[DeviceError], message: str, emulate: Emulate, phone_of: PhoneOf
) -> None:
    with pytest.raises(error, match=message):
        phone_of(emulate(fault, keys=True), timeout=2.0)


def test_a_32_bit_phone(
    emulate: Emulate, phone_of: PhoneOf, bench: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    with pytest.raises(AbiError, match="its programs are armeabi-v7a, armeabi, the engine is built for arm64-v8a"):
        bench(phone_of(emulate("wrong-abi")))
    assert not (tmp_path / "out").exists()


def test_a_full_phone_is_seen_before_anything_is_sent(
    emulate: Emulate, phone_of: PhoneOf, bench: Callable[..., list[dict[str, Any]]]
) -> None:
    daemon = emulate()
    daemon.machine.space = 1 << 20
    with pytest.raises(NoSpaceError, match="no space left: .* MB are needed; free some, then use --resume"):
        bench(phone_of(daemon))
    assert not daemon.machine.exists("/", FOLDER)


def test_resuming_another_run_is_refused(
    emulate: Emulate, phone_of: PhoneOf, bench: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    phone = phone_of(emulate())
    bench(phone)
    path = tmp_path / "out" / FILE
    lines = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join([json.dumps({**json.loads(lines[0]), "rounds": 9}), *lines[1:]]), encoding="utf-8")
    with pytest.raises(Exception, match="is of a run with another rounds; leave --resume out"):
        bench(phone, resume=True)
    path.write_text("\n".join(lines[:2]) + '\n{"schema": "slu.be', encoding="utf-8")  # cut off in the middle of a line
    assert _stages(bench(phone, resume=True)) == WHOLE
