"""What ``slu label`` gains from workers: one process, processes of this machine, and two local nodes of Ray.

    python -m bench_arm.host.labelling MODEL TEXTS --rounds 3 --json labelling.json

Prints one JSON object: the seconds of every kind of run, in turns, how many times as fast as one process each is, and
whether all wrote the same files. The nodes are there already; the time of a run includes starting its processes and
opening the model in each of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_arm.measurement import processor
from slu.runtime.labelling import label
from slu.runtime.ray_labelling import RayCluster


def main() -> int:
    parser = argparse.ArgumentParser(description="What slu label gains from workers; prints JSON.")
    parser.add_argument("model", metavar="MODEL", type=Path)
    parser.add_argument("texts", metavar="TEXTS", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shard", type=int, default=1000, help="lines of a shard")
    parser.add_argument("--backend", help="default: the fastest that MODEL has files for")
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    for path in (args.model, args.texts):
        if not path.exists():
            parser.error(f"{path}: no such file or directory")
    for name in ("rounds", "shard"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} is {getattr(args, name)}; it must be at least 1")
    result = measure(args.model, args.texts, args.rounds, args.shard, args.backend)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    print(text)
    if args.json:
        from slu.files import write_result

        write_result(args.json, text + "\n")
    return 0 if result["same_files"] else 1


def measure(model: Path, texts: Path, rounds: int, shard: int, backend: str | None) -> dict[str, Any]:
    """Label ``texts`` ``rounds`` times in each way."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        kinds: dict[str, dict[str, Any]] = {
            "one process": {},
            "two processes": {"workers": 2},
            "two nodes of Ray": {"cluster": RayCluster(cluster.address)},
        }
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        files = set()
        for _ in range(rounds):
            for kind, how in kinds.items():
                with tempfile.TemporaryDirectory() as place:
                    out = Path(place) / "soft"
                    began = time.perf_counter()
                    label(model, texts, out, backend=backend, lines=shard, **how)
                    seconds[kind].append(time.perf_counter() - began)
                    files.add(_digest(out))
    finally:
        cluster.shutdown()
    with texts.open("rb") as file:
        lines = sum(1 for _ in file)
    medians = {kind: statistics.median(found) for kind, found in seconds.items()}
    return {
        "model": str(model),
        "processor": f"{processor()}, {len(os.sched_getaffinity(0))} processors",
        "lines": lines,
        "lines_of_a_shard": shard,
        "seconds": {kind: [round(one, 2) for one in found] for kind, found in seconds.items()},
        "times_as_fast": {kind: round(medians["one process"] / one, 2) for kind, one in medians.items()},
        "same_files": len(files) == 1,
    }


def _digest(directory: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
