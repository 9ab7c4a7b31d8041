"""``model.safetensors``: the weights of a checkpoint (https://github.com/huggingface/safetensors)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slu.formats.contents import Contents, Tensor, tensor_bytes
from slu.formats.raw import SAFETENSORS, Damaged, damage_reported, map_file

_PRECISIONS = {
    "BOOL": "bool",
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    "BF16": "bfloat16",
}


def read_safetensors(path: Path) -> Contents:
    """Read what the header says; the library checks that the tensors fill the file. Raises `BundleError`."""
    from safetensors import SafetensorError, safe_open  # type: ignore[attr-defined]

    with damage_reported(path, SAFETENSORS, map_file(path)):
        try:
            with safe_open(path, "numpy") as file:  # type: ignore[attr-defined]
                tensors = tuple(_tensor(name, file.get_slice(name)) for name in file.keys())  # noqa: SIM118
                return Contents("safetensors", "", tensors, facts=dict(file.metadata() or {}))
        except SafetensorError as error:
            raise Damaged(f"safetensors says: {error}") from error


def _tensor(name: str, part: Any) -> Tensor:
    precision, shape = _PRECISIONS.get(part.get_dtype()), tuple(part.get_shape())
    if precision is None:
        raise Damaged(f"{name} is {part.get_dtype()}, which is unknown to this program")
    return Tensor(name, precision, shape, tensor_bytes(precision, shape))
