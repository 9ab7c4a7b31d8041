"""tools/path-with-node: a PATH with Node 20 on it, from the system or by npm."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/path-with-node"
NEEDED = ("bash", "chmod", "dirname", "env", "mkdir", "uname")
NODE = """#!{bin}/bash
[[ $2 == *"< 20"* ]] && exit {code}
"""
NPM = """#!{bin}/bash
echo "npm $*" >>{log}
echo "added 1 package"
for package; do :; done
bin=build/node/node_modules/${{package%@*}}/bin
mkdir -p $bin
printf '%s\\n' '#!{bin}/bash' 'exit {code}' >$bin/node
chmod +x $bin/node
"""


class System:
    """A checkout and a PATH with a shell, and what a test adds."""

    def __init__(self, directory: Path):
        self.bin, self.log, self.checkout = directory / "bin", directory / "npm.log", directory / "checkout"
        self.bin.mkdir()
        self.log.touch()
        (self.checkout / "tools").mkdir(parents=True)
        shutil.copy(SCRIPT, self.checkout / "tools")
        for name in NEEDED:
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)

    def add(self, name: str, body: str, code: int = 0) -> None:
        path = self.bin / name
        path.write_text(body.format(bin=self.bin, log=self.log, code=code), encoding="utf-8")
        path.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        command = [self.bin / "bash", self.checkout / "tools/path-with-node"]
        return subprocess.run(command, env={"PATH": str(self.bin)}, capture_output=True, text=True)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_a_new_node_is_taken_as_it_is(system: System) -> None:
    system.add("node", NODE)
    done = system.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{system.bin}\n", "")


@pytest.mark.parametrize("old", [True, False])
def test_otherwise_npm_brings_one_once(old: bool, system: System) -> None:
    system.add("npm", NPM)
    if old:
        system.add("node", NODE, code=1)
    for _ in range(2):
        done = system.run()
        assert done.returncode == 0, done.stderr
        [line] = done.stdout.splitlines()
        first, _, rest = line.partition(":")
        assert rest == str(system.bin) and (Path(first) / "node").is_file()
        assert first.startswith(f"{system.checkout}/build/node/")
    [call] = system.log.read_text().splitlines()
    assert call.startswith("npm install ") and call.endswith("@20.20.2")


def test_without_npm_it_says_what_to_install(system: System) -> None:
    done = system.run()
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "Node.js 20 or newer is needed to build and test web/; install it, or npm, which brings it\n"
