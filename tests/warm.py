"""Runs of ``slu`` in processes forked from one that has imported Paddle already: the seconds of that are saved."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

IDLE = 10
"""How many times its processor time a run may take on a machine that has other things to do."""


@dataclass(frozen=True)
class Run:
    """A run that was started. ``process``: its number. ``said``, ``errors``: files with its output."""

    process: int
    said: Path
    errors: Path
    ended: Path

    def kill(self) -> None:
        """End it at once, unless it has ended, and wait for that."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 600) -> int:
        """Its exit code; negative for the signal that ended it. ``seconds``: of processor time that it may take."""
        until = time.monotonic() + IDLE * seconds
        while not self.ended.exists():
            working = self.processor_seconds() < seconds and time.monotonic() < until
            assert working, f"still running: {self.said.read_text()[-300:]}"
            time.sleep(0.01)
        return int(self.ended.read_text())

    def processor_seconds(self) -> float:
        """What it has used so far; 0 when it has ended."""
        try:
            fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Starter:
    """Starts runs. ``place``: a directory for their output."""

    process: subprocess.Popen[str]
    place: Path

    def start(self, arguments: Sequence[object]) -> Run:
        assert self.process.stdin is not None and self.process.stdout is not None
        number = len(list(self.place.iterdir()))
        files = [self.place / f"{number}.{kind}" for kind in ("said", "errors", "ended")]
        for file in files[:2]:
            file.write_text("")
        print(json.dumps([[str(word) for word in arguments], *map(str, files)]), file=self.process.stdin, flush=True)
        return Run(int(self.process.stdout.readline()), *files)


@contextmanager
def starter(place: Path) -> Iterator[Starter]:
    """The process that others are forked from, ready to start them."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    with subprocess.Popen([sys.executable, __file__], **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Starter(process, place)
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    sys.path.pop(0)  # the tests of a package must not be taken for it
    from slu.platform import prepare_paddle

    prepare_paddle()
    import paddle  # noqa: F401
    import paddleslim  # noqa: F401

    import slu.model.network  # noqa: F401
    from slu.cli import main

    print("ready", flush=True)
    for line in sys.stdin:
        arguments, said, errors, ended = json.loads(line)
        begun, begins = os.pipe()
        if os.fork() == 0:  # waits for the run, as the one that starts others must not
            run = os.fork()
            if run == 0:
                for number, file in ((1, said), (2, errors)):
                    os.dup2(os.open(file, os.O_WRONLY | os.O_TRUNC), number)
                code = main(arguments)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
            os.write(begins, str(run).encode())
            os.close(begins)
            code = os.waitstatus_to_exitcode(os.waitpid(run, 0)[1])
            Path(ended + ".tmp").write_text(str(code))
            Path(ended + ".tmp").rename(ended)
            os._exit(0)
        os.close(begins)
        print(os.read(begun, 20).decode(), flush=True)
        os.close(begun)


if __name__ == "__main__":
    _serve()
