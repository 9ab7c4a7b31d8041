"""The WebAssembly engine, the JavaScript package and the page, built once for all tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from web_build import ROOT, WEB, build_wasm, run


@pytest.fixture(scope="session")
def node() -> str:
    """Node, with the packages of web/package.json installed."""
    program = shutil.which("node")
    assert program, "node is missing: install Node.js 20 or newer"
    packages = WEB / "node_modules"
    lock = WEB / "package-lock.json"
    marker = packages / ".package-lock.json"
    if not marker.exists() or marker.stat().st_mtime < lock.stat().st_mtime:
        npm = shutil.which("npm")
        assert npm, "npm is missing: it comes with Node.js"
        run(npm, "ci", "--prefix", WEB, "--ignore-scripts", "--no-fund", "--no-audit")
    return program


@pytest.fixture(scope="session")
def web(node: str) -> Path:
    """build/web, made of the sources as they are."""
    wasm = ROOT / "build/wasm"
    for variant in ("simd128", "relaxed"):
        directory = build_wasm(f"wasm/{variant}", relaxed=variant == "relaxed")
        for module in directory.glob("*.wasm"):
            shutil.copy(module, wasm)
    run(node, WEB / "build.mjs")
    return ROOT / "build/web"


@pytest.fixture(scope="session")
def check_module(node: str, web: Path) -> dict[str, Path]:
    """slu-check for WASI, of each variant."""
    return {
        variant: build_wasm(f"wasm-check/{variant}", relaxed=variant == "relaxed", hosted=True) / "slu-check.wasm"
        for variant in ("simd128", "relaxed")
    }


@pytest.fixture(scope="session")
def host_check() -> Path:
    """slu-check for this machine."""
    from engine_build import build

    return build("host") / "tests/slu-check"


@pytest.fixture(scope="session")
def host_cli(host_check: Path) -> Path:
    """slu-cli for this machine."""
    return host_check.parents[1] / "slu-cli"
