"""The command line, ``slu``. Commands are entry points of the group ``slu.commands``.

So that `slu` needs to know neither compress nor export_lite nor bench_arm, each of them registers its own.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import errno
import io
import json
import os
import sys
from importlib import metadata
from typing import NoReturn, TextIO

from slu.errors import SluError
from slu.platform import entry_points, missing_extra, prepare_paddle
from slu.tables import shown

ORDER = (
    "data",
    "lexicon",
    "train",
    "compress",
    "export",
    "eval",
    "analyze",
    "parse",
    "serve",
    "label",
    "run",
    "bench",
    "report",
)
"""Commands as they are listed; others follow."""


ESCAPED = "slu.escaped"
"""Error handler of the output: what its encoding lacks is written as in JSON, so that JSON stays JSON."""


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return json.dumps(text)[1:-1], error.end


codecs.register_error(ESCAPED, _escaped)


class _Parser(argparse.ArgumentParser):
    """One line for a wrong call, as for every other error."""

    intermixed = False
    """Whether options may stand between positional arguments, as in ``slu parse MODEL --backend B TEXT``."""
    _inside = False

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        if not self.intermixed or self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True  # argparse's own method for this calls the present one
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, with what is installed of it."""
    parser = _Parser(
        prog="slu",
        description="Spoken-language understanding for phones and cars: train a model of intents and slots, labels, "
        "named spans or answers, compress it, export it, measure it.",
    )
    parser.add_argument("--version", action="version", version=f"slu {metadata.version('slu')}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    found = entry_points("slu.commands")
    rank = {name: i for i, name in enumerate(ORDER)}
    for entry in sorted(found, key=lambda e: (rank.get(e.name, len(rank)), e.name)):
        entry.load()(subparsers)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 2 for an error that is explained in one line, 130 when interrupted."""
    _fill_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)
    command = "slu"
    try:
        prepare_paddle()
        args = build_parser().parse_args(arguments)
        command = args.command
        code = int(args.func(args))
        if sys.stdout is not None:
            sys.stdout.flush()  # while its errors can still be explained
        return code
    except SluError as error:
        return _fail(shown(" ".join(str(error).split("\n"))))
    except ModuleNotFoundError as error:
        what = missing_extra(error.name or "")
        if what is None:
            raise
        return _fail(f"{command}: {what}")
    except BrokenPipeError:
        _drop(sys.stdout)  # its reader has gone (head, less): that is no error
        return 0
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _drop(sys.stdout)
            return _fail(f"{error.filename or 'output'}: no space left on the device; free some and run it again")
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        _say("slu: interrupted")
        return 130


def _fill_descriptors() -> None:
    """Open those of standard input, output and errors that are closed: a file must not get their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _drop(stream: TextIO | None) -> None:
    """Give up output that cannot be written: Python would try again at exit, and complain."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(message: str) -> int:
    _say(f"slu: error: {message}")
    return 2


def _say(line: str) -> None:
    """Write to standard error, as far as it can be written to: the exit code says the rest."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)
        _drop(sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
