"""JVMs with the library's native half."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"


@dataclass(frozen=True)
class Machine:
    """A JVM: ``java`` is its command, ``library`` the directory of libslu_jni.so."""

    java: Sequence[str]
    library: Path

    def run(self, classpath: Sequence[Path], main: str, *arguments: object, limit: float = 280) -> str:
        """Run a Java program; return what it prints, and fail when it does."""
        path = os.pathsep.join(map(str, classpath))
        command = [*self.java, f"-Djava.library.path={self.library}", "-cp", path, main, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, timeout=limit)
        printed = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0, f"status {done.returncode}\n{printed}\n{done.stderr.decode('utf-8', 'replace')}"
        # -Xcheck:jni writes its warnings to the standard output.
        assert "WARNING" not in printed, printed
        return printed
