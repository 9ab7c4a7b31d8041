"""Runs under ARM64 Python: MODEL RUNS, that many runs of MNN on one text; MODEL convert ONNX makes the model."""

import sys

if sys.argv[2] == "convert":
    import _tools

    words = ["mnnconvert", "-f", "ONNX", "--modelFile", sys.argv[3], "--MNNModel", sys.argv[1], "--bizCode", "slu"]
    _tools.mnnconvert(words + sys.argv[4:])
else:
    import MNN
    import numpy as np

    session_of = MNN.Interpreter(sys.argv[1])
    session = session_of.createSession({"numThread": 1, "backend": "CPU"})
    for tensor in session_of.getSessionInputAll(session).values():
        kind = MNN.Halide_Type_Int if tensor.getDataType() == MNN.Halide_Type_Int else MNN.Halide_Type_Float
        values = np.ones(tensor.getShape(), np.int32 if kind == MNN.Halide_Type_Int else np.float32)
        tensor.copyFrom(MNN.Tensor(tensor.getShape(), kind, values, MNN.Tensor_DimensionType_Caffe))
    for _ in range(int(sys.argv[2])):
        session_of.runSession(session)
