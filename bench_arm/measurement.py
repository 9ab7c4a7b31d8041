"""Shared by all benchmarks: percentiles of times, memory of a process, names of processors."""

from __future__ import annotations

import math
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from compress.steps import STEPS
from slu.manifest import Manifest
from slu.runtime.formats import AS_CHECKPOINT, FLOAT32, INT8, Format

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
SELF = Path("/proc/self")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def milliseconds(nanoseconds: Sequence[int]) -> dict[str, float]:
    """Mean and nearest-rank percentiles of times, in milliseconds to the microsecond's tenth."""
    ordered = sorted(nanoseconds)
    values = {"mean": sum(ordered) / len(ordered)}
    values |= {name: ordered[max(math.ceil(q * len(ordered)) - 1, 0)] for name, q in QUANTILES.items()}
    return {name: round(value / 1e6, 4) for name, value in values.items()}


def resident_bytes() -> int:
    """Memory of this process that is resident now."""
    return _field(SELF / "status", "VmRSS")


def peak_resident_bytes() -> int:
    """The most that was resident since the process began, or since `forget_peak`."""
    return _field(SELF / "status", "VmHWM")


def forget_peak() -> None:
    """Reset the peak to what is resident now, https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html"""
    (SELF / "clear_refs").write_text("5")


def proportional_bytes() -> int:
    """Pss of this process: resident memory, pages that several processes share divided by their number."""
    return _field(SELF / "smaps_rollup", "Pss")


def cache_bytes() -> int:
    """Size of this processor's largest cache in bytes; 32 MiB if Linux does not report it."""
    sizes = [file.read_text().strip() for file in CACHES.glob("index*/size")]
    return max((int(size[:-1]) << 10 for size in sizes if size.endswith("K")), default=32 << 20)


def processor() -> str:
    """Name of this machine's processor."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def commit() -> str:
    """The commit of the source tree, with "+" when files have changed since; "" outside a repository."""
    root = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        if Path(git("rev-parse", "--show-toplevel").strip()).resolve() != root.resolve():
            return ""  # installed into a directory of somebody else's repository
        return git("rev-parse", "--short=12", "HEAD").strip() + "+" * bool(git("status", "--porcelain", "-uno").strip())
    except (OSError, subprocess.CalledProcessError):
        return ""


def _field(path: Path, name: str) -> int:
    """A line such as "VmRSS:  1234 kB" of a file of /proc, in bytes."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{path}: has no {name}")


def precision(form: Format, manifest: Manifest) -> str:
    """The precision that a format computes in, of a model with this history."""
    return checkpoint_precision(manifest) if form.precision == AS_CHECKPOINT else form.precision


def checkpoint_precision(manifest: Manifest) -> str:
    """The precision of a checkpoint with this history."""
    stages = {manifest.stage, *(past.get("stage") for past in manifest.history)}
    return INT8 if any(step.quantises and step.name in stages for step in STEPS.values()) else FLOAT32
