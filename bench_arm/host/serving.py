"""What ``slu serve`` carries: throughput, overload, the end, and models replaced under load.

    python -m bench_arm.host.serving MODEL --seconds 60 --json serving.json

Prints one JSON object. The throughput is compared, in alternation, with that of uvicorn and FastAPI for an endpoint
that returns a constant of the same size. The client is wrk where it is installed, otherwise the one of
`bench_arm.host.load`; it runs on the same machine and takes its share of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_arm.host.load import Load, post

TEXTS = ("来一首周华健的花心", "导航到人民广场", "打电话给张三", "今天天气怎么样", "取消", "下一首")
PATH = "/v1/parse"
CONNECTIONS = {"1": 16, "32": 3}
"""Of the throughput, by the number of texts: as many as fill the server and do not overrun its queue."""
_CONSTANT = """
import json, sys
import uvicorn
from fastapi import FastAPI
from typing import Any
answers = json.load(open(sys.argv[1], encoding="utf-8"))
app = FastAPI()
@app.post("/1")
async def one(body: dict[str, Any]) -> dict[str, Any]:
    return answers[0]
@app.post("/32")
async def many(body: dict[str, Any]) -> dict[str, Any]:
    return answers[1]
if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False, log_level="error")
"""


class Served:
    """A running server. ``process`` is the parent of its workers, if there are several."""

    def __init__(self, process: subprocess.Popen[bytes], port: int):
        self.process, self.port = process, port

    def workers(self) -> list[int]:
        """Process numbers of what answers."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        workers = []
        for pid in map(int, found.stdout.split()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                if b"resource_tracker" not in _read(pid, "cmdline"):
                    workers.append(pid)
        return workers or [self.process.pid]

    def processor_seconds(self) -> float:
        """Processor time of all of them."""
        ticks = 0
        for pid in self.workers():
            ticks += sum(int(part) for part in _read(pid, "stat").rsplit(b")", 1)[1].split()[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self, what: str = "Rss") -> int:
        """Memory of all of them in bytes."""
        pattern = re.compile(rf"^{what}: +(\d+) kB", re.MULTILINE)
        texts = (_read(pid, "smaps_rollup").decode() for pid in self.workers())
        return sum(1024 * int(found.group(1)) for text in texts for found in [pattern.search(text)] if found)


def _read(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


@contextlib.contextmanager
def running(arguments: list[str]) -> Iterator[Served]:
    """``slu serve`` with these arguments, on a free port unless they say another one, until the block ends."""
    command = [sys.executable, "-m", "slu.cli", "serve", "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line.decode())
            found = re.search(r"slu serve: http://.*?:(\d+) ", said[-1])
            if found:
                break
        else:
            raise RuntimeError("".join(said))
        _drain(process)
        served = Served(process, int(found.group(1)))
        wait_ready(served.port)
        yield served
    finally:
        process.terminate()
        process.wait(120)


def _drain(process: subprocess.Popen[bytes]) -> None:
    import threading

    def copy() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            sys.stderr.buffer.write(line)

    threading.Thread(target=copy, daemon=True).start()


def wait_ready(port: int, path: str = "/readyz", seconds: float = 60.0) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + seconds
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            connection.getresponse().read()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def ask(port: int, body: Any) -> Any:
    """The answer of ``/v1/parse``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    data = json.dumps(body, ensure_ascii=False).encode()
    connection.request("POST", PATH, data, {"content-type": "application/json"})
    return json.loads(connection.getresponse().read())


def run_load(port: int, requests: list[bytes], connections: int, seconds: float, rate: float = 0.0) -> dict[str, Any]:
    """Our own client in this process."""
    return _run(Load("127.0.0.1", port, requests, connections).run(seconds, rate)).to_json()


def _run(what: Any) -> Any:
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(what)
    return uvloop.run(what)


def throughput(port: int, path: str, body: Any, connections: int, seconds: float) -> float:
    """Requests a second that a server answers in a closed loop."""
    if shutil.which("wrk") is None:
        return float(run_load(port, [post(path, body)], connections, seconds)["answers_per_second"])
    with tempfile.TemporaryDirectory() as place:
        script = Path(place) / "post.lua"
        text = json.dumps(body, ensure_ascii=False)
        script.write_text(
            f'wrk.method="POST"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[{text}]==]\n', "utf-8"
        )
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", "-s", str(script)]
        said = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
        ).stdout
    if "Non-2xx" in said:
        raise RuntimeError(f"{path}: not every answer was right: {said}")
    found = re.search(r"Requests/sec: +([\d.]+)", said)
    assert found, said
    return float(found.group(1))


def measure_throughput(model: str, workers: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Requests a second with one text and with 32, and of constants of the same size, in alternation."""
    bodies = {"1": {"text": TEXTS[0]}, "32": {"texts": [TEXTS[i % len(TEXTS)] for i in range(32)]}}
    with (
        tempfile.TemporaryDirectory() as place,
        running([model, "--workers", str(workers), "--wait", "1000"]) as served,
    ):
        (Path(place) / "constant.py").write_text(_CONSTANT, "utf-8")
        (Path(place) / "answers.json").write_text(
            json.dumps([ask(served.port, body) for body in bodies.values()], ensure_ascii=False), "utf-8"
        )
        port = free_port()
        constant = subprocess.Popen([sys.executable, f"{place}/constant.py", f"{place}/answers.json", str(port)])
        try:
            wait_ready(port)
            rows: dict[str, Any] = {}
            for texts, body in bodies.items():
                mine, theirs, used = [], [], 0.0
                for _ in range(rounds):
                    connections = CONNECTIONS[texts]
                    theirs.append(throughput(port, f"/{texts}", body, connections, seconds))
                    before, began = served.processor_seconds(), time.monotonic()
                    mine.append(throughput(served.port, PATH, body, connections, seconds))
                    used += (served.processor_seconds() - before) / ((time.monotonic() - began) * mine[-1])
                rows[texts] = {
                    "requests_per_second": round(statistics.median(mine), 1),
                    "constant_requests_per_second": round(statistics.median(theirs), 1),
                    "share_of_constant": round(statistics.median(a / b for a, b in zip(mine, theirs)), 3),
                    "processor_us_per_request": round(1e6 * used / rounds, 1),
                }
        finally:
            constant.terminate()
            constant.wait(60)
        memory = {"rss": served.memory("Rss"), "pss": served.memory("Pss")}
    return {
        "workers": workers,
        "client": "wrk" if shutil.which("wrk") else "bench_arm.host.load",
        **memory,
        "texts": rows,
    }


def measure_overload(model: str, workers: int, seconds: float, factor: float, connections: int) -> dict[str, Any]:
    """``factor`` times the load that the server carries; SIGTERM in the middle of a second, shorter one."""
    requests = [post(PATH, {"text": text}) for text in TEXTS]
    with running([model, "--workers", str(workers)]) as served:
        carried = run_load(served.port, requests, 16, max(2.0, seconds / 10))["answers_per_second"]
        before = served.memory()
        overload = run_load(served.port, requests, connections, seconds, factor * carried)
        grown = served.memory() - before
        load = Load("127.0.0.1", served.port, requests, connections)

        async def stop() -> Any:
            running_load = asyncio.ensure_future(load.run(6, factor * carried))
            await asyncio.sleep(2)
            served.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(3)
            load.stopping = True
            return await running_load

        ended = _run(stop()).to_json()
        code = served.process.wait(60)
    return {
        "carried_per_second": carried, "factor": factor, "connections": connections, "overload": overload,
        "rss_before": before, "rss_grown": grown, "sigterm": {**ended, "exit_code": code},
    }  # fmt: skip


def measure_swaps(model: str, other: str, workers: int, swaps: int) -> dict[str, Any]:
    """Replace a model by another one and back under load; every answer must be entirely that of its version."""
    with tempfile.TemporaryDirectory() as place:
        live = Path(place) / "live"
        shutil.copytree(model, live)
        with running([f"m={model}", f"o={other}"]) as served:
            wanted = {}
            for name in ("m", "o"):
                answer = ask(served.port, {"texts": TEXTS, "model": name})
                wanted[answer["version"]] = json.dumps(answer["results"])
        versions: set[str] = set()

        def check(number: int, status: int, body: bytes) -> str:
            if status != 200:
                return f"status {status}"
            answer = json.loads(body)
            versions.add(answer["version"])
            right = wanted.get(answer["version"]) == json.dumps(answer["results"])
            return "" if right else f"version {answer['version']}: not its answer"

        with running([f"m={live}", "--workers", str(workers), "--watch", "0.1", "--wait", "10000"]) as served:
            load = Load("127.0.0.1", served.port, [post(PATH, {"texts": TEXTS})], 8, check)

            async def swap() -> Any:
                running_load = asyncio.ensure_future(load.run(3600))
                for number in range(swaps):
                    await asyncio.to_thread(replace, live, Path(other if number % 2 == 0 else model))
                    await asyncio.to_thread(_reload, served.port, number)
                load.stopping = True
                return await running_load

            outcome = _run(swap())
    return {"swaps": swaps, "versions": len(versions), **outcome.to_json(), "what": outcome.wrong[:3]}


def replace(live: Path, by: Path) -> None:
    """Put another directory in the place of one, as the commands do: whole, under another name, and renamed."""
    new, old = (live.with_name(f".{live.name}.{kind}") for kind in ("new", "old"))
    shutil.copytree(by, new)
    live.rename(old)
    new.rename(live)
    shutil.rmtree(old)


def _reload(port: int, number: int) -> None:
    """Half of the swaps are asked for, the other half found by the server itself."""
    if number % 2:
        time.sleep(0.4)
        return
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/models/m/reload")
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(answer.read().decode())
    answer.read()


def free_port() -> int:
    """A port that nothing listens on."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def main() -> int:
    parser = argparse.ArgumentParser(description="What slu serve carries; prints JSON.")
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--other", metavar="MODEL", help="to swap with (default: no swaps)")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the overload; of each throughput a tenth of it")
    parser.add_argument("--rounds", type=int, default=3, help="of the throughput")
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--connections", type=int, default=256, help="of the overload")
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    result: dict[str, Any] = {
        "model": args.model,
        "processor": platform_name(),
        "throughput": measure_throughput(args.model, args.workers, max(1.0, args.seconds / 10), args.rounds),
        "overload": measure_overload(args.model, args.workers, args.seconds, 2.0, args.connections),
    }
    if args.other:
        result["swaps"] = measure_swaps(args.model, args.other, args.workers, args.swaps)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    print(text)
    if args.json:
        from slu.files import write_result

        write_result(args.json, text + "\n")
    return 0


def platform_name() -> str:
    """The processor, and how many of it this process may use."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {len(os.sched_getaffinity(0))} processors"
    return "unknown"


if __name__ == "__main__":
    sys.exit(main())
