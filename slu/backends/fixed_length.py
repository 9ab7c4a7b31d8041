"""Graphs of a fixed length: texts are padded on the way in, and what was computed for padding is cut off."""

from __future__ import annotations

from typing import Any

import numpy as np

from slu.bundle import OUTPUTS, ModelDirectory
from slu.errors import BundleError


class FixedLengthBackend:
    """Base of the backends that run an exported graph. They implement `infer`, and call `warm_up` once they can.

    ``max_length``: tokens the graph takes; ``run`` takes as many or fewer.
    """

    name: str

    def __init__(self, model: ModelDirectory):
        if model.length is None:
            raise BundleError(f"{model.path}: a checkpoint; run `slu export` on it first")
        self.max_length = model.length
        self._pad = model.config.pad_token_id
        self._shapes = ((len(model.labels.intents),), (model.length, len(model.labels.tags)))
        self._path = model.path

    def infer(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``ids`` int32 ``[n, max_length]``, contiguous → ``[n, intents]`` and ``[n, max_length, tags]``."""
        raise NotImplementedError

    def run(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count, length = ids.shape
        padded = np.full((count, self.max_length), self._pad, np.int32)
        padded[:, :length] = ids
        intent, slots = self.infer(padded)
        return intent, slots[:, :length]

    def warm_up(self) -> None:
        """Run once; raise `BundleError` when the outputs do not have the shapes that the labels ask for."""
        outputs = self.infer(np.full((1, self.max_length), self._pad, np.int32))
        for name, output, shape in zip(OUTPUTS, outputs, self._shapes):
            if output.shape[1:] != shape:
                raise BundleError(
                    f"{self._path}: {name} has shape {list(output.shape[1:])}, the labels ask for {list(shape)}; "
                    "this graph belongs to another model"
                )


def output_order(names: Any, model: ModelDirectory) -> list[int]:
    """Positions of `OUTPUTS` among the outputs of a graph."""
    names = list(names)
    if sorted(names) != sorted(OUTPUTS):
        raise BundleError(f"{model.path}: the graph has the outputs {', '.join(names)}; {', '.join(OUTPUTS)} expected")
    return [names.index(name) for name in OUTPUTS]
