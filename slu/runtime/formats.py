"""Every format that a model can be exported to, and every backend that runs one: an entry here and a module each.

Tables of plain data, so that reading them imports nothing heavy. What writes a format or runs it is named as
``module:name`` and imported when it is needed. `slu.runtime.loading`, ``slu export``, parity and the benchmarks loop
over these tables.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slu.runtime.backends.native_api import find_library

AS_CHECKPOINT, FLOAT32, FLOAT16, INT8 = "as the checkpoint", "fp32", "fp16", "int8"


@dataclass(frozen=True)
class Bound:
    """How far a format may be from its checkpoint.

    ``largest``, ``rms``: differences of logits, as shares of the checkpoint's largest logit. ``decisions``: percent of
    the texts that must be answered alike; of few texts, one may differ, unless it is 100.
    """

    largest: float
    rms: float
    decisions: float

    def allowed(self, texts: int) -> int:
        """Texts that may be answered in another way."""
        return max(int(texts * (100 - self.decisions) / 100 + 1e-9), int(self.decisions < 100))


EXACT = Bound(1e-4, 2e-5, 100)
ROUNDED = Bound(0.1, 0.02, 99.9)
"""Of a float checkpoint, and of a quantised one.

Measured on nano models: 2e-6 for floats. Where inputs are rounded to INT8, a last bit of difference can move a number
by a whole step, and the difference grows through the layers: up to 0.03 and 0.006. Real errors gave 0.2 and more.
"""


@dataclass(frozen=True)
class Format:
    """One format of a model.

    ``name``: as ``slu export --format`` calls it. ``files``: what it consists of in a bundle. ``writer``: makes them, a
    function of a `export_lite.job.Job` as ``module:name``. ``graph``: which static graph the job gives it, a name of
    `export_lite.static_graph.Numerics`; empty for none. ``modules``, ``extra``: what writing it takes, and what
    installs it; ``packages``: those of them whose versions the manifest records beside those of every format.

    ``precision``: of its numbers: `AS_CHECKPOINT`, or the one that it always has; `INT8` ones are of quantised
    checkpoints only. ``beside_int8``: whether it makes sense for a quantised checkpoint. ``library``: whether the C++
    libraries of ``cpp_runtime/backends`` run it (not the INT8 graph of Paddle: FastDeploy computes something else).
    ``bounds``: how far it may be from a float checkpoint, and from a quantised one. ``reader``: what ``slu inspect``
    reads its first file by, a function of a path as ``module:name``; needed only where the name's ending does not tell.
    """

    name: str
    files: tuple[str, ...]
    writer: str
    graph: str = ""
    modules: tuple[str, ...] = ()
    extra: str = ""
    packages: tuple[str, ...] = ()
    precision: str = FLOAT32
    beside_int8: bool = True
    library: bool = False
    bounds: tuple[Bound, Bound] = (EXACT, ROUNDED)
    reader: str = ""

    @property
    def missing_module(self) -> str | None:
        """What is not installed of what writing it takes."""
        return next((module for module in self.modules if importlib.util.find_spec(module) is None), None)


@dataclass(frozen=True)
class BackendEntry:
    """Something that runs a format.

    ``name``: as ``--backend`` calls it. ``format``: a key of `FORMATS`; None runs checkpoints. ``opener``: a function
    of a `ModelDirectory`, this name and a number of threads that returns a `slu.runtime.parser.Backend`, as
    ``module:name``. ``module``: what must be importable, installed by ``extra``; ``package``: the distribution that it
    belongs to, if that is called otherwise. ``uses_mkl``: whether its float products are those of
    Intel's MKL, and faster with it set (FastDeploy's Paddle Inference takes the same time with and without).
    """

    name: str
    format: str | None
    opener: str
    module: str
    extra: str = ""
    package: str = ""
    uses_mkl: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """What it needs in a directory."""
        if self.format is not None:
            return FORMATS[self.format].files
        from slu.model.checkpoint import WEIGHTS

        return (WEIGHTS,)

    @property
    def installed(self) -> bool:
        """Whether it can be opened here."""
        if self.format == "gguf":
            return find_library() is not None
        return importlib.util.find_spec(self.module) is not None

    def missing(self, directory: Path) -> str | None:
        """The first of its files that is not in ``directory``."""
        return next((name for name in self.files if not (directory / name).is_file()), None)


GRAPH, PARAMETERS = "model.pdmodel", "model.pdiparams"
PADDLE = Format("paddle", (GRAPH, PARAMETERS), "export_lite.static_graph:write", "SIMULATED", library=True)
GGUF = Format("gguf", ("model.gguf",), "export_lite.gguf:write", "", ("gguf",), "train", precision=AS_CHECKPOINT)
_LITE = "export_lite.paddle_lite:write"
_ONNX = ("onnx", "paddle2onnx")

FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        GGUF,
        PADDLE,
        Format("paddle-int8", ("model.int8.pdmodel", "model.int8.pdiparams"), PADDLE.writer, "INT8", precision=INT8),
        Format("lite-x86", ("model.x86.nb",), _LITE, "SIMULATED", ("paddlelite",), "lite", library=True),
        Format("lite-arm", ("model.arm.nb",), _LITE, "SIMULATED", ("paddlelite",), "lite", library=True),
        # Of a quantised checkpoint nobody needs FP16 beside INT8, and it is without the rounding of the inputs.
        Format(
            "lite-arm-fp16", ("model.arm.fp16.nb",), _LITE, "HALF", ("paddlelite",), "lite",
            precision=FLOAT16, beside_int8=False, library=True,
        ),
        Format(
            "lite-arm-int8", ("model.arm.int8.nb",), _LITE, "INT8", ("paddlelite",), "lite",
            precision=INT8, library=True,
        ),
        Format("onnx", ("model.onnx",), "export_lite.onnx:write", "SIMULATED", _ONNX, "onnx", _ONNX, library=True),
        # It has its weights put in after the conversion.
        Format(
            "onnx-int8", ("model.int8.onnx",), "export_lite.onnx:write_int8", "FLOAT", _ONNX, "onnx", _ONNX,
            precision=INT8, library=True,
        ),
    )
}  # fmt: skip
"""Formats by their names, in the order in which they are written."""

_FASTDEPLOY = ("slu.runtime.backends.fastdeploy:FastDeployBackend", "fastdeploy", "fastdeploy", "fastdeploy-python")
_PADDLE_INFERENCE = "slu.runtime.backends.paddle_inference:PaddleInferenceBackend"
_ONNX_RUNTIME = "slu.runtime.backends.onnxruntime:OnnxRuntimeBackend"

BACKENDS: dict[str, BackendEntry] = {
    entry.name: entry
    for entry in (
        BackendEntry("native", "gguf", "slu.runtime.backends.native:open_native", "slu"),
        BackendEntry("dygraph", None, "slu.runtime.backends.dygraph:open_dygraph", "paddlenlp", "train"),
        BackendEntry("paddle", "paddle", _PADDLE_INFERENCE, "paddle", "train", "paddlepaddle", True),
        BackendEntry("paddle-int8", "paddle-int8", _PADDLE_INFERENCE, "paddle", "train", "paddlepaddle", True),
        BackendEntry(
            "lite", "lite-x86", "slu.runtime.backends.paddle_lite:PaddleLiteBackend", "paddlelite", "lite", "", True
        ),
        BackendEntry("onnxruntime", "onnx", _ONNX_RUNTIME, "onnxruntime", "onnx"),
        BackendEntry("onnxruntime-int8", "onnx-int8", _ONNX_RUNTIME, "onnxruntime", "onnx"),
        BackendEntry("fastdeploy-onnxruntime", "paddle", *_FASTDEPLOY),
        BackendEntry("fastdeploy-openvino", "paddle", *_FASTDEPLOY),
        BackendEntry("fastdeploy-paddle", "paddle", *_FASTDEPLOY),
    )
}
"""Every backend by its name, in the order in which a directory's default is looked for."""


def resolve(name: str) -> Any:
    """The object that ``module:name`` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
