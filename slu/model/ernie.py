"""PaddleNLP's ERNIE encoder, without importing the rest of PaddleNLP.

``import paddlenlp`` runs everything that it has (task flows, data sets, a server, pandas, scikit-learn,
Matplotlib): 4.7 s, eight times as long as its encoder with what that needs (0.6 s), in every command that opens a
checkpoint. Therefore the packages around the encoder are entered without their ``__init__``; whoever imports them
afterwards gets them whole, with the same `ErnieModel`.
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import paddle

_WITHOUT_INIT = ("paddlenlp", "paddlenlp.transformers", "paddlenlp.data")


def _import_encoder() -> tuple[Any, Any]:
    spec = find_spec("paddlenlp")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'paddlenlp'", name="paddlenlp")
    if "paddlenlp" not in sys.modules:
        root = Path(spec.submodule_search_locations[0])
        entered = {name: _entered(name, root) for name in _WITHOUT_INIT}
        entered["paddlenlp"].__version__ = version("paddlenlp")  # type: ignore[attr-defined]
        sys.modules.update(entered)
        try:
            base = importlib.import_module("paddlenlp.transformers.model_utils")
            for name in ("PretrainedModel", "register_base_model"):  # which the encoder takes from the package
                setattr(entered["paddlenlp.transformers"], name, getattr(base, name))
            return _encoder()
        finally:
            for name in entered:
                del sys.modules[name]
            paddle.disable_signal_handler()  # as PaddleNLP does
    return _encoder()


def _entered(name: str, root: Path) -> ModuleType:
    """An empty module in whose place the modules of a package can be imported."""
    module = ModuleType(name)
    module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    return module


def _encoder() -> tuple[Any, Any]:
    package = "paddlenlp.transformers.ernie"
    return (
        importlib.import_module(f"{package}.configuration").ErnieConfig,
        importlib.import_module(f"{package}.modeling").ErnieModel,
    )


ErnieConfig, ErnieModel = _import_encoder()
