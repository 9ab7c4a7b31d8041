"""The job of a format's writer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slu.model.checkpoint import Checkpoint
from slu.runtime.formats import Format


@dataclass(frozen=True)
class Job:
    """Write ``checkpoint`` as ``format`` into ``directory``.

    ``length``: tokens that a graph takes, [CLS] and [SEP] counted. ``graph``: a directory with the static graph that
    the format asks for, `slu.runtime.formats.GRAPH` and `PARAMETERS`; not used by formats that ask for none.
    """

    checkpoint: Checkpoint
    format: Format
    length: int
    directory: Path
    graph: Path

    @property
    def files(self) -> list[Path]:
        """The files to write."""
        return [self.directory / name for name in self.format.files]
