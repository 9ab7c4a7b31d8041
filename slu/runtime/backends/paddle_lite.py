"""``lite``: the x86 ``.nb`` file, run by the light runtime of Paddle Lite, as a phone does with the ARM one."""

from __future__ import annotations

from importlib import metadata

import numpy as np

from slu.errors import BundleError
from slu.formats.nb_check import check_naive_buffer
from slu.platform import native_output_on_stderr, prepare_paddle
from slu.runtime.backends.fixed_length import FixedLengthBackend, output_order, refusals_explained
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import BACKENDS


class PaddleLiteBackend(FixedLengthBackend):
    """Wraps a Paddle Lite light predictor.

    One thread: the Python interface of the light runtime has no setting for their number, so ``threads`` must be 1.
    """

    def __init__(self, model: ModelDirectory, name: str = "lite", threads: int = 1):
        super().__init__(model)
        self.name = name
        if threads != 1:
            raise BundleError(f"{model.path}: the backend lite runs on 1 thread, not on {threads}; ask for 1")
        [file] = BACKENDS[name].files
        model.require(file)
        path = model.path / file
        # The runtime accepts a file of another version silently, and ends the process on many that are not as expected.
        check_naive_buffer(path, self.expected, metadata.version("paddlelite"))
        prepare_paddle()
        with native_output_on_stderr():
            from paddlelite.lite import MobileConfig, create_paddle_predictor

            with refusals_explained(path, "Paddle Lite"):
                config = MobileConfig()
                config.set_model_from_file(str(path))
                self._predictor = create_paddle_predictor(config)
                self._order = output_order(self._predictor.get_output_names(), model)
                self._inputs = [self._predictor.get_input_by_name(given.name) for given in self.inputs]
                self.warm_up()

    def infer(self, *inputs: np.ndarray) -> list[np.ndarray]:
        for tensor, array in zip(self._inputs, inputs):
            tensor.from_numpy(array)
        self._predictor.run()
        # What numpy() returns is the runtime's own memory, which the next run overwrites.
        return [self._predictor.get_output(i).numpy().copy() for i in self._order]
