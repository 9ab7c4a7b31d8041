"""Open thousands of seeded mutants of a bundle: none may crash, hang, write a file or show a traceback.

    python tests/hostile/mutants.py BUNDLE [--count 5000] [--first 0] [--backend native,paddle,...] [--json F]

The hashes in the manifest of each mutant are made right again, as somebody would who forges a bundle. Prints a line of
JSON a backend, and exits with 1 if one of the four happened; the seeds that did it are in it. Every ten seconds it says
how far it is, and writes what it has so far to the file of `--json`: a run that is stopped has not been for nothing,
and `--first` goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slu.files import MARK
from slu.runtime.formats import BACKENDS

HERE = Path(__file__).parent
SECONDS, WALL_SECONDS = 5.0, 60.0
"""Of processor time that a mutant may take, and of time as such: the machine may have other things to do."""
SAID_EVERY = 10.0
"""Seconds between two looks at how far a run is."""
BAD = ("crashes", "hangs", "tracebacks", "files_written")
SIDE = ("manifest.json", "labels.json", "config.json", "vocab.txt")
"""What "json" mutates, opened by the native engine."""


Result = dict[str, Any]
Tell = Callable[[Result], None]


def run(
    bundle: Path,
    backend: str,
    count: int,
    first: int = 0,
    names: tuple[str, ...] = (),
    tell: Tell = lambda result: None,
) -> Result:
    """What came of the mutants ``first`` to ``first + count`` of the files ``names`` (those of the backend).

    ``tell`` is given what has come of those done so far, whenever `SAID_EVERY` seconds have passed.
    """
    names = names or BACKENDS[backend].files
    counts = {"mutants": 0, "opened": 0, "refused": 0, "slowest_seconds": 0.0}
    result: Result = {"backend": backend, "files": names, "first": first, **counts}
    result |= {kind: [] for kind in BAD}
    seed, last = first, first + count
    with tempfile.TemporaryDirectory() as temporary:
        home, work, original, mutant = (Path(temporary) / name for name in ("home", "work", "original", "mutant"))
        for place in (home, work):
            place.mkdir()
        _copy_what_is_needed(bundle, original, BACKENDS[backend].files)
        shutil.copytree(original, mutant)
        before = sorted(path.name for path in mutant.iterdir())
        while seed < last:
            arguments = [str(original), str(mutant), backend, ",".join(names), str(seed), str(last)]
            process = subprocess.Popen(
                [sys.executable, str(HERE / "worker.py"), *arguments],
                cwd=work, env={**os.environ, "HOME": str(home), "PYTHONPATH": str(HERE.parents[1])},
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            seed, ended = _watch(process, seed, result, tell)
            if ended:
                result[ended].append(seed)
                seed += 1
                result["mutants"] = seed - first
        # What libraries leave in HOME when they are imported is not the mutants' doing.
        result["files_written"] = [str(path) for path in work.rglob("*")]
        result["files_written"] += sorted({path.name for path in mutant.iterdir()} ^ set(before))
    return result


def _copy_what_is_needed(bundle: Path, copy: Path, files: tuple[str, ...]) -> None:
    """The bundle with one format only: looking at the others again for each mutant would take most of the time."""
    copy.mkdir()
    for file in bundle.iterdir():
        if file.name in files or file.name.startswith(("lexicon.", *SIDE)):
            shutil.copyfile(file, copy / file.name)
    manifest = json.loads((copy / MARK).read_text(encoding="utf-8"))
    listed = manifest["config"]["files"]
    manifest["config"]["files"] = {name: entry for name, entry in listed.items() if name in files}
    (copy / MARK).write_text(json.dumps(manifest), encoding="utf-8")


def _watch(process: subprocess.Popen[bytes], seed: int, result: Result, tell: Tell) -> tuple[int, str]:
    """Count what a worker says until it is done, or ends otherwise: the seed that it came to, and how it ended."""
    assert process.stdout is not None
    began, before, started, rest = time.monotonic(), 0.0, False, b""
    said_at = began
    while True:
        if time.monotonic() - said_at > SAID_EVERY:
            said_at = time.monotonic()
            tell(result)
        ready, _, _ = select.select([process.stdout], [], [], 1)
        chunk = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
        if not ready:
            wall, used = time.monotonic() - began, _processor_seconds(process.pid) - before
            if wall < WALL_SECONDS * (1 if started else 10) and (used < SECONDS or not started):
                continue
            process.kill()
            process.wait()
            return seed, "hangs"
        if not chunk:
            return (seed, "") if process.wait() == 0 else (seed, "crashes")
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            word, _, said = line.decode("utf-8", "replace").partition(" ")
            if not word.isdigit():
                continue  # what a library prints
            if said == "begins":
                seed, began, before, started = int(word), time.monotonic(), _processor_seconds(process.pid), True
                continue
            used = round(_processor_seconds(process.pid) - before, 2)
            result["slowest_seconds"] = max(result["slowest_seconds"], used)
            seed = int(word) + 1
            result["mutants"] = seed - result["first"]
            if said in ("opened", "refused"):
                result[said] += 1
            else:
                result["tracebacks"].append([int(word), said])


def _processor_seconds(process: int) -> float:
    """What a process has used; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--backend", default="")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    present = [name for name, entry in BACKENDS.items() if entry.installed and not entry.missing(args.bundle)]
    done: list[Result] = []

    def tell(result: Result) -> None:
        found = "".join(f", {len(result[kind])} {kind}" for kind in BAD if result[kind])
        print(f"{result['backend']}: {result['mutants']} of {args.count} mutants{found}", file=sys.stderr, flush=True)
        write(result)

    def write(result: Result) -> None:
        if args.json:
            args.json.write_text(json.dumps([*done, result], indent=1) + "\n", encoding="utf-8")

    for backend in args.backend.split(",") if args.backend else ["json", *present]:
        names, runs = (SIDE, "native") if backend == "json" else ((), backend)
        result = run(args.bundle, runs, args.count, args.first, names, tell)
        print(json.dumps(result), flush=True)
        write(result)
        done.append(result)
    return int(any(one[kind] for one in done for kind in BAD))


if __name__ == "__main__":
    raise SystemExit(main())
