"""Where the processor time of a request to ``slu serve`` goes, without HTTP around it.

    python -m bench_arm.host.request_parts MODEL --json parts.json

Prints one JSON object, in microseconds of processor time of a request with one text: the smallest mean of several
rounds, which alternate between the parts, so that what else runs on the machine matters less.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

PATH, TEXTS = "/v1/parse", ("来一首周华健的花心",)
CLIENTS = 16
"""Requests that are open at a time, as in the throughput of `bench_arm.host.serving`."""


async def measure(model: Path, requests: int, rounds: int) -> dict[str, float]:
    """Microseconds by part. ``requests``: of a round."""
    from slu.serving.answers import answer_to
    from slu.serving.app import Guard, make_app
    from slu.serving.routes import validated
    from slu.serving.schemas import ParseRequest
    from slu.serving.service import Service
    from slu.serving.settings import Settings, Source

    body = json.dumps({"text": TEXTS[0]}, ensure_ascii=False).encode()
    with tempfile.TemporaryDirectory() as place:
        service = Service(Settings((Source("m", model.resolve()),), wait=1000.0), Path(place))
        try:
            guard, opened = Guard(make_app(service), service), service.models.get(None)
            assert opened is not None
            parsed = opened.parser.parse_batch(TEXTS)
            parts: dict[str, Callable[[], Any]] = {
                "parse": lambda: opened.parser.parse_batch(TEXTS),
                "read and check the body": lambda: validated(ParseRequest, body),
                "write the answer": lambda: answer_to(opened, parsed),
                "count": lambda: service.metrics.count(PATH, 200, 0.001),
            }
            whole = "all but HTTP, 16 clients"
            found: dict[str, list[float]] = {name: [] for name in (*parts, whole)}
            for _ in range(rounds):
                for name, part in parts.items():
                    began = time.process_time()
                    for _ in range(requests):
                        part()
                    found[name].append(time.process_time() - began)
                began = time.process_time()
                await asyncio.gather(*(_client(guard, body, requests // CLIENTS) for _ in range(CLIENTS)))
                found[whole].append((time.process_time() - began) * requests / (requests // CLIENTS * CLIENTS))
        finally:
            service.close()
    return {name: round(1e6 * min(seconds) / requests, 1) for name, seconds in found.items()}


async def _client(guard: Callable[..., Awaitable[None]], body: bytes, requests: int) -> None:
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [(b"content-type", b"application/json")]}

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"status {message['status']}")

    for _ in range(requests):
        await guard(scope, receive, send)


def main() -> int:
    import uvloop

    parser = argparse.ArgumentParser(description="Where the time of a request goes; prints JSON.")
    parser.add_argument("model", metavar="MODEL", type=Path)
    parser.add_argument("--requests", type=int, default=320, help="of a round")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    sys.setswitchinterval(2e-4)  # as slu serve does
    found = uvloop.run(measure(args.model, max(CLIENTS, args.requests), max(1, args.rounds)))
    text = json.dumps({"model": str(args.model), "microseconds": found}, indent=1)
    print(text)
    if args.json:
        from slu.files import write_result

        write_result(args.json, text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
