"""``fastdeploy-paddle``, ``fastdeploy-onnxruntime``, ``fastdeploy-openvino``: the static graph, run by FastDeploy."""

from __future__ import annotations

import os

import numpy as np

from slu.formats.program_check import check_program
from slu.platform import native_output_on_stderr, prepare_paddle
from slu.runtime.backends.fixed_length import FixedLengthBackend, output_order, refusals_explained
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import GRAPH, PARAMETERS

ENGINES = {
    "fastdeploy-paddle": "use_paddle_infer_backend",
    "fastdeploy-onnxruntime": "use_ort_backend",
    "fastdeploy-openvino": "use_openvino_backend",
}
"""Names of the backends, and the method of ``fastdeploy.RuntimeOption`` that chooses each."""
ONE_AT_A_TIME = "fastdeploy-paddle"
"""Without AVX-512, its logits of the pooled output were off by 3 in a batch of 5 texts, and right one at a time."""


class FastDeployBackend(FixedLengthBackend):
    """Wraps a ``fastdeploy.Runtime`` on the CPU. ``threads``: as the engine understands it."""

    def __init__(self, model: ModelDirectory, engine: str, threads: int = 1):
        super().__init__(model)
        self.name = engine
        model.require(GRAPH, PARAMETERS)
        # The engines run whatever a graph says, and end the process on some that are not as expected.
        check_program(model.path / GRAPH, model.path / PARAMETERS, self.expected)
        prepare_paddle()
        # OpenVINO computes in bfloat16 where the processor can: twice as fast, but logits are off by 1 % and decisions
        # with them. Whoever wants that sets the variable to DEFAULT.
        os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")
        with native_output_on_stderr():
            import fastdeploy

            fastdeploy.set_logger(False, False)
            with refusals_explained(model.path / GRAPH, "FastDeploy"):
                option = fastdeploy.RuntimeOption()
                option.use_cpu()
                option.set_cpu_thread_num(threads)
                option.set_model_path(str(model.path / GRAPH), str(model.path / PARAMETERS))
                getattr(option, ENGINES[engine])()
                self._runtime = fastdeploy.Runtime(option)
                count = self._runtime.num_outputs()
                self._order = output_order([self._runtime.get_output_info(i).name for i in range(count)], model)
                self.warm_up()

    def infer(self, *inputs: np.ndarray) -> list[np.ndarray]:
        if len(inputs[0]) > 1 and self.name == ONE_AT_A_TIME:
            parts = [self.infer(*(array[i : i + 1] for array in inputs)) for i in range(len(inputs[0]))]
            return [np.concatenate(of_one) for of_one in zip(*parts)]
        outputs = self._runtime.infer({given.name: array for given, array in zip(self.inputs, inputs)})
        return [outputs[i] for i in self._order]
