"""``model.safetensors``: the weights of a checkpoint (https://github.com/huggingface/safetensors)."""

from __future__ import annotations

import json
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
    """Read what the header says, and check that the tensors fill the file. Raises `BundleError`."""
    data = map_file(path)
    with damage_reported(path, SAFETENSORS, data):
        size = int.from_bytes(data[:8], "little")
        if size > len(data) - 8:
            raise Damaged("ends within its header")
        try:
            header = json.loads(bytes(data[8 : 8 + size]))
        except (ValueError, RecursionError) as error:
            raise Damaged("its header is not JSON") from error
        if not isinstance(header, dict):
            raise Damaged("its header lists no tensors")
        facts = header.pop("__metadata__", {})
        places = [(*_tensor(name, entry), name) for name, entry in header.items()]
        end = 0
        for begin, tensor, name in sorted(places, key=lambda place: (place[0], place[1].bytes)):
            if begin != end:
                raise Damaged(f"{name} does not begin where the tensor before it ends")
            end += tensor.bytes
        if end != len(data) - 8 - size:
            raise Damaged(f"its tensors take {end} bytes, it has {len(data) - 8 - size} for them")
        tensors = tuple(tensor for _, tensor, _ in places)
        return Contents("safetensors", "", tensors, facts=facts if isinstance(facts, dict) else {})


def _tensor(name: str, entry: Any) -> tuple[int, Tensor]:
    """Where a tensor begins, and the tensor."""
    try:
        shape = tuple(int(size) for size in entry["shape"])
        begin, end = entry["data_offsets"]
        precision = _PRECISIONS[entry["dtype"]]
        tensor = Tensor(name, precision, shape, tensor_bytes(precision, shape))
        if end - begin != tensor.bytes:
            raise Damaged(f"{name} has {end - begin} bytes, {precision} {list(shape)} takes {tensor.bytes}")
        return int(begin), tensor
    except Damaged:
        raise
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise Damaged(f"{name} is described in a way that this program does not know") from error
