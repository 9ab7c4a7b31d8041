"""A device as the benchmark uses it: commands with a status, files that are sent once, nothing left behind."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from bench_arm.device import FOLDER, shell, sync
from bench_arm.device.connection import Connection
from bench_arm.device.errors import DeviceError, KilledError
from bench_arm.device.shell import Completed
from slu.files import sha256
from slu.progress import Progress

SIGNALS = {9: "SIGKILL: most likely the low-memory killer; close other apps", 11: "SIGSEGV", 6: "SIGABRT", 4: "SIGILL"}


class Phone:
    """A device and a folder on it. ``connect`` makes a new connection when the last one has ended."""

    def __init__(
        self, connect: Callable[[], Connection], timeout: float = 30.0, quiet: bool = False, folder: str = FOLDER
    ):
        self._connect, self._timeout, self._quiet, self.folder = connect, timeout, quiet, folder
        self._connection: Connection | None = connect()
        self.label = self._connection.label

    @property
    def connection(self) -> Connection:
        """The open connection; a new one after a failure."""
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def run(self, command: str, timeout: float | None = None) -> Completed:
        """Run a command in the device's shell."""
        try:
            return shell.run(self.connection, command, timeout or self._timeout)
        except DeviceError:
            self.close()  # what the device still sends belongs to nobody
            raise

    def check(self, command: str, timeout: float | None = None) -> Completed:
        """Run a command that has to succeed. Raises `KilledError` when a signal ended it, else `DeviceError`."""
        done = self.run(command, timeout)
        name = shell.program_name(command)
        if done.status > 128:
            number = done.status - 128
            why = SIGNALS.get(number, f"signal {number}")
            raise KilledError(f"{self.label}: {name} was killed by the device ({why}), then use --resume")
        if done.status:
            raise DeviceError(f"{self.label}: {name} failed with status {done.status}: {done.last_words}")
        return done

    def push(self, source: Path, name: str, mode: int = 0o644) -> bool:
        """Send a file into the folder, unless one with the same hash is there. Returns whether it was sent."""
        target = f"{self.folder}/{name}"
        if self.hash_of(target) == sha256(source):
            return False
        try:
            with (
                sync.SyncSession(self.connection, self._timeout) as session,
                source.open("rb") as stream,
                Progress(f"push {name}", source.stat().st_size, unit="B", quiet=self._quiet) as progress,
            ):
                session.send(stream, target, mode, lambda count: progress.advance(count=count))
        except DeviceError:
            self.close()
            raise
        if self.hash_of(target) not in ("", sha256(source)):
            raise DeviceError(f"{self.label}: {target} arrived damaged; try another cable")
        return True

    def hash_of(self, path: str) -> str:
        """The SHA-256 of a file on the device; "" when there is none, or no program that tells."""
        found = re.match(r"\\?([0-9a-f]{64})\b", self.run(f"sha256sum {shlex.quote(path)} 2>/dev/null").text)
        return found.group(1) if found else ""

    def write(self, data: bytes, name: str) -> str:
        """Write a small file into the folder; returns its path."""
        import io

        target = f"{self.folder}/{name}"
        try:
            with sync.SyncSession(self.connection, self._timeout) as session:
                session.send(io.BytesIO(data), target)
        except DeviceError:
            self.close()
            raise
        return target

    def make_folder(self) -> None:
        self.check(f"mkdir -p {self.folder}")

    def remove_folder(self) -> None:
        """Leave nothing behind; a device that is gone keeps what it has, which the caller says."""
        self.check(f"rm -rf {self.folder}")

    def close(self) -> None:
        """Close the connection; the next command opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Phone:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
