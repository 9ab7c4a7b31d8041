"""``.nb`` files: a static graph, optimised by Paddle Lite for one kind of processor and one precision.

ARM has FP32, FP16 and INT8. There is no INT8 for x86: of the operators a quantised linear layer can be, Paddle Lite
2.13 turns ``matmul_v2`` back into floats with one scale for all channels, and its INT8 ``fc`` has errors of a tenth of
the spread of its outputs; neither reports it.

The INT8 file keeps what the checkpoint has: every quantised linear layer becomes an INT8 ``fc`` with a scale a column,
and the rows of INT8 embeddings are looked up, made floats and multiplied by their own scale. That is exact, which
PaddleSlim's ways are not: "log" rounds to other levels (``dequantize_log`` is used here with the levels 0 to 127), and
"abs_max" has one scale for the whole table and no kernel on ARM. The
products within the attention stay FP32, and no dropout is in the graph, so that ``transformer_attention_fuse_pass``,
which ends the optimiser when it finds only the linear layers quantised, does not match.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from export_lite.job import Job
from export_lite.process import run_python
from slu.errors import BundleError
from slu.formats.contents import Contents, Operator
from slu.formats.naive_buffer import read_header, read_naive_buffer
from slu.model.checkpoint import NGRAM_EMBEDDINGS, NGRAM_PROJECTION, Checkpoint
from slu.model.quantization import quantised_layers
from slu.runtime.bundle import graph_inputs
from slu.runtime.formats import FLOAT16, FLOAT32, GRAPH, INT8, PARAMETERS, Format


@dataclass(frozen=True)
class Target:
    """``place``: a ``TargetType`` of Paddle Lite. ``precisions``: that kernels may have, the one wanted first.

    ``linear``: operator and kernel that linear layers must become, as `slu.formats.contents.Operator` has them.
    """

    place: str
    precisions: tuple[str, ...]
    linear: Operator


TARGETS = {
    ("x86", FLOAT32): Target("X86", ("FP32",), Operator("matmul_v2", "x86 float32")),
    ("arm", FLOAT32): Target("ARM", ("FP32",), Operator("fc", "arm float32")),
    ("arm", FLOAT16): Target("ARM", ("FP16", "FP32"), Operator("fc", "arm float16")),
    ("arm", INT8): Target("ARM", ("INT8", "FP32"), Operator("fc", "arm int8 fp32out")),
}
"""By the processor and the precision of a format."""


def write(job: Job) -> None:
    """The formats of Paddle Lite."""
    [file] = job.files
    write_nb(job.graph, job.format, file, job.checkpoint)


def write_nb(graph_directory: Path, form: Format, path: Path, checkpoint: Checkpoint) -> Contents:
    """Convert the static graph of ``checkpoint`` in ``graph_directory`` to ``path``, and check what was written.

    The optimiser ends its process when it meets something unexpected, so it has one of its own. Raises `BundleError`.
    """
    target = TARGETS[form.processor, form.precision]
    arguments = [str(graph_directory), target.place, ",".join(target.precisions), str(path)]
    run_python("export_lite.paddle_lite", arguments, f"{path.name}: Paddle Lite's optimiser")
    _clean_header(path)
    contents = read_naive_buffer(path, metadata.version("paddlelite"))
    check_nb(path, contents, form, checkpoint)
    return contents


def file_facts(path: Path) -> dict[str, Any]:
    """Which Paddle Lite the header of a file names."""
    return {"paddle_lite": read_header(path).version}


def _clean_header(path: Path) -> None:
    """Zero what follows the version in its 16 bytes: the library writes memory there, other bytes each time."""
    with path.open("r+b") as file:
        file.seek(2)
        version = file.read(16).split(b"\0")[0]
        file.seek(2)
        file.write(version.ljust(16, b"\0"))


LOOKED_UP = ("ernie.embeddings.word_embeddings.weight", f"{NGRAM_EMBEDDINGS}.weight")
"""The INT8 embeddings of a graph; the others are in its constant rows of positions."""


def check_nb(path: Path, contents: Contents, form: Format, checkpoint: Checkpoint) -> None:
    """Check what can be checked of a file without the processor that it is for; raises `BundleError`.

    Inputs and outputs, the processor of every kernel, the precision of the linear layers' kernels and weights, and that
    an INT8 file has exactly the numbers of the checkpoint.
    """
    target = TARGETS[form.processor, form.precision]
    names = [port.name for port in (*contents.inputs, *contents.outputs)]
    inputs = [one.name for one in graph_inputs(3, checkpoint.config, checkpoint.labels)]
    absent = [name for name in (*inputs, *checkpoint.head.logits) if name not in names]
    if absent:
        raise BundleError(f"{path}: {absent[0]} is missing in it; export it again")
    if contents.facts["targets"] != [target.place.lower()]:
        raise BundleError(f"{path}: has kernels for {', '.join(contents.facts['targets'])}, {target.place} was wanted")
    weights = {name: tensor for name, tensor in checkpoint.tensors.items() if _is_linear(name, tensor)}
    wanted = len(quantised_layers(checkpoint.tensors)) if form.precision == INT8 else len(weights)
    found = contents.operators.count(target.linear)
    if found < wanted:
        raise BundleError(
            f"{path}: {found} of {wanted} linear layers became {target.linear.type} with the kernel "
            f"{target.linear.kernel}; is Paddle Lite of another version?"
        )
    if form.precision == INT8:
        _check_int8(path, contents, checkpoint)
    else:
        _check_floats(path, contents, weights)


def _check_int8(path: Path, contents: Contents, checkpoint: Checkpoint) -> None:
    from export_lite.static_graph import sign_and_magnitude

    stored = {tensor.name: tensor for tensor in contents.tensors}
    data = path.read_bytes()
    for name, tensor in checkpoint.tensors.items():
        if tensor.dtype != np.int8 or (name.endswith("_embeddings.weight") and name not in LOOKED_UP):
            continue
        if name not in stored or stored[name].precision != "int8":
            raise BundleError(
                f"{path}: {name} is {stored[name].precision if name in stored else 'not there'}, not int8"
            )
        if (tensor if _is_linear(name, tensor) else sign_and_magnitude(tensor)).tobytes() not in data:
            raise BundleError(f"{path}: {name} does not hold the numbers of the checkpoint")


def _check_floats(path: Path, contents: Contents, weights: dict[str, np.ndarray]) -> None:
    stored = {tensor.name: tensor for tensor in contents.tensors}
    for name, tensor in weights.items():
        if name not in stored or stored[name].bytes != 4 * tensor.size:
            raise BundleError(f"{path}: {name} is not there as {4 * tensor.size} bytes of floats")


def _is_linear(name: str, tensor: np.ndarray) -> bool:
    """Whether it is the weight of a linear layer; the projection of n-grams has no bias and stays a product."""
    return tensor.ndim == 2 and not name.endswith("_embeddings.weight") and name != NGRAM_PROJECTION


def _convert(graph_directory: Path, place: str, precisions: Sequence[str], path: Path) -> None:
    from paddlelite.lite import CxxConfig, Place, PrecisionType, TargetType, create_paddle_predictor

    config = CxxConfig()
    config.set_model_file(str(graph_directory / GRAPH))
    config.set_param_file(str(graph_directory / PARAMETERS))
    places = [Place(getattr(TargetType, place), getattr(PrecisionType, name)) for name in precisions]
    config.set_valid_places([*places, Place(TargetType.Host, PrecisionType.FP32)])
    # The library appends the extension itself.
    create_paddle_predictor(config).save_optimized_model(str(path.with_suffix("")))


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(","), Path(sys.argv[4]))
