"""A teacher behind HTTP: the endpoint ``/v1/logits`` of ``slu serve``. One that goes away is waited for."""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from slu.corpus.labels import Labels
from slu.errors import ConfigError
from slu.files import read_bytes
from slu.heads.head import Head
from slu.runtime.soft_labels import TOKENS, Question
from slu.runtime.teachers import Logits, require_same

log = logging.getLogger("slu.teacher")

TIMEOUT = 120.0
"""Seconds that an answer may take."""
PATIENCE = 600.0
"""Seconds for which a service that does not answer is waited for, unless somebody says otherwise."""
SAY_AFTER = 5.0
"""Seconds of waiting for a service after which a line says so."""
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between tries; the last one for all further ones."""
_AWAY = (408, 429, 502, 503, 504)
"""Answers that mean: later."""
_TRIES = 5
"""How often a request is sent that the service answers with an error of its own (status 500)."""
LATE = "no answer in time"
"""What the service says of a request that took longer than its --timeout."""
_LATE_TRIES = 3
"""How often a request is sent that the service answers with `LATE`, before its texts are sent in smaller ones."""
_LASTING = (ssl.SSLCertVerificationError, http.client.InvalidURL, UnicodeError)
"""Failures of a request that waiting does not mend."""


class Closed(Exception):
    """The teacher is not wanted any more."""


class ServiceTeacher:
    """``address``: as in ``http://127.0.0.1:8080`` or, of one model of several, ``http://127.0.0.1:8080/NAME``.

    ``token_file``: its first line is the token that the service asks for. ``patience``: see `PATIENCE`. Threads may
    share it.
    """

    def __init__(self, address: str, in_flight: int, token_file: Path | None = None, patience: float = PATIENCE):
        self.where, self.in_flight, self._patience = address, in_flight, patience
        try:
            parts = urlsplit(address)
            port = parts.port
            (parts.hostname or "").encode("idna")
        except ValueError as error:
            raise ConfigError(f"{address}: {error}") from error
        if not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ConfigError(f"{address}: write it as http://HOST:PORT, or http://HOST:PORT/MODEL")
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        self._model = unquote(parts.path.strip("/")) or None
        self._headers = {"content-type": "application/json", **_authorization(token_file)}
        self._own = threading.local()
        self._closed = threading.Event()
        self.version = ""
        self._lock = threading.Lock()
        self._outputs: tuple[tuple[str, bool], ...] = ()

    def check(self, head: Head, labels: Labels) -> None:
        """See `Teacher`; waits for the service."""
        raw = self._answer("GET", "/v1/models", None)
        try:
            found = {str(one["name"]): one for one in json.loads(raw)["models"]}
            name = next(iter(found)) if self._model is None else self._model
            if name not in found:
                raise ConfigError(f"{self.where}: the service has no model {name!r}; it has {', '.join(found)}")
            intents, slots, version = list(found[name]["intents"]), list(found[name]["slots"]), found[name]["version"]
        except (ValueError, KeyError, TypeError, StopIteration) as error:
            raise ConfigError(f"{self.where}: what answers there is not slu serve; give its address") from error
        self._outputs = tuple((output.logits, output.per_token) for output in head.outputs)
        require_same(self.where, head, labels, head.logits, intents, slots)
        self._require_version(version)

    def ask(self, questions: Sequence[Question]) -> list[Logits]:
        """See `Teacher`; raise `ConfigError` for what the service will never answer."""
        body: dict[str, Any] = {"texts": [one.text for one in questions]}
        if any(one.previous is not None for one in questions):
            body["previous_intents"] = [one.previous for one in questions]
        if any(one.entries for one in questions):
            body["lexicons_of_texts"] = [one.lexicons for one in questions]
        if self._model is not None:
            body["model"] = self._model
        try:
            raw = self._answer("POST", "/v1/logits", json.dumps(body).encode())
        except _TooMuch as error:
            if len(questions) == 1:
                raise ConfigError(f"{self.where}: {error}") from error
            half = len(questions) // 2
            return [*self.ask(questions[:half]), *self.ask(questions[half:])]
        return self._parsed(raw, len(questions))

    def close(self) -> None:
        self._closed.set()

    def _parsed(self, raw: bytes, count: int) -> list[Logits]:
        from safetensors import SafetensorError, safe_open  # type: ignore[attr-defined]  # noqa: F401
        from safetensors.numpy import load

        try:
            tensors = load(raw)
            tokens = tensors[TOKENS]
            version = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["version"]
            outputs = [(tensors[name], per_token) for name, per_token in self._outputs]
            ends = np.cumsum(tokens)
            if len(tokens) != count or any(len(t) != (ends[-1] if per_token else count) for t, per_token in outputs):
                raise ValueError("other numbers of texts or tokens than were asked")
        except (SafetensorError, KeyError, ValueError, IndexError, TypeError) as error:
            raise ConfigError(
                f"{self.where}: its answer is not one of /v1/logits ({error}); give the address of a slu serve "
                "of this version"
            ) from error
        self._require_version(version)
        starts = ends - tokens
        return [tuple(t[starts[i] : ends[i]] if per_token else t[i] for t, per_token in outputs) for i in range(count)]

    def _require_version(self, version: str) -> None:
        with self._lock:
            self.version = self.version or version
            if version != self.version:
                raise replaced(self.where, self.version, version)

    def _answer(self, method: str, path: str, body: bytes | None) -> bytes:
        """The body of an answer; raise `ConfigError` if the service is away for longer than it is waited for."""
        tries = mistakes = late = 0
        began, said = time.monotonic(), False
        while True:
            if self._closed.is_set():
                raise Closed
            try:
                status, raw = self._once(method, path, body)
                why = f"status {status}"
            except _LASTING as error:
                raise ConfigError(
                    f"{self.where}: cannot be asked ({error}); mend the address or the service"
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self._own.connection = None
                status, raw, why = 503, b"", str(error) or type(error).__name__
            if status == 200:
                if said:
                    log.warning("%s answers again", self.where)
                return raw
            mistakes += status == 500
            late += status == 503 and LATE.encode() in raw
            if late >= _LATE_TRIES:
                raise _TooMuch(f"{LATE}, {late} times; start the service with a longer --timeout")
            if status not in _AWAY and (status != 500 or mistakes >= _TRIES):
                self._refused(status, raw)
            waited = time.monotonic() - began
            if waited > self._patience:
                raise ConfigError(
                    f"{self.where}: has not answered for {waited:.0f} s ({why}); start it, or mend the address, and "
                    "run the same command again: it goes on from its last saved state"
                )
            if not said and waited > SAY_AFTER:
                said = True
                log.warning("waiting for %s (%s)", self.where, why)
            self._closed.wait(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            connection = self._own.connection = kind(self._host, self._port, timeout=TIMEOUT)
        connection.request(method, path, body, self._headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _refused(self, status: int, raw: bytes) -> None:
        try:
            said = json.loads(raw)
            message, field = str(said["error"]), said.get("field")
        except (ValueError, KeyError, TypeError, AttributeError):
            message, field = f"status {status}", None
        if status == 413 or (status == 422 and field == "texts"):
            raise _TooMuch(message)
        raise ConfigError(f"{self.where}: refuses ({status}): {message}")


def replaced(where: str, before: str, now: str) -> ConfigError:
    """The error for a service whose model is not the one that the student has learned from."""
    return ConfigError(
        f"{where}: the model was replaced (version {before}, now {now}); a student learns from one model: serve the "
        "former one again, or train it into a new --out"
    )


class _TooMuch(Exception):
    """A request that the service would answer in parts."""


def _authorization(token_file: Path | None) -> dict[str, str]:
    if token_file is None:
        return {}
    try:
        lines = [line.strip() for line in read_bytes(token_file).decode("ascii").splitlines()]
    except OSError as error:
        raise ConfigError(f"{token_file}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{token_file}: is not ASCII; the first line of it is the token") from error
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens:
        raise ConfigError(f"{token_file}: holds no token; write one in a line")
    return {"authorization": f"Bearer {tokens[0]}"}
