"""Width pruning: importance is what the loss says, and cutting is leaving out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from computing import exact, largest_difference, logits_of

from compress.distillation import DistillationSettings
from compress.embeddings import quantise_embeddings
from compress.width import Importance, WidthSettings, cut, cut_config, measure_importance, prune_width
from slu.errors import ConfigError
from slu.heads.joint_loss import HeadLoss
from slu.model.checkpoint import Checkpoint, check_tensors, load_checkpoint, save_checkpoint
from slu.model.network import load_model
from slu.runtime.loading import load
from slu.training.batches import epoch_order, make_examples, make_shards
from slu.training.data import Data
from slu.training.fit import TrainingSettings, inputs

LAYERS, HEADS, HEAD_SIZE, NEURONS = 2, 4, 8, 48


def scaled(checkpoint: Checkpoint, layer: int, what: str, index: int, factor: float) -> Checkpoint:
    """With ``factor`` in place of the 1 in the mask of one head or neuron: its rows of the next matrix times that."""
    name = {"head": "self_attn.out_proj", "neuron": "linear2"}[what]
    key = f"ernie.encoder.layers.{layer}.{name}.weight"
    rows = slice(index * HEAD_SIZE, (index + 1) * HEAD_SIZE) if what == "head" else slice(index, index + 1)
    changed = checkpoint.tensors[key].copy()
    changed[rows] *= np.float32(factor)
    tensors = {**checkpoint.tensors, key: changed}
    return Checkpoint(checkpoint.config, tensors, checkpoint.vocab, checkpoint.labels)


def batch_losses(checkpoint: Checkpoint, data: Data, batches: int) -> list[float]:
    """Mean losses of the batches that importance is measured on."""
    model, tokenizer = load_model(checkpoint), checkpoint.tokenizer()
    examples = make_examples(data.train, checkpoint)
    order = epoch_order(np.array([len(e.ids) for e in examples]), 64, seed=0, epoch=0)[:batches]
    losses = []
    with paddle.no_grad():
        for indices in order:
            batch = make_shards(examples, indices, tokenizer.pad_id, 1)[0]
            losses.append(float(HeadLoss().of_labels(model(*inputs(batch)), batch)))
    return losses


@pytest.mark.parametrize("batches", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_importance_is_the_change_of_the_loss(trained: Checkpoint, data: Data, batches: int) -> None:
    """Against (loss(1 + e) - loss(1 - e)) / 2e, e = 0.02: within 2 %, or 1e-5, which is what float32 losses resolve."""
    importance = measure_importance(trained, data, batches)
    assert importance.heads.shape == (LAYERS, HEADS) and importance.neurons.shape == (LAYERS, NEURONS)
    step = 0.02
    neurons = [0, 1, *np.argsort(-importance.neurons[0])[:3].tolist(), int(importance.neurons[0].argmin())]
    cases = [("head", layer, head) for layer in range(LAYERS) for head in range(HEADS)]
    cases += [("neuron", layer, neuron) for layer in range(LAYERS) for neuron in neurons]
    seen = []
    for what, layer, index in cases:
        more, less = (
            np.array(batch_losses(scaled(trained, layer, what, index, factor), data, batches))
            for factor in (1 + step, 1 - step)
        )
        measured = float(np.abs((more - less) / (2 * step)).mean())
        table = importance.heads if what == "head" else importance.neurons
        assert table[layer, index] == pytest.approx(measured, rel=0.02, abs=1e-5), (what, layer, index)
        seen.append(measured)
    assert max(seen) > 1e-3


def test_importance_predicts_what_leaving_out_costs(trained: Checkpoint, data: Data) -> None:
    """Without the most important half of the neurons the loss is higher than without the least important half."""
    importance = measure_importance(trained, data)
    config = cut_config(trained.config, "1/2")
    reverse = Importance(-importance.heads, -importance.neurons)
    whole, good, bad = (
        float(np.mean(batch_losses(c, data, 8)))
        for c in (trained, cut(trained, importance, config), cut(trained, reverse, config))
    )
    assert whole < good < bad


def random_importance(seed: int) -> Importance:
    rng = np.random.default_rng(seed)
    return Importance(rng.random((LAYERS, HEADS)), rng.random((LAYERS, NEURONS)))


def test_the_whole_width_is_only_reordered(trained: Checkpoint, data: Data) -> None:
    """The same numbers in another order: sums of 48 floats in another order differ by some 1e-6 of logits near 10."""
    same = cut(trained, random_importance(1), cut_config(trained.config, "1"))
    assert same.config == trained.config
    for name, tensor in trained.tensors.items():
        np.testing.assert_array_equal(np.sort(same.tensors[name].ravel()), np.sort(tensor.ravel()))
    moved = [name for name in trained.tensors if not np.array_equal(same.tensors[name], trained.tensors[name])]
    assert len(moved) == LAYERS * (3 * 2 + 1 + 3)  # q, k, v with biases, out; linear1 with its bias, linear2
    assert largest_difference(logits_of(trained, data.dev), logits_of(same, data.dev)) < 2e-5


@pytest.mark.parametrize(("ratio", "heads", "neurons"), [("3/4", 3, 36), ("0.5", 2, 24), ("1/4", 1, 12)])
def test_cutting_is_leaving_out(trained: Checkpoint, data: Data, ratio: str, heads: int, neurons: int) -> None:
    """A cut model computes what the whole one does with all other heads and neurons at 0."""
    importance = random_importance(2)
    small = cut(trained, importance, cut_config(trained.config, ratio))
    assert (small.config.num_attention_heads, small.config.intermediate_size) == (heads, neurons)
    assert small.config.attention_head_size == HEAD_SIZE
    check_tensors(small.tensors, small.config, small.labels, "cut")
    masked = trained
    for layer in range(LAYERS):
        for head in np.argsort(importance.heads[layer])[: HEADS - heads]:
            masked = scaled(masked, layer, "head", int(head), 0.0)
        for neuron in np.argsort(importance.neurons[layer])[: NEURONS - neurons]:
            masked = scaled(masked, layer, "neuron", int(neuron), 0.0)
    assert largest_difference(logits_of(masked, data.dev), logits_of(small, data.dev)) < 2e-5
    assert largest_difference(logits_of(trained, data.dev), logits_of(small, data.dev)) > 0.1


def test_the_most_important_come_first(trained: Checkpoint) -> None:
    importance = random_importance(3)
    small = cut(trained, importance, cut_config(trained.config, "1/2"))
    for layer in range(LAYERS):
        linear1 = f"ernie.encoder.layers.{layer}.linear1.weight"
        best = int(importance.neurons[layer].argmax())
        np.testing.assert_array_equal(small.tensors[linear1][:, 0], trained.tensors[linear1][:, best])
        query = f"ernie.encoder.layers.{layer}.self_attn.q_proj.weight"
        first = int(importance.heads[layer].argmax()) * HEAD_SIZE
        np.testing.assert_array_equal(
            small.tensors[query][:, :HEAD_SIZE], trained.tensors[query][:, first : first + HEAD_SIZE]
        )


def test_a_cut_model_can_be_cut_again(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    once = cut(trained, random_importance(4), cut_config(trained.config, "3/4"))
    save_checkpoint(once, tmp_path / "once")
    again = load_checkpoint(tmp_path / "once")
    assert largest_difference(logits_of(once, data.dev), logits_of(again, data.dev)) == 0
    importance = measure_importance(again, data, batches=2)
    assert importance.heads.shape == (LAYERS, 3) and importance.neurons.shape == (LAYERS, 36)
    twice = cut(again, importance, cut_config(again.config, "1/3"))
    assert twice.config.num_attention_heads == 1 and twice.config.intermediate_size == 12
    load_model(twice)


@pytest.mark.parametrize(
    ("ratio", "says"),
    [
        ("2/3", r"4 heads would become 2\.66667;"),
        ("5/8", r"4 heads would become 2\.5;"),
        ("0", "above 0 and at most 1"),
        ("-1/2", "above 0 and at most 1"),
        ("3/2", "above 0 and at most 1"),
        ("1/0", "write it as 3/4 or 0.75"),
        ("", "write it as 3/4 or 0.75"),
        ("three quarters", "write it as 3/4 or 0.75"),
        ("nan", "write it as 3/4 or 0.75"),
        ("inf", "write it as 3/4 or 0.75"),
    ],
)
def test_ratios_that_cannot_be(trained: Checkpoint, ratio: str, says: str) -> None:
    with pytest.raises(ConfigError, match=rf"^width ratio [^\n]*{says}[^\n]*$"):
        cut_config(trained.config, ratio)


def test_neurons_must_divide_as_well(trained: Checkpoint) -> None:
    with pytest.raises(ConfigError, match=r"49 neurons would become 24\.5;"):
        cut_config(trained.config.replace(intermediate_size=49), "1/2")


def settings(ratio: str = "1/2", **training: Any) -> WidthSettings:
    fields = {"epochs": 4, "batch_size": 16, "learning_rate": 5e-3, "average": 0.9, **training}
    return WidthSettings(ratio, TrainingSettings(**fields), DistillationSettings())


def test_the_step_as_a_whole(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    """Half the width, distilled: nearly as right as before, and nothing lost that training did not touch."""
    small, report, keep = prune_width(trained, data, settings(), tmp_path)
    assert (report["heads"], report["neurons"]) == (2, 24)
    assert {path.name for path in keep} == {"training.json", "visualdl"} and all(path.exists() for path in keep)
    assert small.vocab == trained.vocab and small.config.max_length == trained.config.max_length
    before, after = exact(trained, data.dev), exact(small, data.dev)
    bare = exact(cut(trained, measure_importance(trained, data), cut_config(trained.config, "1/2")), data.dev)
    assert before > 0.45 and after > before - 0.08 and after >= bare
    unused = trained.vocab.index("[unused]")
    words = "ernie.embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(small.tensors[words][unused], trained.tensors[words][unused])
    save_checkpoint(small, tmp_path / "small")
    assert load(tmp_path / "small").parse("你好").text == "你好"
    assert small.size_bytes < trained.size_bytes


def test_quantised_checkpoints_are_refused(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    """INT8 embeddings alone, too: trained floats must not be written back among INT8 rows."""
    with pytest.raises(ConfigError, match=r"^width: the checkpoint is quantised already"):
        prune_width(quantise_embeddings(trained)[0], data, settings(), tmp_path)
