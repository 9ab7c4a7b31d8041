"""Graphs of a fixed length: texts are padded on the way in, and what was computed for padding is cut off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slu.errors import BundleError, SluError
from slu.formats.graph_values import Expected
from slu.runtime.bundle import FLAGS, INPUT, NGRAM_ROWS, ModelDirectory, graph_inputs


class FixedLengthBackend:
    """Base of the backends that run an exported graph. They implement `infer`, and call `warm_up` once they can.

    ``max_length``: tokens the graph takes; ``run`` takes as many or fewer. ``inputs``: what `infer` is given, in order.
    ``expected``: what a graph must be for this model, which is checked before a library opens it.
    """

    name: str

    def __init__(self, model: ModelDirectory):
        if model.length is None:
            raise BundleError(
                f"{model.path}: is a checkpoint, and this backend runs bundles; run `slu export` on it first"
            )
        self.max_length = model.length
        self.inputs = graph_inputs(model.length, model.config, model.labels)
        self._pad = model.config.pad_token_id
        self.head = model.config.task
        self._shapes = self.head.logit_shapes(model.length, model.labels)
        self.expected = Expected(
            {given.name: (given.type, given.shape[1:]) for given in self.inputs},
            dict(zip(self.head.logits, self._shapes)),
            {INPUT: model.config.vocab_size, NGRAM_ROWS: model.config.ngram_rows},
        )
        self._ngrams = model.ngrams
        self._path = model.path

    def infer(self, *inputs: np.ndarray) -> Sequence[np.ndarray]:
        """``inputs``: arrays as `inputs` says, contiguous → the head's logits, of all ``max_length`` tokens."""
        raise NotImplementedError

    def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        given = self._padding(len(ids))
        length = ids.shape[1]
        values = {INPUT: ids, FLAGS: flags, NGRAM_ROWS: self._ngrams.rows(ids) if self._ngrams else None}
        for array, name in zip(given, (one.name for one in self.inputs)):
            if values[name] is not None:
                array[:, :length] = values[name]
        return self.head.cut(self.infer(*given), length)

    def _padding(self, count: int) -> list[np.ndarray]:
        """Inputs of ``count`` texts without a token."""
        arrays = [np.zeros((count, *given.shape[1:]), given.type) for given in self.inputs]
        arrays[0][:] = self._pad
        return arrays

    def warm_up(self) -> None:
        """Run once; raise `BundleError` when the outputs do not have the shapes that the labels ask for."""
        outputs = self.infer(*self._padding(1))
        for name, output, shape in zip(self.head.logits, outputs, self._shapes):
            if output.shape[1:] != shape:
                raise BundleError(
                    f"{self._path}: {name} has shape {list(output.shape[1:])}, the labels require {list(shape)}; "
                    "this graph belongs to another model"
                )


def output_order(names: Any, model: ModelDirectory) -> list[int]:
    """Positions of the head's logits among the outputs of a graph."""
    names, wanted = list(names), model.config.task.logits
    if sorted(names) != sorted(wanted):
        raise BundleError(f"{model.path}: the graph has the outputs {', '.join(names)}; {', '.join(wanted)} expected")
    return [names.index(name) for name in wanted]


@contextlib.contextmanager
def refusals_explained(path: Path, library: str) -> Iterator[None]:
    """Turn whatever ``library`` raises when it loads ``path`` and runs it for the first time into a `BundleError`."""
    try:
        yield
    except SluError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        telling = [line for line in lines if "Error: " in line] or lines or [type(error).__name__]
        raise BundleError(f"{path}: {library} does not load it ({telling[-1][:200]}); export it again") from error
