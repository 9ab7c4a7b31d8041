"""``model.x86.nb`` and ``model.arm.nb``: the static graph, optimised by Paddle Lite for one kind of processor, in FP32.

There is no INT8 file for x86: of the operators a quantised linear layer can be, Paddle Lite 2.13 turns ``matmul_v2``
back into floats with one scale for all channels, and its INT8 ``fc`` is off by a tenth of its outputs' spread; neither
says so. A quantised checkpoint is exported with its quantisation simulated in floats (`export_lite.static_graph`).
"""

from __future__ import annotations

import importlib.util
import re
import struct
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from export_lite.process import run_python
from slu.backends.paddle_lite import nb_version, require_lite_version
from slu.bundle import GRAPH, INPUT, OUTPUTS, PARAMETERS
from slu.errors import BundleError, ConfigError

TARGETS = {"x86": "X86", "arm": "ARM"}
"""Names of `paddlelite.lite.TargetType`."""
TARGET_NUMBERS = {1: "Host", 2: "X86", 4: "ARM"}
"""``TargetType`` in the names of kernels (paddle_place.h)."""
HEADER_BYTES = 2 + 16 + 8
"""Version of the layout, version of Paddle Lite, size of the topology."""


@dataclass(frozen=True)
class NbSummary:
    """What a ``.nb`` file says of itself. ``kernels``: a line an operator, ``type/alias/target/precision/layout``."""

    version: str
    topology_bytes: int
    parameter_bytes: int
    kernels: tuple[str, ...]
    names: frozenset[str]

    @property
    def targets(self) -> frozenset[str]:
        """Kinds of processors its kernels are for."""
        numbers = {int(kernel.split("/")[2]) for kernel in self.kernels}
        return frozenset(TARGET_NUMBERS.get(number, f"target {number}") for number in numbers)


def require_paddle_lite() -> None:
    """Raise `ConfigError` unless the library is installed."""
    if importlib.util.find_spec("paddlelite") is None:
        raise ConfigError('--format: paddlelite is not installed; pip install "slu[lite]" brings it')


def write_nb(graph_directory: Path, target: str, path: Path) -> NbSummary:
    """Convert the static graph in ``graph_directory`` to ``path`` for ``target``, "x86" or "arm".

    The optimiser ends its process when it meets something unexpected, so it has one of its own. Raises `BundleError`.
    """
    run_python(
        "export_lite.paddle_lite", [str(graph_directory), target, str(path)], f"{path.name}: Paddle Lite's optimiser"
    )
    summary = read_nb(path)
    check_nb(path, summary, target, (graph_directory / PARAMETERS).stat().st_size)
    return summary


def read_nb(path: Path) -> NbSummary:
    """Read the head and the names in a ``.nb`` file without running it; raise `BundleError` when it is not whole."""
    version = nb_version(path)
    data = path.read_bytes()
    if len(data) < HEADER_BYTES:
        raise BundleError(f"{path}: ends within its header; export it again")
    (topology_bytes,) = struct.unpack_from("<Q", data, HEADER_BYTES - 8)
    if HEADER_BYTES + topology_bytes > len(data):
        raise BundleError(f"{path}: ends within its topology; export it again")
    topology = data[HEADER_BYTES : HEADER_BYTES + topology_bytes]
    kernels = re.findall(rb"\w+/\w+/\d+/\d+/\d+", topology)
    return NbSummary(
        version,
        topology_bytes,
        len(data) - HEADER_BYTES - topology_bytes,
        tuple(kernel.decode() for kernel in kernels),
        frozenset(name.decode() for name in re.findall(rb"[\w.]{4,}", topology)),
    )


def check_nb(path: Path, summary: NbSummary, target: str, parameter_bytes: int) -> None:
    """What can be known of a file without the processor it is for; raises `BundleError`.

    ``parameter_bytes``: size of the parameters that went into it. In FP32 they cannot have become much less.
    """
    require_lite_version(path, metadata.version("paddlelite"))
    if not summary.kernels:
        raise BundleError(f"{path}: no operator in it has a kernel")
    foreign = summary.targets - {"Host", TARGETS[target]}
    if foreign or TARGETS[target] not in summary.targets:
        raise BundleError(f"{path}: has kernels for {', '.join(sorted(summary.targets))}, not for {target}")
    absent = [name for name in (INPUT, *OUTPUTS) if name not in summary.names]
    if absent:
        raise BundleError(f"{path}: {absent[0]} is not in it")
    if summary.parameter_bytes < 0.98 * parameter_bytes:
        raise BundleError(f"{path}: {summary.parameter_bytes} bytes of parameters, {parameter_bytes} were expected")


def _convert(graph_directory: Path, target: str, path: Path) -> None:
    from paddlelite.lite import CxxConfig, Place, PrecisionType, TargetType, create_paddle_predictor

    config = CxxConfig()
    config.set_model_file(str(graph_directory / GRAPH))
    config.set_param_file(str(graph_directory / PARAMETERS))
    places = [getattr(TargetType, TARGETS[target]), TargetType.Host]
    config.set_valid_places([Place(place, PrecisionType.FP32) for place in places])
    # The library adds the ending itself.
    create_paddle_predictor(config).save_optimized_model(str(path.with_suffix("")))


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
