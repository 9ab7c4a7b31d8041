"""The targets of `bench_arm.host.bench`, and its side of the processes that measure them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from slu.errors import BundleError
from slu.runtime.formats import BACKENDS

ROOT = Path(__file__).parents[2]
NAMES = tuple(name for name, runner in BACKENDS.items() if runner.format is not None)
"""Engines that can be compared: those that run bundles."""
WARM_UP = 20
"""Utterances that a process runs before anything is timed."""
MKL = "MKL_DEBUG_CPU_TYPE"
"""Environment variable: instructions that Intel's MKL may use. Without it MKL is slow on processors of other makers."""
ISA = "ONEDNN_MAX_CPU_ISA"
"""Environment variable: instructions that OpenVINO may use. It computes in bfloat16 where it may and the processor can,
and `slu.runtime.backends.fastdeploy` sets it so that it may not."""
TIMEOUT_SECONDS = 1800
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Target:
    """``backend`` on the bundle ``bundle``, on the texts of ``data``.

    ``mkl``: the value of `MKL`, "" as the library comes; None for an engine without it. ``whole``: measure over all of
    ``data`` before the first answer, not only over `WARM_UP` utterances. ``kernel``: that of the native engine, "" for
    the fastest of this processor. ``as_it_comes``: OpenVINO without this project's setting, which keeps it in FP32.
    """

    bundle: str
    backend: str
    data: str
    threads: int = 1
    mkl: str | None = None
    whole: bool = False
    kernel: str = ""
    as_it_comes: bool = False

    @property
    def module(self) -> str:
        """What must be importable."""
        return BACKENDS[self.backend].module

    @property
    def setting(self) -> str:
        """What sets this target apart from others of its engine, in words; "" for nothing."""
        if self.kernel:
            return f"kernel {self.kernel}"
        if self.as_it_comes:
            return "OpenVINO as it comes"
        if self.mkl is None:
            return ""
        return f"{MKL}={self.mkl}" if self.mkl else "MKL as it comes"


class Worker:
    """A process of ``bench_arm.host.worker``. ``facts``: what it measured before it was ready to take times.

    Raises `BundleError` with its last message when it fails.
    """

    def __init__(self, target: Target):
        self._target = target
        self._errors = tempfile.TemporaryFile()
        own = dict.fromkeys(THREAD_VARIABLES, str(target.threads))
        if target.mkl is not None:
            own[MKL] = target.mkl
        if target.as_it_comes:
            own[ISA] = "DEFAULT"
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench_arm.host.worker", json.dumps(asdict(target))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **own, "PYTHONPATH": path},
        )
        try:
            self.facts: dict[str, Any] = json.loads(self._answer())
            if "error" in self.facts:
                raise BundleError(self.facts["error"])
        except BaseException:
            self.close()
            raise

    def time(self, utterances: Sequence[int], cold: bool = False, processor_time: bool = False) -> dict[str, list[int]]:
        """Nanoseconds of each of ``utterances``, by what was timed; see `bench_arm.host.worker`.

        ``cold``: with caches that hold nothing of the engine. ``processor_time``: that of all threads of the process,
        and not what passed by the clock on the wall.
        """
        assert self._process.stdin
        try:
            order = {"utterances": list(utterances), "cold": cold, "processor_time": processor_time}
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("ended") from None
        times: dict[str, list[int]] = json.loads(self._answer())
        return times

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self) -> bytes:
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], TIMEOUT_SECONDS)[0]:
            raise self._failure(f"gave no answer within {TIMEOUT_SECONDS} s")
        line = self._process.stdout.readline()
        if not line:
            raise self._failure(f"ended with code {self._process.wait()}")
        return line

    def _failure(self, what: str) -> BundleError:
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        return BundleError(f"{self._target.bundle}: the engine {self._target.backend} {what}: {said[-1][:300]}")
