"""``fastdeploy-paddle``, ``fastdeploy-onnxruntime``, ``fastdeploy-openvino``: the static graph, run by FastDeploy."""

from __future__ import annotations

import os

import numpy as np

from slu.formats.program_check import check_program
from slu.platform import native_output_on_stderr, prepare_paddle
from slu.runtime.backends.fixed_length import FixedLengthBackend, output_order, refusals_explained
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import BACKENDS


class FastDeployBackend(FixedLengthBackend):
    """Wraps a ``fastdeploy.Runtime`` on the CPU. ``threads``: as the engine understands it."""

    def __init__(self, model: ModelDirectory, name: str, threads: int = 1):
        super().__init__(model)
        self.name = name
        entry = BACKENDS[name]
        self._one_text = entry.one_text
        model.require(*entry.files)
        graph, parameters = (model.path / file for file in entry.files)
        # The engines run whatever a graph says, and end the process on some that are not as expected.
        check_program(graph, parameters, self.expected)
        prepare_paddle()
        # OpenVINO computes in bfloat16 where the processor can: twice as fast, but logits are off by 1 % and decisions
        # with them. Whoever wants that sets the variable to DEFAULT.
        os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")
        with native_output_on_stderr():
            import fastdeploy

            fastdeploy.set_logger(False, False)
            with refusals_explained(graph, "FastDeploy"):
                option = fastdeploy.RuntimeOption()
                option.use_cpu()
                option.set_cpu_thread_num(threads)
                option.set_model_path(str(graph), str(parameters))
                getattr(option, f"use_{entry.engine}_backend")()
                self._runtime = fastdeploy.Runtime(option)
                count = self._runtime.num_outputs()
                self._order = output_order([self._runtime.get_output_info(i).name for i in range(count)], model)
                self.warm_up()

    def infer(self, *inputs: np.ndarray) -> list[np.ndarray]:
        if len(inputs[0]) > 1 and self._one_text:
            parts = [self.infer(*(array[i : i + 1] for array in inputs)) for i in range(len(inputs[0]))]
            return [np.concatenate(of_one) for of_one in zip(*parts)]
        outputs = self._runtime.infer({given.name: array for given, array in zip(self.inputs, inputs)})
        return [outputs[i] for i in self._order]
