"""``lite``: the x86 ``.nb`` file, run by the light runtime of Paddle Lite, as a phone does with the ARM one."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import numpy as np

from slu.backends.fixed_length import FixedLengthBackend, output_order
from slu.bundle import LITE_X86, ModelDirectory
from slu.errors import BundleError
from slu.platform import native_output_on_stderr, prepare_paddle

META_VERSION = b"\x02\x00"
"""How a ``.nb`` file of today begins: the version of its layout, then 16 bytes with that of Paddle Lite."""


class PaddleLiteBackend(FixedLengthBackend):
    """Wraps a Paddle Lite light predictor.

    One thread: the Python interface of the light runtime has no setting for their number, so ``threads`` must be 1.
    """

    name = "lite"

    def __init__(self, model: ModelDirectory, threads: int = 1):
        super().__init__(model)
        if threads != 1:
            raise BundleError(f"{model.path}: the backend lite runs on 1 thread, {threads} were asked for")
        model.require(LITE_X86)
        path = model.path / LITE_X86
        # The runtime takes a file of another version without a word, and computes with it what it can.
        require_lite_version(path, metadata.version("paddlelite"))
        prepare_paddle()
        with native_output_on_stderr():
            from paddlelite.lite import MobileConfig, create_paddle_predictor

            config = MobileConfig()
            config.set_model_from_file(str(path))
            self._predictor = create_paddle_predictor(config)
            self._order = output_order(self._predictor.get_output_names(), model)
            self._input = self._predictor.get_input(0)
            self.warm_up()

    def infer(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._input.from_numpy(ids)
        self._predictor.run()
        # What numpy() returns is the runtime's own memory, which the next run overwrites.
        intent, slots = (self._predictor.get_output(i).numpy().copy() for i in self._order)
        return intent, slots


def nb_version(path: Path) -> str:
    """The version of Paddle Lite that wrote a ``.nb`` file, such as "2.13-rc"; raise `BundleError` for another file."""
    try:
        with path.open("rb") as stream:
            head = stream.read(18)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    found = re.match(rb"v?(\d+\.\d+[\w.-]*)\0", head[2:] + b"\0")
    if len(head) < 18 or head[:2] != META_VERSION or found is None:
        raise BundleError(f"{path}: not a .nb file of Paddle Lite")
    return found[1].decode()


def require_lite_version(path: Path, installed: str) -> None:
    """Raise `BundleError` unless ``path`` was written by the ``installed`` version, which is spelled as pip does."""
    written = nb_version(path)
    if _normal(written) != _normal(installed):
        raise BundleError(f"{path}: written by Paddle Lite {written}, installed is {installed}; export it again")


def _normal(version: str) -> str:
    """2.13-rc, 2.13rc0 and 2.13.0-rc are one version."""
    numbers, pre = re.match(r"([\d.]*\d)(.*)", version).groups()  # type: ignore[union-attr]
    parts = [*numbers.split("."), "0"][:3]
    return ".".join(parts) + pre.strip("-.").rstrip("0")
