"""The training loop: schedule, clipping, evaluation, the best weights, and going on after an interruption."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

from slu.corpus.utterance import Utterance
from slu.errors import CheckpointError, ConfigError, SluError
from slu.heads.examples import IGNORED, Batch, Example
from slu.heads.joint_loss import HeadLoss
from slu.model.checkpoint import Checkpoint
from slu.model.network import load_model, new_model, set_tensors, tensors_of
from slu.training.batches import make_examples, make_shards
from slu.training.fit import TrainingSettings, fit, labelled_loss, learning_rate_at, loss_of
from slu.training.state import State, load_state, save_state

UTTERANCES = 100
Tensors = dict[str, np.ndarray]


@pytest.fixture
def examples(sample: list[Utterance], checkpoint: Checkpoint) -> list[Example]:
    return make_examples(sample[:UTTERANCES], checkpoint)


class Run:
    """One training run of the tiny model. ``seen`` holds the weights at each evaluation, ``batches`` what it saw."""

    def __init__(self, checkpoint: Checkpoint, examples: list[Example], workspace: Path, **settings: Any):
        self.settings = TrainingSettings(**{"epochs": 2, "batch_size": 16, "learning_rate": 3e-3, **settings})
        self.tokenizer = checkpoint.tokenizer()
        self.examples = examples
        self.workspace = workspace
        self.model = load_model(checkpoint)
        self.seen: list[Tensors] = []
        self.batches: list[Batch] = []
        self.before_steps: list[Tensors] = []
        self.losses: list[float] = []

    def objective(self, model: nn.Layer, batch: Batch) -> paddle.Tensor:
        assert model.training
        self.batches.append(batch)
        self.before_steps.append(tensors_of(model))
        loss = labelled_loss(HeadLoss(self.settings.label_smoothing))(model, batch)
        self.losses.append(float(loss))
        return loss

    def go(self, measures: Callable[[int], float] = float, objective: Any = None) -> list[dict[str, Any]]:
        """Train; the ``n``-th evaluation (from 0) answers ``measures(n)``."""

        def evaluate() -> dict[str, float]:
            self.seen.append(tensors_of(self.model))
            return {"exact": measures(len(self.seen) - 1)}

        return fit(
            self.model, self.examples, self.settings, objective or self.objective, evaluate, self.workspace,
            self.tokenizer.unk_id, self.tokenizer.pad_id,
        )  # fmt: skip


@pytest.fixture
def run(checkpoint: Checkpoint, examples: list[Example], tmp_path: Path) -> Callable[..., Run]:
    """Make a `Run` of the tiny model with these settings; ``dropout`` is the network's."""

    def make(workspace: str = "work", dropout: float = 0.1, **settings: Any) -> Run:
        start = dataclasses.replace(
            checkpoint,
            config=checkpoint.config.replace(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout),
        )
        return Run(start, examples, tmp_path / workspace, **settings)

    return make


def assert_same(a: Tensors, b: Tensors) -> None:
    """Bit for bit."""
    assert a.keys() == b.keys()
    assert [name for name in a if not np.array_equal(a[name], b[name])] == []


