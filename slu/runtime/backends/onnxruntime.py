"""``onnxruntime``, ``onnxruntime-int8``: the ONNX files, run by a current ONNX Runtime."""

from __future__ import annotations

import numpy as np

from slu.formats.onnx_check import check_onnx
from slu.runtime.backends.fixed_length import FixedLengthBackend, output_order, refusals_explained
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import BACKENDS


class OnnxRuntimeBackend(FixedLengthBackend):
    """Wraps an ``onnxruntime.InferenceSession`` on the CPU. ``threads``: within an operator."""

    def __init__(self, model: ModelDirectory, name: str = "onnxruntime", threads: int = 1):
        super().__init__(model)
        self.name = name
        [file] = BACKENDS[name].files
        model.require(file)
        path = model.path / file
        check_onnx(path, self.expected)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        # Without VNNI, ONNX Runtime adds products of uint8 and int8 in 16 bits, which overflow: logits are off by 40 %.
        options.add_session_config_entry("session.x64quantprecision", "1")
        with refusals_explained(path, "ONNX Runtime"):
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            output_order([output.name for output in self._session.get_outputs()], model)
            self.warm_up()

    def infer(self, *inputs: np.ndarray) -> list[np.ndarray]:
        feed = {given.name: array for given, array in zip(self.inputs, inputs)}
        outputs: list[np.ndarray] = self._session.run(list(self.head.logits), feed)
        return outputs
