"""Debian packages by exact version and SHA-256: fetched once into a cache by apt, unpacked beside, never installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from slu.errors import SluError
from slu.files import sha256

LOCK = Path(__file__).with_name("packages.lock")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class PackageError(SluError):
    """A Debian package cannot be had."""


@dataclass(frozen=True)
class Package:
    """A line of packages.lock."""

    group: str
    suite: str
    name: str
    version: str
    architecture: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def cache() -> Path:
    """Where downloads stay: SLU_CACHE, else slu in the user's cache directory."""
    given = os.environ.get("SLU_CACHE")
    if given:
        return Path(given).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slu"


def locked(group: str) -> list[Package]:
    """The packages of a group."""
    lines = [line.split() for line in LOCK.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    found = [Package(*fields) for fields in lines if fields[0] == group]
    if not found:
        raise PackageError(f"{LOCK.name} has no group {group}")
    return found


def fetch(packages: list[Package]) -> list[Path]:
    """The .deb files, those that are not in the cache downloaded."""
    store = cache() / "debian"
    store.mkdir(parents=True, exist_ok=True)
    missing = [package for package in packages if not (store / package.file).exists()]
    for suite, architecture in sorted({(package.suite, package.architecture) for package in missing}):
        wanted = [p for p in missing if (p.suite, p.architecture) == (suite, architecture)]
        _download(wanted, suite, "amd64" if architecture == "all" else architecture, store)
    return [store / package.file for package in packages]


def unpack(group: str, target: Path) -> Path:
    """The group's files as a tree in ``target``; made anew when the lock has changed."""
    packages = locked(group)
    stamp = target / ".packages"
    content = "".join(f"{package}\n" for package in packages)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == content:
        return target
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in fetch(packages):
        _run(["dpkg-deb", "--extract", str(file), str(target)])
    stamp.write_text(content, encoding="utf-8")
    return target


def fetch_source(group: str) -> Path:
    """The .dsc file of a source package, beside the archives that it names; its own checksums hold for those."""
    (package,) = locked(group)
    store = cache() / "debian-source" / f"{package.name}_{package.version}"
    description = store / f"{package.name}_{package.version.partition(':')[2] or package.version}.dsc"
    if not description.exists():
        store.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store.parent) as name:
            work = Path(name)
            apt = _apt(package.suite, "amd64", work / "apt", kind="deb-src")
            _run([*apt, "update", "--quiet=2"])
            (work / "files").mkdir()
            _run([*apt, "source", "--download-only", f"{package.name}={package.version}"], cwd=work / "files")
            shutil.rmtree(store, ignore_errors=True)
            (work / "files").replace(store)
    if sha256(description) != package.sha256:
        raise PackageError(f"{description} is not the file that {LOCK.name} names: its SHA-256 differs; remove it")
    return description


def _download(packages: list[Package], suite: str, architecture: str, store: Path) -> None:
    with tempfile.TemporaryDirectory(dir=store) as name:
        work = Path(name)
        apt = _apt(suite, architecture, work / "apt")
        _run([*apt, "update", "--quiet=2"])
        words = [f"{package.name}={package.version}" for package in packages]
        done = _run([*apt, "download", "--quiet=2", *words], cwd=work, check=False)
        for package in packages:
            file = work / package.file
            if not file.exists():
                raise PackageError(
                    f"{package.name} {package.version} of {suite} cannot be downloaded: {_last_line(done.stderr)}; "
                    f"put {package.file} into {store}, or name a Debian mirror that has it: SLU_DEBIAN_MIRROR=..."
                )
            if sha256(file) != package.sha256:
                raise PackageError(f"{package.file} is not the file that {LOCK.name} names: its SHA-256 differs")
            file.replace(store / package.file)


def _apt(suite: str, architecture: str, directory: Path, kind: str = "deb") -> list[str]:
    """apt-get with sources, lists and cache of its own, from the mirror that this machine uses."""
    for part in ("lists/partial", "cache/archives/partial"):
        (directory / part).mkdir(parents=True)
    signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    sources = directory / "sources.list"
    sources.write_text(f"{kind} {signed}{_mirror()} {suite} main\n", encoding="utf-8")
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": directory / "lists",
        "Dir::Cache": directory / "cache",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    return ["apt-get", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]


def _mirror() -> str:
    """SLU_DEBIAN_MIRROR, else the one in this machine's own apt sources."""
    given = os.environ.get("SLU_DEBIAN_MIRROR")
    if given:
        return given
    if shutil.which("apt-get"):
        lines = _run(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"]).stdout
        for release, uri in (line.split(maxsplit=1) for line in lines.splitlines()):
            if not release.endswith("-security") and uri.rstrip("/").endswith("/debian"):
                return uri
    raise PackageError("this machine has no Debian mirror among its apt sources; name one: SLU_DEBIAN_MIRROR=...")


def _run(command: list[str], *, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError:
        raise PackageError(f"{command[0]} is missing; the Android build needs a Debian, or apt and dpkg") from None
    if check and done.returncode:
        raise PackageError(f"{command[0]} failed: {_last_line(done.stderr)}")
    return done


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it does not say why"])[-1]
