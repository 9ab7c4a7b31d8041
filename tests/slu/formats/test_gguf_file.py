"""GGUF files that are refused: of another kind of model, and such that would use up the memory."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np
import pytest

from slu.errors import BundleError
from slu.formats.gguf_file import read_gguf


def test_gguf_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    for architecture, version, words in [
        ("llama", None, "of another kind of model (llama); ernie-slu is expected"),
        ("ernie-slu", 99, "model format version 99, this program reads 1"),
        ("ernie-slu", None, "model format version None"),
    ]:
        writer = gguf.GGUFWriter(path, architecture)
        if version is not None:
            writer.add_uint32("ernie-slu.format_version", version)
        writer.add_tensor("x", np.ones((2, 3), np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with pytest.raises(BundleError) as caught:
            read_gguf(path)
        assert words in str(caught.value)


def test_a_head_that_is_no_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "ernie-slu")
    writer.add_uint32("ernie-slu.format_version", 1)
    writer.add_array("ernie-slu.head", ["joint"])
    writer.add_tensor("x", np.ones((2, 3), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BundleError, match=r"its head is \['joint'\], which is unknown"):
        read_gguf(path)


@pytest.mark.parametrize("kind", [0, 8])
def test_gguf_that_would_use_up_the_memory_is_refused(kind: int, tmp_path: Path) -> None:
    """A sparse file with an array of half a gigabyte, of bytes or of empty strings."""
    path = tmp_path / "model.gguf"
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, kind, 1 << 26)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + (1 << 29))
    with pytest.raises(BundleError, match="a is an array of 67108864 values"):
        read_gguf(path)
    for counts in ((8193, 1), (1, 65537)):
        path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, *counts) + bytes(64))
        with pytest.raises(BundleError, match="its header is damaged"):
            read_gguf(path)
