"""A device over USB or TCP: adb packets over the transports of adb-shell.

Of adb-shell come the transports and the signing of tokens. Its own packet loop is not used: it waits busily on a closed
connection, believes any length that a device announces, and drops what a full socket did not take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from bench_arm.device import wire
from bench_arm.device.errors import (
    DeviceError,
    DeviceGoneError,
    DeviceTimeoutError,
    ProtocolError,
    UnauthorisedError,
)
from bench_arm.device.keys import Key
from bench_arm.device.wire import Packet

PROMPT = (
    "{}: look at the phone: it asks whether to allow USB debugging from this computer. "
    "Tick 'always allow' and accept; waiting {:.0f} s"
)
STRAY_PACKETS = 1000
"""Packets of other streams that are passed over while one is waited for, before the device is taken for broken."""
LEAST_SECONDS = 0.001
"""For a transport to wait: libusb counts milliseconds, and waits for ever with 0."""


class Stream(Protocol):
    """A service of a device, such as a shell: bytes both ways."""

    def read(self, timeout: float) -> bytes:
        """The next bytes; b"" when the device has closed the stream. Raises `DeviceTimeoutError`."""

    def write(self, data: bytes, timeout: float) -> None: ...
    def close(self) -> None: ...


class Connection(Protocol):
    """A way to a device. ``label``: its serial, for messages. ``features``: what its adbd can do."""

    label: str
    features: frozenset[str]

    def open(self, service: str, timeout: float) -> Stream: ...
    def close(self) -> None: ...


class DirectConnection:
    """A device that this process itself speaks with. ``transport``: one of adb-shell's, not yet connected."""

    def __init__(
        self,
        transport: Any,
        key: Callable[[], Key],
        label: str,
        timeout: float = 10.0,
        accept_timeout: float = 60.0,
        say: Callable[[str], None] = print,
    ):
        self.label = label
        self._transport = transport
        self._at_once = getattr(transport, "at_once", False)
        self._usb_packet = usb_packet_bytes(transport)
        self._next = 1
        self._most = wire.LEGACY_MAX_DATA
        self._timeout = timeout
        try:
            self._guard(lambda: transport.connect(timeout), timeout)
            banner = self._handshake(key, accept_timeout, say)
        except BaseException:
            self.close()
            raise
        self.features = frozenset(filter(None, banner.get("features", "").split(",")))

    def open(self, service: str, timeout: float) -> Stream:
        """Start a service. Raises `DeviceError` when the device has none of that name."""
        number, self._next = self._next, self._next + 1
        self.send(Packet(wire.OPEN, number, 0, service.encode() + b"\0"), timeout)
        answer = self.receive(number, timeout)
        if answer.command != wire.OKAY:
            raise DeviceError(f"{self.label}: refuses {service.split(':')[0]}: (a service of adb)")
        return _PacketStream(self, number, answer.first, self._most)

    def close(self) -> None:
        """Close the connection; never fails."""
        try:
            self._transport.close()
        except Exception:  # a device that is gone cannot be closed properly, whatever libusb makes of it
            return

    def send(self, packet: Packet, timeout: float) -> None:
        """Send one packet whole."""
        rest = memoryview(packet.encode())
        # USB wants header and data as transfers of their own; over TCP that would wait for a delayed acknowledgement.
        parts = [rest] if self._at_once else [rest[: wire.HEADER.size], rest[wire.HEADER.size :]]
        deadline = time.monotonic() + timeout
        for part in parts:
            # A transfer of whole USB packets seems to go on: an empty one ends it, as adb ends it too.
            ends_open = bool(self._usb_packet and part and len(part) % self._usb_packet == 0)
            while part:
                part = part[self._write_some(bytes(part), deadline - time.monotonic()) :]
            if ends_open:
                self._write_some(b"", deadline - time.monotonic())

    def receive(self, number: int, timeout: float) -> Packet:
        """The next packet of the stream ``number``. What older streams still get is answered and dropped."""
        deadline = time.monotonic() + timeout
        for _ in range(STRAY_PACKETS):
            packet = self._read_packet(deadline - time.monotonic())
            if packet.command in (wire.OKAY, wire.WRTE, wire.CLSE) and packet.second == number:
                return packet
            if packet.command == wire.WRTE:
                self.send(Packet(wire.CLSE, packet.second, packet.first), timeout)
        raise ProtocolError(f"{self.label}: sends packets that nobody asked for; reconnect it")

    def _handshake(self, key: Callable[[], Key], accept_timeout: float, say: Callable[[str], None]) -> dict[str, str]:
        """CNXN, and AUTH when the device asks for it; returns its banner."""
        greeting = b"host::features=shell_v2,cmd,stat_v2\0"
        self.send(Packet(wire.CNXN, wire.VERSION, wire.MAX_DATA, greeting), self._timeout)
        signed = offered = False
        timeout = self._timeout
        while True:
            try:
                packet = self._read_packet(timeout)
            except DeviceTimeoutError:
                if offered:
                    raise UnauthorisedError(
                        f"{self.label}: unauthorised: was not allowed on the phone within {accept_timeout:.0f} s; "
                        "unlock it and accept the question, or withdraw earlier permissions in its developer options"
                    ) from None
                raise DeviceTimeoutError(
                    f"{self.label}: is offline: it does not answer; reconnect it and switch USB debugging off and on"
                ) from None
            if packet.command == wire.CNXN:
                self._most = min(max(packet.second, 256), wire.MAX_DATA)
                return wire.parse_banner(packet.data)
            if packet.command == b"STLS":
                raise UnauthorisedError(f"{self.label}: wants Wi-Fi pairing; let adb do it: adb connect {self.label}")
            if packet.command != wire.AUTH or packet.first != wire.AUTH_TOKEN:
                if packet.command in (wire.CLSE, wire.OKAY, wire.WRTE):
                    continue  # of a session that another program left open on USB
                raise ProtocolError(f"{self.label}: answered {packet.command!r} where adb has CNXN or AUTH")
            if not signed:
                self.send(Packet(wire.AUTH, wire.AUTH_SIGNATURE, 0, key().sign(packet.data)), self._timeout)
                signed = True
            elif not offered:
                say(PROMPT.format(self.label, accept_timeout))
                self.send(Packet(wire.AUTH, wire.AUTH_PUBLIC_KEY, 0, key().public + b"\0"), self._timeout)
                offered, timeout = True, accept_timeout
            else:
                raise UnauthorisedError(
                    f"{self.label}: refuses this computer's key, {key().path}; accept it on the phone"
                )

    def _read_packet(self, timeout: float) -> Packet:
        deadline = time.monotonic() + timeout

        def read(count: int) -> bytes:
            data = bytearray()
            while len(data) < count:
                piece = self._read_some(count - len(data), deadline - time.monotonic())
                if piece is None or (self._usb_packet and not piece):  # over USB the empty end of a transfer
                    continue
                if not piece:
                    raise DeviceGoneError(f"{self.label}: closed the connection; check the cable, then use --resume")
                data += piece
            return bytes(data)

        try:
            return wire.read_packet(read)
        except ProtocolError as error:
            raise ProtocolError(f"{self.label}: {error}") from None

    def _write_some(self, data: bytes, left: float) -> int:
        return int(self._guard(lambda: self._transport.bulk_write(data, max(left, LEAST_SECONDS)), left) or 0)

    def _read_some(self, count: int, left: float) -> bytes | None:
        piece = self._guard(lambda: self._transport.bulk_read(count, max(left, LEAST_SECONDS)), left)
        return None if piece is None else bytes(piece)

    def _guard(self, act: Callable[[], Any], left: float) -> Any:
        """Call a transport; its many errors become ours. None: to be tried again."""
        from adb_shell.exceptions import TcpTimeoutException

        if left <= 0:
            raise DeviceTimeoutError(f"{self.label}: does not answer; unlock it, reconnect it, then use --resume")
        try:
            return act()
        except (TcpTimeoutException, TimeoutError):
            raise DeviceTimeoutError(f"{self.label}: does not answer; reconnect it, then use --resume") from None
        except (BlockingIOError, InterruptedError):
            time.sleep(0.001)
            return None
        except Exception as error:
            raise _transport_error(self.label, error) from error


