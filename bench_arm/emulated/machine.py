"""The emulated phone behind the daemon: its directory, what it says it is, and what executes its programs."""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from bench_arm.emulated.faults import Faults
from bench_arm.emulated.profiles import Profile
from slu.errors import ConfigError

QEMU = "qemu-aarch64"
COUNTER = Path(__file__).parents[2] / "cpp_runtime/tools/count_instructions.c"


class System:
    """The log, and the one app that may be in the foreground."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def alive(self) -> bool:
        """Whether the app has a process."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, app: Callable[[threading.Event], None]) -> None:
        """Run ``app`` until it ends, or the event that it is given is set."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=app, args=(self._stopped,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the app."""
        self._stopped.set()
        if self._thread:
            self._thread.join()


class Machine:
    """A phone of ``profile`` whose files are below ``root``. ``space``: bytes that its files may take."""

    def __init__(self, profile: Profile, root: Path, faults: Faults | None = None, space: int = 4 << 30):
        self.profile, self.root, self.faults, self.space = profile, root.resolve(), faults or Faults(), space
        self.qemu = shutil.which(QEMU)
        if not self.qemu:
            raise ConfigError(f"{QEMU} is not installed; it runs ARM64 programs here: apt install qemu-user")
        self._counter: Path | None = None
        self.system = System()
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

    def add_libraries(self, root: Path) -> None:
        """Give dynamic programs for ARM64 Linux the C library below ``root``: the phone has none of Android's."""
        (self.root / "lib").symlink_to(root.resolve() / "lib")
        (self.root / "usr").symlink_to(root.resolve() / "usr")

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
