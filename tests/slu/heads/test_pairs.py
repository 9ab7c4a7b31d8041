"""Which heads read a tab as the end of a first text: the same as the engine's files say."""

from __future__ import annotations

from slu.heads.table import HEADS


def test_heads_that_read_pairs() -> None:
    assert {name for name, head in HEADS.items() if head.reads_pairs} == {"sequence", "labels", "answer"}
