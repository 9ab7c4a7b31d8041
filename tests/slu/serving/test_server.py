"""Tokens, slow clients, raw bytes, replacing models, several workers, the end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
from served import Client, Serve

from bench_arm.host.load import Load, post
from bench_arm.host.serving import free_port, replace
from slu.cli import main


def say(client: Client, data: bytes, wait: float = 5.0, half_close: bool = False) -> bytes:
    """What the server says to these bytes until it closes or nothing comes for so long."""
    with socket.create_connection(("127.0.0.1", client.served.port), timeout=wait) as connection:
        said = b""
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                said += part
        except (TimeoutError, socket.timeout, ConnectionError):
            pass
        return said


def until(what: object, seconds: float = 20.0) -> None:
    """Wait for a condition, a function."""
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_slow_and_half_requests(ask: Client) -> None:
    whole = post("/v1/parse", {"text": "取消"})
    began = time.monotonic()
    assert say(ask, whole[:20], 10).startswith(b"HTTP/1.1 408")
    assert say(ask, whole[:-3], 10).startswith(b"HTTP/1.1 408")
    assert say(ask, b"", 10) == b""
    assert time.monotonic() - began < 15
    assert say(ask, whole + whole[:10], 10).startswith(b"HTTP/1.1 200")


def test_bytes_that_are_no_requests(ask: Client) -> None:
    whole = post("/v1/parse", {"text": "取消"})
    assert say(ask, b"\x16\x03\x01\x02" + os.urandom(50)).startswith(b"HTTP/1.1 400")
    assert say(ask, b"GET / HTTP/1.1\r\nx: " + b"y" * 600000).startswith(b"HTTP/1.1 431")
    assert say(ask, b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 8000).startswith(b"HTTP/1.1 431")
    after = say(ask, whole + b"\0\0 garbage\r\n\r\n")
    assert after.startswith(b"HTTP/1.1 200")  # what was right is answered, whatever follows
    two = say(ask, whole + whole, 1.0)
    assert len(re.findall(rb"HTTP/1.1 200", two)) == 2
    chunked = b"POST /v1/parse HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert say(ask, chunked + b"f\r\n" + b'{"text": "abc"}' + b"\r\n0\r\n\r\n", 1).startswith(b"HTTP/1.1 200")
    assert say(ask, chunked + b"8000\r\n" + b"x" * 0x8000 + b"\r\n0\r\n\r\n", 1).startswith(b"HTTP/1.1 413")
    assert say(ask, chunked + b"zz\r\n").startswith(b"HTTP/1.1 400")
    upgrade = whole.replace(b"\r\n", b"\r\nconnection: upgrade\r\nupgrade: h2c\r\n", 1)
    assert say(ask, upgrade, 1.0).startswith(b"HTTP/1.1 200")
    assert say(ask, whole, half_close=True).startswith(b"HTTP/1.1 200")
    assert ask("/healthz")[0] == 200


def test_clients_that_wait_to_be_told_to_send_a_body(ask: Client) -> None:
    """After an error nobody knows whether the body comes: the connection ends."""
    head = b"POST /v1/parse HTTP/1.1\r\nexpect: 100-continue\r\n"
    for rest in (b"content-length: 30000\r\n\r\n", b"content-type: text/plain\r\ncontent-length: 9\r\n\r\n"):
        said = say(ask, head + rest)
        assert re.match(rb"HTTP/1.1 41[35] ", said) and b"connection: close" in said and b" 100 " not in said
    body = b'{"text": ""}'
    said = say(ask, head + b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


def test_tokens(serve: Serve, models: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# ours\nfirst-token-of-many-letters\n\nsecond-token-of-many-letters\n")
    client = serve(models[0], "--token-file", file, "--watch", "0.1")
    body = {"text": "取消"}
    status, headers, _ = client.raw("/v1/parse", body)
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert client("/healthz")[0] == client("/readyz")[0] == 200
    for path in ("/v1/models", "/metrics", "/docs", "/openapi.json", "/nothing"):
        assert client.raw(path)[0] == 401, path
    for token in ("second-token-of-many-letters", "first-token-of-many-letters"):
        assert Client(client.served, token)("/v1/parse", body)[0] == 200
    for wrong in ("first-token-of-many-letter", "x", "first-token-of-many-letters second"):
        assert Client(client.served, wrong)("/v1/parse", body)[0] == 401
    basic = {"authorization": "Basic first-token-of-many-letters"}
    assert client("/v1/parse", body, headers=basic)[0] == 401
    file.write_text("another-token-of-many-letters\n")
    until(lambda: Client(client.served, "another-token-of-many-letters")("/v1/parse", body)[0] == 200)
    assert Client(client.served, "first-token-of-many-letters")("/v1/parse", body)[0] == 401
    file.write_text("short\n")
    time.sleep(0.5)
    assert Client(client.served, "another-token-of-many-letters")("/v1/parse", body)[0] == 200
    file.unlink()
    file.mkdir()
    time.sleep(0.5)
    assert Client(client.served, "another-token-of-many-letters")("/v1/parse", body)[0] == 200
    assert client("/v1/parse", body)[0] == 401
    file.rmdir()
    file.write_text("last-token-of-many-letters\n")
    until(lambda: Client(client.served, "last-token-of-many-letters")("/v1/parse", body)[0] == 200)


def test_replacing_a_model(serve: Serve, models: tuple[Path, Path], live: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("花心\n", encoding="utf-8")
    client = serve(f"m={live}", "--watch", "0.1", "--lexicon", f"song={names}")

    def version() -> str:
        return str(client("/v1/models/m")[1]["version"])

    first, whole = version(), (live / "model.gguf").read_bytes()
    answers = client.parse(texts=["来一首花心", "取消"])
    # A broken one is refused, also when it is written over the one in use.
    with (live / "model.gguf").open("r+b") as file:
        file.truncate(1000)
    until(lambda: client("/v1/models/m")[1]["refused"])
    status, answer = client("/v1/models/m/reload", b"")
    assert status == 409 and str(live / "model.gguf") in answer["error"]
    assert version() == first and client.parse(texts=["来一首花心", "取消"]) == answers
    (live / "model.gguf").write_bytes(whole)
    until(lambda: client("/v1/models/m")[1]["refused"] is None)
    assert version() == first
    # Another one takes its place; so do other lexicons.
    replace(live, models[1])
    until(lambda: version() != first)
    second = version()
    assert client.parse(texts=["来一首花心", "取消"]) != answers
    names.write_text("花心\n人民广场\n", encoding="utf-8")
    until(lambda: version() != second)
    third = version()
    names.unlink()
    assert client("/v1/models/m/reload", b"")[0] == 409 and version() == third
    assert b'slu_reloads_total{model="m",result="replaced"} 2.0' in client.raw("/metrics")[2]


def test_files_of_the_server_that_vanish(serve: Serve, models: tuple[Path, Path], live: Path, tmp_path: Path) -> None:
    """As old temporary files do on some machines: what is open goes on, and what cannot be done is said."""
    (tmp_path / "run").mkdir()
    client = serve(f"m={live}", "--run-dir", tmp_path / "run", "--watch", "0.1")
    before = client.parse(texts=["来一首花心", "取消"], session="s")
    [store] = (tmp_path / "run").iterdir()
    shutil.rmtree(store)
    status, answer = client("/v1/models/m/reload", b"")
    assert status == 409 and "look at --run-dir" in answer["error"]
    replace(live, models[1])
    until(lambda: client("/v1/models/m")[1]["refused"])
    assert client.parse(texts=["来一首花心", "取消"], session="t") == before
    assert b'slu_requests_total{endpoint="/v1/parse",status="200"}' in client.raw("/metrics")[2]


def test_workers_and_numbers(serve: Serve, models: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    client = serve(models[0], "--workers", "2", "--log-requests")
    for _ in range(20):
        client.parse(texts=["我的秘密地址", "取消"])
    client("/v1/parse", {"text": 3})

    def number(name: str) -> float:
        found = re.search(rf"^{re.escape(name)} ([\d.e+]+)$", client.raw("/metrics")[2].decode(), re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    until(lambda: number('slu_texts_total{model="one"}') == 40)
    assert number('slu_requests_total{endpoint="/v1/parse",status="200"}') == 20
    assert number('slu_requests_total{endpoint="/v1/parse",status="422"}') == 1
    assert number('slu_request_seconds_count{endpoint="/v1/parse"}') == 21
    # A dialogue goes on whichever worker is asked, and a worker that dies is replaced.
    dialogue = ["导航到人民广场", "取消"] * 4
    expected = client.parse(texts=dialogue, session="whole")
    assert [client.parse(text=text, session="parts")[0] for text in dialogue] == expected
    victim = client.served.workers()[0]
    os.kill(victim, signal.SIGKILL)

    def replaced() -> bool:
        now = client.served.workers()  # one look: a victim that is gone at a second one is not replaced yet
        return len(now) == 2 and victim not in now

    until(replaced, 30)
    assert [client.parse(text=text, session="parts") for text in dialogue]
    assert number('slu_requests_total{endpoint="/v1/parse",status="422"}') == 1, "what the dead one counted counts"
    said = capfd.readouterr().err
    assert "POST /v1/parse 200" in said and "died" in said
    assert "秘密" not in said and "\\u79d8" not in said


def test_too_much_is_refused_at_once(serve: Serve, models: tuple[Path, Path]) -> None:
    client = serve(models[0], "--wait", "0", "--queue", "100")
    client.parse(texts=["取消"] * 50)  # so that the pace is known
    load = Load("127.0.0.1", client.served.port, [post("/v1/parse", {"texts": ["来一首花心"] * 30})], 8)
    outcome = asyncio.run(load.run(1.0))
    assert set(outcome.seconds) == {200, 503} and outcome.lost == 0, outcome.to_json()
    numbers = client.raw("/metrics")[2].decode()
    for name, count in (
        ('slu_requests_total{endpoint="/v1/parse",status="200"}', outcome.count(200) + 1),
        ('slu_requests_total{endpoint="/v1/parse",status="503"}', outcome.count(503)),
        ('slu_refused_total{reason="queue"}', outcome.count(503)),
    ):
        assert f"{name} {float(count)}\n" in numbers
    assert client.parse(text="取消")


def test_texts_in_the_log_only_when_asked(
    serve: Serve, models: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    client = serve(models[0], "--log-texts")
    client.parse(text="我的秘密地址")
    until(lambda: "我的秘密地址" in capfd.readouterr().err)


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_the_end_loses_nothing(serve: Serve, models: tuple[Path, Path], workers: str) -> None:
    client = serve(models[0], "--workers", workers, "--wait", "10000")
    load = Load("127.0.0.1", client.served.port, [post("/v1/parse", {"texts": ["来一首花心"] * 8})], 12)

    async def scenario() -> object:
        running = asyncio.ensure_future(load.run(60))
        await asyncio.sleep(0.5)
        client.served.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(client.served.process.wait, 30)
        load.stopping = True
        return await running

    asyncio.run(scenario())
    assert client.served.process.returncode == 0
    assert load.outcome.lost == 0 and load.outcome.count(200) > 10, load.outcome.to_json()
    assert load.outcome.count() == load.outcome.count(200)


def test_commands_that_cannot_work(
    models: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, taken = str(models[0]), socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "tokens").write_text("# none\n")
    free = ["--port", str(free_port())]
    for arguments, words in (
        ([str(tmp_path / "none")], "no such model"),
        ([str(empty), *free], "contains no manifest.json"),
        ([one, one], "two models are called 'one'"),
        ([one, "--port", str(taken.getsockname()[1])], "cannot listen there"),
        ([one, "--port", "70000"], "from 0 to 65535"),
        ([one, "--workers", "0"], "--workers is 0"),
        ([one, "--timeout", "0"], "--timeout is 0"),
        ([one, *free, "--backend", "abacus"], "unknown backend"),
        ([one, *free, "--lexicon", "song=none.txt"], "none.txt"),
        ([one, *free, "--token-file", str(tmp_path / "tokens")], "holds no token"),
        ([one, *free, "--host", "192.0.2.1"], "cannot listen there"),
    ):
        assert main(["serve", *arguments]) == 2, arguments
        said = capsys.readouterr().err
        assert words in said and json.dumps(said).count("\\n") == 1, said
    taken.close()
