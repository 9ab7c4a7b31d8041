"""The emulated phone behind the daemon: its directory, and ARM64 programs through qemu."""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench_arm.emulated.faults import Faults
from bench_arm.emulated.profiles import Profile
from slu.errors import ConfigError

if TYPE_CHECKING:
    from bench_arm.emulated.shell import Context

QEMU = "qemu-aarch64"
COUNTER = Path(__file__).parents[2] / "cpp_runtime/tools/count_instructions.c"
ELF, AARCH64 = b"\x7fELF", b"\xb7\x00"
FAILED_TO_RUN = 126
POLL_SECONDS = 0.02


class UnpluggedError(Exception):
    """The cable is pulled now."""


class Machine:
    """A phone of ``profile`` whose files are below ``root``. ``space``: bytes that its files may take."""

    def __init__(self, profile: Profile, root: Path, faults: Faults | None = None, space: int = 4 << 30):
        self.profile, self.root, self.faults, self.space = profile, root.resolve(), faults or Faults(), space
        self.qemu = shutil.which(QEMU)
        if not self.qemu:
            raise ConfigError(f"{QEMU} is not installed; it runs ARM64 programs here: apt install qemu-user")
        self._counter: Path | None = None
        for name in ("data/local/tmp", "sdcard", "dev", "system/bin", "proc"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name, text in profile.files().items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def properties(self) -> dict[str, str]:
        """What getprop answers; a fault may make it a 32-bit phone."""
        found = self.profile.all_properties()
        if self.faults.state("wrong-abi"):
            found |= {"ro.product.cpu.abi": "armeabi-v7a", "ro.product.cpu.abilist": "armeabi-v7a,armeabi"}
        return found

    def path(self, cwd: str, name: str) -> Path:
        """Where a path of the device is on this machine. Raises `PermissionError` for one that leads out of it."""
        inside = posixpath.normpath(posixpath.join("/", cwd, name)).lstrip("/")
        if "\0" in inside:
            raise OSError(errno.EINVAL, "Invalid argument", name)
        found = (self.root / inside).resolve()
        if found != self.root and self.root not in found.parents:
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return found

    def exists(self, cwd: str, name: str) -> bool:
        try:
            return self.path(cwd, name).exists()
        except OSError:
            return False

    def names(self, cwd: str, name: str) -> list[str]:
        """Of what is in a directory, sorted; nothing when there is none."""
        try:
            return sorted(os.listdir(self.path(cwd, name)))
        except OSError:
            return []

    def directory(self, cwd: str, name: str) -> str:
        """The path of the device that ``cd name`` leads to."""
        if not self.path(cwd, name).is_dir():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)
        return posixpath.normpath(posixpath.join("/", cwd, name))

    def read(self, cwd: str, name: str) -> bytes:
        path = self.path(cwd, name)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory", name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise OSError(error.errno, error.strerror, name) from None

    def write(self, cwd: str, name: str, data: bytes, append: bool = False) -> None:
        path = self.path(cwd, name)
        if name == "/dev/null":
            return
        try:
            with path.open("ab" if append else "wb") as stream:
                stream.write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, name) from None

    def execute(self, context: Context, words: list[str], stdin: bytes, counted: bool = False) -> int:
        """Run a file of the device; returns its status, above 128 when a signal ended it."""
        from bench_arm.emulated.shell import run_script

        path = self.path(context.cwd, words[0])
        if not path.is_file():
            context.complain(f"sh: {words[0]}: inaccessible or not found")
            return 127
        if not path.stat().st_mode & stat.S_IXUSR:
            context.complain(f"sh: {words[0]}: can't execute: Permission denied")
            return FAILED_TO_RUN
        with path.open("rb") as stream:
            head = stream.read(20)
        if head.startswith(b"#!"):
            return run_script(context, path.read_text(encoding="utf-8", errors="replace").partition("\n")[2], stdin)
        if not head.startswith(ELF) or head[18:20] != AARCH64 or self.faults.state("wrong-abi"):
            context.complain(f"sh: {words[0]}: not executable: 64-bit ELF file" if head.startswith(ELF) else
                             f"sh: {words[0]}: syntax error")  # fmt: skip
            return FAILED_TO_RUN
        if self.faults.due("cable-run"):
            raise UnpluggedError
        if self.faults.due("killed"):
            context.complain("Killed")
            return 137
        if self.faults.due("hang"):
            while not context.cancelled():
                time.sleep(POLL_SECONDS)
            return 130
        return self._run(context, path, words, stdin, counted)

    def _run(self, context: Context, path: Path, words: list[str], stdin: bytes, counted: bool) -> int:
        core = self.profile.cores[self.profile.fastest if context.core is None else context.core]
        with tempfile.TemporaryDirectory() as scratch:
            count = Path(scratch) / "count"
            command = [str(self.qemu), "-L", str(self.root), "-cpu", core.qemu]
            if counted:
                command += ["-plugin", str(self.counter()), "-d", "plugin", "-D", str(count)]
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
                    cwd=self.path("/", context.cwd),
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

    def counter(self) -> Path:
        """qemu's plugin that counts instructions, compiled once. Raises `OSError` when that is impossible."""
        if self._counter is None:
            compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
            if not compiler or not COUNTER.is_file():
                raise OSError(errno.ENOENT, "no C compiler, or no source of the counter", str(COUNTER))
            target = self.root / ".count.so"
            done = subprocess.run(
                [compiler, "-O2", "-shared", "-fPIC", "-o", str(target), str(COUNTER)], capture_output=True, text=True
            )
            if done.returncode:
                raise OSError(errno.ENOEXEC, done.stderr.strip()[-200:], str(COUNTER))
            self._counter = target
        return self._counter
