"""The run on one phone: push, then measure what is not measured yet, round by round over all formats, and clean up."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_arm.device.errors import DeviceError, KilledError, NoSpaceError, ProtocolError
from bench_arm.device.facts import Facts, read_facts, read_state, warnings
from bench_arm.device.phone import Phone
from bench_arm.device.programs import Entry
from bench_arm.device.results import FILE, Results
from bench_arm.measurement import commit
from slu.corpus.utterance import Utterance
from slu.files import sha256
from slu.heads.measures import percent
from slu.progress import Progress
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import NATIVE_BACKEND
from slu.runtime.parser import ParseResult

TEXTS, ONE_TEXT = "texts.txt", "one.txt"
SPARE_BYTES = 16 << 20
"""What must stay free on a phone beside the files."""
RUN_SECONDS = 600.0
COOL_CELSIUS = 2.0
COOL_SECONDS = 600.0
STARTS = 5
OTHER_FILES = (
    "/system/framework/* /system/lib64/* /system/app/*/* /system/priv-app/*/* /system/fonts/* /vendor/lib64/* "
    "/vendor/app/*/* /product/app/*/* /product/priv-app/*/*"
)
"""What every phone has gigabytes of and lets the shell read, to drop ours from the page cache."""
READ_SECONDS = 20


@dataclass(frozen=True)
class Plan:
    """What is to be measured. ``through``: a program of the phone that runs the others, such as simpleperf.

    ``cores``: clusters, a row each. ``sustain``: seconds, 0 for none. ``cool``: wait before each round until the phone
    is as cool as it was, within `COOL_CELSIUS`. ``count``: also count instructions, where the device can.
    """

    bundle: Path
    data: Path
    rounds: int = 5
    cores: tuple[str, ...] = ("big",)
    sustain: int = 0
    cool: bool = False
    keep: bool = False
    resume: bool = False
    through: str = ""
    count: bool = False
    timeout: float = RUN_SECONDS


def measure(
    phone: Phone,
    plan: Plan,
    entries: Sequence[Entry],
    utterances: Sequence[Utterance],
    model: ModelDirectory,
    left_out: dict[str, str],
    out: Path,
    say: Callable[[str], None] = print,
) -> Results:
    """Measure what ``out`` does not have of ``plan`` yet. Raises a `DeviceError` that leaves all results there."""
    facts = read_facts(phone)
    say(f"{facts.serial}: {facts.manufacturer} {facts.model}, {facts.soc}, Android {facts.android or 'none'}")
    masks = {cluster: facts.mask(cluster) for cluster in plan.cores}
    results = Results(out / FILE, _header(facts, plan, entries, utterances, left_out), plan.resume)
    try:
        _measure(phone, plan, facts, masks, entries, utterances, model, results, say)
    except BaseException:
        _clean_up(phone, plan, say, failed=True)
        raise
    finally:
        results.close()
    _clean_up(phone, plan, say)
    return results


def _measure(
    phone: Phone,
    plan: Plan,
    facts: Facts,
    masks: dict[str, str],
    entries: Sequence[Entry],
    utterances: Sequence[Utterance],
    model: ModelDirectory,
    results: Results,
    say: Callable[[str], None],
) -> None:
    _push(phone, entries, utterances)
    states = [_add_state(phone, results, "before")]
    runner = _Runner(phone, plan, results)
    rows = [(entry, cluster) for cluster in masks for entry in entries]
    steps = len(rows) * (plan.rounds + 2) + (len(rows) if plan.count else 0)
    with Progress(f"bench {facts.serial}", steps, unit="step") as progress:
        for entry, cluster in tuple(rows):
            if not runner.memory(entry, cluster, masks[cluster], say):
                rows.remove((entry, cluster))
                continue
            progress.advance()
            runner.starts(entry, cluster, masks[cluster])
            progress.advance()
        order = random.Random(0)
        for number in range(plan.rounds):
            if plan.cool and number:
                _cool_down(phone, states[0].celsius, say)
            for entry, cluster in order.sample(rows, len(rows)):
                runner.round(entry, cluster, masks[cluster], number, utterances, model)
                progress.advance()
            states.append(_add_state(phone, results, "during"))
        for entry, cluster in rows if plan.count else ():
            runner.instructions(entry, cluster, masks[cluster], len(utterances))
            progress.advance()
    for entry, cluster in rows if plan.sustain else ():
        runner.sustain(entry, cluster, masks[cluster])
    states.append(_add_state(phone, results, "after"))
    if not results.has("end"):
        marks = warnings(facts, states)
        results.add("end", warnings=marks)
        for mark in marks:
            say(f"{facts.serial}: warning: {mark}")


class _Runner:
    """Runs programs on the phone and writes down what they say."""

    def __init__(self, phone: Phone, plan: Plan, results: Results):
        self._phone, self._plan, self._results = phone, plan, results

    def memory(self, entry: Entry, cluster: str, mask: str, say: Callable[[str], None]) -> bool:
        """Pss before the model, when it is open, after all texts, and the most of it.

        Another runtime that does not start or does not open the model is left out with the reason: returns whether the
        entry can be measured.
        """
        if self._results.has("memory", entry=entry.name, cores=cluster):
            return True
        try:
            found = self._json(self._run(entry, mask, "memory", entry.model, TEXTS).splitlines()[-1:])
        except DeviceError as error:
            if entry.backend == NATIVE_BACKEND or type(error) not in (DeviceError, KilledError):
                raise
            self._results.add("left_out", name=entry.name, reason=str(error))
            say(f"{entry.name}: left out: {error}")
            return False
        self._results.add("memory", entry=entry.name, cores=cluster, **found[0])
        return True

    def starts(self, entry: Entry, cluster: str, mask: str) -> None:
        """From starting the program to the model being open, with the files in the page cache and without."""
        # Not of the program itself: it runs while it does this, and what runs stays.
        names = " ".join(shlex.quote(name) for name, _ in entry.files if name != entry.program)
        for caches in ("warm", "cold"):
            if self._results.has("start", entry=entry.name, cores=cluster, caches=caches):
                continue
            rows: list[dict[str, Any]] = []
            for _ in range(STARTS):
                cold: dict[str, int | None] = {"resident_pages": None, "resident_pages_after_reading": None}
                if caches == "cold":
                    # Where reading did not help once, it does not help again.
                    cold = self._drop(entry, names, not rows or rows[-1]["resident_pages_after_reading"] == 0)
                before = "date +%s%N; "
                text = self._run(entry, mask, "bench", entry.model, ONE_TEXT, "--repeat", "1", before=before)
                first, *rest = text.splitlines()
                facts = self._json(rest[-1:])[0]
                started = int(first) if first.isdigit() else facts["started_ns"]
                rows.append(
                    {
                        "start_ms": round((facts["started_ns"] - started) / 1e6, 3),
                        "load_ms": facts["load_ms"],
                        "first_parse_ms": facts["first_parse_ms"],
                        **cold,
                    }
                )
            self._results.add("start", entry=entry.name, cores=cluster, caches=caches, starts=rows)

    def round(
        self, entry: Entry, cluster: str, mask: str, number: int, utterances: Sequence[Utterance], model: ModelDirectory
    ) -> None:
        """Latency of every text once, and how right the answers were."""
        if self._results.has("round", entry=entry.name, cores=cluster, round=number):
            return
        lines = self._run(entry, mask, "bench", entry.model, TEXTS, "--repeat", "1", "--lines").splitlines()
        rows = self._json(lines)
        answers, facts = rows[:-1], rows[-1]
        if [answer.get("text") for answer in answers] != [utterance.text for utterance in utterances]:
            raise ProtocolError(
                f"{self._phone.label}: {entry.name}: answered other texts than it was given; run it again"
            )
        head, labels = model.config.task, model.labels
        right = [head.right(u, ParseResult.from_dict(a), labels) for u, a in zip(utterances, answers)]
        self._results.add(
            "round",
            entry=entry.name,
            cores=cluster,
            round=number,
            kernel=facts["kernel"],
            end_to_end_ms=[answer["end_to_end_ms"][0] for answer in answers],
            model_ms=[answer["model_ms"][0] for answer in answers],
            exact=percent(sum(right), len(right)),
            decisions=[decision(answer) for answer in (answers if number == 0 else ())],
        )

    def instructions(self, entry: Entry, cluster: str, mask: str, utterances: int) -> None:
        """Executed for an utterance in the mean: of two runs of different length, so that starting does not count."""
        if self._results.has("instructions", entry=entry.name, cores=cluster):
            return
        counts = []
        for repeat in ("1", "2"):
            done = self._phone.check(
                self._command(
                    entry, mask, "bench", entry.model, TEXTS, "--repeat", repeat, "--parse-only",
                    through="count_instructions",
                ),
                self._plan.timeout,
            )  # fmt: skip
            found = re.search(rb"instructions: (\d+)", done.err)
            if not found:
                raise DeviceError(f"{self._phone.label}: counts no instructions: {done.last_words}")
            counts.append(int(found.group(1)))
        self._results.add(
            "instructions", entry=entry.name, cores=cluster, instructions=(counts[1] - counts[0]) / utterances
        )

    def sustain(self, entry: Entry, cluster: str, mask: str) -> None:
        """Latency second by second for minutes, and what that took from the battery."""
        if self._results.has("sustain", entry=entry.name, cores=cluster):
            return
        seconds = str(self._plan.sustain)
        before = read_state(self._phone)
        timeout = self._plan.sustain + self._plan.timeout
        text = self._run(entry, mask, "sustain", entry.model, TEXTS, "--seconds", seconds, timeout=timeout)
        after = read_state(self._phone)
        found = self._json(text.splitlines()[-1:])[0]
        joules = None
        if before.charge_uah and after.charge_uah and before.voltage_mv and not (before.charging or after.charging):
            joules = (before.charge_uah - after.charge_uah) * 3.6e-3 * before.voltage_mv / 1000 or None
        self._results.add("sustain", entry=entry.name, cores=cluster, joules=joules, **found)

    def _drop(self, entry: Entry, names: str, read: bool) -> dict[str, int | None]:
        """Drop the files from the page cache: by reading others, then, of what stays, by asking the system.

        Returns how many pages stayed, and how many after the reading alone.
        """
        after_reading = None
        if read:
            others = f"timeout {READ_SECONDS} cat {OTHER_FILES} > /dev/null 2>&1"
            self._phone.run(others, READ_SECONDS + self._plan.timeout)
            after_reading = self._resident(entry, "resident", names)
        stayed = 0 if after_reading == 0 else self._resident(entry, "evict", names)
        return {"resident_pages": stayed, "resident_pages_after_reading": after_reading}

    def _resident(self, entry: Entry, command: str, names: str) -> int:
        """Pages of the files that are in the page cache, before or after ``evict``."""
        line = self._in_folder(entry, f"./{entry.program} {command} {names}")
        found = self._json(self._phone.check(line, self._plan.timeout).text.splitlines()[-1:])[0]
        return sum(int(row["resident"]) for row in found)

    def _run(self, entry: Entry, mask: str, *words: str, before: str = "", timeout: float | None = None) -> str:
        command = self._command(entry, mask, *words, before=before)
        return self._phone.check(command, timeout or self._plan.timeout).text

    def _command(self, entry: Entry, mask: str, *words: str, before: str = "", through: str = "") -> str:
        rest = (shlex.quote(word) for word in (*words, *entry.arguments))
        pin = f"taskset {mask} " if mask else ""
        return self._in_folder(entry, " ".join((f"./{entry.program}", *rest)), pin, before, through)

    def _in_folder(self, entry: Entry, command: str, pin: str = "", before: str = "", through: str = "") -> str:
        """A command line for the phone that runs this one of a program of ``entry`` where its files are."""
        libraries = f"LD_LIBRARY_PATH={entry.libraries} " if entry.libraries else ""
        through = through or self._plan.through
        return f"cd {self._phone.folder} && {before}{libraries}{pin}{through + ' ' if through else ''}{command}"

    def _json(self, lines: Sequence[str]) -> list[Any]:
        try:
            return [json.loads(line) for line in lines] if lines else [json.loads("")]
        except ValueError:
            shown = (lines[-1] if lines else "")[:80]
            raise ProtocolError(
                f"{self._phone.label}: {shown!r} is no result; is {self._phone.folder} changed by somebody?"
            ) from None


def _push(phone: Phone, entries: Sequence[Entry], utterances: Sequence[Utterance]) -> None:
    phone.make_folder()
    files = {name: path for entry in entries for name, path in entry.files}
    programs = {entry.program for entry in entries}
    need = sum(path.stat().st_size for path in files.values())
    free = re.search(r"\s(\d+)\s+\d+%\s", phone.run(f"df -k {phone.folder} 2>/dev/null").text)
    if free and int(free.group(1)) << 10 < need + SPARE_BYTES:
        raise NoSpaceError(
            f"{phone.label}: no space left: {need / 1e6:.1f} MB are needed; free some, then use --resume"
        )
    for folder in sorted({str(Path(name).parent) for name in files} - {"."}):
        phone.check(f"mkdir -p {phone.folder}/{folder}")
    for name, path in files.items():
        phone.push(path, name, 0o755 if name in programs else 0o644)
    for program in sorted(programs):
        phone.check(f"chmod 755 {phone.folder}/{program}")
    phone.write("".join(utterance.text + "\n" for utterance in utterances).encode(), TEXTS)
    phone.write((utterances[0].text + "\n").encode(), ONE_TEXT)


def _add_state(phone: Phone, results: Results, when: str) -> Any:
    state = read_state(phone)
    results.add("state", when=when, **state.as_json())
    return state


def _cool_down(phone: Phone, celsius: dict[str, float], say: Callable[[str], None]) -> None:
    """Wait until no sensor is much warmer than it was at first."""
    deadline = time.monotonic() + COOL_SECONDS
    while time.monotonic() < deadline:
        now = read_state(phone).celsius
        warm = {name: value for name, value in now.items() if value > celsius.get(name, value) + COOL_CELSIUS}
        if not warm:
            return
        name = max(warm, key=lambda each: warm[each])
        say(f"{phone.label}: waits to cool down: {name} has {warm[name]:.1f} °C")
        time.sleep(10)
    say(f"{phone.label}: is still warmer than at first after {COOL_SECONDS:.0f} s; goes on")


def _clean_up(phone: Phone, plan: Plan, say: Callable[[str], None], failed: bool = False) -> None:
    """Remove the folder from the phone, unless it is to be kept, or the phone is gone."""
    if plan.keep:
        return
    try:
        phone.remove_folder()
    except DeviceError:
        if not failed:
            raise
        say(f"{phone.label}: {phone.folder} stays on it as it cannot be reached; --resume goes on and removes it")
    finally:
        with contextlib.suppress(DeviceError):
            phone.close()


def _header(
    facts: Facts, plan: Plan, entries: Sequence[Entry], utterances: Sequence[Utterance], left_out: dict[str, str]
) -> dict[str, Any]:
    return {
        "device": facts.as_json(),
        "commit": commit(),
        "bundle": plan.bundle.name,
        "bundle_sha256": sha256(plan.bundle / entries[0].model),
        "data": plan.data.name,
        "data_sha256": sha256(plan.data),
        "utterances": len(utterances),
        "rounds": plan.rounds,
        "cores": list(plan.cores),
        "through": plan.through,
        "program_sha256": {entry.program: sha256(dict(entry.files)[entry.program]) for entry in entries},
        "left_out": left_out,
        "entries": [
            {
                "name": entry.name,
                "backend": entry.backend,
                "format": entry.format,
                "precision": entry.precision,
                "padded_to": entry.padded_to,
                "size_bytes": entry.size_bytes,
            }
            for entry in entries
        ],
    }


def decision(answer: dict[str, Any]) -> list[str]:
    """Of an answer, what is written down: the intent, then SLOT:START:END of each slot."""
    return [answer["intent"], *(f"{s['name']}:{s['start']}:{s['end']}" for s in answer["slots"])]
