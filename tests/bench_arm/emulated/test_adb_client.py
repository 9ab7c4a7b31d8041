"""Debian's adb client against the emulated phone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench_arm.device.choose import choose
from bench_arm.device.errors import DeviceError
from bench_arm.device.phone import Phone
from bench_arm.emulated.daemon import Daemon

Emulate = Callable[..., Daemon]
Adb = Callable[..., "subprocess.CompletedProcess[bytes]"]
SERVER_PORT = "5138"


@pytest.fixture
def adb(tmp_path: Path) -> Iterator[Adb]:
    """A function that runs adb with a server and keys of the test's own."""
    assert shutil.which("adb"), "adb is missing: apt install adb"
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "ANDROID_ADB_SERVER_PORT": SERVER_PORT}
    environment.pop("ANDROID_USER_HOME", None)

    def run(*words: object, status: int = 0) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(["adb", *map(str, words)], env=environment, capture_output=True, timeout=120)
        assert done.returncode == status, (words, done)
        return done

    run("start-server")
    yield run
    run("kill-server")


def test_connect_shell_push_pull(adb: Adb, emulate: Emulate, tmp_path: Path) -> None:
    daemon = emulate(keys=True)
    adb("connect", daemon.serial)
    adb("-s", daemon.serial, "wait-for-device")
    assert f"{daemon.serial}\tdevice" in adb("devices").stdout.decode()
    assert len(daemon.known) == 1  # adb showed its key, and signs with it from now on

    on = ("-s", daemon.serial)
    done = adb(*on, "shell", "echo out; cat /nowhere; exit 7", status=7)
    assert (done.stdout, done.stderr) == (b"out\n", b"cat: /nowhere: No such file or directory\n")
    assert adb(*on, "shell", "getprop", "ro.product.model").stdout == b"BMH-AN10\n"

    data = os.urandom(5_000_001)
    (tmp_path / "file").write_bytes(data)
    adb(*on, "push", tmp_path / "file", "/data/local/tmp/copy")
    adb(*on, "pull", "/data/local/tmp/copy", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    assert adb(*on, "exec-out", "cat /data/local/tmp/copy").stdout == data

    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside/名.txt").write_text("周华健", encoding="utf-8")
    adb(*on, "push", folder, "/data/local/tmp/")
    adb(*on, "pull", "/data/local/tmp/folder", tmp_path / "returned")
    assert (tmp_path / "returned/inside/名.txt").read_text(encoding="utf-8") == "周华健"
    assert daemon.unhandled == []


def test_a_running_server_is_used(adb: Adb, emulate: Emulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", SERVER_PORT)
    first, second = emulate(), emulate(profile="little")
    for daemon in (first, second):
        adb("connect", daemon.serial)
        adb("-s", daemon.serial, "wait-for-device")
    with pytest.raises(DeviceError, match="several devices are connected: .*; choose with --serial, or take --all"):
        choose([], False, False, 10, 1)
    assert set(choose([], True, False, 10, 1)) == {first.serial, second.serial}
    with pytest.raises(DeviceError, match="--serial nobody: there is no such device"):
        choose(["nobody"], False, False, 10, 1)
    found = choose([second.serial], False, False, 10, 1)
    with Phone(found[second.serial], quiet=True) as phone:
        done = phone.run("getprop ro.product.model; cat /nowhere; exit 9")
        assert (done.status, done.text, done.last_words) == (9, "Redmi 6\n", "cat: /nowhere: No such file or directory")
        phone.make_folder()
        (tmp_path / "file").write_bytes(os.urandom(300_000))
        assert phone.push(tmp_path / "file", "file")
        assert not phone.push(tmp_path / "file", "file")
    adb("disconnect", second.serial)
    with pytest.raises(DeviceError, match="is not connected any more"):
        found[second.serial]()
