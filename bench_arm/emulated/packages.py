"""Debian packages of another suite or architecture, unpacked beside the system, from the machine's own mirror."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from slu.errors import ConfigError

APT = Path("/etc/apt")
SECONDS = 900
COMPLETE = ".complete"
ARM64 = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6", "libgomp1")
"""For programs of other runtimes, and for their Python packages."""


def cache_directory() -> Path:
    """Where unpacked packages are kept: XDG_CACHE_HOME/slu, or ~/.cache/slu."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slu"


def arm64_root() -> Path:
    """Debian's C library, C++ library and Python for ARM64, unpacked."""
    return unpacked("arm64", ARM64, architecture="arm64")


def unpacked(name: str, packages: Sequence[str], suite: str = "", architecture: str = "") -> Path:
    """A directory with ``packages`` and all that they need, made once. ``suite``: another than the system's own.

    Raises `ConfigError` where there is no apt, or it cannot get them.
    """
    wanted = " ".join((*sorted(packages), suite, architecture))
    target = cache_directory() / name
    mark = target / COMPLETE
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return target
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise ConfigError(f"{name}: needs apt-get and dpkg, that is, Debian or something like it")
    shutil.rmtree(target, ignore_errors=True)
    work = cache_directory() / f".{name}.apt"
    archives = work / "cache/archives"
    for directory in (archives / "partial", work / "lists/partial", target):
        directory.mkdir(parents=True, exist_ok=True)
    source, keyring = own_source(suite)
    (work / "sources.list").write_text(source, encoding="utf-8")
    (work / "status").write_text("", encoding="utf-8")
    options = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": work / "lists",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        "APT::Architecture": architecture,
        "APT::Architectures::": architecture,
        "APT::Get::List-Cleanup": "0",
        "Debug::NoLocking": "1",
    }
    command = ["apt-get", "-qq", "-y"]
    for option, value in options.items():
        command += ["-o", f"{option}={value}"] if str(value) else []
    _run([*command, "update"], name)
    _run([*command, "--no-install-recommends", "--download-only", "install", *packages], name)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg", "-x", str(archive), str(target)], name)
    shutil.rmtree(work)
    mark.write_text(wanted, encoding="utf-8")
    return target


def own_source(suite: str = "") -> tuple[str, str]:
    """A line for apt of the mirror that this machine uses, of ``suite`` or its own, and the keyring that checks it."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r"^VERSION_CODENAME=(\S+)$", release, re.M)
    codename = found.group(1) if found else "stable"
    more = (file for ending in ("sources", "list") for file in APT.glob(f"sources.list.d/*.{ending}"))
    for file in sorted((APT / "sources.list", *more)):
        if not file.is_file():
            continue
        for stanza in re.split(r"\n\s*\n", file.read_text(encoding="utf-8")):
            fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.+)$", stanza, re.M))
            uri, suites = fields.get("URIs", ""), fields.get("Suites", "").split()
            keyring = fields.get("Signed-By", "")
            line = re.search(r"^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)", stanza, re.M)
            if not uri and line:
                uri, suites = line.group(2), [line.group(3)]
                signed = re.search(r"signed-by=(\S+)", line.group(1) or "")
                keyring = signed.group(1) if signed else ""
            if uri and codename in suites:
                options = f"[signed-by={keyring}] " if keyring else ""
                return f"deb {options}{uri.split()[0]} {suite or codename} main\n", keyring
    raise ConfigError(f"{APT}: names no source of packages for {codename}; the peers come from there")


def _run(command: list[str], name: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{name}: {command[0]} took more than {SECONDS} s; try again") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise ConfigError(f"{name}: {command[0]} failed: {words[-1][:300]}")
