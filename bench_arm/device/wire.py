"""Packets of the adb protocol: 24 bytes of header, then data. Both sides use them, the client and the emulated device.

https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/protocol.txt
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from bench_arm.device.errors import ProtocolError

CNXN, AUTH, OPEN, OKAY, WRTE, CLSE = b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"WRTE", b"CLSE"
COMMANDS = (CNXN, AUTH, OPEN, OKAY, WRTE, CLSE, b"SYNC", b"STLS")
AUTH_TOKEN, AUTH_SIGNATURE, AUTH_PUBLIC_KEY = 1, 2, 3
VERSION = 0x01000000
"""Of the protocol, with checksums: what every device speaks. From 0x01000001 on both sides leave the sums out."""
MAX_DATA = 1 << 20
"""Bytes of data that a packet may have here; a header that announces more is refused before anything is read."""
LEGACY_MAX_DATA = 4096
"""What devices before Android 7 take."""
HEADER = struct.Struct("<4s5I")


@dataclass(frozen=True)
class Packet:
    """One packet. ``first``, ``second``: the numbers of the streams, sender's first, or what the command says."""

    command: bytes
    first: int
    second: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Header and data as they go over the wire."""
        magic = int.from_bytes(self.command, "little") ^ 0xFFFFFFFF
        total = sum(self.data) & 0xFFFFFFFF
        return HEADER.pack(self.command, self.first, self.second, len(self.data), total, magic) + self.data


def read_packet(read: Callable[[int], bytes], checked: bool = True, most: int = MAX_DATA) -> Packet:
    """Read one packet. ``read(n)`` returns exactly n bytes. ``checked``: compare the sum of the data.

    Raises `ProtocolError` for bytes that are no packet, or one of more than ``most`` bytes of data.
    """
    command, first, second, length, total, magic = HEADER.unpack(read(HEADER.size))
    if command not in COMMANDS or magic != int.from_bytes(command, "little") ^ 0xFFFFFFFF:
        raise ProtocolError(f"the other side sent {command!r}, which is no adb packet; reconnect the device")
    if length > most:
        raise ProtocolError(f"the other side announced {length} bytes in one packet, {most} are allowed")
    data = read(length) if length else b""
    if checked and total != sum(data) & 0xFFFFFFFF:
        raise ProtocolError("a packet arrived damaged: its checksum is wrong; try another cable or port")
    return Packet(command, first, second, data)


def parse_banner(data: bytes) -> dict[str, str]:
    """What a CNXN packet says: "type", and the properties after it such as ``features`` and ``ro.product.model``."""
    text = data.rstrip(b"\0").decode("utf-8", "replace")
    kind, _, rest = text.partition(":")
    _, _, properties = rest.partition(":")
    pairs = (item.partition("=") for item in properties.split(";") if item)
    return {"type": kind, **{name: value for name, _, value in pairs}}
