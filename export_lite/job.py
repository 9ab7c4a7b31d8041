"""What the writer of a format is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slu.model.checkpoint import Checkpoint
from slu.runtime.formats import Format


@dataclass(frozen=True)
class Job:
    """Write ``checkpoint`` as ``format`` into ``directory``.

    ``length``: tokens that a graph takes, [CLS] and [SEP] counted. ``graph``: a directory with the static graph that
    the format asks for, `slu.runtime.formats.GRAPH` and `PARAMETERS`; without meaning for a format that asks for none.
    """

    checkpoint: Checkpoint
    format: Format
    length: int
    directory: Path
    graph: Path

    @property
    def files(self) -> list[Path]:
        """What is to be written."""
        return [self.directory / name for name in self.format.files]
