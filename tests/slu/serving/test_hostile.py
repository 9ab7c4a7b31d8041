"""Nothing that anybody sends makes the server fail: no 5xx but 503, no crash, and it goes on."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hostile_requests import Maker, exchange
from served import Client, Serve

FEW, MANY = 300, int(os.environ.get("SLU_HOSTILE", "10000"))


def attack(client: Client, requests: int, seed: int) -> Counter[int]:
    """Statuses of the answers, 0 for none."""
    expected = client("/v1/parse", {"texts": ["来一首花心", "取消"]})
    workers, memory = client.served.workers(), 0
    maker, statuses = Maker(client("/openapi.json")[1], seed), Counter[int]()
    for number in range(requests):
        request = maker.request()
        said = exchange(client.served.port, request, 0.2, maker.random.random() < 0.5)
        found = [int(status) for status in re.findall(rb"^HTTP/1.1 (\d+)", said, re.MULTILINE)]
        statuses.update(found or [0])
        wrong = [status for status in found if status >= 500 and status != 503]
        assert not wrong, (seed, number, request, said)
        if number == requests // 2:
            memory = client.served.memory()
    assert client("/v1/parse", {"texts": ["来一首花心", "取消"]}) == expected
    assert client.served.workers() == workers
    assert client.served.memory() < memory + (8 << 20)
    return statuses


def test_a_few(ask: Client) -> None:
    statuses = attack(ask, FEW, 1)
    assert {200, 400, 404, 405, 422} <= set(statuses), statuses


@pytest.mark.slow
def test_many(serve: Serve, models: tuple[Path, Path]) -> None:
    statuses = attack(serve(models[0], "--timeout", "2", "--max-body", "20000"), MANY, 2)
    print(dict(sorted(statuses.items())))
    assert sum(statuses.values()) >= MANY
