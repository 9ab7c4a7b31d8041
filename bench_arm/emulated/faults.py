"""What can be made to go wrong with the emulated device, each once unless it is a state of the device."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from slu.errors import ConfigError

KINDS = {
    "offline": "takes the connection and never answers",
    "unauthorised": "never accepts this computer's key",
    "wrong-abi": "is a 32-bit phone",
    "no-space": "has no room after N bytes of a push",
    "cable-push": "is unplugged after N bytes of a push",
    "cable-run": "is unplugged while its Nth program runs",
    "killed": "kills its Nth program",
    "hang": "its Nth program never ends",
    "malformed": "answers its Nth program with bytes that are no adb packet",
    "app-crash": "the app's benchmark crashes in its Nth round",
    "app-silent": "the app's benchmark says nothing after its beginning",
    "app-broken": "the app's benchmark writes half of its result",
}
STATES = ("offline", "unauthorised", "wrong-abi")


@dataclass(frozen=True)
class Fault:
    """``kind``: one of `KINDS`. ``after``: the N of its description."""

    kind: str
    after: int = 1


def parse_fault(text: str) -> Fault:
    """Read KIND or KIND:N."""
    kind, colon, number = text.partition(":")
    if kind not in KINDS or (colon and not number.isdigit()):
        raise ConfigError(f"--fault {text}: write KIND or KIND:N; kinds are {', '.join(KINDS)}")
    return Fault(kind, int(number) if colon else 1)


class Faults:
    """Counts what happens and says when a fault is due. For several threads."""

    def __init__(self, faults: Sequence[Fault] = ()):
        self._lock = threading.Lock()
        self._left = {fault.kind: fault.after for fault in faults}

    def state(self, kind: str) -> bool:
        """Whether the device is in this state."""
        return kind in STATES and kind in self._left

    def due(self, kind: str, count: int = 1) -> bool:
        """Count ``count`` more of what ``kind`` counts; true when it happens now."""
        with self._lock:
            if kind not in self._left:
                return False
            self._left[kind] -= count
            if self._left[kind] > 0:
                return False
            del self._left[kind]
            return True