def largest_change(a: Tensors, b: Tensors) -> float:
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_steps_are_made_with_the_schedules_rates(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = paddle.optimizer.AdamW.step
    monkeypatch.setattr(paddle.optimizer.AdamW, "step", lambda self: (rates.append(self.get_lr()), step(self))[1])
    one = run(epochs=2, warmup=0.3)
    one.go()
    assert rates == [learning_rate_at(i, 14, one.settings) for i in range(14)]


# --- one step ---------------------------------------------------------------------------------------------------------


def test_clipping_bounds_the_gradient(run: Callable[..., Run]) -> None:
    """Adam divides by the gradient's size, except for gradients far below its epsilon 1e-8: those barely move it."""
    free = run("free", epochs=1, warmup=0.0, weight_decay=0.0)
    free.go()
    start, moved = free.before_steps[0], free.before_steps[1]
    assert largest_change(start, moved) == pytest.approx(3e-3, rel=1e-3)
    bound = run("bound", epochs=1, warmup=0.0, weight_decay=0.0, clip_norm=1e-12)
    bound.go()
    assert 0 < largest_change(start, bound.before_steps[1]) < 3e-6


def test_weight_decay_shrinks_matrices_and_nothing_else(run: Callable[..., Run]) -> None:
    one = run(epochs=1, warmup=0.0, weight_decay=0.5, clip_norm=1e-12)
    one.go()
    shrunk = 1 - one.settings.learning_rate * 0.5
    for name, before in one.before_steps[0].items():
        after = one.before_steps[1][name]
        decays = before.ndim == 2 and "embeddings" not in name
        np.testing.assert_allclose(after, before * shrunk if decays else before, rtol=0, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("settings", [TrainingSettings(label_smoothing=0.05), TrainingSettings(loss="answers")])
@pytest.mark.parametrize("shards", [2, 3, 7])
def test_gradients_of_the_shards_add_up_to_those_of_the_batch(
    checkpoint: Checkpoint, examples: list[Example], shards: int, settings: TrainingSettings
) -> None:
    """Within 1e-6 of the largest gradient, as the order of float additions differs."""
    model = load_model(checkpoint)
    objective = labelled_loss(loss_of(settings, checkpoint))

    def gradients(count: int) -> tuple[float, Tensors]:
        model.clear_gradients()
        loss = 0.0
        for batch in make_shards(examples, np.arange(33), checkpoint.config.pad_token_id, count):
            value = objective(model, batch)
            value.backward()
            loss += float(value)
        return loss, {name: p.grad.numpy().copy() for name, p in model.named_parameters()}

    whole_loss, whole = gradients(1)
    loss, parts = gradients(shards)
    assert loss == pytest.approx(whole_loss, rel=1e-6)
    assert largest_change(whole, parts) < 1e-6 * max(np.abs(g).max() for g in whole.values()) + 1e-7


def test_fewer_examples_than_shards_leave_some_shards_out(run: Callable[..., Run]) -> None:
    """100 examples in batches of 33: the last batch is one example, which only the first of 4 shards has."""
    one = run(epochs=1, batch_size=33, shards=4)
    one.go()
    sizes = sorted(len(batch.ids) for batch in one.batches)
    assert sum(sizes) == UTTERANCES and sizes[0] == 1 and len(sizes) == 3 * 4 + 1


def test_tokens_are_read_as_unknown_at_the_rate_asked_for(run: Callable[..., Run]) -> None:
    plain, hidden = run("plain", epochs=3), run("hidden", epochs=3, unk_probability=0.3)
    for one in (plain, hidden):
        one.go()
    unk, share = plain.tokenizer.unk_id, []
    for before, after in zip(plain.batches, hidden.batches):
        changed = before.ids != after.ids
        assert (after.ids[changed] == unk).all()
        assert not changed[before.targets[1] == IGNORED].any()  # [CLS], [SEP] and padding
        np.testing.assert_array_equal(before.targets[1], after.targets[1])
        share.append((changed.sum(), (before.targets[1] != IGNORED).sum()))
    assert 0.25 < np.divide(*np.sum(share, 0)) < 0.35


def test_chance_differs_from_step_to_step_and_from_shard_to_shard(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is the same in every run with the same seed: of dropout, and of which tokens are read as unknown."""
    seeds: list[int] = []
    monkeypatch.setattr(paddle, "seed", seeds.append)
    settings = {"batch_size": UTTERANCES, "shards": 2, "epochs": 2}
    plain, hidden = run("plain", **settings), run("hidden", **settings, unk_probability=0.5)
    for one in (plain, hidden):
        one.go()
    assert len(set(seeds)) == 4 and seeds[:4] == seeds[4:]
    changed = [(a.ids != b.ids, b.targets[1] != IGNORED) for a, b in zip(plain.batches, hidden.batches)]
    assert len(changed) == 4
    for i, (one, counted) in enumerate(changed):
        for two, counted_too in changed[:i]:
            common = tuple(map(slice, np.minimum(one.shape, two.shape)))
            both = counted[common] & counted_too[common]
            assert 0.3 < (one[common] != two[common])[both].mean() < 0.7  # 0.5 is expected
    again = run("again", **settings, unk_probability=0.5)
    again.go()
    assert all(np.array_equal(a.ids, b.ids) for a, b in zip(hidden.batches, again.batches))
    other = run("other", **settings, unk_probability=0.5, seed=1)
    other.go()
    assert set(seeds[:4]).isdisjoint(seeds[-4:])


def test_a_loss_that_is_no_number_is_one_clear_error(run: Callable[..., Run]) -> None:
    one = run(evaluate_every=3)

    def objective(model: nn.Layer, batch: Batch) -> paddle.Tensor:
        return one.objective(model, batch) * (float("nan") if len(one.batches) == 5 else 1.0)

    with pytest.raises(SluError, match=r"^step 4: the loss is nan; lower learning_rate$"):
        one.go(objective=objective)
    assert (one.workspace / "state.safetensors").is_file()


# --- evaluation and the best weights ----------------------------------------------------------------------------------


def test_evaluation_every_so_many_steps_and_at_the_end(run: Callable[..., Run]) -> None:
    one = run(epochs=2, evaluate_every=4)
    log = one.go()
    assert [row["step"] for row in log] == [4, 8, 12, 14]
    assert [row["epoch"] for row in log] == pytest.approx([4 / 7, 8 / 7, 12 / 7, 2.0])
    parts = [one.losses[:4], one.losses[4:8], one.losses[8:12], one.losses[12:]]
    assert [row["loss"] for row in log] == pytest.approx([np.mean(part) for part in parts])
    assert [row["step"] for row in run("epochs", epochs=3).go()] == [7, 14, 21]


@pytest.mark.parametrize("average", [0.0, 0.8])
def test_the_best_weights_are_kept(run: Callable[..., Run], average: float) -> None:
    one = run(evaluate_every=2, average=average)
    measures = [10.0, 30.0, 20.0, 30.0, 5.0, 29.0, 0.0]
    log = one.go(measures.__getitem__)
    assert [row["exact"] for row in log] == measures
    assert not one.model.training
    assert_same(tensors_of(one.model), one.seen[1])  # of equal ones the earlier
    assert largest_change(one.seen[1], one.seen[-1]) > 1e-3


@pytest.mark.parametrize(("patience", "evaluations"), [(0, 7), (1, 3), (2, 6), (3, 7)])
def test_training_stops_when_it_gets_no_better(run: Callable[..., Run], patience: int, evaluations: int) -> None:
    measures = [10.0, 30.0, 20.0, 40.0, 35.0, 40.0, 39.0]
    one = run(evaluate_every=2, patience=patience)
    log = one.go(measures.__getitem__)
    assert len(log) == evaluations
    assert_same(tensors_of(one.model), one.seen[int(np.argmax(measures[:evaluations]))])
    again = run(evaluate_every=2, patience=patience)
    assert again.go() == log
    assert again.batches == []  # what has stopped stays so
    assert_same(tensors_of(again.model), tensors_of(one.model))


def test_the_average_of_the_weights_is_what_is_evaluated_and_kept(run: Callable[..., Run]) -> None:
    """Against an average computed here; 1e-6 for other roundings. Its decay is (1 + n)/(10 + n) in the first steps."""
    one = run(evaluate_every=7, average=0.5)
    one.go()
    value = {name: tensor.astype(np.float64) for name, tensor in one.before_steps[0].items()}
    for step, weights in enumerate(one.before_steps[1:], 1):
        keep = min(0.5, (1 + step) / (10 + step))
        value = {name: value[name] * keep + weights[name] * (1 - keep) for name in value}
        if step == 7:
            assert largest_change(value, one.seen[0]) < 1e-6
    assert largest_change(one.before_steps[7], one.seen[0]) > 1e-4
    assert_same(tensors_of(one.model), one.seen[1])


def writing_threads() -> set[threading.Thread]:
    """Threads in which VisualDL writes."""
    return {thread for thread in threading.enumerate() if "visualdl" in type(thread).__module__}


def test_curves_hold_the_log(run: Callable[..., Run]) -> None:
    from visualdl import LogReader

    first, second = run(evaluate_every=3, epochs=1), run(evaluate_every=3, epochs=1)

    def breaks(model: nn.Layer, batch: Batch) -> paddle.Tensor:
        if len(first.batches) == 5:
            raise KeyboardInterrupt
        return first.objective(model, batch)

    before = writing_threads()
    with pytest.raises(KeyboardInterrupt):
        first.go(objective=breaks)
    assert writing_threads() == before
    log = second.go(lambda n: 50.0 + n)
    files = list((second.workspace / "visualdl").glob("vdlrecords.*.log"))
    assert len(files) == 1
    reader = LogReader(file_path=str(files[0]))
    for name in reader.get_tags()["scalar"]:
        points = reader.get_data("scalar", name)
        assert [point.id for point in points] == [row["step"] for row in log] == [3, 6, 7]
        assert [point.value for point in points] == pytest.approx([row[name] for row in log])
    assert sorted(reader.get_tags()["scalar"]) == ["epoch", "exact", "loss"]


# --- going on after an interruption -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.0},
        {"dropout": 0.2, "average": 0.9, "unk_probability": 0.1, "shards": 2, "evaluate_every": 3},
        {"dropout": 0.1, "patience": 2, "evaluate_every": 2, "label_smoothing": 0.1},
    ],
)
def test_an_interrupted_run_ends_as_an_unbroken_one(run: Callable[..., Run], settings: dict[str, Any]) -> None:
    """Interrupted in every third step, one after the other, each time going on in a new model."""
    measures = [10.0, 30.0, 20.0, 40.0, 35.0, 40.0, 39.0]
    whole = run("whole", **settings)
    log = whole.go(measures.__getitem__)
    done = 0
    for stop in range(1, 100):
        part = run("parts", **settings)
        done_before = len(load_state(part.workspace, part.model).log) if done else 0  # type: ignore[union-attr]

        def breaks(model: nn.Layer, batch: Batch, part: Run = part, stop: int = stop) -> paddle.Tensor:
            if len(part.batches) == 3 * stop * part.settings.shards:
                raise KeyboardInterrupt
            return part.objective(model, batch)

        try:
            result = part.go(lambda n, before=done_before: measures[before + n], breaks)  # type: ignore[misc]
            break
        except KeyboardInterrupt:
            done = (part.workspace / "state.safetensors").is_file()
    assert stop > 1
    assert result == log
    assert_same(tensors_of(part.model), tensors_of(whole.model))


def test_a_state_of_another_run_is_refused(run: Callable[..., Run], checkpoint: Checkpoint) -> None:
    one = run(epochs=1)
    one.go()
    path = one.workspace / "state.safetensors"
    whole = path.read_bytes()
    refused = r"^[^\n]*state\.safetensors: not a state of this training run [^\n]*train without --resume$"
    for damage in (whole[:100], whole[: len(whole) // 2], b"", b"\x80\x04nothing", b"\xff" * 64):
        path.write_bytes(damage)
        with pytest.raises(CheckpointError, match=refused):
            run(epochs=1).go()
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match=refused):
        run(epochs=1, average=0.9).go()  # has no averages to go on from
    for other in (
        checkpoint.config.replace(num_hidden_layers=1),
        checkpoint.config.replace(num_hidden_layers=3),
        checkpoint.config.replace(intermediate_size=48),
    ):
        model = new_model(other, checkpoint.labels, 0)
        with pytest.raises(CheckpointError, match=refused):
            load_state(one.workspace, model)


def test_state_survives_saving_and_loading(run: Callable[..., Run], tmp_path: Path) -> None:
    one, two = run("one"), run("two")
    state = State(7, 81.5, 2, False, [{"step": 7, "exact": 81.5, "loss": 0.25}])
    set_tensors(one.model, {n: t + 1 for n, t in tensors_of(one.model).items()})
    save_state(tmp_path / "state.safetensors", state, one.model)
    assert load_state(tmp_path, two.model) == state
    assert_same(tensors_of(one.model), tensors_of(two.model))
    assert load_state(tmp_path / "nowhere", two.model) is None


def test_shards_must_suit_the_processes(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    with pytest.raises(ConfigError, match=r"^shards is 3; it must be a multiple of the number of processes, 2$"):
        run(shards=3).go()
