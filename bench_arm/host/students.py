"""Processor time of several students from one pass over their teachers, against a run for each of them.

    python -m bench_arm.host.students RECIPE CHECKPOINT --json students.json

``RECIPE`` has ``[[student]]``, none of which is taught by another one. Prints one JSON object. All are made in a
temporary directory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from slu.files import sha256, write_result
from slu.platform import prepare_paddle


def main() -> int:
    """See the head of this module."""
    parser = argparse.ArgumentParser(prog="bench_arm.host.students")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--set", action="append", default=[], help="as for slu compress")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    prepare_paddle()
    text = json.dumps(measure(args.recipe, args.checkpoint, args.set), indent=1) + "\n"
    if args.json:
        write_result(args.json, text)
    sys.stdout.write(text)
    return 0


def measure(path: Path, checkpoint: Path, changes: list[str]) -> dict[str, Any]:
    """Seconds of processor time, and whether each student is the same in both ways."""
    from compress.students import STUDENT, run_students, variants
    from slu.training.data import load_data
    from slu.training.recipe import load_recipe

    recipe = load_recipe(path, changes)
    with tempfile.TemporaryDirectory() as place:
        one, each = Path(place) / "one", Path(place) / "each"
        found = variants(recipe, one)
        run_students(found[:1], load_data(recipe), checkpoint, Path(place) / "warm", _quiet)  # libraries are loaded
        began = time.process_time()
        run_students(found, load_data(recipe), checkpoint, one, _quiet)
        together = time.process_time() - began
        alone = {}
        for student in found:
            began = time.process_time()
            run_students([student], load_data(recipe), checkpoint, each, _quiet)
            alone[student.name] = time.process_time() - began
        same = all(
            sha256(student.directory(one) / STUDENT / "model.safetensors")
            == sha256(student.directory(each) / STUDENT / "model.safetensors")
            for student in found
        )
    return {
        "together_seconds": round(together, 1),
        "alone_seconds": {name: round(seconds, 1) for name, seconds in alone.items()},
        "share": round(together / sum(alone.values()), 3),
        "same": same,
    }


def _quiet(line: str) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
