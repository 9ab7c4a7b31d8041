"""Every format that a model can be exported to, and every backend that runs one: an entry here and a module each.

Tables of plain data, so that reading them imports nothing heavy. What writes a format or runs it is named as
``module:name`` and imported when it is needed. `slu.runtime.loading`, ``slu export``, parity and the benchmarks loop
over these tables.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slu.platform import not_installed

NATIVE_BACKEND = "native"
"""The engine of this project, as ``--backend`` and results call it."""
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
    checkpoints only. ``beside_int8``: whether it makes sense for a quantised checkpoint. ``on_request``:
    whether it is written only when it is asked for. ``processor``: the only one
    that runs it, ``arm`` or ``x86``; empty for any. ``library``: whether the C++ libraries of ``cpp_runtime/backends``
    run it (not the INT8 graph of Paddle: FastDeploy computes something else). ``phones``: what can run it on a phone,
    names in `bench_arm.device.programs.PROGRAMS`.

    ``bounds``: how far it may be from a float checkpoint, and from a quantised one. ``reader``: what ``slu inspect``
    reads its first file by, a function of a path as ``module:name``; needed only where the name's ending does not tell.
    ``facts``: what the manifest says of each file besides size and hash, a function from a path to an object.
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
    on_request: bool = False
    processor: str = ""
    library: bool = False
    phones: tuple[str, ...] = ()
    bounds: tuple[Bound, Bound] = (EXACT, ROUNDED)
    reader: str = ""
    facts: str = ""

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
    belongs to, if that is called otherwise. ``check``: where that does not tell, a function that returns what is
    missing and how to get it, None for nothing. ``uses_mkl``: whether its float products are those of Intel's MKL, and
    faster with it set (FastDeploy's Paddle Inference takes the same time with and without).

    ``engine``: which of the engines of ``module`` it is. ``one_text``: whether it must be given one text at a time.
    ``alone``: whether it computes each of many texts by itself anyway, see `computes_alone`.
    ``parser``: makes the parser of a backend that computes the whole way from text to answer, on as many threads as
    texts: a function of the backend, the `ModelDirectory` and a number of threads. ``file_parser``: the same of a file
    that has all a parser needs, a function of its path and a number of threads.
    """

    name: str
    format: str | None
    opener: str
    module: str
    extra: str = ""
    package: str = ""
    uses_mkl: bool = False
    check: str = ""
    engine: str = ""
    one_text: bool = False
    alone: bool = False
    parser: str = ""
    file_parser: str = ""

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
        return self.not_installed is None

    @property
    def not_installed(self) -> str | None:
        """What is not installed of what it needs, and how to get it; None if all is there."""
        if self.check:
            found: str | None = resolve(self.check)()
            return found
        if importlib.util.find_spec(self.module) is not None:
            return None
        return not_installed(self.module, self.extra)

    def missing(self, directory: Path) -> str | None:
        """The first of its files that is not in ``directory``."""
        return next((name for name in self.files if not (directory / name).is_file()), None)


GRAPH, PARAMETERS = "model.pdmodel", "model.pdiparams"
PADDLE = Format(
    "paddle", (GRAPH, PARAMETERS), "export_lite.static_graph:write", "SIMULATED",
    library=True, phones=("fastdeploy-paddle-inference",),
)  # fmt: skip
GGUF = Format(
    "gguf", ("model.gguf",), "export_lite.gguf:write",
    modules=("gguf",), extra="train", precision=AS_CHECKPOINT, phones=(NATIVE_BACKEND,),
)  # fmt: skip
_LITE = Format(
    "lite", (), "export_lite.paddle_lite:write", "SIMULATED",
    modules=("paddlelite",), extra="lite", library=True, facts="export_lite.paddle_lite:file_facts",
)  # fmt: skip
_LITE_ARM = replace(_LITE, processor="arm", phones=("lite", "fastdeploy-paddle-lite"))
_ONNX = Format(
    "onnx", ("model.onnx",), "export_lite.onnx:write", "SIMULATED",
    modules=("onnx", "paddle2onnx"), extra="onnx", packages=("onnx", "paddle2onnx"),
    library=True, phones=("fastdeploy-onnxruntime",),
)  # fmt: skip

FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        GGUF,
        PADDLE,
        Format("paddle-int8", ("model.int8.pdmodel", "model.int8.pdiparams"), PADDLE.writer, "INT8", precision=INT8),
        replace(_LITE, name="lite-x86", files=("model.x86.nb",), processor="x86"),
        replace(_LITE_ARM, name="lite-arm", files=("model.arm.nb",)),
        # Of a quantised checkpoint nobody needs FP16 beside INT8, and it is without the rounding of the inputs.
        replace(
            _LITE_ARM, name="lite-arm-fp16", files=("model.arm.fp16.nb",), graph="HALF",
            precision=FLOAT16, beside_int8=False,
        ),
        replace(_LITE_ARM, name="lite-arm-int8", files=("model.arm.int8.nb",), graph="INT8", precision=INT8),
        _ONNX,
        # It has its weights put in after the conversion.
        replace(
            _ONNX, name="onnx-int8", files=("model.int8.onnx",), writer="export_lite.onnx:write_int8", graph="FLOAT",
            precision=INT8,
        ),
        # Directories that servers read, of files which have been compared under the names above.
        Format(
            "triton", ("triton/slu/1/model.onnx", "triton/slu/config.pbtxt"), "export_lite.triton:write", "FLOAT",
            modules=("onnx", "paddle2onnx"), extra="onnx", packages=("onnx", "paddle2onnx"),
            precision=AS_CHECKPOINT, on_request=True,
        ),
        Format(
            "paddle-serving",
            (
                f"serving_server/{GRAPH}", f"serving_server/{PARAMETERS}",
                *(f"serving_{side}/serving_{side}_conf{ending}" for side in ("server", "client")
                  for ending in (".prototxt", ".stream.prototxt")),
            ),
            "export_lite.paddle_serving:write", "SIMULATED", on_request=True,
        ),
    )
}  # fmt: skip
"""Formats by their names, in the order in which they are written."""

_NATIVE = "slu.runtime.backends.native"
_PADDLE_INFERENCE = ("slu.runtime.backends.paddle_inference:PaddleInferenceBackend", "paddle", "train", "paddlepaddle")
_ONNX_RUNTIME = ("slu.runtime.backends.onnxruntime:OnnxRuntimeBackend", "onnxruntime", "onnx")
_FASTDEPLOY = ("slu.runtime.backends.fastdeploy:FastDeployBackend", "fastdeploy", "fastdeploy", "fastdeploy-python")

BACKENDS: dict[str, BackendEntry] = {
    entry.name: entry
    for entry in (
        BackendEntry(
            NATIVE_BACKEND, "gguf", f"{_NATIVE}:open_native", "slu",
            check="slu.runtime.backends.native_api:missing_library", alone=True,
            parser=f"{_NATIVE}:parser_of", file_parser=f"{_NATIVE}:load_native",
        ),
        BackendEntry("dygraph", None, "slu.runtime.backends.dygraph:open_dygraph", "paddlenlp", "train"),
        BackendEntry("paddle", "paddle", *_PADDLE_INFERENCE, uses_mkl=True),
        BackendEntry("paddle-int8", "paddle-int8", *_PADDLE_INFERENCE, uses_mkl=True),
        BackendEntry(
            "lite", "lite-x86", "slu.runtime.backends.paddle_lite:PaddleLiteBackend", "paddlelite", "lite",
            uses_mkl=True,
        ),
        BackendEntry("onnxruntime", "onnx", *_ONNX_RUNTIME),
        BackendEntry("onnxruntime-int8", "onnx-int8", *_ONNX_RUNTIME),
        BackendEntry("fastdeploy-onnxruntime", "paddle", *_FASTDEPLOY, engine="ort"),
        BackendEntry("fastdeploy-openvino", "paddle", *_FASTDEPLOY, engine="openvino"),
        # Without AVX-512, its logits of the pooled output were off by 3 in a batch of 5 texts, and right one at a time.
        BackendEntry("fastdeploy-paddle", "paddle", *_FASTDEPLOY, engine="paddle_infer", one_text=True),
    )
}  # fmt: skip
"""Every backend by its name, in the order in which a directory's default is looked for."""


def computes_alone(backend: str) -> bool:
    """Whether a backend computes each of many texts by itself: then many at once take as long as one after the other,
    and a text's logits are the same in any company."""
    return backend in BACKENDS and BACKENDS[backend].alone


def resolve(name: str) -> Any:
    """The object that ``module:name`` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
