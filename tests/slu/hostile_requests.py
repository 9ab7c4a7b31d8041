"""Requests that nobody sends in good faith: made of the OpenAPI document and against it, and bytes that are no HTTP."""

from __future__ import annotations

import json
import random
import socket
from typing import Any

ODD = [
    "",
    " ",
    "\0",
    "\u202e",
    "\ufeff",
    "听" * 40,
    "🎵\U0010ffff",
    "a\nb",
    "'; DROP TABLE--",
    "../../etc/passwd",
    "{{7*7}}",
    "%00",
]
NUMBERS = [0, -1, 1, 2**31, 2**63, 2**70, 1.5, -0.0, 1e308]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "post", "X" * 50]


class Maker:
    """Makes requests from a document. ``document``: of OpenAPI 3.1."""

    def __init__(self, document: dict[str, Any], seed: int):
        self.random = random.Random(seed)
        self._document = document
        self._schemas = document["components"]["schemas"]
        self._bodies = [
            (path, operation["requestBody"]["content"]["application/json"]["schema"])
            for path, methods in document["paths"].items()
            for operation in methods.values()
            if "requestBody" in operation
        ]

    def request(self) -> bytes:
        """A request on a connection of its own."""
        pick = self.random.random()
        path, schema = self.random.choice(self._bodies)
        if pick < 0.45:
            return self._with_body("POST", path, self._json(self.value(schema, wrong=0.0)))
        if pick < 0.7:
            return self._with_body("POST", path, self._json(self.value(schema, wrong=0.25)))
        if pick < 0.8:
            data = bytearray(self._json(self.value(schema, wrong=0.1)))
            for _ in range(self.random.randint(1, 4)):
                if data:
                    data[self.random.randrange(len(data))] = self.random.randrange(256)
            return self._with_body("POST", path, bytes(data))
        if pick < 0.9:
            return self._with_body(self.random.choice(METHODS), self._path(), self._json(self.value({}, wrong=1.0)))
        return self._raw()

    def value(self, schema: dict[str, Any], wrong: float, depth: int = 0) -> Any:
        """A value of a schema; each part of it is of none with the probability ``wrong``."""
        choice = self.random.choice
        if self.random.random() < wrong:
            return self._anything(depth)
        if "$ref" in schema:
            return self.value(self._schemas[schema["$ref"].rpartition("/")[2]], wrong, depth)
        if "anyOf" in schema:
            return self.value(choice(schema["anyOf"]), wrong, depth)
        kind = schema.get("type")
        if kind == "object":
            found = {}
            for name, part in schema.get("properties", {}).items():
                if name in schema.get("required", ()) or self.random.random() < 0.4:
                    found[name] = self.value(part, wrong, depth + 1)
            if isinstance(schema.get("additionalProperties"), dict):
                for _ in range(self.random.randint(0, 3)):
                    name = choice([*ODD, "song", "singer", "contact_name"])
                    found[name] = self.value(schema["additionalProperties"], wrong, depth + 1)
            return found
        if kind == "array":
            least = schema.get("minItems", 0)
            return [self.value(schema["items"], wrong, depth + 1) for _ in range(self.random.randint(least, least + 4))]
        if kind == "string":
            return self._text()[: schema.get("maxLength", 10**6)]
        return None if kind == "null" else self._anything(depth)

    def _text(self) -> str:
        if self.random.random() < 0.5:
            return self.random.choice([*ODD, "one", "m", "OTHERS", "music.play", "来一首周华健的花心", "取消"])
        return "".join(chr(self._code_point()) for _ in range(self.random.randint(0, 60)))

    def _code_point(self) -> int:
        most = self.random.choice((0x7F, 0x2FFF, 0x9FFF, 0x10FFFF))
        point = self.random.randrange(most)
        return point if not 0xD800 <= point < 0xE000 else 0x4E00

    def _anything(self, depth: int) -> Any:
        choice = self.random.choice
        if depth < 3 and self.random.random() < 0.4:
            many = range(self.random.randint(0, 4))
            return choice(
                ([self._anything(depth + 1) for _ in many], {self._text(): self._anything(depth + 1) for _ in many})
            )
        return choice([None, True, False, choice(NUMBERS), self._text(), float("nan"), "\ud800"])

    def _json(self, value: Any) -> bytes:
        if self.random.random() < 0.5:
            return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return json.dumps(value).encode()

    def _path(self) -> str:
        known = [*self._document["paths"], "/docs", "/openapi.json", "/", "*", "/v1/models/one/reload"]
        path = self.random.choice(known).replace(
            "{name}", self.random.choice(["one", "%2e%2e", "%FF", "%00", "a" * 300])
        )
        return path + self.random.choice(["", "", "?x=%zz", "/", "//..//", "#a", "?" + "q" * 1000])

    def _with_body(self, method: str, path: str, body: bytes) -> bytes:
        lengths = [len(body)] * 8 + [0, max(0, len(body) - 1)]
        kinds = ["application/json"] * 8 + ["text/plain", "application/x-json; charset=\u00e9", ""]
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {self.random.choice(kinds)}\r\n"
        )
        return f"{head}content-length: {self.random.choice(lengths)}\r\n\r\n".encode() + body

    def _raw(self) -> bytes:
        data = self.random.randbytes(self.random.randint(1, 200))
        parts = [
            data, b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n" + data,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nx: " + b"y" * self.random.randint(1, 100000) + b"\r\n\r\n",
            b"POST /v1/parse HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + data,
            b"POST /v1/parse HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"tex\r\n0\r\n\r\n",
            b"POST /v1/parse HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
            b"POST /v1/parse HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}",
            b"POST /v1/parse HTTP/1.1\r\ncontent-length: -5\r\n\r\n{}",
            b"POST /v1/parse HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
            b"GET /healthz HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n" + data,
            b"GET http://elsewhere/v1/parse HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\n\r\n" * 50, b"POST /v1/parse HTTP/1.0\r\n\r\n{}",
        ]  # fmt: skip
        return self.random.choice(parts)


def exchange(port: int, request: bytes, wait: float, half_close: bool) -> bytes:
    """What a server says to a request, until it closes, or is silent for so long."""
    said = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            connection.settimeout(wait)
            while part := connection.recv(1 << 16):
                said += part
    except (OSError, TimeoutError):
        pass
    return said
