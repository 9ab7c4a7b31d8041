"""The transport against the emulated phone: shells old and new, files, keys, and USB's ways over a stand-in."""

from __future__ import annotations

import io
import os
import socket
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench_arm.device import shell
from bench_arm.device.choose import choose, connect_tcp
from bench_arm.device.connection import DirectConnection
from bench_arm.device.errors import DeviceError, DeviceGoneError, DeviceTimeoutError, UnauthorisedError
from bench_arm.device.keys import load_key
from bench_arm.device.phone import Phone
from bench_arm.device.sync import SyncSession
from bench_arm.emulated.daemon import Daemon
from slu.errors import ConfigError

Emulate = Callable[..., Daemon]
PhoneOf = Callable[..., Phone]


@pytest.mark.parametrize("version", [1, 2])
def test_status_and_output(version: int, emulate: Emulate, phone_of: PhoneOf) -> None:
    phone = phone_of(emulate(version=version))
    for command, status, out in (
        ("echo 一首花心; exit 3", 3, "一首花心\n"),
        ("false || echo $(getprop ro.product.model)", 0, "BMH-AN10\n"),
        ("cd /sys/class && ls | grep thermal", 0, "thermal\n"),
        ("x='a b'; echo \"$x\" > /data/f; cat /data/f; wc -c < /data/f", 0, "a b\n4\n"),
        ("! test -f /nowhere && [ -d /data ] && pwd", 0, "/\n"),
        ("grep -H '' /sys/class/thermal/thermal_zone?/type", 0,
         "/sys/class/thermal/thermal_zone0/type:soc_thermal\n/sys/class/thermal/thermal_zone1/type:battery\n"),
    ):  # fmt: skip
        done = phone.run(command)
        assert (done.status, done.text) == (status, out), command
    done = phone.run("nonsense")
    assert (done.status, done.last_words) == (127, "sh: nonsense: inaccessible or not found")
    with pytest.raises(DeviceError, match="cat failed with status 1: cat: /etc/passwd: No such file or directory"):
        phone.check("cat /etc/passwd")
    with pytest.raises(DeviceError, match="can't execute: Permission denied"):
        phone.check("chmod 644 /data/f && /data/f")


def test_nothing_outside_of_its_directory(emulate: Emulate, phone_of: PhoneOf) -> None:
    daemon = emulate()
    (daemon.machine.root / "data/out").symlink_to("/etc")
    phone = phone_of(daemon)
    assert phone.run("cat /data/out/passwd").last_words == "cat: /data/out/passwd: Permission denied"
    assert phone.run("cat /../../../../../etc/hostname").status == 1
    assert phone.run("echo x > /data/out/new").status != 0 or not Path("/etc/new").exists()
    assert not Path("/etc/new").exists()
    with pytest.raises(DeviceError, match="Permission denied"), SyncSession(phone.connection, 10) as session:
        session.send(io.BytesIO(b"x"), "/data/out/new")


def test_files(emulate: Emulate, phone_of: PhoneOf, tmp_path: Path) -> None:
    phone = phone_of(emulate(keys=True))
    data = os.urandom(1_000_003)
    (tmp_path / "file").write_bytes(data)
    phone.make_folder()
    told: list[int] = []
    with SyncSession(phone.connection, 10) as session:
        session.send(io.BytesIO(data), f"{phone.folder}/sent", 0o755, told.append)
        assert sum(told) == len(data) and max(told) == 32 << 10
        assert session.stat(f"{phone.folder}/sent").mode & 0o777 == 0o755
        target = io.BytesIO()
        session.receive(f"{phone.folder}/sent", target)
        assert target.getvalue() == data
        assert list(session.list(phone.folder)) == ["sent"]
        with pytest.raises(DeviceError, match="open failed: No such file or directory"):
            session.receive("/nowhere", target)
    assert phone.push(tmp_path / "file", "pushed") and not phone.push(tmp_path / "file", "pushed")
    (tmp_path / "file").write_bytes(data[:-1])
    assert phone.push(tmp_path / "file", "pushed")

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), SyncSession(phone.connection, 10) as session:
        session.send(io.BytesIO(data), f"{phone.folder}/half", advance=stop)
    phone.remove_folder()


