"""Keys that sign the app: one for debugging that is made on first use, or the user's own by environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from android_app.tools.toolchain import BuildError, Toolchain, run

KEYSTORE, PASSWORD, ALIAS = "SLU_ANDROID_KEYSTORE", "SLU_ANDROID_KEYSTORE_PASSWORD", "SLU_ANDROID_KEY_ALIAS"
DEBUG_PASSWORD = "android"  # as that of everybody's debug key: it protects nothing


@dataclass(frozen=True)
class Key:
    """A key in a keystore. ``password``: as apksigner and keytool take it, by the name of an environment variable."""

    keystore: Path
    alias: str
    password: str
    environment: dict[str, str]


def signing_key(tools: Toolchain) -> Key:
    """The key that the environment names, else the one for debugging."""
    keystore = os.environ.get(KEYSTORE)
    if not keystore:
        return _debug_key(tools)
    for name in (PASSWORD, ALIAS):
        if not os.environ.get(name):
            raise BuildError(f"{KEYSTORE} is set and {name} is not: a release key needs both")
    if not Path(keystore).is_file():
        raise BuildError(f"{KEYSTORE}={keystore}: no such file")
    return Key(Path(keystore), os.environ[ALIAS], f"env:{PASSWORD}", {})


def _debug_key(tools: Toolchain) -> Key:
    # Not below build/: a phone takes an update only when it is signed with the same key as what is there.
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    keystore = home / "slu/android-debug.p12"
    key = Key(keystore, "debug", "env:SLU_DEBUG_PASSWORD", {"SLU_DEBUG_PASSWORD": DEBUG_PASSWORD})
    if not keystore.exists():
        keystore.parent.mkdir(parents=True, exist_ok=True)
        words = ["-keyalg", "RSA", "-keysize", "2048", "-validity", "10000", "-dname", "CN=slu debug"]
        store = ["-storetype", "PKCS12", "-storepass:env", "SLU_DEBUG_PASSWORD", "-alias", key.alias]
        temporary = keystore.with_name(f".{keystore.name}.{os.getpid()}")
        run(
            [tools.java("keytool"), "-genkeypair", "-keystore", temporary, *store, *words],
            env=key.environment,
        )
        temporary.replace(keystore)
    return key
