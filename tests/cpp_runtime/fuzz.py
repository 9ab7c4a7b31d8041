"""Run the libFuzzer targets, each for some time, from a seed corpus of valid and broken inputs.

    python tests/cpp_runtime/fuzz.py --seconds 60

Exits 1 when a target crashes, hangs or leaks; the input that did it is left in build/fuzz. Needs Clang with its
sanitizers (Debian: clang, libclang-rt-14-dev).
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Sequence
from pathlib import Path

from engine_build import GOLDEN, build, golden
from flagged import write_flagged
from make_normalisation import RULES
from other_heads import other_head_models
from scored import write_scored

from export_lite.gguf import write_gguf

TARGETS = ("gguf", "tokenizer", "parse", "lexicon", "normalisation", "pins")
LISTS = {"name": ["play", "周华健"], "song": ["花心", "abc", "a b"]}
LONGEST = 48000
"""Bytes of an input: more than every seed has."""
OPTIONS = (
    "-DCMAKE_C_COMPILER=clang",
    "-DCMAKE_CXX_COMPILER=clang++",
    "-DSLU_SANITIZE=address,undefined",
    "-DSLU_FUZZ=ON",
)


def seed(directory: Path, target: str, models: Sequence[bytes]) -> None:
    """Fill a corpus directory: the golden texts, or the golden model whole, cut and malformed, and other models."""
    directory.mkdir(parents=True, exist_ok=True)
    if target != "gguf":
        inputs = [case["text"].encode() for case in golden("tokenizer")] + [b"\xff", b"a\xc0\xaf", b"\xed\xa0\x80"]
        inputs += [text.encode() for texts in RULES.values() for text in texts]
        inputs += [
            b"\xf1" + line for line in (b"a <song>b</song><singer>\xe8\x8a\xb1</singer>", b"play\ta\n# b\nnone\tc")
        ]
    else:
        data, speech = ((GOLDEN / name).read_bytes() for name in ("tiny.gguf", "speech.gguf"))
        inputs = [data, speech, *models]
        inputs += [whole[:n] for whole in (data, *models) for n in range(0, len(whole), 1500)]
        for case in golden("malformed"):
            new = bytes.fromhex(case["bytes"])
            inputs.append(data[: case["at"]] + new + data[case["at"] + len(new) :])
    assert max(map(len, inputs)) < LONGEST
    for i, content in enumerate(inputs):
        (directory / f"seed-{i}").write_bytes(content)


def other_models(directory: Path) -> dict[str, Path]:
    """Files of a model with lists, of two with attention scores of INT8, and of those of the other heads."""
    paths = {"flagged": write_flagged(directory / "flagged.gguf", lists=LISTS)}
    for below_zero in (False, True):
        name = f"scored-{below_zero}"
        paths[name] = write_scored(directory / f"{name}.gguf", below_zero)
    for kind, (checkpoint, _) in other_head_models().items():
        paths[kind] = directory / f"{kind}.gguf"
        write_gguf(checkpoint, paths[kind])
    return paths


def fuzz(seconds: int) -> dict[str, subprocess.CompletedProcess[str]]:
    """Build and run every target for ``seconds``; returns what each of them printed and returned."""
    directory = build("fuzz", *OPTIONS, targets=tuple(f"fuzz-{target}" for target in TARGETS))
    models = [path.read_bytes() for path in other_models(directory).values()]
    results = {}
    for target in TARGETS:
        corpus = directory / f"corpus-{target}"
        seed(corpus, target, models)
        limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", f"-max_len={LONGEST}"]
        command = [
            str(directory / f"tests/fuzz-{target}"),
            str(corpus),
            *limits,
            f"-artifact_prefix={directory}/{target}-",
        ]
        results[target] = subprocess.run(command, capture_output=True, text=True)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    failures = 0
    for target, done in fuzz(parser.parse_args().seconds).items():
        print(f"{target}: {done.stderr.strip().splitlines()[-1]}")
        if done.returncode:
            failures += 1
            print(done.stderr[-4000:])
    return int(failures > 0)


if __name__ == "__main__":
    raise SystemExit(main())
