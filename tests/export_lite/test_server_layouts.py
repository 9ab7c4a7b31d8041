"""The directories that Triton and Paddle Serving read: their descriptions fit the schemas, and are true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exporting import random_checkpoint
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

import slu
from export_lite.export import default_formats, export_bundle
from export_lite.job import Job
from export_lite.paddle_serving import Variable, variables
from export_lite.triton import model_config
from slu.corpus.labels import Labels
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.runtime.formats import FORMATS as TABLE

FORMATS = ["paddle", "onnx-int8", "triton", "paddle-serving"]
INT32, INT64, BOOL, STRING, MESSAGE, ENUM, UINT64 = 5, 3, 8, 9, 11, 14, 4
"""Types of fields in descriptor.proto."""

# What these messages have in model_config.proto of Triton 2.50 and general_model_config.proto of Paddle Serving 0.9,
# as far as it is used: name, number, type, whether repeated, the type of a message or an enum.
TRITON: dict[str, tuple[tuple[Any, ...], ...]] = {
    "Input": (("name", 1, STRING), ("data_type", 2, ENUM, "DataType"), ("dims", 4, INT64, "*")),
    "Output": (("name", 1, STRING), ("data_type", 2, ENUM, "DataType"), ("dims", 3, INT64, "*")),
    "Batching": (("max_queue_delay_microseconds", 2, UINT64),),
    "Group": (("kind", 4, ENUM, "Kind"), ("count", 2, INT32)),
    "Parameter": (("string_value", 1, STRING),),
    "Entry": (("key", 1, STRING), ("value", 2, MESSAGE, "Parameter")),
    "ModelConfig": (
        ("name", 1, STRING), ("max_batch_size", 4, INT32), ("input", 5, MESSAGE, "*Input"),
        ("output", 6, MESSAGE, "*Output"),
        ("instance_group", 7, MESSAGE, "*Group"), ("dynamic_batching", 11, MESSAGE, "Batching"),
        ("parameters", 14, MESSAGE, "*Entry"), ("backend", 17, STRING),
    ),
}  # fmt: skip
_VARIABLE = (("name", 1, STRING), ("alias_name", 2, STRING), ("is_lod_tensor", 3, BOOL))
SERVING: dict[str, tuple[tuple[Any, ...], ...]] = {
    "FeedVar": (*_VARIABLE, ("feed_type", 4, INT32), ("shape", 5, INT32, "*")),
    "FetchVar": (*_VARIABLE, ("fetch_type", 4, INT32), ("shape", 5, INT32, "*")),
    "GeneralModelConfig": (("feed_var", 1, MESSAGE, "*FeedVar"), ("fetch_var", 2, MESSAGE, "*FetchVar")),
}
ENUMS = {"DataType": {"TYPE_INVALID": 0, "TYPE_INT32": 8, "TYPE_FP32": 11}, "Kind": {"KIND_AUTO": 0, "KIND_CPU": 2}}


def message(messages: dict[str, tuple[tuple[Any, ...], ...]], name: str) -> Any:
    """An empty message of that type."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="p", syntax="proto2")
    for enum, values in ENUMS.items():
        made = file.enum_type.add(name=enum)
        for value, number in values.items():
            made.value.add(name=value, number=number)
    for kind, fields in messages.items():
        described = file.message_type.add(name=kind)
        for field, number, type_, *more in fields:
            repeated, of = (more[0].startswith("*"), more[0].lstrip("*")) if more else (False, "")
            described.field.add(
                name=field, number=number, type=type_, label=3 if repeated else 1, type_name=f".p.{of}" if of else None
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"p.{name}"))()


def job(vocab: list[str], labels: Labels, name: str) -> Job:
    return Job(random_checkpoint(vocab, labels, compressed=True), TABLE[name], 16, Path("nowhere"), Path("nowhere"))


