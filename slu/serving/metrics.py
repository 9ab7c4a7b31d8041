"""What ``/metrics`` says, added up over all workers of a server.

The workers of a server write their numbers into files of one directory (Prometheus' multiprocess mode): whichever
worker is asked answers for all. `prepare` must be called before this module's metrics are imported elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from slu.serving.store import reserve

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
ENDPOINTS = ("/v1/parse", "/v1/logits", "/v1/models", "/healthz", "/readyz", "/metrics")
OTHER = "other"
_FILES = ("counter", "histogram", "gauge_livesum")
_ROOM = 256 << 10
"""Bytes of each of a worker's files: those of thirty models, at about 200 bytes a number."""


def prepare(directory: Path) -> None:
    """Let this process and its children count in files of ``directory``."""
    directory.mkdir(exist_ok=True)
    os.environ[VARIABLE] = str(directory)


def begin_worker(number: int) -> None:
    """Let this process count in the files of a worker's number, with which the next one of that number goes on: however
    many have died, there are no more files. Called before any `Metrics` is made.

    Raises `ConfigError` if the disk has no room for them.
    """
    from prometheus_client import values

    for kind in _FILES:
        reserve(Path(os.environ[VARIABLE]) / f"{kind}_{number}.db", _ROOM)
    values.ValueClass = values.MultiProcessValue(lambda: number)


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        # A registry of its own: another server in the same process, as in tests, has other metrics.
        self._registry = own = CollectorRegistry()
        self.requests = Counter("slu_requests", "Requests answered", ["endpoint", "status"], registry=own)
        self.seconds = Histogram(
            "slu_request_seconds", "From the head of a request to its answer", ["endpoint"],
            buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self.texts = Counter("slu_texts", "Texts answered", ["model"], registry=own)
        self.refused = Counter("slu_refused", "Requests refused without looking at them", ["reason"], registry=own)
        self.queue = Gauge(
            "slu_queue_texts", "Texts that wait or are parsed", ["model"],
            multiprocess_mode="livesum", registry=own,
        )  # fmt: skip
        self.connections = Gauge("slu_connections", "Open connections", multiprocess_mode="livesum", registry=own)
        self.reloads = Counter("slu_reloads", "Models replaced and refused", ["model", "result"], registry=own)
        self.parsed: dict[str, int] = {}
        self.unread = 0
        self._counts: dict[tuple[str, int], int] = {}
        self._times = {endpoint: self.seconds.labels(endpoint) for endpoint in (*ENDPOINTS, OTHER)}

    def count(self, path: str, status: int, seconds: float) -> None:
        """Note one answer."""
        endpoint = path if path in self._times else OTHER
        self._counts[endpoint, status] = self._counts.get((endpoint, status), 0) + 1
        self._times[endpoint].observe(seconds)

    def refuse(self, endpoint: str) -> None:
        """Note a request that was refused for want of room, without reading it."""
        self._counts[endpoint, 503] = self._counts.get((endpoint, 503), 0) + 1
        self.unread += 1

    def flush(self) -> None:
        """Write what was counted since the last call: done once a second, it costs a request nothing."""
        counts, self._counts = self._counts, {}
        if self.unread:
            self.refused.labels("queue").inc(self.unread)
            self.unread = 0
        for (endpoint, status), count in counts.items():
            self.requests.labels(endpoint, str(status)).inc(count)
        for model, count in self.parsed.items():
            self.texts.labels(model).inc(count)
            self.parsed[model] = 0

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        self.flush()
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        directory = os.environ.get(VARIABLE)
        if directory is None or not Path(directory).is_dir():  # or somebody has removed it
            return bytes(generate_latest(self._registry))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return bytes(generate_latest(registry))


def forget(number: int) -> None:
    """Take the gauges of a worker that has ended out of the sums."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(number)
