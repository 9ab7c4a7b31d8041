"""``paddle``, ``paddle-int8``: static graphs, run by Paddle Inference. Of Paddle only paddlepaddle is needed."""

from __future__ import annotations

import numpy as np

from slu.formats.program_check import check_program
from slu.platform import native_output_on_stderr, prepare_paddle
from slu.runtime.backends.fixed_length import FixedLengthBackend, output_order, refusals_explained
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import BACKENDS


class PaddleInferenceBackend(FixedLengthBackend):
    """Wraps a Paddle Inference predictor on the CPU. ``threads``: of its matrix products.

    ``name``: of the backend, which is that of the format as well.
    """

    def __init__(self, model: ModelDirectory, name: str = "paddle", threads: int = 1):
        super().__init__(model)
        self.name = name
        files = BACKENDS[name].files
        model.require(*files)
        graph, parameters = (model.path / file for file in files)
        prepare_paddle()
        with native_output_on_stderr():
            import paddle
            from paddle.inference import Config, create_predictor

            model.require_version("paddlepaddle", paddle.__version__)
            # The predictor runs whatever a graph says, and ends the process on some that are not as expected.
            check_program(graph, parameters, self.expected, paddle.__version__)
            with refusals_explained(graph, "Paddle Inference"):
                config = Config(str(graph), str(parameters))
                config.disable_gpu()
                config.disable_glog_info()
                config.set_cpu_math_library_num_threads(threads)
                config.enable_memory_optim()
                self._predictor = create_predictor(config)
                output_order(self._predictor.get_output_names(), model)
                self._inputs = [self._predictor.get_input_handle(given.name) for given in self.inputs]
                self._outputs = [self._predictor.get_output_handle(name) for name in self.head.logits]
                self.warm_up()

    def infer(self, *inputs: np.ndarray) -> list[np.ndarray]:
        for handle, array in zip(self._inputs, inputs):
            handle.copy_from_cpu(array)
        self._predictor.run()
        return [output.copy_to_cpu() for output in self._outputs]
