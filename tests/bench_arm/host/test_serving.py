"""The load client, against a server that misbehaves on purpose; and the benchmark of `slu serve`, with its claims."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from pathlib import Path

import pytest

from bench_arm.host.load import Load, post
from bench_arm.host.request_parts import measure
from bench_arm.host.serving import measure_overload, measure_swaps, measure_throughput

ROOT = Path(__file__).parents[3]
NANO, PICO = (str(ROOT / f"models/nlpcc2018-{name}") for name in ("nano", "pico"))
SECONDS = float(os.environ.get("SLU_LOAD_SECONDS", "60"))
FINE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """Answers the requests of each connection with these bytes in turn; empty ones close it."""

    def __init__(self, *answers: bytes):
        self._answers, self._listener = answers, socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                while connection.recv(1 << 16):
                    answer = self._answers[number % len(self._answers)]
                    number += 1
                    if not answer:
                        break
                    connection.sendall(answer)

    def close(self) -> None:
        self._listener.close()


def load(server: Server, seconds: float = 0.5, rate: float = 0.0, check: str = "") -> Load:
    made = Load("127.0.0.1", server.port, [post("/", {"text": "a"})], 1, lambda number, status, body: check)
    asyncio.run(made.run(seconds, rate))
    server.close()
    return made


def test_it_counts_what_becomes_of_requests() -> None:
    refusal = b"HTTP/1.1 503 no\r\ncontent-length: 0\r\nConnection: close\r\n\r\n"
    outcome = load(Server(FINE, FINE, refusal, b"")).outcome
    answered, refused = outcome.count(200), outcome.count(503)
    assert refused > 0 and abs(answered - 2 * refused) <= 3 and abs(outcome.lost - refused) <= 2
    assert outcome.to_json()["by_status"]["200"]["count"] == answered


def test_it_keeps_to_a_rate_and_checks_answers() -> None:
    outcome = load(Server(FINE), 1.0, 40, "bad").outcome
    assert 20 <= outcome.count(200) + outcome.late <= 41 and outcome.lost == 0
    assert len(outcome.wrong) == outcome.count(200)


@pytest.mark.slow
def test_throughput_is_measured() -> None:
    row = measure_throughput(NANO, 1, 2, 2)["texts"]
    assert all(row[texts]["requests_per_second"] > 1 for texts in ("1", "32"))
    assert row["1"]["share_of_constant"] > 0.1


@pytest.mark.slow
def test_the_parts_of_a_request_are_less_than_all_of_it() -> None:
    found = asyncio.run(measure(Path(PICO), 32, 5))
    whole = found.pop("all but HTTP, 16 clients")
    assert 0 < max(found.values()) < whole, found


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_twice_the_load_and_the_end_in_the_middle(workers: int) -> None:
    found = measure_overload(NANO, workers, SECONDS, 2.0, 256)
    for part in (found["overload"], found["sigterm"]):
        assert part["lost"] == 0 and set(part["by_status"]) <= {"200", "503"}, found
        assert part["by_status"]["200"]["count"] > 100
    assert found["rss_grown"] < workers * (16 << 20) and found["sigterm"]["exit_code"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_hundred_swaps_under_load(workers: int) -> None:
    found = measure_swaps(NANO, PICO, workers, 100)
    assert set(found["by_status"]) == {"200"} and found["by_status"]["200"]["count"] > 200, found
    assert (found["lost"], found["wrong"], found["versions"]) == (0, 0, 2), found
