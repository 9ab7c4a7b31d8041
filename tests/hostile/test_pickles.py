"""``.pdparams`` of strangers: arrays come out, and nothing that the file names is run."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slu.errors import CheckpointError
from slu.formats.pickled import read_pdparams


class Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any):
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_are_read(tmp_path: Path, protocol: int) -> None:
    arrays = {
        "a": np.arange(12, dtype=np.float32).reshape(3, 4),
        "b": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "c": np.array(7, np.int64),
        "d": np.zeros((0, 3), np.float16),
    }
    state = collections.OrderedDict(arrays, **{"StructuredToParameterName@@": {"a": "x"}, "e": ("linear", arrays["a"])})
    (tmp_path / "m.pdparams").write_bytes(pickle.dumps(state, protocol))
    found = read_pdparams(tmp_path / "m.pdparams")
    assert sorted(found) == ["a", "b", "c", "d", "e"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize(
    "value",
    [
        Call(os.system, "touch {path}"),
        Call(eval, "open('{path}', 'w')"),
        Call(open, "{path}", "w"),
        Call(np.load, "{path}", None, True),
        Call(getattr, "", "join"),
        np.array([Call(os.system, "touch {path}")], object),
        np.array(["a"]),
        np.zeros(2, [("a", "f4")]),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, value: Any) -> None:
    raw = pickle.dumps({"a": np.zeros(2), "b": value}, 2).replace(b"{path}", b"./here")
    (tmp_path / "m.pdparams").write_bytes(raw)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CheckpointError) as error:
        read_pdparams(tmp_path / "m.pdparams")
    assert "\n" not in str(error.value) and sorted(tmp_path.iterdir()) == before
    assert not Path("here").exists()


def test_damaged_pickles_are_refused(tmp_path: Path) -> None:
    raw = bytearray(pickle.dumps({"a": np.arange(9, dtype=np.float32)}, 2))
    rng = np.random.default_rng(0)
    for i in range(600):
        data = bytearray(raw[: rng.integers(0, len(raw))] if i % 3 == 0 else raw)
        for at in rng.integers(0, max(len(data), 1), 2):
            data[at : at + 1] = bytes([rng.integers(0, 256)])
        (tmp_path / "m.pdparams").write_bytes(data)
        try:
            found = read_pdparams(tmp_path / "m.pdparams")
        except CheckpointError as error:
            assert "\n" not in str(error).strip()
        else:
            assert all(isinstance(array, np.ndarray) for array in found.values())


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_what_would_take_all_time_or_memory_is_refused(tmp_path: Path, protocol: int) -> None:
    nested: Any = ()
    for _ in range(60):  # whose hash takes 2^60 steps
        nested = (nested, nested)
    key = pickle.dumps(nested, protocol)[:-1]
    remembered = b"r\xff\xff\xff\x7f"  # in place 2^31 - 1
    sizes = [1 << 60] * 40 + [0]
    array = (b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01" + pickle.dumps(tuple(sizes), 2)[2:-1]) + (
        b"cnumpy\ndtype\nX\x02\0\0\0f4\x85R\x89C\0tb."
    )
    for raw in (
        b"}" + key + b"Ns.",
        b"}(" + key + b"Nu.",
        b"(" + key + b"Nd.",
        b"\x8f(" + key + b"\x90.",
        b"(" + key + b"\x91.",
        b"ccollections\nOrderedDict\n(((" + key + b"NtttR.",
        b"]" + remembered + b".",
        array,
    ):
        (tmp_path / "m.pdparams").write_bytes(raw)
        with pytest.raises(CheckpointError, match=r"^[^\n]*m\.pdparams: [^\n]*$"):
            read_pdparams(tmp_path / "m.pdparams")
