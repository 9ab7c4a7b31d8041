"""Other engines' ARM64 builds in the same table, by instructions executed.

Their wheels run under Debian's arm64 Python in qemu. A run is the network and its binding for one text padded to the
length that the bundle was exported for; two numbers of runs are compared, so that starting does not count.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from bench_arm.device.results import SCHEMA, read_lines, select
from bench_arm.emulated.machine import COUNTER, QEMU
from bench_arm.emulated.packages import arm64_root, cache_directory
from slu.errors import ConfigError, SluError
from slu.runtime.bundle import open_directory
from slu.runtime.formats import FORMATS

PYTHON = "3.11"
WHEELS = {"onnxruntime": "1.19.2", "numpy": "1.26.4", "MNN": "3.6.1"}
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
FEW, MANY = 5, 45
CPU = "cortex-a76"
SECONDS = 900
UNREACHED = {
    "ncnn": "its wheel has no converter, and the tool that has one reads PyTorch and not what a bundle holds",
    "LiteRT": "reads .tflite files, and nothing here turns ONNX or Paddle into one without TensorFlow",
    "Paddle Lite": "has no Python package for ARM64; --lite DIR measures a build of it",
}
"""Engines with ARM64 wheels that our formats do not reach."""


@dataclass(frozen=True)
class Peer:
    """An engine on one file. ``script``: beside this one. ``convert``: options to make MNN's file of an ONNX one."""

    backend: str
    format: str
    precision: str
    file: str
    script: str
    convert: tuple[str, ...] | None = None


ONNX, ONNX_INT8 = FORMATS["onnx"].files[0], FORMATS["onnx-int8"].files[0]
PEERS = (
    Peer("onnxruntime", "onnx", "fp32", ONNX, "peer_onnxruntime.py"),
    Peer("onnxruntime", "onnx-int8", "int8", ONNX_INT8, "peer_onnxruntime.py"),
    Peer("mnn", "mnn", "fp32", ONNX, "peer_mnn.py", ()),
    Peer("mnn", "mnn-int8", "int8 weights", ONNX, "peer_mnn.py", ("--weightQuantBits", "8")),
)


def measure_peers(bundle: Path, path: Path, utterances: Sequence[Any]) -> None:
    """Add a line a peer to the results at ``path``; what cannot run gets one with the reason."""
    lines = read_lines(path)
    length = open_directory(bundle).length
    done = {(line["backend"], line["format"]) for line in select(lines, "peer")}
    wanted = [peer for peer in PEERS if (peer.backend, peer.format) not in done]
    known = {line["name"] for line in select(lines, "left_out")}
    lock = Lock()

    def add(line: dict[str, Any]) -> None:
        """At once, so that nothing that was counted is lost."""
        if line.get("name") in known:
            return
        with lock, path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"schema": SCHEMA, **line}, ensure_ascii=False) + "\n")

    try:
        root, site, counter = arm64_python()
    except SluError as error:
        for peer in wanted:
            add(_left_out(f"{peer.backend} {peer.precision}", str(error)))
        wanted = []

    def one(peer: Peer) -> None:
        source = bundle / peer.file
        name = f"{peer.backend} {peer.precision}"
        if not source.is_file():
            add(_left_out(name, f"{bundle.name} has no {peer.file}; export it with --format gguf,onnx,onnx-int8"))
            return
        try:
            instructions, size = _count(peer, source, root, site, counter)
        except SluError as error:
            add(_left_out(name, str(error)))
            return
        add(
            {
                "kind": "peer",
                "backend": peer.backend,
                "format": peer.format,
                "precision": peer.precision,
                "threads": 1,
                "padded_to": length or 0,
                "instructions": instructions,
                "size_bytes": size,
                "cores": CPU,
                "version": WHEELS["MNN" if peer.backend == "mnn" else "onnxruntime"],
            }
        )

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 2)) as pool:
        list(pool.map(one, wanted))
    for name, reason in UNREACHED.items():
        add(_left_out(name, reason))


def arm64_python() -> tuple[Path, Path, Path]:
    """Debian's arm64 Python, a directory with the wheels, and the counting plugin; all made once and kept."""
    if not shutil.which(QEMU):
        raise ConfigError(f"{QEMU} is not installed; apt install qemu-user")
    root = arm64_root()
    site = cache_directory() / "arm64-site"
    mark = site / ".complete"
    if not mark.is_file() or mark.read_text(encoding="utf-8") != repr(WHEELS):
        shutil.rmtree(site, ignore_errors=True)
        site.mkdir(parents=True)
        for name, version in WHEELS.items():
            _install(f"{name}=={version}", site)
        mark.write_text(repr(WHEELS), encoding="utf-8")
    counter = cache_directory() / "count_instructions.so"
    if not counter.is_file() or counter.stat().st_mtime < COUNTER.stat().st_mtime:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not compiler:
            raise ConfigError("a C compiler is needed for qemu's counter of instructions: install gcc")
        _run([compiler, "-O2", "-shared", "-fPIC", "-o", str(counter), str(COUNTER)], "the counter of instructions")
    return root, site, counter


def _install(requirement: str, site: Path) -> None:
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    only = ["--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp", "--target", str(site)]
    _run([*pip, *only, *platforms, requirement], requirement)


def _count(peer: Peer, source: Path, root: Path, site: Path, counter: Path) -> tuple[float, int]:
    """Instructions a run, and the bytes of the model's file."""
    with tempfile.TemporaryDirectory() as scratch:
        model = source
        if peer.convert is not None:
            model = Path(scratch) / f"{peer.format}.mnn"
            _python(peer, [str(model), "convert", str(source.resolve()), *peer.convert], root, site)
            if not model.is_file():
                raise ConfigError(f"{peer.backend}: its converter wrote nothing")
        counts = []
        for runs in (FEW, MANY):
            said = _python(peer, [str(model.resolve()), str(runs)], root, site, counter)
            found = re.search(r"instructions: (\d+)", said)
            if not found:
                raise ConfigError(f"{peer.backend}: was not counted: {said.strip()[-200:]}")
            counts.append(int(found.group(1)))
        return (counts[1] - counts[0]) / (MANY - FEW), model.stat().st_size


def _python(peer: Peer, words: list[str], root: Path, site: Path, counter: Path | None = None) -> str:
    script = Path(__file__).with_name(peer.script)
    plugin = ["-plugin", str(counter), "-d", "plugin"] if counter else []
    libraries = f"LD_LIBRARY_PATH={root}/usr/lib/aarch64-linux-gnu"
    command = [
        QEMU,
        "-L",
        str(root),
        "-E",
        libraries,
        "-cpu",
        CPU,
        *plugin,
        f"{root}/usr/bin/python{PYTHON}",
        str(script),
    ]
    own = {"PYTHONHOME": f"{root}/usr", "PYTHONPATH": str(site), "PATH": os.environ.get("PATH", "")}
    return _run([*command, *words], f"{peer.backend} {peer.precision}", own)


def _run(command: list[str], name: str, environment: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{name}: took more than {SECONDS} s") from None
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
        raise ConfigError(f"{name}: failed: {words[-1][:300]}")
    return done.stderr


def _left_out(name: str, reason: str) -> dict[str, Any]:
    return {"kind": "left_out", "name": name, "reason": reason}
