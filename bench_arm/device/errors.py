"""What goes wrong with a device, each with one line for the person who holds it."""

from __future__ import annotations

from slu.errors import SluError


class DeviceError(SluError):
    """A device cannot be reached, or does not do what it was asked."""


class DeviceGoneError(DeviceError):
    """The connection ended: a cable was pulled, the device restarted, or adbd did."""


class DeviceTimeoutError(DeviceError):
    """The device said nothing for too long."""


class UnauthorisedError(DeviceError):
    """The device does not trust this machine's key."""


class ProtocolError(DeviceError):
    """The other side sent bytes that the adb protocol does not allow."""


class NoSpaceError(DeviceError):
    """The device has no room for a file."""


class AbiError(DeviceError):
    """The device cannot run the program that is to be measured."""


class KilledError(DeviceError):
    """A program on the device was ended by a signal: the low-memory killer's, or by its own fault."""
