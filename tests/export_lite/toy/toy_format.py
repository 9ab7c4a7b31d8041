"""A format of the tests: the tensors of the checkpoint in one file, run by the network in NumPy. One module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy_network
from safetensors.numpy import load_file, save_file

from export_lite.job import Job
from slu.formats.contents import Contents
from slu.formats.safetensors_file import read_safetensors
from slu.model.checkpoint import Checkpoint
from slu.runtime.backends.fixed_length import FixedLengthBackend
from slu.runtime.bundle import ModelDirectory


def write(job: Job) -> None:
    save_file(job.checkpoint.tensors, job.files[0])


def read(path: Path) -> Contents:
    return read_safetensors(path)


class ToyBackend(FixedLengthBackend):
    def __init__(self, model: ModelDirectory, name: str = "toy", threads: int = 1):
        super().__init__(model)
        self.name = name
        model.require("model.toy")
        tensors = load_file(model.path / "model.toy")
        self._model = Checkpoint(model.config, tensors, list(model.tokens.vocab), model.labels)
        self.warm_up()

    def infer(self, *inputs: np.ndarray) -> list[np.ndarray]:
        intents, slots = (np.zeros((len(inputs[0]), *shape), np.float32) for shape in self._shapes)
        for row, ids in enumerate(inputs[0]):
            given = ids[ids != self._pad]
            if not len(given):  # the warm-up
                continue
            intents[row], slots[row, : len(given)], _ = numpy_network.run(self._model, given)
        return [intents, slots]
