"""Initial checkpoints that cannot be read: one line that says where and what."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import paddle
import pytest
from ernie_formats import (
    PADDING,
    hugging_face,
    initial,
    make_encoder,
    paddle_safetensors,
    paddle_state,
    refused,
    write_vocab,
)
from safetensors.numpy import load_file, save_file

from slu.corpus.labels import Labels
from slu.errors import ConfigError


@pytest.fixture(scope="module")
def _saved(tmp_path_factory: pytest.TempPathFactory, vocab: list[str]) -> Path:
    directory = tmp_path_factory.mktemp("saved")
    for name, write in (("pickle", paddle_state), ("safe", paddle_safetensors), ("hf", hugging_face)):
        write_vocab(directory / name, vocab)
        write(make_encoder(vocab), directory / name)
    return directory


@pytest.fixture
def saved(_saved: Path, tmp_path: Path) -> Path:
    """Directories of a whole checkpoint in three formats, to be broken."""
    return Path(shutil.copytree(_saved, tmp_path / "saved"))


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 0.5, 0.99])
@pytest.mark.parametrize("name", ["pickle/model_state.pdparams", "safe/model.safetensors"])
def test_truncated_weights(saved: Path, labels: Labels, name: str, kept: float) -> None:
    path = saved / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    refused(path.parent, labels, "not a whole")


GARBAGE = {
    "text": b"this is the wrong file\n" * 50,
    "zeros": bytes(4096),
    "random": np.random.default_rng(0).bytes(4096),
    "zip": b"PK\x03\x04" + bytes(200),
    "old Paddle": struct.pack("<IQI", 0, 0, 0) + b"\xff" * 300,
    "a list": b"\x80\x04]\x94.",
    "a number": b"\x80\x04K\x01.",
    "no such module": b"\x80\x04\x8c\x08no_where\x8c\x04name\x93.",
    "page": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "git lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n",
}

PICKLED = {
    "a list": "holds no parameters by their names",
    "a number": "holds no parameters by their names",
    "no such module": "asks for no_where.name, which is none of arrays",
}
"""What is said of whole pickles of other things."""


@pytest.mark.parametrize("what", GARBAGE)
@pytest.mark.parametrize("name", ["pickle/model_state.pdparams", "safe/model.safetensors"])
def test_foreign_files_in_place_of_weights(saved: Path, labels: Labels, name: str, what: str) -> None:
    (saved / name).write_bytes(GARBAGE[what])
    says = PICKLED.get(what, "not a whole") if name.startswith("pickle") else "not a whole"
    refused((saved / name).parent, labels, says)


def test_weights_of_another_kind(saved: Path, labels: Labels) -> None:
    directory = saved / "safe"
    save_file({"conv1.weight": np.zeros((3, 3), np.float32)}, directory / "model.safetensors")
    refused(directory, labels, "is it an ERNIE model?")
    paddle.save({"conv1.weight": paddle.zeros([3, 3])}, str(saved / "pickle" / "model_state.pdparams"))
    refused(saved / "pickle", labels, "is it an ERNIE model?")


def test_a_tensor_is_missing_or_has_another_shape(saved: Path, labels: Labels) -> None:
    directory = saved / "hf"
    tensors = load_file(directory / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    save_file({k: v for k, v in tensors.items() if k != name}, directory / "model.safetensors")
    refused(directory, labels, "ernie.encoder.layers.1.linear2.weight is missing")
    save_file(tensors | {name: np.zeros((48, 79), np.float32)}, directory / "model.safetensors")
    refused(directory, labels, "ernie.encoder.layers.1.linear2.weight has shape [79, 48]")
    save_file(tensors | {name: tensors[name] * np.nan}, directory / "model.safetensors")
    refused(directory, labels, "not finite")


@pytest.mark.parametrize("name", ["pickle", "safe", "hf"])
def test_the_vocabulary_does_not_fit(saved: Path, labels: Labels, vocab: list[str], name: str) -> None:
    more = [*vocab, *(f"more{i}" for i in range(PADDING + 1))]
    write_vocab(saved / name, more)
    refused(saved / name, labels, f"vocab.txt has {len(more)} tokens, but the weights have {len(more) - 1}")
    write_vocab(saved / name, more[:-1])
    assert len(initial(saved / name, labels).vocab) == len(vocab) + PADDING
    write_vocab(saved / name, vocab[5:])
    refused(saved / name, labels, "vocab.txt")
    (saved / name / "vocab.txt").write_bytes(b"\xff\xfe\x00")
    refused(saved / name, labels, "vocab.txt")
    (saved / name / "vocab.txt").unlink()
    refused(saved / name, labels, "vocab.txt")


def test_files_are_missing(saved: Path, labels: Labels) -> None:
    (saved / "safe" / "model.safetensors").unlink()
    refused(saved / "safe", labels, "neither model.safetensors nor a .pdparams file")
    (saved / "safe" / "pytorch_model.bin").write_bytes(b"")
    refused(saved / "safe", labels, "convert pytorch_model.bin to safetensors")
    (saved / "hf" / "config.json").unlink()
    refused(saved / "hf", labels, "neither config.json nor model_config.json")
    (saved / "empty").mkdir()
    refused(saved / "empty", labels, "is it an ERNIE checkpoint?")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ("{}", "vocab_size is missing"),
        ('{"init_args": [1, 2]}', "vocab_size is missing"),
        ('{"init_args": 7}', "vocab_size is missing"),
        ('{"vocab_size": "many"}', "vocab_size is 'many'"),
        ('{"vocab_size": 10, "hidden_size": 50, "num_attention_heads": 4}', "is not a multiple"),
        ('{"vocab_size": 10, "hidden_act": "relu"}', "relu"),
        ('{"vocab_size": 10, "hidden_size": 48, "num_attention_heads": 4}', "requires"),
    ],
)
def test_configurations_that_do_not_fit(saved: Path, labels: Labels, config: str, says: str) -> None:
    (saved / "safe" / "config.json").write_text(config)
    refused(saved / "safe", labels, says)


def test_a_broken_checkpoint_of_this_project(checkpoint_directory: Path, labels: Labels) -> None:
    (checkpoint_directory / "model.safetensors").unlink()
    refused(checkpoint_directory, labels, "model.safetensors")


def test_lengths_that_the_positions_do_not_allow(saved: Path, labels: Labels) -> None:
    for length in (2, 41):
        with pytest.raises(ConfigError, match=rf"^max_length is {length}; it must be 3 to 40$"):
            initial(saved / "safe", labels, max_length=length)
    assert initial(saved / "safe", labels, max_length=40).config.max_length == 40
