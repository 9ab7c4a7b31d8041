"""``paddle``: the static graph, run by Paddle Inference, which comes with paddlepaddle. PaddleNLP is not needed."""

from __future__ import annotations

import numpy as np

from slu.backends.fixed_length import FixedLengthBackend, output_order
from slu.bundle import GRAPH, INPUT, OUTPUTS, PARAMETERS, ModelDirectory
from slu.platform import native_output_on_stderr, prepare_paddle


class PaddleInferenceBackend(FixedLengthBackend):
    """Wraps a Paddle Inference predictor on the CPU. ``threads``: of its matrix products."""

    name = "paddle"

    def __init__(self, model: ModelDirectory, threads: int = 1):
        super().__init__(model)
        model.require(GRAPH, PARAMETERS)
        prepare_paddle()
        with native_output_on_stderr():
            import paddle
            from paddle.inference import Config, create_predictor

            model.require_version("paddlepaddle", paddle.__version__)
            config = Config(str(model.path / GRAPH), str(model.path / PARAMETERS))
            config.disable_gpu()
            config.disable_glog_info()
            config.set_cpu_math_library_num_threads(threads)
            config.enable_memory_optim()
            self._predictor = create_predictor(config)
            output_order(self._predictor.get_output_names(), model)
            self._input = self._predictor.get_input_handle(INPUT)
            self._outputs = [self._predictor.get_output_handle(name) for name in OUTPUTS]
            self.warm_up()

    def infer(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._input.copy_from_cpu(ids)
        self._predictor.run()
        intent, slots = (output.copy_to_cpu() for output in self._outputs)
        return intent, slots
