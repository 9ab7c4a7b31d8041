"""Native libraries that may end the process run in a process of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from slu.errors import BundleError

TIMEOUT_SECONDS = 600
ROOT = Path(__file__).resolve().parent.parent


def run_python(module: str, arguments: list[str], what: str, timeout: float = TIMEOUT_SECONDS) -> None:
    """Run ``python -m module arguments`` silently; raise `BundleError` with ``what`` and its last message if it fails.

    ``timeout``: seconds after which it is ended.
    """
    # Found wherever the caller is, and also when the package is not installed but only on its path.
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); import slu.platform; slu.platform.prepare_paddle(); "
        f"runpy.run_module({module!r}, None, '__main__', True)"
    )
    try:
        result = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"{what} took longer than {timeout:g} s and was ended; run it again when the machine is free"
        ) from error
    if result.returncode:
        raise BundleError(f"{what} failed ({_how(result.returncode)}): {_last_words(result.stdout)}")


def _how(code: int) -> str:
    """An exit code in words; negative ones are signals, as in `subprocess`."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _last_words(output: bytes) -> str:
    """The most informative line: a failed check of Paddle, a Python error, or else the last line."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if "Check failed" in line or "Error" in line.split(":")[0]]
    return (telling or lines or ["it said nothing"])[-1][:300]
