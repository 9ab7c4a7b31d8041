"""Where a model starts from: every format is read as the network that wrote it would compute."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import paddle
import pytest
from ernie_formats import (
    hugging_face,
    hugging_face_prefixed,
    initial,
    make_encoder,
    paddle_half_precision,
    paddle_old,
    paddle_old_doubly_nested,
    paddle_old_nested,
    paddle_own_name,
    paddle_safetensors,
    paddle_state,
    paddle_state_of_a_classifier,
    refused,
    write_vocab,
)

from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.model.network import load_model
from slu.model.quantization import quantise
from slu.training.recipe import ModelSettings
from slu.training.start import PUBLISHED, initial_checkpoint

if TYPE_CHECKING:
    from paddlenlp.transformers import ErnieModel


@pytest.fixture
def encoder(vocab: list[str]) -> ErnieModel:
    return make_encoder(vocab)


def assert_computes_the_same(checkpoint: Checkpoint, encoder: ErnieModel, eps: float = 1e-12) -> None:
    """Hidden states after every layer and the pooled output, for whole and for padded batches, within 2e-6."""
    model = load_model(checkpoint)
    for layer in encoder.sublayers():
        if isinstance(layer, paddle.nn.LayerNorm):
            layer._epsilon = eps
    rng = np.random.default_rng(5)
    ids = rng.integers(5, len(checkpoint.vocab), (3, 11))
    assert checkpoint.config.pad_token_id == encoder.config.pad_token_id
    short = ids.copy()
    short[1, 7:] = short[2, 4:] = encoder.config.pad_token_id
    for batch, padded in ((ids, False), (ids, True), (short, True)):
        states: list[np.ndarray] = []
        pooled: list[np.ndarray] = []
        hook = model.ernie.register_forward_post_hook(lambda _, __, out, to=pooled: to.append(out[1].numpy()))
        with paddle.no_grad():
            states = [state.numpy() for state in model.run(paddle.to_tensor(batch), None, padded, hidden=True)[1]]
            sequence, want_pooled, want_states = encoder(paddle.to_tensor(batch), output_hidden_states=True)
        hook.remove()
        real = batch != encoder.config.pad_token_id
        assert len(states) == len(want_states) == 3
        for state, want in zip([*states, states[-1]], [*want_states, sequence]):
            np.testing.assert_allclose(state[real], want.numpy()[real], rtol=0, atol=2e-6)
        np.testing.assert_allclose(pooled[0], want_pooled.numpy(), rtol=0, atol=2e-6)
        assert np.abs(states[-1]).max() > 1


FORMATS: list[tuple[Callable[[ErnieModel, Path], None], float]] = [
    (paddle_state, 1e-12),
    (paddle_state_of_a_classifier, 1e-12),
    (paddle_old, 1e-12),
    (paddle_old_nested, 1e-12),
    (paddle_old_doubly_nested, 1e-12),
    (paddle_own_name, 1e-12),
    (paddle_safetensors, 1e-12),
    (paddle_half_precision, 1e-12),
    (hugging_face, 1e-5),
    (hugging_face_prefixed, 1e-5),
]


@pytest.mark.parametrize(("write", "eps"), FORMATS, ids=[write.__name__ for write, _ in FORMATS])
@pytest.mark.parametrize("task", [None, 2], ids=["", "task"])
def test_every_format_computes_what_was_saved(
    write: Callable[[ErnieModel, Path], None], eps: float, task: int | None,
    vocab: list[str], labels: Labels, tmp_path: Path,
) -> None:  # fmt: skip
    fields = {} if task is None else {"use_task_id": True, "task_id": task, "task_type_vocab_size": 5}
    encoder = make_encoder(vocab, **fields)
    write_vocab(tmp_path, vocab)
    write(encoder, tmp_path)
    checkpoint = initial(tmp_path, labels, dropout=0.2, max_length=24)
    assert checkpoint.vocab == vocab and checkpoint.labels == labels
    config = checkpoint.config
    assert config.vocab_size == len(vocab) and config.max_length == 24 and config.layer_norm_eps == eps
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0.2
    assert ("ernie.embeddings.task_type_embeddings.weight" in checkpoint.tensors) == (task is not None)
    assert_computes_the_same(checkpoint, encoder, eps)
    save_checkpoint(checkpoint, tmp_path / "saved")
    assert_computes_the_same(load_checkpoint(tmp_path / "saved"), encoder, eps)


def test_a_pickle_needs_no_trust(encoder: ErnieModel, vocab: list[str], labels: Labels, tmp_path: Path) -> None:
    write_vocab(tmp_path, vocab)
    paddle_state(encoder, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_computes_the_same(initial(tmp_path, labels), encoder)


def test_safetensors_are_preferred_to_a_pickle(
    encoder: ErnieModel, vocab: list[str], labels: Labels, tmp_path: Path
) -> None:
    write_vocab(tmp_path, vocab)
    paddle_safetensors(encoder, tmp_path)
    (tmp_path / "model_state.pdparams").write_bytes(b"not opened")
    assert_computes_the_same(initial(tmp_path, labels), encoder)


@pytest.mark.parametrize("place", [1, 400])
def test_padding_may_have_any_place_in_the_vocabulary(
    vocab: list[str], labels: Labels, tmp_path: Path, place: int
) -> None:
    moved = [*vocab[1 : place + 1], vocab[0], *vocab[place + 1 :]]
    encoder = make_encoder(moved)
    encoder.config.pad_token_id = place
    write_vocab(tmp_path, moved)
    paddle_safetensors(encoder, tmp_path)
    checkpoint = initial(tmp_path, labels)
    assert checkpoint.config.pad_token_id == place == moved.index("[PAD]")
    save_checkpoint(checkpoint, tmp_path / "saved")
    load_model(load_checkpoint(tmp_path / "saved"))


# --- checkpoints of this project --------------------------------------------------------------------------------------


def test_own_checkpoint_with_the_same_labels_is_taken_as_it_is(checkpoint_directory: Path, labels: Labels) -> None:
    own = load_checkpoint(checkpoint_directory)
    checkpoint = initial(checkpoint_directory, labels, max_length=20)
    assert checkpoint.tensors.keys() == own.tensors.keys()
    assert all(np.array_equal(checkpoint.tensors[name], own.tensors[name]) for name in own.tensors)
    assert checkpoint.vocab == own.vocab and checkpoint.config.max_length == 20
    assert checkpoint.manifest.stage == ""  # what is made of it has a history of its own


def test_own_checkpoint_with_other_labels_gets_new_heads(
    checkpoint_directory: Path, sample: list[Utterance], labels: Labels
) -> None:
    own = load_checkpoint(checkpoint_directory)
    fewer = Labels.from_corpus(u for u in sample if not u.intent.startswith("music"))
    assert fewer.intents != labels.intents
    checkpoint = initial(checkpoint_directory, fewer, seed=1)
    for name, tensor in checkpoint.tensors.items():
        if name.startswith("ernie."):
            np.testing.assert_array_equal(tensor, own.tensors[name])
    assert checkpoint.tensors["intent_classifier.weight"].shape == (48, len(fewer.intents))
    assert checkpoint.tensors["slot_classifier.weight"].shape == (48, len(fewer.tags))
    again, other = initial(checkpoint_directory, fewer, seed=1), initial(checkpoint_directory, fewer, seed=2)
    weight = "intent_classifier.weight"
    np.testing.assert_array_equal(again.tensors[weight], checkpoint.tensors[weight])
    assert not np.array_equal(other.tensors[weight], checkpoint.tensors[weight])


def test_own_quantised_checkpoint_becomes_float(checkpoint: Checkpoint, labels: Labels, tmp_path: Path) -> None:
    weight = "ernie.encoder.layers.0.linear1.weight"
    words = "ernie.embeddings.word_embeddings.weight"
    want = dict(checkpoint.tensors)
    for name, axis in ((weight, 1), (words, 0)):
        steps, scale = quantise(checkpoint.tensors[name], axis)
        checkpoint.tensors[name] = steps
        checkpoint.tensors[name.removesuffix("weight") + "weight_scale"] = scale
        want[name] = steps * (scale if axis else scale[:, None])
    checkpoint.tensors[weight.removesuffix("weight") + "input_scale"] = np.ones(1, np.float32)
    save_checkpoint(checkpoint, tmp_path / "int8")
    got = initial(tmp_path / "int8", labels)
    assert got.tensors.keys() == want.keys()
    assert all(tensor.dtype == np.float32 for tensor in got.tensors.values())
    for name in want:
        np.testing.assert_allclose(got.tensors[name], want[name], rtol=1e-6, err_msg=name)


def test_from_scratch(vocab: list[str], labels: Labels, tmp_path: Path) -> None:
    write_vocab(tmp_path, vocab)
    settings = ModelSettings(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, seed=1)
    one = initial_checkpoint(settings, labels, tmp_path / "vocab.txt")
    two = initial_checkpoint(settings, labels, tmp_path / "vocab.txt")
    assert all(np.array_equal(one.tensors[name], two.tensors[name]) for name in one.tensors)
    assert one.vocab == vocab and one.config.attention_head_size == 12
    generic = initial_checkpoint(
        ModelSettings(hidden_size=16, num_hidden_layers=1, num_attention_heads=1), labels, None
    )
    assert len(generic.vocab) > 20_000 and {"花", "a", "##a", "0", "[UNK]"} <= set(generic.vocab)
    save_checkpoint(generic, tmp_path / "generic")
    load_checkpoint(tmp_path / "generic")


# --- published names --------------------------------------------------------------------------------------------------


def test_published_names() -> None:
    sizes = ("base", "medium", "mini", "micro", "nano", "pico")
    names = [f"ernie-3.0-tiny-{size}-v2-zh" for size in sizes] + [f"ernie-3.0-{size}-zh" for size in sizes[:-1]]
    for name in (*names, "ernie-3.0-tiny-base-v1-zh", "ernie-3.0-xbase-zh"):
        assert PUBLISHED.fullmatch(name), name
    for name in ("ernie-3.0-tiny-nano-v3-zh", "bert-base-chinese", "ernie-3.0-tiny-nano-v2-zh/", ""):
        assert not PUBLISHED.fullmatch(name), name


def test_a_published_name_is_downloaded(
    encoder: ErnieModel, vocab: list[str], labels: Labels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paddlenlp.transformers import ErnieModel, ErnieTokenizer

    name = "ernie-3.0-tiny-nano-v2-zh"
    write_vocab(tmp_path, vocab)
    tokenizer = ErnieTokenizer(str(tmp_path / "vocab.txt"))
    asked: list[str] = []
    monkeypatch.setattr(ErnieTokenizer, "from_pretrained", lambda name: (asked.append(name), tokenizer)[1])
    monkeypatch.setattr(ErnieModel, "from_pretrained", lambda name: (asked.append(name), encoder)[1])
    checkpoint = initial(name, labels)
    assert asked == [name, name]
    assert checkpoint.vocab == vocab
    assert_computes_the_same(checkpoint, encoder)


@pytest.mark.parametrize(
    "error",
    [
        OSError("We couldn't connect to the server.\nCheck your connection."),
        OSError("Can't load the model. If you were trying to load it, then ..."),
        RuntimeError(""),
        ConnectionError("refused"),
        AssertionError(),
        SystemError("a\n\nb"),
    ],
)
def test_a_failing_download_is_one_line(labels: Labels, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    from paddlenlp.transformers import ErnieTokenizer

    def fails(name: str) -> None:
        raise error

    monkeypatch.setattr(ErnieTokenizer, "from_pretrained", fails)
    said = str(error).split(".")[0].split("\n")[0] or type(error).__name__
    refused("ernie-3.0-tiny-nano-v2-zh", labels, f"cannot be downloaded ({said})")


def test_no_such_name(labels: Labels) -> None:
    refused("ernie-3.0-tiny-giant-v2-zh", labels, "neither a directory nor a published name")
