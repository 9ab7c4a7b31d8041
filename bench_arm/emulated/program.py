"""Running a file of the emulated phone: an ARM64 program through qemu, or a script."""

from __future__ import annotations

import stat
import subprocess
import tempfile
import time
from pathlib import Path

from bench_arm.emulated.context import Context

ELF, AARCH64 = b"\x7fELF", b"\xb7\x00"
FAILED_TO_RUN = 126
POLL_SECONDS = 0.02


class UnpluggedError(Exception):
    """The cable is pulled now."""


def execute(context: Context, words: list[str], stdin: bytes, counted: bool = False) -> int:
    """Run a file of the device; returns its status, above 128 when a signal ended it."""
    machine = context.machine
    path = machine.path(context.cwd, words[0])
    if not path.is_file():
        context.complain(f"sh: {words[0]}: inaccessible or not found")
        return 127
    if not path.stat().st_mode & stat.S_IXUSR:
        context.complain(f"sh: {words[0]}: can't execute: Permission denied")
        return FAILED_TO_RUN
    with path.open("rb") as stream:
        head = stream.read(20)
    if head.startswith(b"#!"):
        return context.run_script(context, path.read_text(encoding="utf-8", errors="replace").partition("\n")[2], stdin)
    if not head.startswith(ELF) or head[18:20] != AARCH64 or machine.faults.state("wrong-abi"):
        context.complain(f"sh: {words[0]}: not executable: 64-bit ELF file" if head.startswith(ELF) else
                         f"sh: {words[0]}: syntax error")  # fmt: skip
        return FAILED_TO_RUN
    if machine.faults.due("cable-run"):
        raise UnpluggedError
    if machine.faults.due("killed"):
        context.complain("Killed")
        return 137
    if machine.faults.due("hang"):
        while not context.cancelled():
            time.sleep(POLL_SECONDS)
        return 130
    return _run(context, path, words, stdin, counted)


def _run(context: Context, path: Path, words: list[str], stdin: bytes, counted: bool) -> int:
    machine = context.machine
    core = machine.profile.cores[machine.profile.fastest if context.core is None else context.core]
    with tempfile.TemporaryDirectory() as scratch:
        count = Path(scratch) / "count"
        command = [str(machine.qemu), "-L", str(machine.root), "-cpu", core.qemu]
        if counted:
            command += ["-plugin", str(machine.counter()), "-d", "plugin", "-D", str(count)]
        for name, value in context.variables.items():
            command += ["-E", f"{name}={value}"]
        command += ["-0", words[0], str(path), *words[1:]]
        out, err, given = (Path(scratch) / name for name in ("out", "err", "in"))
        given.write_bytes(stdin)
        with given.open("rb") as source, out.open("wb") as target, err.open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=source,
                stdout=target,
                stderr=errors,
                cwd=machine.path("/", context.cwd),
                env={"PATH": "/system/bin"},
            )
            try:
                while True:
                    try:
                        status = process.wait(POLL_SECONDS)
                        break
                    except subprocess.TimeoutExpired:
                        if context.cancelled():
                            return 130
            finally:
                process.kill()
                process.wait()
        context.out(out.read_bytes())
        context.err(err.read_bytes())
        if counted and count.is_file():
            context.err(count.read_bytes())
    return 128 - status if status < 0 else status
