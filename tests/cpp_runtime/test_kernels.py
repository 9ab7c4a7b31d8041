"""Every kernel that this machine or qemu can run: exactly equal integers, and logits equal bit for bit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ARM = {"cortex-a53": ["neon"], "cortex-a76": ["sdot", "neon"], "max": ["smmla", "sdot", "neon"]}
CASES = "616"


def check(*command: object) -> list[list[str]]:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def x86_kernels() -> list[str]:
    flags = Path("/proc/cpuinfo").read_text().split()
    vnni, avx = "avx512_vnni" in flags, "avx_vnni" in flags
    # The last one is the AVX-VNNI kernel in the encoding of AVX-512.
    found = ["avx512vnni"] * vnni + ["avxvnni"] * avx + ["avx2"] * ("avx2" in flags) + ["plain"]
    return found + ["avxvnni"] * vnni


def test_host_products_are_exact(host_build: Path) -> None:
    lines = check(host_build / "tests/slu-check", "products")
    assert lines == [["products", kernel, CASES] for kernel in x86_kernels()]


@pytest.mark.parametrize("cpu", ARM)
def test_arm_products_are_exact(arm_build: Path, qemu: str, cpu: str) -> None:
    lines = check(qemu, "-cpu", cpu, arm_build / "tests/slu-check", "products")
    assert lines == [["products", kernel, CASES] for kernel in (*ARM[cpu], "plain")]


def test_logits_are_the_same_bits_on_every_processor(
    host_build: Path,
    arm_build: Path,
    qemu: str,
    tiny: Path,
    flagged: Path,
    scored: Path,
    scored_below_zero: Path,
) -> None:
    digests = set()
    for model in (tiny, flagged, scored, scored_below_zero):
        host = check(host_build / "tests/slu-check", "digest", model)
        assert [line[1] for line in host] == x86_kernels()
        arm = [line for cpu in ARM for line in check(qemu, "-cpu", cpu, arm_build / "tests/slu-check", "digest", model)]
        assert len(arm) == sum(len(kernels) + 1 for kernels in ARM.values())
        assert len({line[2] for line in host + arm}) == 1
        digests.add(host[0][2])
    assert len(digests) == 4


def test_lists_change_while_threads_match(host_build: Path, flagged: Path) -> None:
    assert check(host_build / "tests/slu-check", "lexicon", flagged, 4) == [["lexicon", "4", "same"]]


def test_16_threads_share_a_model(host_build: Path, tiny: Path) -> None:
    assert check(host_build / "tests/slu-check", "threads", tiny, 16) == [["threads", "16", "same"]]
