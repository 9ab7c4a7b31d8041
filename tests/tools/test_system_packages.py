"""tools/system-packages installs what is missing when it may, and otherwise says what to type."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/system-packages"
NEEDED = ("bash", "cat", "chmod", "dirname", "touch", "uname")
APT_GET = """
echo "$*" >>{log}
[[ $1 == install ]] && {installs} || exit 0
for name in "$@"; do
  says=
  case $name in
    make) commands=make ;;
    g++) commands=c++ ;;
    clang) commands="clang clang++" says={runtime} ;;
    qemu-user) commands=qemu-aarch64 ;;
    chromium) commands=chromium ;;
    npm) commands="node npm" ;;
    openjdk-17-jdk-headless) commands=javac ;;
    adb) commands=adb ;;
    iproute2) commands=ip ;;
    libclang-rt-dev) touch {runtime}; continue ;;
    libgl1) commands=ldconfig says=libGL.so.1 ;;
    *) continue ;;
  esac
  for command in $commands; do
    printf '%s\\n' '#!{bin}/bash' "echo $says" >{bin}/"$command"
    chmod +x {bin}/"$command"
  done
done
"""


class System:
    """A machine with nothing on it but a shell, a Python 3.10 and what a test adds; ``log`` is what apt was told."""

    def __init__(self, directory: Path):
        self.bin = directory / "bin"
        self.log = directory / "apt.log"
        self.runtime = directory / "libclang_rt.a"
        self.bin.mkdir()
        self.log.touch()
        for name in NEEDED:
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        self.add("python3.10")
        self.add("ldconfig")

    def add(self, name: str, body: str = "exit 0") -> None:
        path = self.bin / name
        path.write_text(f"#!{self.bin}/bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def apt(self, unknown: str = "none", installs: bool = True) -> None:
        """A package manager that knows every package but one, and whose installation brings their commands."""
        self.add("apt-cache", f'[[ $2 != "{unknown}" ]]')
        given = {"log": self.log, "bin": self.bin, "runtime": self.runtime}
        self.add("apt-get", APT_GET.format(**given, installs="true" if installs else "false"))

    def root(self, is_root: bool) -> None:
        self.add("id", f"echo {0 if is_root else 1000}")

    def run(self, purpose: str, python: str = "python3.10") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "PYTHON": python, "CXX": ""}
        # A copy, as the script goes to the repository above it, where there may be a .venv.
        script = self.bin.parent / "checkout/tools/system-packages"
        script.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SCRIPT, script)
        return subprocess.run([self.bin / "bash", script, purpose], env=environment, capture_output=True, text=True)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_root_installs_what_is_missing(system: System) -> None:
    system.apt()
    system.root(True)
    done = system.run("test")
    assert done.returncode == 0, done.stderr
    [_, install] = system.log.read_text().splitlines()
    wanted = "make g++ libgl1 clang libclang-rt-dev qemu-user chromium npm openjdk-17-jdk-headless adb iproute2"
    assert install.endswith(f"--no-install-recommends {wanted}")
    assert system.run("test").stdout == ""
    assert len(system.log.read_text().splitlines()) == 2  # there is nothing more to do


def test_the_build_needs_no_tools_of_the_tests(system: System) -> None:
    system.apt()
    system.root(True)
    assert system.run("build").returncode == 0
    assert system.log.read_text().splitlines()[-1].endswith("--no-install-recommends make g++ libgl1")


def test_others_are_told_the_line_to_type(system: System) -> None:
    system.apt()
    system.root(False)
    system.add("make")
    done = system.run("test")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Missing system packages. Install them with: sudo apt-get install --no-install-recommends "
        "g++ libgl1 clang libclang-rt-dev qemu-user chromium npm openjdk-17-jdk-headless adb iproute2"
    ]
    assert system.log.read_text() == ""


def test_a_system_without_apt_is_told_the_names(system: System) -> None:
    system.root(True)
    done = system.run("build")
    assert done.returncode == 1 and "Debian: make g++ libgl1." in done.stderr


def test_a_system_without_python_3_10_is_told_where_it_comes_from(system: System) -> None:
    system.apt(unknown="python3.10-venv")
    system.root(True)
    done = system.run("build", python="python3.99")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("Python 3.10 is missing") and "make with PYTHON=" in line
    assert system.log.read_text() == "update -qq\n"  # it stops before it installs anything


def test_a_failed_installation_is_not_taken_for_done(system: System) -> None:
    system.apt(installs=False)
    system.root(True)
    done = system.run("build")
    assert done.returncode == 1 and "make g++ libgl1" in done.stderr


def test_a_name_that_a_release_does_not_have_is_left_out(system: System) -> None:
    system.apt(unknown="libclang-rt-dev")
    system.root(True)
    system.runtime.touch()  # its Clang brings them
    assert system.run("test").returncode == 0
    assert "libclang-rt-dev" not in system.log.read_text()
