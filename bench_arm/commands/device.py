"""``slu bench device`` and ``slu bench emulated``: their options, and what both do with a phone."""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_arm.device import FOLDER

if TYPE_CHECKING:
    from bench_arm.device.phone import Phone
    from bench_arm.device.run import Plan
    from slu.corpus.tagged import Utterance

LIMIT = 100
SUMMARY, PAGE = "bench.json", "report.html"
"""Beside the lines of the results."""
CLUSTERS = ("big", "middle", "little", "any")


def register(places: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``device`` and ``emulated`` to the places of ``slu bench``."""
    device = places.add_parser(
        "device",
        help="on phones over adb",
        description="Push the engine and a bundle to a phone, measure latency, memory, start-up and accuracy there, "
        "and leave nothing behind. docs/bench.md leads from a phone out of the box to the table.",
    )
    _common(device)
    device.add_argument(
        "--serial", metavar="S", action="append", default=[], help="which phone, as adb devices has it, or HOST:PORT"
    )
    device.add_argument("--all", action="store_true", help="all connected phones at once")
    device.add_argument("--usb", action="store_true", help="speak with USB although an adb server runs")
    device.add_argument(
        "--accept", metavar="S", type=float, default=60.0, help="wait for 'allow' on the phone (%(default)s s)"
    )
    device.add_argument("--through", metavar="COMMAND", default="", help="a program of the phone that runs the others")
    device.add_argument("--folder", metavar="DIR", default=FOLDER, help="where on the phone (%(default)s)")
    device.add_argument("--app", action="store_true", help="also inside the installed demo app (make android-install)")
    device.set_defaults(func=run_device)

    emulated = places.add_parser(
        "emulated",
        help="on an emulated phone, in instructions",
        description="The same steps against an emulated phone: an adb daemon, a sandboxed directory, ARM64 programs "
        "through qemu. Times are those of the emulation; instructions executed are what can be compared.",
    )
    _common(emulated)
    emulated.add_argument(
        "--profile", metavar="P", default="kirin985", help="kirin985, snapdragon865 or little (%(default)s)"
    )
    emulated.add_argument("--peers", action="store_true", help="also other engines' ARM64 builds, by instructions")
    emulated.add_argument(
        "--fault", metavar="KIND[:N]", action="append", default=[], help="what goes wrong, to try it out"
    )
    emulated.set_defaults(func=run_emulated)


def _common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("bundle", metavar="BUNDLE", type=Path)
    add("--data", metavar="FILE", type=Path, required=True, help="a tagged corpus")
    add("--out", metavar="DIR", type=Path, help="for the results (runs/bench/SERIAL)")
    add(
        "--limit",
        metavar="N",
        type=int,
        default=LIMIT,
        help="utterances, a random choice with a fixed seed (%(default)s)",
    )
    add("--repeat", metavar="N", type=int, default=5, help="rounds over the utterances (%(default)s)")
    add("--cores", metavar="LIST", default="big", help="of big, middle, little, any: a row each (%(default)s)")
    add("--sustain", metavar="S", type=int, default=0, help="then run on for that many seconds, to see throttling")
    add("--cool", action="store_true", help="wait before each round until the phone has cooled down")
    add("--cli", metavar="FILE", type=Path, help="slu-cli for ARM64 (build/linux-arm64/slu-cli, by make arm)")
    add("--lite", metavar="DIR", type=Path, help="slu-cli-lite and its libraries, to measure Paddle Lite too")
    add(
        "--fastdeploy", metavar="DIR", type=Path, help="slu-cli-fastdeploy and its libraries, to measure FastDeploy too"
    )
    add("--keep", action="store_true", help="leave the files on the phone")
    add("--resume", action="store_true", help="go on with a run that was interrupted")
    add("--timeout", metavar="S", type=float, default=600.0, help="the most that one program may take (%(default)s s)")
    add("--json", metavar="F", type=Path, help="also write the summary there")


def run_device(args: argparse.Namespace) -> int:
    """Measure on one phone, or on all. Raises `SluError`."""
    from bench_arm.device.choose import choose
    from bench_arm.device.phone import Phone
    from slu.errors import ConfigError, SluError

    plan = _plan(args)
    if args.json:
        _check_summary(args.json)
    chosen = choose(args.serial, args.all, args.usb, 10.0, args.accept)
    if len(chosen) > 1 and args.json:
        raise ConfigError("--json: is for one phone; the results of several are below --out")

    def one(serial: str) -> dict[str, Any]:
        with Phone(chosen[serial], quiet=len(chosen) > 1, folder=args.folder) as phone:
            more = _in_app(args, phone) if args.app else None
            return _measure(args, plan, phone, _place(args, serial, len(chosen) > 1), more)

    if len(chosen) == 1:
        _show(args, one(next(iter(chosen))))
        return 0
    failed = []
    with ThreadPoolExecutor(len(chosen)) as pool:
        for run in [pool.submit(one, serial) for serial in chosen]:
            try:
                _show(args, run.result())
            except SluError as error:
                failed.append(str(error))
    if failed:
        raise SluError("; ".join(failed))
    return 0


def run_emulated(args: argparse.Namespace) -> int:
    """Measure on an emulated phone. Raises `SluError`."""
    import tempfile

    from bench_arm.device.choose import connect_tcp
    from bench_arm.device.phone import Phone
    from bench_arm.emulated.daemon import Daemon
    from bench_arm.emulated.faults import Faults, parse_fault
    from bench_arm.emulated.machine import Machine
    from bench_arm.emulated.profiles import get_profile

    plan = replace(_plan(args), count=True)
    faults = Faults([parse_fault(text) for text in args.fault])
    profile = get_profile(args.profile)
    out = _place(args, f"emulated-{profile.name}", False)
    if args.json:
        _check_summary(args.json)
    with ExitStack() as stack:
        machine = Machine(profile, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slu-phone-"))), faults)
        if args.lite or args.fastdeploy:
            from bench_arm.emulated.packages import arm64_root

            machine.add_libraries(arm64_root())
        daemon = stack.enter_context(Daemon(machine, keys=False))
        phone = stack.enter_context(Phone(lambda: _named(connect_tcp(daemon.serial), f"emulated-{profile.name}")))
        peers: Callable[..., None] | None = None
        if args.peers:
            from bench_arm.emulated.peers import measure_peers

            peers = measure_peers
        _show(args, _measure(args, plan, phone, out, peers))
    return 0


def _in_app(args: argparse.Namespace, phone: Phone) -> Callable[..., None]:
    """What measures inside the app as well; that it is installed is seen before anything is measured."""
    from bench_arm.device.app import measure_app, require_app
    from slu.errors import ConfigError
    from slu.runtime.bundle import open_directory
    from slu.runtime.formats import GGUF

    model = GGUF.files[0]
    if not (args.bundle / model).is_file():
        raise ConfigError(f"{args.bundle}: has no {model}, which the app opens; export it with --format gguf")
    require_app(phone)

    def measure(bundle: Path, path: Path, utterances: Sequence[Utterance]) -> None:
        measure_app(phone, path, open_directory(bundle), utterances, args.repeat, args.timeout, args.keep)

    return measure


def _named(connection: Any, label: str) -> Any:
    """An emulated phone has another port each time; its name stays, so that a run can be resumed."""
    connection.label = label
    return connection


def _plan(args: argparse.Namespace) -> Plan:
    from bench_arm.device.run import Plan
    from slu.errors import ConfigError

    cores = tuple(dict.fromkeys(name.strip() for name in args.cores.split(",") if name.strip()))
    unknown = [name for name in cores if name not in CLUSTERS]
    if unknown or not cores:
        raise ConfigError(f"--cores {args.cores}: choose from {', '.join(CLUSTERS)}, separated by commas")
    if min(args.limit, args.repeat) < 1 or args.sustain < 0 or args.timeout <= 0:
        raise ConfigError("--limit, --repeat and --timeout must be at least 1, --sustain at least 0")
    return Plan(
        args.bundle,
        args.data,
        args.repeat,
        cores,
        args.sustain,
        args.cool,
        args.keep,
        args.resume,
        getattr(args, "through", ""),
        timeout=args.timeout,
    )


def _place(args: argparse.Namespace, serial: str, several: bool) -> Path:
    name = re.sub(r"[^\w.-]", "_", serial)
    if args.out:
        return Path(args.out) / name if several else Path(args.out)
    return Path("runs/bench") / name


def _measure(
    args: argparse.Namespace, plan: Plan, phone: Phone, out: Path, more: Callable[..., None] | None = None
) -> dict[str, Any]:
    """Run the plan; what is written even when it fails is the summary of what is there."""
    from bench_arm.device.programs import BUILT, entries
    from bench_arm.device.results import FILE, Results, check_lines, read_lines
    from bench_arm.device.run import measure
    from bench_arm.device.summary import summarise
    from bench_arm.report.page import beginning
    from slu.corpus.tagged import read_corpus
    from slu.evaluation.evaluate import check_labels
    from slu.files import check_result, write_result

    check_lines(out / FILE)
    _check_summary(out / SUMMARY)
    check_result(out / PAGE, beginning())
    found, left_out, model = entries(plan.bundle, args.cli or BUILT, args.lite, args.fastdeploy)
    utterances = read_corpus(plan.data)
    check_labels(utterances, model.labels, plan.data)
    if args.limit < len(utterances):
        chosen = sorted(random.Random(0).sample(range(len(utterances)), args.limit))
        utterances = [utterances[number] for number in chosen]
    try:
        results: Results = measure(phone, plan, found, utterances, model, left_out, out)
        if more:
            more(plan.bundle, results.path, utterances)
    finally:
        if (out / FILE).is_file():
            summary = summarise(read_lines(out / FILE))
            if summary["measurements"]:
                write_result(out / SUMMARY, json.dumps(summary, ensure_ascii=False, indent=1) + "\n")
    return {**summary, "out": str(out)}


def _check_summary(path: Path) -> None:
    """Raise `OutputError` unless a summary may be written there: before anything is measured."""
    from bench_arm.device.summary import FIELDS
    from slu.files import check_result

    check_result(path, json.dumps(dict.fromkeys(FIELDS)))


def _show(args: argparse.Namespace, result: dict[str, Any]) -> None:
    """The table, the page and, if asked for, the summary in one more place."""
    from bench_arm.device.summary import table
    from bench_arm.report.inputs import read_inputs
    from bench_arm.report.page import render
    from slu.files import write_result

    out = Path(result.pop("out"))
    print("\n" + "\n".join(table(result)))
    write_result(out / PAGE, render(read_inputs([out]), f"slu report {out}"))
    print(f"\nresults: {out / 'bench.jsonl'}, {out / SUMMARY}; page: {out / PAGE}")
    if args.json:
        write_result(args.json, json.dumps(result, ensure_ascii=False, indent=1) + "\n")
