"""The published shapes of ERNIE 3.0 Tiny by name, for models from scratch.

Su et al. 2021, https://arxiv.org/abs/2106.02241, and the model cards of PaddleNLP; v1 and v2 differ in how they were
trained, and v1 has a row for the kind of task, which is the same for every text and adds nothing to a new model.
"""

from __future__ import annotations

import re

from slu.errors import ConfigError

_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
_SHAPES = {
    "xbase": (1024, 20, 16, 4096),
    "base": (768, 12, 12, 3072),
    "medium": (768, 6, 12, 3072),
    "mini": (384, 6, 12, 1536),
    "micro": (384, 4, 12, 1536),
    "nano": (312, 4, 12, 1248),
    "pico": (128, 3, 2, 512),
}
_NAME = re.compile(r"(?:ernie-3\.0-)?(?:tiny-)?([a-z]+)(?:-v[12])?(?:-zh)?")


def published_shape(name: str) -> dict[str, int]:
    """The sizes of a published model in the names of `slu.training.recipe.ModelSettings`. ``name``: as in
    ernie-3.0-tiny-nano-v2-zh, or nano alone. Raises `ConfigError` for another one."""
    match = _NAME.fullmatch(name)
    if not match or match[1] not in _SHAPES:
        raise ConfigError(
            f"--shape {name}: write it as ernie-3.0-tiny-nano-v2; there are {', '.join(sorted(_SHAPES, key=_size))}"
        )
    return dict(zip(_SIZES, _SHAPES[match[1]]))


def _size(name: str) -> int:
    hidden, layers, _, intermediate = _SHAPES[name]
    return layers * hidden * (2 * hidden + intermediate)
