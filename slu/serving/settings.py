"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slu.errors import ConfigError


@dataclass(frozen=True)
class Source:
    """Where a model comes from.

    ``name``: as requests call it. ``path``: a checkpoint, a bundle or a GGUF file. ``backend``: a key of
    `slu.runtime.formats.BACKENDS`, None for the first one that fits. ``lexicons``: slots and files of entries that are
    added. ``pins``: files of pinned phrases.
    """

    name: str
    path: Path
    backend: str | None = None
    lexicons: tuple[tuple[str, Path], ...] = ()
    pins: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Settings:
    """``sources``: the models. ``host``, ``port``: to listen on; port 0 is any free one. ``workers``: processes.

    ``threads``: that parse, for each model of a process. ``queue``: texts of one model that may wait or be parsed in
    one process; a request that finds no room is refused at once. ``wait``: seconds in which the texts before a request
    must be answered, or it is refused; None: as `slu.serving.service` says. ``max_texts``, ``max_body``: of a request,
    the body in bytes. ``connections``: open ones of a process.

    ``timeout``: seconds that a client has to send a request or to take an answer, and that a request may wait.
    ``keep_alive``: seconds that an idle connection is kept. ``drain``: seconds between the signal to stop and the end
    of listening, in which every answer asks its client to close. ``watch``: seconds between two looks at the files of
    the models; 0 for none.

    ``window``: seconds in which texts are collected for one run of the backend; None: as `slu.serving.models` says.
    ``token_file``: a file with the tokens that are accepted, one a line; without it everybody is answered.
    ``log_requests``: a line a request; ``log_texts``: with its texts. ``run``: a directory for the server's own files,
    None for a temporary one.
    """

    sources: tuple[Source, ...]
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    threads: int = 1
    queue: int = 256
    wait: float | None = None
    max_texts: int = 128
    max_body: int = 1 << 20
    connections: int = 1000
    timeout: float = 10.0
    keep_alive: float = 75.0
    drain: float = 1.0
    watch: float = 1.0
    window: float | None = None
    token_file: Path | None = None
    log_requests: bool = False
    log_texts: bool = False
    run: Path | None = None

    def __post_init__(self) -> None:
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"two models are called {name!r}; call one of them otherwise, with NAME=MODEL")
            if not name or len(name) > 100 or "/" in name or not name.isprintable():
                raise ConfigError(f"{name[:50]!r} cannot be the name of a model; give it one, with NAME=MODEL")
        for name, least in (("workers", 1), ("threads", 1), ("queue", 1), ("max_texts", 1), ("max_body", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be at least {least}")
        if not 0 <= self.port < 1 << 16:
            raise ConfigError(f"--port is {self.port}; it must be from 0 to 65535")
        for name in ("timeout", "keep_alive"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be above 0")
        for name in ("drain", "watch", "window", "wait"):
            if (getattr(self, name) or 0) < 0:
                raise ConfigError(f"--{name} is {getattr(self, name)}; it must not be negative")