def tcp_transport(host: str, port: int) -> Any:
    """adb-shell's, with small packets sent at once."""
    import socket

    from adb_shell.transport.tcp_transport import TcpTransport

    class Prompt(TcpTransport):
        at_once = True

        def connect(self, transport_timeout_s: float) -> None:
            super().connect(transport_timeout_s)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    return Prompt(host, port)


def usb_packet_bytes(transport: Any) -> int:
    """The most that a packet has on the way to a device at USB: 512, at USB 3 1024. 0 over TCP."""
    setting = getattr(transport, "_setting", None)  # adb-shell keeps the endpoints to itself
    if setting is None:
        return 0
    sizes = (end.getMaxPacketSize() for end in setting.iterEndpoints() if not end.getAddress() & 0x80)
    return int(next(sizes, 512))


class _PacketStream:
    """One stream of a `DirectConnection`; the device's next piece is asked for only when the last one was read."""

    def __init__(self, connection: DirectConnection, local: int, remote: int, most: int):
        self._connection, self._local, self._remote, self._most = connection, local, remote, most
        self._waiting: list[bytes] = []
        self._closed = False

    def read(self, timeout: float) -> bytes:
        while not self._closed:
            if self._waiting:
                data = self._waiting.pop(0)
            else:
                packet = self._connection.receive(self._local, timeout)
                if packet.command == wire.CLSE:
                    self._end()
                    break
                if packet.command != wire.WRTE:
                    continue
                data = packet.data
                self._connection.send(Packet(wire.OKAY, self._local, self._remote), timeout)
            if data:
                return data
        return self._waiting.pop(0) if self._waiting else b""

    def write(self, data: bytes, timeout: float) -> None:
        for start in range(0, len(data), self._most):
            if self._closed:
                raise DeviceGoneError(f"{self._connection.label}: ended the service while it was written to")
            self._connection.send(
                Packet(wire.WRTE, self._local, self._remote, data[start : start + self._most]), timeout
            )
            self._await_okay(timeout)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                self._connection.send(Packet(wire.CLSE, self._local, self._remote), 2.0)
            except DeviceError:
                return  # whoever reads next is told

    def _await_okay(self, timeout: float) -> None:
        while True:
            packet = self._connection.receive(self._local, timeout)
            if packet.command == wire.OKAY:
                return
            if packet.command == wire.CLSE:
                self._end()
                return
            if len(self._waiting) > 16:  # a device sends one piece and waits
                raise ProtocolError(f"{self._connection.label}: sends more than was asked for; reconnect it")
            # Taken at once: a device that gives up in the middle of a push says why, and waits before it reads on.
            self._waiting.append(packet.data)
            self._connection.send(Packet(wire.OKAY, self._local, self._remote), timeout)

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            self._connection.send(Packet(wire.CLSE, self._local, self._remote), 2.0)

    def __enter__(self) -> _PacketStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _transport_error(label: str, error: Exception) -> DeviceError:
    """What libusb or the socket said, as one of ours."""
    inner = getattr(error, "usb_error", None) or error
    name = type(inner).__name__
    if "Timeout" in name:
        return DeviceTimeoutError(f"{label}: does not answer; unlock it, reconnect it, then use --resume")
    if "Busy" in name:
        return DeviceError(f"{label}: another program has it; leave --usb out, so that adb's server is used")
    if "Access" in name:
        return DeviceError(f"{label}: no permission for its USB port; install adb's udev rules, or start adb's server")
    if isinstance(error, ConnectionRefusedError):
        return DeviceError(f"{label}: nothing listens there; switch on wireless debugging, or run adb tcpip 5555")
    return DeviceGoneError(f"{label}: the connection broke ({inner}); check the cable, then use --resume")
