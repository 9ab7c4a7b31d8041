"""Heads that begin by looking at neighbours: they do, the other heads do not, and training and students keep them."""

from __future__ import annotations

import numpy as np
import pytest

from compress.student import StudentSettings, new_student
from slu.corpus.labels import Labels
from slu.errors import ConfigError
from slu.model.checkpoint import Checkpoint
from slu.model.config import ModelConfig
from slu.model.neighbours import OFFSETS
from slu.model.network import new_model, tensors_of
from slu.training.recipe import ModelSettings

LABELS = Labels(("a", "b"), ("s",), {"a": ("s",), "b": ()})
LENGTH = 20


def _config(heads: int, **changes: int) -> ModelConfig:
    sizes = {"hidden_size": 192, "num_hidden_layers": 2, "num_attention_heads": 8, "attention_head_size": 24}
    return ModelConfig(vocab_size=50, intermediate_size=64, neighbour_heads=heads).replace(**{**sizes, **changes})


def _attention(config: ModelConfig, layer: int) -> np.ndarray:
    """``[heads, LENGTH, LENGTH]``: the share of each token in each token of a random text."""
    import paddle

    model = new_model(config, LABELS, 0)
    model.eval()
    ids = paddle.to_tensor(np.random.default_rng(1).integers(4, 50, (1, LENGTH)))
    _, states = model.run(ids, None, padded=False, hidden=True)
    attention = model.ernie.encoder.layers[layer].self_attn
    shape = [LENGTH, config.num_attention_heads, config.attention_head_size]
    q, k = (np.asarray(part(states[layer])[0].reshape(shape)) for part in (attention.q_proj, attention.k_proj))
    scores = np.einsum("ihd,jhd->hij", q, k) / config.attention_head_size**0.5
    shares: np.ndarray = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    return shares


@pytest.mark.parametrize("layer", [0, 1])
def test_heads_look_where_they_are_told(layer: int) -> None:
    shares = _attention(_config(6), layer)
    inside = np.arange(4, LENGTH - 4)
    for head, offset in enumerate(OFFSETS[:6]):
        assert (shares[head].argmax(-1)[inside] == inside + offset).all()
        assert shares[head][inside, inside + offset].mean() > 0.3  # of 20 tokens
    assert shares[6:].max() < 0.15  # the others begin with all tokens alike
    assert _attention(_config(0), layer).max() < 0.15


def test_cut_heads_and_narrow_ones() -> None:
    for changes in ({"num_attention_heads": 2}, {"attention_head_size": 3}, {"attention_head_size": 1}):
        tensors = tensors_of(new_model(_config(8, **changes), LABELS, 0))
        assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_a_student_begins_like_its_teacher() -> None:
    config = _config(2)
    teacher = Checkpoint(config, tensors_of(new_model(config, LABELS, 0)), [str(i) for i in range(50)], LABELS)
    student = new_student(teacher, StudentSettings(hidden_size=48, num_attention_heads=3))
    assert student.config.neighbour_heads == 2
    positions = student.tensors["ernie.embeddings.position_embeddings.weight"]
    assert not positions[:, : 48 - 16].any() and positions[:, 48 - 16 :].any()


def test_config_json_has_it_only_where_it_is_there() -> None:
    assert "neighbour_heads" not in _config(0).to_dict()
    assert ModelConfig.from_dict(_config(3).to_dict(), "here") == _config(3)


def test_a_model_with_fewer_heads_uses_all() -> None:
    settings = ModelSettings(num_attention_heads=2, neighbour_heads=4)
    shares = _attention(_config(settings.neighbour_heads, num_attention_heads=2), 0)
    inside = np.arange(4, LENGTH - 4)
    assert all((shares[head].argmax(-1)[inside] == inside + OFFSETS[head]).all() for head in range(2))


@pytest.mark.parametrize("heads", [-1, 9])
def test_bad_settings(heads: int) -> None:
    with pytest.raises(ConfigError, match="neighbour_heads"):
        ModelSettings(num_attention_heads=12, neighbour_heads=heads)
