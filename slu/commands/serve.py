"""``slu serve``: models behind HTTP."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slu.serving.settings import Source


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``serve`` to the commands."""
    parser = subparsers.add_parser(
        "serve",
        help="answer over HTTP",
        description="Serve models over HTTP until SIGTERM or SIGINT. GET /docs describes the requests.",
    )
    parser.add_argument(
        "models", metavar="[NAME=]MODEL", nargs="+", help="checkpoints or bundles; the first is the default"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port, 0 for any free one (default: %(default)s)")
    parser.add_argument("--backend", metavar="B", help="what computes the networks (default: as `slu parse` chooses)")
    _add_load_arguments(parser)
    _add_model_arguments(parser)
    parser.add_argument(
        "--token-file", metavar="FILE", type=Path, help="tokens to accept, one a line (default: none needed)"
    )
    parser.add_argument("--log-requests", action="store_true", help="a line a request, without its texts")
    parser.add_argument("--log-texts", action="store_true", help="also the texts that are sent")
    parser.add_argument(
        "--run-dir", metavar="DIR", type=Path, help="where the server's own files go (default: temporary)"
    )
    parser.set_defaults(func=run)


def _add_load_arguments(parser: argparse.ArgumentParser) -> None:
    from slu.serving.settings import Settings

    def add(name: str, kind: type, metavar: str, text: str) -> None:
        default = getattr(Settings, name.replace("-", "_"))
        parser.add_argument(
            f"--{name}", type=kind, default=default, metavar=metavar, help=f"{text} (default: %(default)s)"
        )

    add("workers", int, "N", "processes")
    add("threads", int, "N", "threads of each process that parse, for each model")
    add("queue", int, "N", "texts of a model that may wait in a process; beyond, the answer is 503 at once")
    parser.add_argument(
        "--wait", type=float, metavar="MS", help="milliseconds in which the texts before a request must be answered, "
        "or it is refused (default: 10 for the engine, 2000 for other backends)",
    )  # fmt: skip
    add("max-texts", int, "N", "texts of a request")
    add("max-body", int, "BYTES", "size of a request")
    add("connections", int, "N", "open connections of a process")
    add("timeout", float, "S", "seconds to send a request, to take an answer, and to wait for one")
    add("keep-alive", float, "S", "seconds that an idle connection is kept")
    add("drain", float, "S", "seconds between the signal to stop and the end of listening")
    parser.add_argument(
        "--window", type=float, metavar="MS", help="milliseconds in which texts are collected for one run of a backend "
        "(default: 2; 0 for the engine, which parses one at a time)",
    )  # fmt: skip


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lexicon", metavar="[NAME:]SLOT=FILE", action="append", default=[],
        help="entries to add to the lexicon of a slot, for one model or all; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--pins", metavar="[NAME:]FILE", action="append", default=[],
        help="pinned phrases, for one model or all; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--watch", type=float, metavar="S", default=1.0,
        help="seconds between looks at the files of the models, which are read again after a change; "
        "0: only when asked (default: %(default)s)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    from slu.serving.settings import Settings
    from slu.serving.supervisor import serve

    names = ("host", "port", "workers", "threads", "queue", "max_texts", "max_body", "connections", "timeout")
    names += ("keep_alive", "drain", "watch", "token_file", "log_requests", "log_texts")  # type: ignore[assignment]
    settings = Settings(
        sources=tuple(_sources(args)), run=args.run_dir, window=None if args.window is None else args.window / 1000,
        wait=None if args.wait is None else args.wait / 1000,
        **{name: getattr(args, name) for name in names},
    )  # fmt: skip
    return serve(settings)


def _sources(args: argparse.Namespace) -> list[Source]:
    from slu.commands.arguments import parse_lexicons
    from slu.errors import ConfigError
    from slu.files import real_path
    from slu.serving.settings import Source

    named: list[tuple[str, Path]] = []
    for model in args.models:
        name, equals, path = model.partition("=")
        if not equals or "/" in name:
            name, path = (Path(model).name if Path(model).is_dir() else Path(model).stem), model
        named.append((name, Path(path)))
    names = [name for name, _ in named]
    lexicons: dict[str, list[tuple[str, Path]]] = {name: [] for name in names}
    pins: dict[str, list[Path]] = {name: [] for name in names}
    for text in args.lexicon:
        of, rest = _of_model(text, names)
        for name in of:
            lexicons[name] += parse_lexicons([rest])
    for text in args.pins:
        of, rest = _of_model(text, names)
        for name in of:
            pins[name].append(Path(rest))
    for _, path in named:
        if not path.exists():
            raise ConfigError(f"{path}: no such model; give a checkpoint or a bundle")
    return [
        Source(name, real_path(path), args.backend, tuple(lexicons[name]), tuple(pins[name])) for name, path in named
    ]


def _of_model(text: str, names: list[str]) -> tuple[list[str], str]:
    """The models that an argument is for, and the rest of it."""
    name, colon, rest = text.partition(":")
    return ([name], rest) if colon and name in names else (names, text)