def test_keys(emulate: Emulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_USER_HOME", str(tmp_path / "keys"))
    daemon, said = emulate(keys=True), list[str]()
    connect_tcp(daemon.serial, 10, 5, said.append).close()
    assert len(said) == 1 and "it asks whether to allow USB debugging" in said[0]
    private = tmp_path / "keys/adbkey"
    assert private.stat().st_mode & 0o77 == 0
    before = private.read_bytes()
    connect_tcp(daemon.serial, 10, 5, said.append).close()
    assert private.read_bytes() == before and len(said) == 1  # the phone knows the key now
    private.write_text("not a key")
    with pytest.raises(UnauthorisedError, match="adbkey: holds no RSA key"):
        load_key()


def test_choosing(emulate: Emulate, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = emulate()
    assert list(choose([daemon.serial], False, False, 5, 1)) == [daemon.serial]
    with pytest.raises(ConfigError, match="write HOST:PORT"):
        choose(["phone:"], False, False, 5, 1)["phone:"]()
    daemon.close()
    with pytest.raises(DeviceError, match="nothing listens there"):
        connect_tcp(daemon.serial, 5, 1)
    monkeypatch.setitem(sys.modules, "adb_shell.transport.usb_transport", None)
    with pytest.raises(DeviceError, match="no adb server runs, and USB cannot be used without one"):
        choose([], False, False, 5, 1)


class _Endpoint:
    """Of libusb: to the device or, with the highest bit, from it."""

    def __init__(self, address: int, size: int):
        self.getAddress, self.getMaxPacketSize = lambda: address, lambda: size


class _Usb:
    """What adb-shell's USB transport does, over TCP: one transfer a call, errors with libusb's inside."""

    def __init__(self, daemon: Daemon):
        self.serial_number, self._port, self.fault = "USB1", daemon.port, ""
        self.transfers: list[int] = []
        self.waited: list[float] = []
        self.empty = 0  # transfers that come from the device next
        self._setting = types.SimpleNamespace(iterEndpoints=lambda: iter((_Endpoint(0x81, 512), _Endpoint(0x02, 64))))

    def connect(self, timeout: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=timeout)

    def bulk_write(self, data: bytes, timeout: float) -> int:
        self._fail()
        self.transfers.append(len(data))
        self.waited.append(timeout)
        self._socket.sendall(data)
        return len(data)

    def bulk_read(self, count: int, timeout: float) -> bytes:
        self._fail()
        self.waited.append(timeout)
        if self.empty:
            self.empty -= 1
            return b""
        self._socket.settimeout(timeout)
        return self._socket.recv(count)

    def close(self) -> None:
        self._socket.close()

    def _fail(self) -> None:
        if self.fault:
            error = RuntimeError("libusb failed")
            error.usb_error = type(self.fault, (Exception,), {})(self.fault)  # type: ignore[attr-defined]
            raise error


def test_usb(emulate: Emulate, monkeypatch: pytest.MonkeyPatch) -> None:
    usb = _Usb(emulate(keys=True))
    module = types.ModuleType("usb_transport")
    module.UsbTransport = types.SimpleNamespace(find_all_adb_devices=lambda: iter([usb]))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "adb_shell.transport.usb_transport", module)
    connection: Any = choose([], False, False, 5, 5, lambda text: None)["USB1"]()
    assert isinstance(connection, DirectConnection)
    with Phone(lambda: connection, 5, quiet=True) as phone:
        assert phone.run("echo hi").text == "hi\n"
        assert set(usb.transfers) > {24} and all(size != 24 + 5 for size in usb.transfers)  # a header is a transfer
        for fault, error, message in (
            ("USBErrorTimeout", DeviceTimeoutError, "USB1: does not answer"),
            ("USBErrorBusy", DeviceError, "another program has it; leave --usb out"),
            ("USBErrorAccess", DeviceError, "no permission for its USB port; install adb's udev rules"),
            ("USBErrorNoDevice", DeviceGoneError, "the connection broke .USBErrorNoDevice.; check the cable"),
        ):
            usb.fault = fault
            phone._connection = connection
            with pytest.raises(error, match=message):
                phone.run("echo hi")


@pytest.mark.parametrize(("size", "ends"), [(64, [64, 0]), (128, [128, 0]), (65, [65]), (63, [63])])
def test_whole_usb_packets_are_ended_by_an_empty_one(size: int, ends: list[int], emulate: Emulate) -> None:
    """adbd waits for more after a transfer of whole packets; a device may end its own so, which is no end of all."""
    usb = _Usb(emulate())
    connection = DirectConnection(usb, lambda: pytest.fail("no key is asked for"), "USB1", 5, 5, lambda text: None)
    usb.transfers.clear()
    usb.empty = 3
    command = "echo ".ljust(size - len("shell,v2,raw:") - 1, "x")
    assert shell.run(connection, command, 5).out == command[5:].encode() + b"\n"
    assert usb.transfers[: 1 + len(ends)] == [24, *ends] and usb.transfers[1 + len(ends)] == 24
    with pytest.raises(DeviceTimeoutError):
        connection.receive(99, 0.0005)
    assert min(usb.waited) >= 0.001  # libusb waits for ever with 0 milliseconds
    connection.close()


def test_a_hung_device_is_given_up(emulate: Emulate) -> None:
    with Phone(lambda: connect_tcp(emulate().serial, 5, 1), 1.0, quiet=True) as phone:
        with pytest.raises(DeviceTimeoutError):
            phone.run("sleep 60")
        assert phone.run("echo again").text == "again\n"
