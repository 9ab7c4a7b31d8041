"""Quantisation-aware training: what it learned with is what its INT8 checkpoint computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from computing import Logits, exact, largest_difference, logits_of
from paddle.nn.quant import quant_layers

import compress.qat
from compress.embeddings import quantise_embeddings
from compress.qat import QatSettings, add_rounding, int8_checkpoint, train_quantised
from slu.errors import ConfigError
from slu.heads.joint_decoding import JointDecoder
from slu.model.checkpoint import Checkpoint, check_tensors, load_checkpoint, save_checkpoint
from slu.model.network import ErnieWithHead, QuantisedLinear, load_model
from slu.model.quantization import LEVELS, OUTPUT_SCALE, integer_scores, makes_scores, without_integer_scores
from slu.runtime.loading import load
from slu.training.data import Data
from slu.training.fit import TrainingSettings

Trained = tuple[Checkpoint, ErnieWithHead, dict[str, Any]]
LINEAR = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "linear1", "linear2")
QUANTISED = [f"ernie.encoder.layers.{layer}.{name}" for layer in range(2) for name in LINEAR] + ["ernie.pooler.dense"]


def settings(**training: Any) -> QatSettings:
    fields = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "average": 0.9, **training}
    return QatSettings(TrainingSettings(**fields))


def quantise_by_training(
    checkpoint: Checkpoint, data: Data, workspace: Path, chosen: QatSettings, patch: pytest.MonkeyPatch
) -> Trained:
    """The INT8 checkpoint, the network that was trained with rounding, and the report."""
    networks: list[ErnieWithHead] = []

    def finish(model: ErnieWithHead, like: Checkpoint) -> Checkpoint:
        networks.append(model)
        return int8_checkpoint(model, like)

    patch.setattr(compress.qat, "int8_checkpoint", finish)
    result, report, keep = train_quantised(checkpoint, data, chosen, workspace)
    assert {path.name for path in keep} == {"training.json", "visualdl"}
    return result, networks[0], report


@pytest.fixture(scope="module", params=[False, True], ids=["linear layers", "scores too"])
def _made(
    request: pytest.FixtureRequest, _trained: Checkpoint, data: Data, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    chosen = replace(settings(), scores=request.param)
    with pytest.MonkeyPatch.context() as patch:
        made = quantise_by_training(_trained, data, tmp_path_factory.mktemp("qat"), chosen, patch)
    assert integer_scores(made[0].tensors) == request.param
    return made


@pytest.fixture
def int8(_made: Trained) -> Checkpoint:
    return _made[0]


def logits_of_network(made: Trained, checkpoint: Checkpoint, data: Data) -> list[Logits]:
    """Of the network that was trained: it has only the rows of the embeddings that the corpus uses."""
    from slu.model.embedding_rows import select_used

    small, _ = select_used(checkpoint, [*data.train, *data.dev])
    return logits_of(small, data.dev, made[1])


def test_the_checkpoint_computes_what_the_trained_network_did(_made: Trained, int8: Checkpoint, data: Data) -> None:
    """Logits reach 10. They differ where a value that is half-way between two steps is rounded the other way."""
    network, stored = logits_of_network(_made, int8, data), logits_of(int8, data.dev)
    assert max(float(np.abs(intent).max()) for intent, _ in network) > 3
    assert largest_difference(network, stored) < 0.05
    typical = np.median([largest_difference([a], [b]) for a, b in zip(network, stored)])
    assert typical < 1e-4
    decoder = JointDecoder(int8.labels)
    for one, two in zip(network, stored):
        a, b = (decoder.decode(intent[None], slots[None, 1:-1])[0] for intent, slots in (one, two))
        assert a.intent == b.intent and list(a.tags) == list(b.tags)


def test_rounding_makes_a_difference_and_training_with_it_pays(
    trained: Checkpoint, int8: Checkpoint, data: Data
) -> None:
    """The logits are not those of the float model, and the answers are about as right."""
    assert largest_difference(logits_of(trained, data.dev), logits_of(int8, data.dev)) > 0.05
    assert exact(int8, data.dev) > exact(trained, data.dev) - 0.05


def test_what_is_stored(int8: Checkpoint, trained: Checkpoint) -> None:
    check_tensors(int8.tensors, int8.config, int8.labels, "qat")
    assert int8.quantised
    for name in QUANTISED:
        weight, scale, step = (int8.tensors[f"{name}.{kind}"] for kind in ("weight", "weight_scale", "input_scale"))
        assert weight.dtype == np.int8 and weight.shape == trained.tensors[f"{name}.weight"].shape
        np.testing.assert_array_equal(np.abs(weight.astype(int)).max(0), LEVELS)  # every output channel uses its grid
        assert scale.shape == (weight.shape[1],) and scale.dtype == step.dtype == np.float32 and step.shape == (1,)
        assert (scale > 0).all() and np.isfinite(scale).all() and 0 < step[0] < 1
        assert int8.tensors[f"{name}.bias"].dtype == np.float32
    int8_names = {name for name, tensor in int8.tensors.items() if tensor.dtype == np.int8}
    assert int8_names == {f"{name}.weight" for name in QUANTISED}
    for head in trained.head.layers:
        assert int8.tensors[f"{head}.weight"].dtype == np.float32
    assert not [name for name in int8.tensors if "fake" in name]


def test_scores_have_steps_that_reach_the_largest_queries_and_keys(int8: Checkpoint, data: Data) -> None:
    scaled = [name for name in QUANTISED if f"{name}.{OUTPUT_SCALE}" in int8.tensors]
    assert scaled == ([name for name in QUANTISED if makes_scores(name)] if integer_scores(int8.tensors) else [])
    model = load_model(replace(int8, tensors=without_integer_scores(int8.tensors)))
    largest: dict[str, list[float]] = {name: [] for name in scaled}
    for name, layer in model.named_sublayers():
        if name in largest:
            layer.register_forward_post_hook(lambda _, x, y, to=largest[name]: to.append(float(y.abs().max())))
    logits_of(int8, data.dev, model)
    for name, values in largest.items():
        reach = LEVELS * int8.tensors[f"{name}.{OUTPUT_SCALE}"][0]
        assert np.median(values) < 1.3 * reach and max(values) > 0.5 * reach, name


def test_query_key_and_value_share_one_input_scale(int8: Checkpoint) -> None:
    for layer in range(2):
        attention = f"ernie.encoder.layers.{layer}.self_attn"
        scales = [int8.tensors[f"{attention}.{name}.input_scale"][0] for name in ("q_proj", "k_proj", "v_proj")]
        assert scales[0] == scales[1] == scales[2]


def test_input_scales_cover_what_the_layers_read(int8: Checkpoint, data: Data) -> None:
    """Moving averages of the largest values: few inputs are clipped, and the steps are not wasted either."""
    model = load_model(int8)
    largest: dict[str, list[float]] = {}
    for name, layer in model.named_sublayers():
        if isinstance(layer, QuantisedLinear):
            largest[name] = []
            layer.register_forward_pre_hook(lambda _, inputs, to=largest[name]: to.append(float(inputs[0].abs().max())))
    logits_of(int8, data.dev, model)
    assert sorted(largest) == sorted(QUANTISED)
    for name, values in largest.items():
        reach = LEVELS * int8.tensors[f"{name}.input_scale"][0]
        assert np.median(values) < 1.3 * reach and max(values) > 0.5 * reach, name


def test_size_falls_to_what_is_stored(int8: Checkpoint, trained: Checkpoint) -> None:
    saved = 0
    for name in QUANTISED:
        rows, columns = trained.tensors[f"{name}.weight"].shape
        saved += rows * columns * 3 - columns * 4 - 4 - (4 if f"{name}.{OUTPUT_SCALE}" in int8.tensors else 0)
    assert trained.size_bytes - int8.size_bytes == saved > 0


def test_it_loads_everywhere(int8: Checkpoint, data: Data, tmp_path: Path) -> None:
    save_checkpoint(int8, tmp_path / "int8")
    again = load_checkpoint(tmp_path / "int8")
    assert largest_difference(logits_of(again, data.dev), logits_of(int8, data.dev)) == 0
    both, _ = quantise_embeddings(again)
    save_checkpoint(both, tmp_path / "both")
    assert both.size_bytes < int8.size_bytes
    texts = [utterance.text for utterance in data.dev]
    same = zip(load(tmp_path / "int8").parse_batch(texts), load(tmp_path / "both").parse_batch(texts))
    assert sum((a.intent, a.slots) == (b.intent, b.slots) for a, b in same) >= 0.95 * len(texts)


def test_nothing_that_training_does_not_touch_is_lost(int8: Checkpoint, trained: Checkpoint) -> None:
    assert int8.vocab == trained.vocab and int8.config == trained.config
    words, unused = "ernie.embeddings.word_embeddings.weight", trained.vocab.index("[unused]")
    np.testing.assert_array_equal(int8.tensors[words][unused], trained.tensors[words][unused])


def test_only_the_classifiers_stay_without_rounding(trained: Checkpoint) -> None:
    model = add_rounding(load_model(trained))
    names = [name for name, layer in model.named_sublayers() if isinstance(layer, quant_layers.QuantizedLinear)]
    assert sorted(names) == sorted(QUANTISED)
    assert not [layer for layer in model.sublayers() if isinstance(layer, quant_layers.MAOutputScaleLayer)]


def test_rounding_says_nothing(trained: Checkpoint, capfd: pytest.CaptureFixture[str]) -> None:
    add_rounding(load_model(trained))
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_an_interrupted_run_ends_as_an_unbroken_one(
    trained: Checkpoint, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moving averages of the scales, which are no gradient's doing, are part of the state."""
    chosen = replace(settings(evaluate_every=9, epochs=1, shards=2), scores=True)
    whole, _, _ = train_quantised(trained, data, chosen, tmp_path / "whole")
    step: Callable[[Any], None] = paddle.optimizer.AdamW.step
    steps: list[int] = []

    def breaks(self: Any) -> None:
        if len(steps) == 13:
            raise KeyboardInterrupt
        steps.append(1)
        step(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(paddle.optimizer.AdamW, "step", breaks)
        train_quantised(trained, data, chosen, tmp_path / "parts")
    parts, _, _ = train_quantised(trained, data, chosen, tmp_path / "parts")
    assert parts.tensors.keys() == whole.tensors.keys()
    assert [name for name in whole.tensors if not np.array_equal(whole.tensors[name], parts.tensors[name])] == []


def test_quantised_checkpoints_are_refused(trained: Checkpoint, int8: Checkpoint, data: Data, tmp_path: Path) -> None:
    for checkpoint in (int8, quantise_embeddings(trained)[0]):
        with pytest.raises(ConfigError, match=r"^qat: the checkpoint is quantised already"):
            train_quantised(checkpoint, data, settings(), tmp_path)
