"""``labels.gguf``: everything except the network that the libraries of ``cpp_runtime/backends`` need from a bundle.

A GGUF file with the keys of ``model.gguf`` (vocabulary, labels, threshold) and, of its tensors, those of the lexicons
only; and the network files of the bundle with their sizes and CRC-32, because runtimes end the process on a damaged
file. docs/gguf.md describes every key.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from export_lite.gguf import ALIGNMENT, ARCHITECTURE, add_metadata, lexicon_tensors
from export_lite.program import run_program
from slu.errors import BundleError
from slu.files import write_file
from slu.model.checkpoint import Checkpoint
from slu.runtime.bundle import open_directory
from slu.runtime.formats import FORMATS, GGUF

LABELS_FILE = "labels.gguf"


def add_labels_file(checkpoint: Checkpoint, length: int, directory: Path, names: Iterable[str]) -> bool:
    """Write the file if the libraries run any of the files ``names`` of a bundle; returns whether they do."""
    networks = [name for form in FORMATS.values() if form.library for name in form.files if name in set(names)]
    if networks:
        write_labels_file(checkpoint, length, directory, networks)
    return bool(networks)


def write_labels_file(checkpoint: Checkpoint, length: int, directory: Path, networks: Iterable[str]) -> None:
    """Write `LABELS_FILE` into ``directory``, for those of its files that are called ``networks``.

    ``checkpoint``: what they were exported from; its tensors are not used. ``length``: tokens that they take, [CLS] and
    [SEP] counted.
    """
    import gguf

    names = list(networks)
    contents = [(directory / name).read_bytes() for name in names]
    with tempfile.TemporaryDirectory(dir=directory) as temporary:
        path = Path(temporary) / LABELS_FILE
        writer = gguf.GGUFWriter(path, ARCHITECTURE)
        writer.add_custom_alignment(ALIGNMENT)
        config = checkpoint.config.replace(max_seq_length=length)
        add_metadata(writer, dataclasses.replace(checkpoint, config=config))
        writer.add_array(f"{ARCHITECTURE}.networks.files", names)
        writer.add_array(f"{ARCHITECTURE}.networks.bytes", [len(data) for data in contents])
        # GGUF's writer makes int32 of these; the bits are those of CRC-32.
        signed = [(zlib.crc32(data) ^ 1 << 31) - (1 << 31) for data in contents]
        writer.add_array(f"{ARCHITECTURE}.networks.crc32", signed)
        for tensor, values in lexicon_tensors(checkpoint).items():
            writer.add_tensor(tensor, np.ascontiguousarray(values))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        if writer.tensors[0]:
            writer.write_tensors_to_file()
        else:
            writer.write_ti_data_to_file()
        writer.close()
        data = path.read_bytes()
    # Without tensors, the writer leaves out the padding before them.
    write_file(directory / LABELS_FILE, data + bytes(-len(data) % ALIGNMENT))


def add_to_bundle(bundle: Path) -> None:
    """Write the file into a bundle that was made without it."""
    model = open_directory(bundle)
    if model.config.flags:
        raise BundleError(f"{model.path}: the lexicons of its checkpoint are missing; export the bundle again")
    files = model.manifest.config.get("files", {})
    model.require(*files)
    checkpoint = Checkpoint(model.config, {}, list(model.tokens.vocab), model.labels, model.manifest)
    if model.length is None or not add_labels_file(checkpoint, model.length, model.path, files):
        raise BundleError(
            f"{model.path}: not a bundle with a network beside {GGUF.files[0]}; "
            "export its checkpoint with one, as by --format gguf,paddle"
        )


if __name__ == "__main__":
    sys.exit(run_program("export_lite.labels_file", "BUNDLE", add_to_bundle))
