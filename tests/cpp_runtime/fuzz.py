"""Run the libFuzzer targets, each for some time, from a seed corpus of valid and broken inputs.

    python tests/cpp_runtime/fuzz.py --seconds 60

Exits 1 when a target crashes, hangs or leaks; the input that did it is left in build/fuzz. Needs Clang with its
sanitizers (Debian: clang, libclang-rt-14-dev).
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from engine_build import GOLDEN, build, golden
from flagged import write_flagged
from make_normalisation import RULES

TARGETS = ("gguf", "tokenizer", "parse", "lexicon", "normalisation", "pins")
LISTS = {"name": ["play", "周华健"], "song": ["花心", "abc", "a b"]}
OPTIONS = (
    "-DCMAKE_C_COMPILER=clang",
    "-DCMAKE_CXX_COMPILER=clang++",
    "-DSLU_SANITIZE=address,undefined",
    "-DSLU_FUZZ=ON",
)


def seed(directory: Path, target: str, flagged: bytes) -> None:
    """Fill a corpus directory: the golden texts, or the golden model whole, cut and malformed, and one with lists."""
    directory.mkdir(parents=True, exist_ok=True)
    if target != "gguf":
        inputs = [case["text"].encode() for case in golden("tokenizer")] + [b"\xff", b"a\xc0\xaf", b"\xed\xa0\x80"]
        inputs += [text.encode() for texts in RULES.values() for text in texts]
        inputs += [
            b"\xf1" + line for line in (b"a <song>b</song><singer>\xe8\x8a\xb1</singer>", b"play\ta\n# b\nnone\tc")
        ]
    else:
        data, speech = ((GOLDEN / name).read_bytes() for name in ("tiny.gguf", "speech.gguf"))
        inputs = [data, flagged, speech] + [whole[:n] for whole in (data, flagged) for n in range(0, len(whole), 1500)]
        for case in golden("malformed"):
            new = bytes.fromhex(case["bytes"])
            inputs.append(data[: case["at"]] + new + data[case["at"] + len(new) :])
    for i, content in enumerate(inputs):
        (directory / f"seed-{i}").write_bytes(content)


def fuzz(seconds: int) -> dict[str, subprocess.CompletedProcess[str]]:
    """Build and run every target for ``seconds``; returns what each of them printed and returned."""
    directory = build("fuzz", *OPTIONS, targets=tuple(f"fuzz-{target}" for target in TARGETS))
    flagged = write_flagged(directory / "flagged.gguf", lists=LISTS).read_bytes()
    results = {}
    for target in TARGETS:
        corpus = directory / f"corpus-{target}"
        seed(corpus, target, flagged)
        limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", "-max_len=40000"]
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
