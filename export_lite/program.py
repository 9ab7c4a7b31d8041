"""Programs that take one directory, ``python -m export_lite.NAME DIR``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from slu.errors import SluError
from slu.tables import shown


def run_program(
    module: str, argument: str, work: Callable[[Path], None], arguments: Sequence[str] | None = None
) -> int:
    """Do ``work`` with the directory that the command line names; returns the exit code, 2 for an error in one line.

    ``argument``: what its usage calls the directory. ``arguments``: None for those of this process.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or given[0].startswith("-"):
        print(f"usage: python -m {module} {argument}", file=sys.stderr)
        return 2
    try:
        work(Path(given[0]))
    except SluError as error:
        print(f"{module}: error: {shown(str(error))}", file=sys.stderr)
        return 2
    return 0