def test_descriptions_fit_the_schemas(vocab: list[str], labels: Labels) -> None:
    config = text_format.Parse(model_config(job(vocab, labels, "triton")), message(TRITON, "ModelConfig"))
    assert config.name == "slu" and [list(one.dims) for one in config.input] == [[16]]
    text, stream = (message(SERVING, "GeneralModelConfig") for _ in range(2))
    found = variables(job(vocab, labels, "paddle-serving"))
    text_format.Parse("".join(one.text() for one in found), text)
    stream.ParseFromString(b"".join(one.wire() for one in found))
    assert text.SerializeToString() == stream.SerializeToString()
    assert len(text.fetch_var) == len(random_checkpoint(vocab, labels, compressed=True).head.outputs)
    big = Variable(True, "x", "int64", (127, 128, 300, 2**31 - 1))
    stream = message(SERVING, "GeneralModelConfig")
    stream.ParseFromString(big.wire())
    assert list(stream.feed_var[0].shape) == [127, 128, 300, 2**31 - 1]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, vocab: list[str], labels: Labels) -> tuple[Path, Checkpoint]:
    place = tmp_path_factory.mktemp("layouts")
    save_checkpoint(random_checkpoint(vocab, labels, compressed=True), place / "checkpoint")
    export_bundle(place / "checkpoint", place / "bundle", FORMATS, 16)
    return place / "bundle", load_checkpoint(place / "checkpoint")


@pytest.mark.slow
def test_triton(exported: tuple[Path, Checkpoint]) -> None:
    bundle, checkpoint = exported
    model = bundle / "triton/slu"
    config = text_format.Parse((model / "config.pbtxt").read_text("utf-8"), message(TRITON, "ModelConfig"))
    assert (config.name, config.backend) == (model.name, "onnxruntime") and config.max_batch_size > 1
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model / "1/model.onnx"), providers=["CPUExecutionProvider"])
    names = {"tensor(int32)": 8, "tensor(float)": 11}
    for described, real in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
        assert [one.name for one in described] == [one.name for one in real]
        assert [one.data_type for one in described] == [names[one.type] for one in real]
    assert [list(one.dims) for one in config.input] == [one.shape[1:] for one in session.get_inputs()]
    width = [output.width(checkpoint.labels) for output in checkpoint.head.outputs]
    assert [one.dims[-1] for one in config.output] == width
    # It is INT8, and the file that was compared with the checkpoint.
    assert (model / "1/model.onnx").read_bytes() == (bundle / "model.int8.onnx").read_bytes()
    batch = np.full((3, 16), checkpoint.config.pad_token_id, np.int32)
    found = session.run(None, {"input_ids": batch})
    for one, described in zip(found, config.output):
        assert one.shape == (3, *described.dims)


@pytest.mark.slow
def test_paddle_serving(exported: tuple[Path, Checkpoint]) -> None:
    bundle, _ = exported
    from slu.runtime.bundle import open_directory

    texts = []
    for side in ("server", "client"):
        path = bundle / f"serving_{side}/serving_{side}_conf"
        text = text_format.Parse(
            path.with_suffix(".prototxt").read_text("utf-8"), message(SERVING, "GeneralModelConfig")
        )
        stream = message(SERVING, "GeneralModelConfig")
        stream.ParseFromString(path.with_suffix(".stream.prototxt").read_bytes())
        assert text.SerializeToString() == stream.SerializeToString()
        texts.append(text_format.MessageToString(text))
    assert texts[0] == texts[1]
    assert [(one.name, one.feed_type, list(one.shape)) for one in text.feed_var] == [("input_ids", 2, [16])]
    logits = open_directory(bundle).config.task.logits
    assert tuple(one.name for one in text.fetch_var) == logits and {one.fetch_type for one in text.fetch_var} == {1}
    for name in ("model.pdmodel", "model.pdiparams"):
        assert (bundle / "serving_server" / name).read_bytes() == (bundle / name).read_bytes()


@pytest.mark.slow
def test_they_are_written_when_asked_for(exported: tuple[Path, Checkpoint]) -> None:
    bundle, checkpoint = exported
    assert not {"triton", "paddle-serving"} & set(default_formats(checkpoint))
    assert slu.load(bundle, "paddle").parse("取消").text == "取消"
    (bundle / "triton/slu/config.pbtxt").unlink()
    with pytest.raises(slu.SluError, match=r"config\.pbtxt: no such file"):
        open_bundle_files(bundle)


def open_bundle_files(bundle: Path) -> None:
    from slu.runtime.bundle import open_directory

    directory = open_directory(bundle)
    directory.require(*directory.manifest.config["files"])
