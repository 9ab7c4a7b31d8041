"""The emulated device's adb daemon: connections over TCP on loopback, their keys, their streams."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import struct
import threading
from types import TracebackType

from bench_arm.device import wire
from bench_arm.device.errors import DeviceError, DeviceGoneError
from bench_arm.device.wire import Packet
from bench_arm.emulated.channel import Channel, ClosedError, OverrunError
from bench_arm.emulated.machine import Machine
from bench_arm.emulated.program import UnpluggedError
from bench_arm.emulated.services import serve

FEATURES = ("shell_v2", "cmd", "stat_v2", "ls_v2", "sendrecv_v2", "fixed_push_mkdir")
MOST_DATA = 256 << 10
MOST_STREAMS = 64
MOST_CONNECTIONS = 16
KEY = struct.Struct("<II256s256sI")
"""Of Android's public keys: words, n0inv, modulus, rr, exponent."""


class Daemon:
    """Listens on a port of 127.0.0.1 until it is closed. ``keys``: False for a device that asks for none.

    ``version`` 1 is a device without shell protocol 2, as before Android 7.
    """

    def __init__(self, machine: Machine, port: int = 0, keys: bool = True, version: int = 2):
        self.machine, self.keys, self.version = machine, keys, version
        self.known: set[bytes] = set()
        self.unhandled: list[BaseException] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[_Session] = set()
        self._closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def serial(self) -> str:
        """What adb calls it."""
        return f"127.0.0.1:{self.port}"

    def features(self) -> str:
        """What it says it can do."""
        return ",".join(FEATURES if self.version > 1 else ("cmd",))

    def unplug(self) -> None:
        """End all connections at once."""
        with self._lock:
            sessions = list(self._open)
        for session in sessions:
            session.close()

    def close(self) -> None:
        """Stop listening and end all connections."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.unplug()

    def _accept(self) -> None:
        while not self._closing:
            try:
                connected, _ = self._socket.accept()
            except OSError:
                return
            session = _Session(self, connected)
            with self._lock:
                full = len(self._open) >= MOST_CONNECTIONS
                if not full:
                    self._open.add(session)
            if full:
                connected.close()
                continue
            threading.Thread(target=self._run, args=(session,), daemon=True).start()

    def _run(self, session: _Session) -> None:
        try:
            session.serve()
        except (DeviceError, OverrunError, OSError):
            pass  # the client broke the protocol, or is gone
        except BaseException as error:
            self.unhandled.append(error)
        finally:
            session.close()
            with self._lock:
                self._open.discard(session)

    def __enter__(self) -> Daemon:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Session:
    """One connection."""

    def __init__(self, daemon: Daemon, connected: socket.socket):
        self._daemon, self._socket = daemon, connected
        self._lock = threading.Lock()
        self._channels: dict[int, Channel] = {}
        self._next = 1
        self._most = wire.LEGACY_MAX_DATA
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def serve(self) -> None:
        """Speak with the client until it is gone."""
        if self._daemon.machine.faults.state("offline"):
            while self._socket.recv(4096):
                continue
            return
        if not self._connect():
            return
        while True:
            packet = wire.read_packet(self._read, most=MOST_DATA)
            if packet.command == wire.OPEN:
                self._opened(packet)
            elif packet.command == wire.CNXN:
                self._greet(packet)
            elif channel := self._channels.get(packet.second):
                if packet.command == wire.WRTE:
                    channel.arrived(packet.data)
                elif packet.command == wire.OKAY:
                    channel.taken()
                elif packet.command == wire.CLSE:
                    channel.end()
            elif packet.command == wire.WRTE:
                self.send(Packet(wire.CLSE, 0, packet.first))

    def send(self, packet: Packet) -> None:
        self._send_raw(packet.encode())

    def _send_raw(self, data: bytes) -> None:
        with self._lock:
            try:
                self._socket.sendall(data)
            except OSError:
                raise ClosedError from None

    def close(self) -> None:
        for channel in list(self._channels.values()):
            channel.end()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _connect(self) -> bool:
        """The first packets, until the client is known; False when it never will be."""
        greeting = wire.read_packet(self._read, most=MOST_DATA)
        if greeting.command != wire.CNXN:
            return False
        token = os.urandom(20)
        while self._daemon.keys:
            self.send(Packet(wire.AUTH, wire.AUTH_TOKEN, 0, token))
            answer = wire.read_packet(self._read, most=MOST_DATA)
            if answer.command != wire.AUTH:
                return False
            if answer.first == wire.AUTH_SIGNATURE:
                if any(verify(key, token, answer.data) for key in self._daemon.known):
                    break
            elif answer.first == wire.AUTH_PUBLIC_KEY:
                if self._daemon.machine.faults.state("unauthorised"):
                    while self._socket.recv(4096):
                        continue
                    return False
                key = answer.data.rstrip(b"\0").split(b" ")[0]
                if read_key(key) is None:
                    continue
                self._daemon.known.add(key)
                break
        self._greet(greeting)
        return True

    def _greet(self, greeting: Packet) -> None:
        self._most = min(max(greeting.second, wire.HEADER.size), MOST_DATA)
        properties = self._daemon.machine.properties()
        names = ("ro.product.name", "ro.product.model", "ro.product.device")
        facts = "".join(f"{name}={properties[name]};" for name in names)
        banner = f"device::{facts}features={self._daemon.features()}"
        self.send(Packet(wire.CNXN, wire.VERSION, MOST_DATA, banner.encode()))

    def _opened(self, packet: Packet) -> None:
        service = packet.data.rstrip(b"\0").decode("utf-8", "replace")
        if packet.first == 0 or len(self._channels) >= MOST_STREAMS:
            self.send(Packet(wire.CLSE, 0, packet.first))
            return
        channel = Channel(self.send, self._send_raw, self._next, packet.first, self._most)
        self._channels[self._next] = channel
        self._next += 1
        threading.Thread(target=self._serve, args=(channel, service), daemon=True).start()

    def _serve(self, channel: Channel, service: str) -> None:
        """The thread of a stream."""
        daemon = self._daemon
        try:
            serve(daemon.machine, channel, service, self.send, daemon.version)
        except UnpluggedError:
            self.close()
        except (ClosedError, OSError):
            pass  # nobody listens any more
        except BaseException as error:
            daemon.unhandled.append(error)
        finally:
            with contextlib.suppress(ClosedError):
                channel.finish()
            self._channels.pop(channel.local, None)

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._socket.recv(min(count - len(data), 1 << 16))
            if not piece:
                raise DeviceGoneError("the client closed the connection")
            data += piece
        return bytes(data)


def read_key(text: bytes) -> tuple[int, int] | None:
    """Modulus and exponent of a public key in Android's form; None for something else."""
    try:
        words, _, modulus, _, exponent = KEY.unpack(base64.b64decode(text, validate=True))
    except (ValueError, struct.error):
        return None
    return (int.from_bytes(modulus, "little"), exponent) if words == 64 and exponent in (3, 65537) else None


def verify(key: bytes, token: bytes, signature: bytes) -> bool:
    """Whether ``signature`` of ``token`` was made with the private half of ``key``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA1

    numbers = read_key(key)
    if numbers is None:
        return False
    try:
        public = RSAPublicNumbers(numbers[1], numbers[0]).public_key()
        public.verify(signature, token, PKCS1v15(), Prehashed(SHA1()))
    except (InvalidSignature, ValueError):
        return False
    return True
