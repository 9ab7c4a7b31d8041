"""The log of a training as VisualDL reads it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

DIRECTORY = "visualdl"


class VisualDlLog:
    """Writes every number of a log's rows as a curve over the steps, below ``workspace/visualdl``.

    What an earlier, interrupted run wrote is replaced by ``log``, so that no step occurs twice.
    """

    def __init__(self, workspace: Path, log: list[dict[str, Any]]):
        from visualdl import LogWriter

        shutil.rmtree(workspace / DIRECTORY, ignore_errors=True)
        self._writer = LogWriter(logdir=str(workspace / DIRECTORY), display_name="train")
        for row in log:
            self.add(row)

    def add(self, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if name != "step" and isinstance(value, (int, float)):
                self._writer.add_scalar(tag=name, step=int(row["step"]), value=float(value))

    def __enter__(self) -> VisualDlLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # VisualDL writes in a thread: without this, it may write into a directory that is being removed.
        try:
            self._writer.close()
        except OSError:
            if error is None:  # else that is what there is to say
                raise
