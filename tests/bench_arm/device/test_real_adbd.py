"""Our transport against a real adbd, in a network namespace that has nothing but loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bench_arm.emulated.packages import unpacked

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
NAMESPACE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
SUITE = "trixie"
"""The suite that has an adbd; it runs with the libc that comes with it."""


def test_a_real_adbd(tmp_path: Path, arm_cli: Path, tiny_bundle: Path, few: Path) -> None:
    for program in ("unshare", "ip"):
        assert shutil.which(program), f"{program} is missing: apt install util-linux iproute2"
    adbd = unpacked("adbd", ["adbd"], suite=SUITE)
    inside = [sys.executable, HERE / "inside_namespace.py", tmp_path, arm_cli, tiny_bundle, few]
    done = subprocess.run(
        [*NAMESPACE, "bash", HERE / "real_adbd.sh", adbd, tmp_path, *inside],
        capture_output=True,
        text=True,
        timeout=400,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["feature"] and found["statuses"] == list(range(100))
    assert found["split"] == ["out\n", "err\n", 3]
    assert found["pushed"] == [True, False] and found["equal"] and found["bytes"] == 50_000_000
    assert found["left"] == []
    rows = found["summary"]["measurements"]
    assert [row["backend"] for row in rows] == ["native"] and found["summary"]["complete"]
    assert rows[0]["end_to_end_ms"]["p50"] > 0 and rows[0]["cores"] == "any"
