"""A running adb server (port 5037): the devices it knows, and their services through it.

Requests are four hexadecimal digits of length and text; answers OKAY, or FAIL and a text.
https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/SERVICES.TXT
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

from bench_arm.device.connection import Stream
from bench_arm.device.errors import (
    DeviceError,
    DeviceGoneError,
    DeviceTimeoutError,
    ProtocolError,
    UnauthorisedError,
)

PORT = 5037
STATES = {
    "offline": "is offline: reconnect it and switch USB debugging off and on",
    "unauthorized": "is unauthorised: accept the question on its screen",
    "no permissions": "cannot be opened: install adb's udev rules",
}


@dataclass(frozen=True)
class Listed:
    """A device as the server lists it. ``state``: "device" when it can be used."""

    serial: str
    state: str


def server_address() -> tuple[str, int]:
    """Of ADB_SERVER_SOCKET (tcp:HOST:PORT) or ANDROID_ADB_SERVER_PORT, or the usual one."""
    kind, _, place = os.environ.get("ADB_SERVER_SOCKET", "").partition(":")
    if kind == "tcp" and place:
        host, _, port = place.rpartition(":")
        return host or "127.0.0.1", int(port)
    return "127.0.0.1", int(os.environ.get("ANDROID_ADB_SERVER_PORT", PORT))


def server_runs() -> bool:
    """Whether somebody listens at the server's address."""
    try:
        socket.create_connection(server_address(), timeout=1.0).close()
    except OSError:
        return False
    return True


def server_devices(timeout: float = 5.0) -> list[Listed]:
    """All devices that the server knows, whatever their state."""
    stream = _SocketStream("adb's server", timeout)
    try:
        stream.request("host:devices", timeout)
        text = stream.counted(timeout)
    finally:
        stream.close()
    pairs = (line.partition("\t") for line in text.splitlines() if "\t" in line)
    return [Listed(serial, state) for serial, _, state in pairs]


class ServerConnection:
    """A device behind the server; every service has a socket of its own."""

    def __init__(self, serial: str, timeout: float = 10.0):
        self.label = serial
        stream = _SocketStream(serial, timeout)
        try:
            stream.request(f"host-serial:{serial}:features", timeout)
            self.features = frozenset(filter(None, stream.counted(timeout).strip().split(",")))
        finally:
            stream.close()

    def open(self, service: str, timeout: float) -> Stream:
        """Start a service on the device."""
        stream = _SocketStream(self.label, timeout)
        try:
            stream.request(f"host:transport:{self.label}", timeout)
            stream.request(service, timeout)
        except BaseException:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        """Nothing: the server keeps the device."""


class _SocketStream:
    def __init__(self, label: str, timeout: float):
        self._label = label
        host, port = server_address()
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout)
        except OSError as error:
            raise DeviceError(f"adb's server at {host}:{port} is not there ({error}); start it: adb devices") from None

    def request(self, text: str, timeout: float) -> None:
        """Ask for a service; raise what the server says against it."""
        raw = text.encode()
        self.write(b"%04x" % len(raw) + raw, timeout)
        answer = self._exactly(4, timeout)
        if answer == b"OKAY":
            return
        if answer != b"FAIL":
            raise ProtocolError(f"{self._label}: adb's server answered {answer!r} where it has OKAY or FAIL")
        message = self.counted(timeout)
        for state, advice in STATES.items():
            if state in message:
                raise (UnauthorisedError if state == "unauthorized" else DeviceError)(f"{self._label}: {advice}")
        if "not found" in message:
            raise DeviceGoneError(f"{self._label}: is not connected any more; check the cable, then use --resume")
        raise DeviceError(f"{self._label}: adb's server says: {message}")

    def counted(self, timeout: float) -> str:
        """A text after its length."""
        digits = self._exactly(4, timeout)
        try:
            length = int(digits, 16)
        except ValueError:
            raise ProtocolError(f"{self._label}: adb's server sent {digits!r} where it has a length") from None
        return self._exactly(length, timeout).decode("utf-8", "replace")

    def read(self, timeout: float) -> bytes:
        self._socket.settimeout(max(timeout, 0.001))
        try:
            return self._socket.recv(1 << 16)
        except TimeoutError:
            raise DeviceTimeoutError(f"{self._label}: does not answer; reconnect it, then use --resume") from None
        except OSError as error:
            raise DeviceGoneError(f"{self._label}: adb's server ended ({error}); start it: adb devices") from None

    def write(self, data: bytes, timeout: float) -> None:
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise DeviceTimeoutError(f"{self._label}: takes no more data; reconnect it, then use --resume") from None
        except OSError as error:
            raise DeviceGoneError(f"{self._label}: the connection broke ({error}); check the cable") from None

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, count: int, timeout: float) -> bytes:
        deadline, data = time.monotonic() + timeout, b""
        while len(data) < count:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                piece = self._socket.recv(count - len(data))
            except TimeoutError:
                raise DeviceTimeoutError(f"{self._label}: adb's server does not answer; adb kill-server") from None
            except OSError as error:
                raise DeviceGoneError(f"{self._label}: adb's server ended ({error})") from None
            if not piece:
                raise DeviceGoneError(f"{self._label}: adb's server closed the connection; check the cable")
            data += piece
        return data
