"""The RSA keys that devices know this machine by: those of the user's adb, or new ones in the same place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bench_arm.device.errors import UnauthorisedError

NAME = "adbkey"


@dataclass(frozen=True)
class Key:
    """A key pair. ``public``: as adb writes it, base64 and the user's name."""

    path: Path
    public: bytes
    signer: object

    def sign(self, token: bytes) -> bytes:
        """The signature of a device's token."""
        from adb_shell.auth.sign_pythonrsa import PythonRSASigner

        assert isinstance(self.signer, PythonRSASigner)
        return bytes(self.signer.Sign(token))


def key_directory() -> Path:
    """Where adb keeps its keys: ANDROID_USER_HOME, ANDROID_SDK_HOME/.android, or ~/.android."""
    if home := os.environ.get("ANDROID_USER_HOME"):
        return Path(home)
    if home := os.environ.get("ANDROID_SDK_HOME"):
        return Path(home) / ".android"
    return Path.home() / ".android"


def load_key(directory: Path | None = None) -> Key:
    """The user's key, made when there is none. Raises `UnauthorisedError` when it cannot be read or written."""
    from adb_shell.auth.keygen import keygen, write_public_keyfile
    from adb_shell.auth.sign_pythonrsa import PythonRSASigner

    private = (directory or key_directory()) / NAME
    public = private.with_name(NAME + ".pub")
    try:
        if not private.is_file():
            private.parent.mkdir(parents=True, exist_ok=True)
            mask = os.umask(0o077)
            try:
                keygen(str(private))
            finally:
                os.umask(mask)
        if not public.is_file():
            write_public_keyfile(str(private), str(public))
        return Key(private, public.read_bytes().strip(), PythonRSASigner(None, private.read_text()))
    except OSError as error:
        raise UnauthorisedError(f"{private}: cannot be read or made ({error.strerror}); adb needs a key") from error
    except Exception as error:  # the readers of PEM and DER raise whatever their layers do
        raise UnauthorisedError(f"{private}: holds no RSA key ({error}); move it away, a new one is made") from error
