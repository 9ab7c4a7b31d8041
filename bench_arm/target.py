"""What `bench_arm.host` measures, and the process that measures it, seen from outside."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from slu.errors import BundleError
from slu.loading import BACKENDS

ROOT = Path(__file__).parents[1]
NAMES = (*(name for name, runner in BACKENDS.items() if runner.format is not None), "onnxruntime")
"""Engines that can be compared: those that run bundles, and a current ONNX Runtime on what is made of one."""
WARM_UP = 20
"""Utterances that a process runs before anything is timed."""
TIMEOUT_SECONDS = 1800
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Target:
    """``backend`` on the bundle ``bundle``, on the texts of ``data``. ``onnx``: the file that ``onnxruntime`` runs.

    ``whole``: measure over all of ``data`` before the first answer, not only over `WARM_UP` utterances.
    """

    bundle: str
    backend: str
    data: str
    threads: int = 1
    onnx: str = ""
    whole: bool = False

    @property
    def module(self) -> str:
        """What must be importable."""
        return "onnxruntime" if self.backend == "onnxruntime" else BACKENDS[self.backend].module


class Worker:
    """A process of ``bench_arm.host_worker``. ``facts``: what it found out before it was ready to take times.

    Raises `BundleError` with its last words when it fails.
    """

    def __init__(self, target: Target):
        self._target = target
        self._errors = tempfile.TemporaryFile()
        threads = dict.fromkeys(THREAD_VARIABLES, str(target.threads))
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench_arm.host_worker", json.dumps(asdict(target))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **threads, "PYTHONPATH": path},
        )
        try:
            self.facts: dict[str, Any] = json.loads(self._answer())
            if "error" in self.facts:
                raise BundleError(self.facts["error"])
        except BaseException:
            self.close()
            raise

    def time(self, index: int) -> tuple[int, int]:
        """Nanoseconds that utterance ``index`` takes from text to answer, and in the network alone."""
        assert self._process.stdin
        try:
            self._process.stdin.write(b"%d\n" % index)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("ended") from None
        whole, network = map(int, self._answer().split())
        return whole, network

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
