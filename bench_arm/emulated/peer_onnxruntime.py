"""Runs under ARM64 Python: MODEL RUNS, that many runs of ONNX Runtime on one text of the model's full length."""

import sys

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
inputs = {}
for given in session.get_inputs():
    shape = [size if isinstance(size, int) and size > 0 else 1 for size in given.shape]
    inputs[given.name] = np.ones(shape, np.int32 if "int32" in given.type else np.float32)
for _ in range(int(sys.argv[2])):
    session.run(None, inputs)
