"""A service as a teacher: what it gives up, refuses, or is not; a fake one says each of them."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from slu.corpus.labels import Labels
from slu.errors import ConfigError
from slu.heads.table import HEADS
from slu.runtime import remote
from slu.runtime.remote import ServiceTeacher
from slu.runtime.soft_labels import TOKENS, Question

HEAD, LABELS = HEADS["joint"], Labels(("a", "b"), ("x",), {"a": (), "b": ("x",)})
LATE = json.dumps({"error": "no answer in time; come again"}).encode()
Answer = Callable[[list[str]], "tuple[int, bytes]"]


class Fake:
    """A service on ``port``: ``answer`` is what it says to texts, ``models`` what ``/v1/models`` says."""

    def __init__(self) -> None:
        self.version, self.asked = "one", list[int]()
        self.answer: Answer = self.logits
        self.models: Callable[[], bytes] = lambda: json.dumps(
            {"models": [{"name": "m", "version": self.version, "intents": ["a", "b"], "slots": ["x"]}]}
        ).encode()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(200, fake.models())

            def do_POST(self) -> None:
                texts = json.loads(self.rfile.read(int(self.headers["content-length"])))["texts"]
                fake.asked.append(len(texts))
                self._send(*fake.answer(texts))

            def _send(self, status: int, raw: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def logits(self, texts: list[str]) -> tuple[int, bytes]:
        tokens = [len(text) + 2 for text in texts]
        outputs = {
            output.logits: np.array([float(t) for t in tokens for _ in range(t if output.per_token else 1)], np.float32)
            for output in HEAD.outputs
        }
        tensors = {TOKENS: np.array(tokens, np.int64), **{name: array[:, None] for name, array in outputs.items()}}
        return 200, save(tensors, {"version": self.version})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    monkeypatch.setattr(remote, "_PAUSES", (0.0,))
    service = Fake()
    yield service
    service.server.shutdown()
    service.server.server_close()


def opened(fake: Fake) -> ServiceTeacher:
    teacher = ServiceTeacher(fake.address, 1)
    teacher.check(HEAD, LABELS)
    return teacher


QUESTIONS = [Question("字" * n) for n in range(1, 12)]


@pytest.mark.parametrize(("status", "raw", "times"), [(503, LATE, 3), (413, b"{}", 1)])
def test_a_request_that_is_too_much_is_halved(fake: Fake, status: int, raw: bytes, times: int) -> None:
    fake.answer = lambda texts: (status, raw) if len(texts) > 3 else fake.logits(texts)
    found = opened(fake).ask(QUESTIONS)
    assert [float(one[0].ravel()[0]) for one in found] == [len(one.text) + 2 for one in QUESTIONS]
    assert fake.asked.count(11) == fake.asked.count(5) == times and fake.asked.count(6) == times


def test_a_single_text_that_takes_too_long(fake: Fake) -> None:
    fake.answer = lambda texts: (503, LATE)
    with pytest.raises(ConfigError, match="no answer in time, 3 times; start the service with a longer --timeout"):
        opened(fake).ask(QUESTIONS[:1])
    assert fake.asked == [1, 1, 1]


def test_a_service_that_is_busy_is_waited_for(fake: Fake) -> None:
    busy = [(503, b'{"error": "too many requests wait; come again"}')] * 9
    fake.answer = lambda texts: busy.pop() if busy else fake.logits(texts)
    assert len(opened(fake).ask(QUESTIONS)) == 11 and fake.asked == [11] * 10


def test_a_service_that_is_away_is_not_waited_for_for_ever(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> tuple[int, bytes]:
        raise ConnectionRefusedError(111, "Connection refused")

    away = ServiceTeacher("http://127.0.0.1:1", 1, patience=0.0)
    with monkeypatch.context() as patched:
        patched.setattr(ServiceTeacher, "_once", refused)
        with pytest.raises(
            ConfigError, match=r"127.0.0.1:1: has not answered for .*refused.*run the same command again"
        ):
            away.check(HEAD, LABELS)
    fake.answer = lambda texts: (503, b"{}")
    busy = ServiceTeacher(fake.address, 1, patience=0.0)
    busy.check(HEAD, LABELS)
    with pytest.raises(ConfigError, match=r"has not answered for \d+ s .status 503.; start it"):
        busy.ask(QUESTIONS)


@pytest.mark.parametrize(
    "raw", [b"<html>hello</html>", b"[]", b"{}", b'{"models": 1}', b'{"models": [{"name": "m"}]}', b'{"models": []}']
)
def test_what_is_not_slu_serve(fake: Fake, raw: bytes) -> None:
    fake.models = lambda: raw
    with pytest.raises(ConfigError, match="what answers there is not slu serve"):
        opened(fake)


def test_logits_that_are_none(fake: Fake) -> None:
    teacher = opened(fake)
    for raw in (b"<html>", b"", save({"x": np.zeros(1)}), save({TOKENS: np.zeros(1, np.int64)}, {"version": "one"})):
        fake.answer = lambda texts, raw=raw: (200, raw)  # type: ignore[misc]
        with pytest.raises(ConfigError, match="is not one of /v1/logits"):
            teacher.ask(QUESTIONS[:1])


@pytest.mark.parametrize(
    "address",
    ["http://[::1:8080", "http://a..b", "http://a b:80", "http://h:99999", "http://h/?x", "http://", "http://a\x7fb"],
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ConfigError, match=r"http://"):
        ServiceTeacher(address, 1).check(HEAD, LABELS)


def test_a_certificate_that_does_not_fit(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> socket.socket:
        raise ssl.SSLCertVerificationError(1, "self-signed certificate")

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", refused)
    with pytest.raises(ConfigError, match="cannot be asked .*self-signed certificate"):
        ServiceTeacher(fake.address.replace("http:", "https:"), 1).check(HEAD, LABELS)


def test_another_version(fake: Fake) -> None:
    teacher = opened(fake)
    assert teacher.version == "one"
    fake.version = "two"
    for again in (lambda: teacher.check(HEAD, LABELS), lambda: teacher.ask(QUESTIONS)):
        with pytest.raises(ConfigError, match=r"was replaced .version one, now two.; .*new --out"):
            again()
