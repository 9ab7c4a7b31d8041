"""What a command of the emulated phone sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bench_arm.emulated.machine import Machine

Write = Callable[[bytes], None]


@dataclass
class Context:
    """The machine, where output goes, the shell that runs other commands, the directory, variables.

    ``core``: the one that programs run on; None for the fastest.
    """

    machine: Machine
    out: Write
    err: Write
    run_words: Callable[[Context, list[str], bytes], int]
    run_script: Callable[[Context, str, bytes], int]
    cancelled: Callable[[], bool]
    cwd: str = "/"
    variables: dict[str, str] = field(default_factory=dict)
    status: int = 0
    depth: int = 0
    core: int | None = None

    def say(self, text: str) -> None:
        self.out(text.encode())

    def complain(self, text: str) -> None:
        self.err(text.encode() + b"\n")
