"""What is checked of ``.nb`` files for a processor that this machine is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exporting import Exported

from export_lite.paddle_lite import check_nb, write_nb
from slu.errors import BundleError
from slu.formats.contents import Contents, Operator
from slu.formats.naive_buffer import read_naive_buffer
from slu.heads.joint import JOINT
from slu.model.checkpoint import load_checkpoint
from slu.runtime.bundle import INPUT
from slu.runtime.formats import FORMATS

WORDS = "ernie.embeddings.word_embeddings.weight"

only_compressed = pytest.mark.parametrize("exported", ["compressed"], indirect=True)


def read(exported: Exported, format_: str) -> Contents:
    return read_naive_buffer(exported.bundle / FORMATS[format_].files[0])


@only_compressed
def test_linear_layers_have_the_kernels_of_their_format(exported: Exported) -> None:
    layers = 2 * 6
    floats = 3  # pooler and the two heads
    for format_, kernels in (
        ("lite-arm", {"arm float32": layers + floats}),
        ("lite-arm-fp16", {"arm float16": layers + floats}),
        ("lite-arm-int8", {"arm int8 fp32out": layers, "arm float32": floats}),
    ):
        contents = read(exported, format_)
        assert Counter(o.kernel for o in contents.operators if o.type == "fc") == kernels
        assert contents.facts["targets"] == ["arm"]
        assert [(port.name, port.precision) for port in contents.inputs] == [(INPUT, "int32")]
        assert [(port.name, port.precision) for port in contents.outputs] == [
            (name, "float32") for name in JOINT.logits
        ]
        assert ("floor" in {o.type for o in contents.operators}) == (format_ == "lite-arm")
        head = (exported.bundle / FORMATS[format_].files[0]).read_bytes()[2:18]
        assert head == b"v2.13-rc".ljust(16, b"\0")
    assert read(exported, "lite-x86").facts["targets"] == ["x86"]


@only_compressed
def test_embeddings_are_looked_up_as_int8(exported: Exported) -> None:
    contents = read(exported, "lite-arm-int8")
    assert {Operator("lookup_table_v2", "arm any int8_int32"), Operator("dequantize_log", "arm int8")} <= set(
        contents.operators
    )
    tensors = {tensor.name: tensor for tensor in contents.tensors}
    rows = load_checkpoint(exported.checkpoint).config.vocab_size
    assert (tensors[WORDS].precision, tensors[WORDS].shape) == ("int8", (rows, 48))
    scale = tensors[f"{WORDS}_scale"]
    assert (scale.precision, scale.shape) == ("float32", (rows, 1))


@only_compressed
def test_a_file_that_is_not_what_was_asked_for_is_refused(copied: Exported) -> None:
    checkpoint, path = load_checkpoint(copied.checkpoint), copied.bundle / FORMATS["lite-arm-int8"].files[0]
    contents = read(copied, "lite-arm-int8")
    check_nb(path, contents, FORMATS["lite-arm-int8"], checkpoint)
    floats = tuple(replace(o, kernel="arm float32") if o.type == "fc" else o for o in contents.operators)
    loose = tuple(replace(tensor, precision="float32") for tensor in contents.tensors)
    for wrong, format_, words in (
        (contents, "lite-x86", "has kernels for arm, X86 was wanted"),
        (contents, "lite-arm", "3 of 15 linear layers became fc with the kernel arm float32"),
        (replace(contents, operators=floats), "lite-arm-int8", "0 of 12 linear layers became fc"),
        (replace(contents, operators=floats), "lite-arm", "is not there as"),
        (replace(contents, tensors=loose), "lite-arm-int8", "is float32, not int8"),
        (replace(contents, outputs=contents.outputs[:1]), "lite-arm-int8", "slot_logits is missing in it"),
    ):
        with pytest.raises(BundleError, match=words):
            check_nb(path, wrong, FORMATS[format_], checkpoint)
    checkpoint.tensors[WORDS] = np.roll(checkpoint.tensors[WORDS], 1)
    with pytest.raises(BundleError, match=f"{WORDS} does not hold the numbers of the checkpoint"):
        check_nb(path, contents, FORMATS["lite-arm-int8"], checkpoint)


def test_an_optimiser_that_fails_is_one_line(copied: Exported, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"x\.nb: Paddle Lite's optimiser failed") as caught:
        write_nb(tmp_path, FORMATS["lite-arm"], tmp_path / "x.nb", load_checkpoint(copied.checkpoint))
    assert "\n" not in str(caught.value)
