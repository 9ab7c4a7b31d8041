"""Spoken-language understanding on a device: an utterance in, its intent and slots out.

import slu

parser = slu.load("models/nlpcc2018-nano")
print(parser.parse("来一首周华健的花心"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slu.errors import SluError as SluError
    from slu.runtime.loading import load as load

    __version__: str

__all__ = ["SluError", "__version__", "load"]


def __getattr__(name: str) -> Any:
    # Looked up when asked for, so that `import slu` costs nothing.
    if name == "load":
        from slu.runtime.loading import load

        return load
    if name == "SluError":
        from slu.errors import SluError

        return SluError
    if name == "__version__":
        from importlib.metadata import version

        return version("slu")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
