"""Which devices: by serial, the only one there is, or all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from bench_arm.device.connection import Connection, DirectConnection, tcp_transport
from bench_arm.device.errors import DeviceError
from bench_arm.device.keys import load_key
from bench_arm.device.server import STATES, ServerConnection, server_devices, server_runs
from slu.errors import ConfigError

Connect = Callable[[], Connection]
ACCEPT_SECONDS = 60.0


def choose(
    serials: Sequence[str], every: bool, usb: bool, timeout: float, accept: float, say: Callable[[str], None] = print
) -> dict[str, Connect]:
    """A function that connects, by serial, of every device that is wanted.

    ``serials``: as adb has them; HOST:PORT is a device to speak with over TCP without a server. ``every``: all devices
    there are. ``usb``: speak with USB itself, although an adb server runs. Raises `DeviceError` when none is there, or
    several and none was chosen.
    """
    direct = {
        serial: partial(connect_tcp, serial, timeout, accept, say)
        for serial in serials
        if ":" in serial and not _server_knows(serial)
    }
    wanted = [serial for serial in serials if serial not in direct]
    if serials and not wanted:
        return dict(direct)
    found = _usb_devices(timeout, accept, say) if usb or not server_runs() else _server_devices(timeout)
    if wanted:
        for serial in wanted:
            if serial not in found:
                there = ", ".join(found) or "none"
                raise DeviceError(f"--serial {serial}: there is no such device; connected: {there}")
        return {**direct, **{serial: found[serial] for serial in wanted}}
    if not found:
        raise DeviceError(
            "no device: switch on USB debugging (Settings, About phone, tap the build number seven times; then "
            "Developer options), connect it by a cable that carries data; or use slu bench emulated"
        )
    if len(found) > 1 and not every:
        raise DeviceError(f"several devices are connected: {', '.join(found)}; choose with --serial, or take --all")
    return found


def connect_tcp(
    address: str, timeout: float = 10.0, accept: float = ACCEPT_SECONDS, say: Callable[[str], None] = print
) -> Connection:
    """Speak with adbd at HOST:PORT."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise ConfigError(f"--serial {address}: write HOST:PORT, such as 192.168.1.20:5555")
    return DirectConnection(tcp_transport(host.strip("[]"), int(port)), load_key, address, timeout, accept, say)


def _server_knows(serial: str) -> bool:
    if not server_runs():
        return False
    with contextlib.suppress(DeviceError):
        return any(listed.serial == serial for listed in server_devices())
    return False


def _server_devices(timeout: float) -> dict[str, Connect]:
    found: dict[str, Connect] = {}
    for listed in server_devices():
        usable = listed.state == "device"
        open_it: Any = ServerConnection if usable else _unusable(listed.state)
        found[listed.serial] = partial(open_it, listed.serial, timeout)
    return found


def _unusable(state: str) -> Callable[[str, float], Connection]:
    def refuse(serial: str, timeout: float) -> Connection:
        advice = next((words for name, words in STATES.items() if state.startswith(name)), f"is in the state {state}")
        raise DeviceError(f"{serial}: {advice}")

    return refuse


def _usb_devices(timeout: float, accept: float, say: Callable[[str], None]) -> dict[str, Connect]:
    """Phones at USB. Needs libusb; without its Python package only an adb server can reach them."""
    try:
        from adb_shell.transport.usb_transport import UsbTransport
    except (ImportError, OSError) as error:
        raise DeviceError(
            f"no adb server runs, and USB cannot be used without one ({error}); start one with adb devices, or "
            "install libusb1 (make setup in a clone of the project, elsewhere the wheel of slu with its extra 'device')"
        ) from None
    return dict(_by_serial(UsbTransport.find_all_adb_devices(), timeout, accept, say))


def _by_serial(
    transports: Iterable[Any], timeout: float, accept: float, say: Callable[[str], None]
) -> Iterable[tuple[str, Connect]]:
    for transport in transports:
        try:
            serial = transport.serial_number
        except Exception as error:  # whatever libusb makes of a port without permission
            say(f"a phone at USB cannot be opened ({error}); install adb's udev rules")
            continue
        yield serial, partial(DirectConnection, transport, load_key, serial, timeout, accept, say)
