"""What test_real_adbd.py does beside adbd: SCRATCH CLI BUNDLE DATA. Writes what it found to SCRATCH/found.json."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from bench_arm.device.choose import connect_tcp
from bench_arm.device.phone import Phone
from bench_arm.device.sync import SyncSession
from slu.cli import main

SERIAL = "127.0.0.1:5555"
FOLDER = "/mnt/slu-bench"


def examine(scratch: Path, cli: Path, bundle: Path, data: Path) -> None:
    """Everything of the transport, then the benchmark itself."""
    os.environ["ANDROID_USER_HOME"] = str(scratch / "keys")
    found: dict[str, object] = {}
    with Phone(lambda: connect_tcp(SERIAL), quiet=True, folder=FOLDER) as phone:
        found["feature"] = "shell_v2" in phone.connection.features
        found["statuses"] = [phone.run(f"exit {number}").status for number in range(100)]
        done = phone.run("echo out; echo err >&2; exit 3")
        found["split"] = [done.text, done.err.decode(), done.status]
        sent = os.urandom(50_000_000)
        (scratch / "sent").write_bytes(sent)
        phone.make_folder()
        found["pushed"] = [phone.push(scratch / "sent", "copy"), phone.push(scratch / "sent", "copy")]
        with (scratch / "back").open("wb") as target, SyncSession(phone.connection, 30) as session:
            session.receive(f"{FOLDER}/copy", target)
            found["bytes"] = session.stat(f"{FOLDER}/copy").size
        found["equal"] = (scratch / "back").read_bytes() == sent
        phone.remove_folder()
    out = scratch / "out"
    words = ["bench", "device", bundle, "--data", data, "--serial", SERIAL, "--cli", cli, "--cores", "any"]
    words += ["--through", "qemu-aarch64 -cpu max", "--repeat", "2", "--folder", FOLDER, "--out", out]
    assert main(list(map(str, words))) == 0
    found["summary"] = json.loads((out / "bench.json").read_text())
    found["left"] = sorted(path.name for path in Path("/mnt").iterdir() if path.name == "slu-bench")
    (scratch / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    examine(*map(Path, sys.argv[1:]))
