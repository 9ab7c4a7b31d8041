"""The training loop that training, distillation and quantisation-aware training share.

The global batch of a step is divided into ``shards``. Every shard is computed with random numbers that depend on the
seed, the step and the shard only, and the gradients are added. So the result is the same whether one process computes
all shards or two processes one each (`python -m paddle.distributed.launch`), and an interrupted run continues from its
last saved step with the same result: no state of a random generator has to be saved.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import paddle
from paddle import nn

from slu.errors import ConfigError, SluError
from slu.heads.head import Loss
from slu.heads.table import HEADS
from slu.inputs.flags import NO_FLAGS, FlagColumns
from slu.model.checkpoint import Checkpoint
from slu.platform import keep_freed_memory
from slu.progress import Progress
from slu.training import distributed
from slu.training.average import Average
from slu.training.batches import Batch, Epochs, Example, make_shards
from slu.training.flag_dropout import Dropping
from slu.training.state import State, load_state, save_state
from slu.training.visualdl_log import VisualDlLog

Objective = Callable[[nn.Layer, Batch], paddle.Tensor]
"""The loss of one shard: a sum over its utterances and tokens, divided by the counts of the global batch."""


class TaughtExamples(Protocol):
    """Examples whose soft targets, what teachers say of them, become known batch by batch."""

    @property
    def examples(self) -> Sequence[Example]:
        """All examples, without soft targets."""
        ...

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        """Take note of the batches to come: for each, in their order, the indices of its examples, int ``[batch]``."""
        ...

    def answered(self, batch: np.ndarray) -> list[Example]:
        """The examples with these indices, int ``[batch]``, and their soft targets; waits for the teachers."""
        ...


_DROPPING = 1
"""Part of the seed of the flag dropout, so that it is independent of the other random numbers of a step."""

LOSSES = tuple(dict.fromkeys(name for head in HEADS.values() for name in head.losses))
MINUS_LOSS = "minus_loss"
"""What chooses the epoch where no answers are learned yet: the loss of texts that are held out, negative."""
CHOOSABLE = (*dict.fromkeys(name for head in HEADS.values() for name in head.chosen_by), MINUS_LOSS)


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    ``batch_size``: utterances of a global batch. ``warmup``: fraction of all steps in which the learning rate rises
    linearly to ``learning_rate``; after them it falls linearly to 0. ``clip_norm``: bound on the gradient's global
    norm. ``evaluate_every``: steps between evaluations and saved states, 0 for once an epoch. ``patience``: stop after
    this number of evaluations without a better ``measure``, 0 for never. ``shards``: parts of a global batch, a
    multiple of the number of processes. ``unk_probability``: share of tokens read as [UNK] in training, so that the
    model learns to work without them. ``loss``: ``heads`` or ``answers``, see the losses of the heads.
    ``label_smoothing``: probability mass taken from the label and spread over all classes, in the loss of the heads.
    ``average``: decay of the exponential moving average of the weights that is evaluated and kept, 0 for none."""

    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    evaluate_every: int = 0
    patience: int = 0
    measure: str = "exact"
    seed: int = 0
    shards: int = 1
    unk_probability: float = 0.0
    label_smoothing: float = 0.0
    average: float = 0.0
    loss: str = "heads"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "shards"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("warmup", "unk_probability", "label_smoothing", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")
        if self.learning_rate <= 0 or self.clip_norm <= 0 or self.weight_decay < 0:
            raise ConfigError("learning_rate and clip_norm must be positive, weight_decay not negative")
        if self.evaluate_every < 0 or self.patience < 0 or self.seed < 0:
            raise ConfigError("evaluate_every, patience and seed must not be negative")
        if self.loss not in LOSSES:
            raise ConfigError(f"loss is {self.loss!r}; choose one of {', '.join(LOSSES)}")
        if self.measure not in CHOOSABLE:
            raise ConfigError(f"measure is {self.measure!r}; choose one of {', '.join(CHOOSABLE)}")


def inputs(batch: Batch) -> tuple[paddle.Tensor, paddle.Tensor | None, bool]:
    """What `ErnieWithHead` takes of a batch."""
    return paddle.to_tensor(batch.ids), None if batch.flags is None else paddle.to_tensor(batch.flags), batch.padded


def loss_of(settings: TrainingSettings, checkpoint: Checkpoint) -> Loss:
    """The loss that ``settings`` ask for, of the head and the labels of ``checkpoint``.

    Raises `ConfigError` for a loss or a measure that this head does not have.
    """
    head = checkpoint.head
    for what, chosen, known in (("loss", settings.loss, head.losses), ("measure", settings.measure, head.chosen_by)):
        if chosen not in known:
            raise ConfigError(f"{what} is {chosen!r}; for task {head.name} choose one of {', '.join(known)}")
    return checkpoint.head.loss(settings.loss, checkpoint.labels, settings.label_smoothing)


def labelled_loss(loss: Loss) -> Objective:
    """The objective of plain training."""

    def objective(model: nn.Layer, batch: Batch) -> paddle.Tensor:
        return loss.of_labels(model(*inputs(batch)), batch)

    return objective


def fit(
    model: nn.Layer,
    examples: Sequence[Example] | TaughtExamples,
    settings: TrainingSettings,
    objective: Objective,
    evaluate: Callable[[], dict[str, float]],
    workspace: Path,
    unk_id: int,
    pad_id: int,
    title: str = "train",
    columns: FlagColumns = NO_FLAGS,
    dropping: Dropping | None = None,
    keep_last: bool = False,
) -> list[dict[str, Any]]:
    """Train ``model`` in place; it ends with its best weights. Returns the log, one row for each logged step.

    ``keep_last``: it ends with its last weights instead, after all epochs, as ``evaluate`` measures nothing held out.
    ``evaluate`` measures the model as it is; ``settings.measure`` is among what it returns. ``workspace``: a directory
    for the saved state. If it holds one, training continues from there; it must be of the same run. ``columns``:
    the flags that the model takes; ``dropping`` leaves out some of them.
    """
    world, rank = distributed.world(), distributed.rank()
    answered = None if isinstance(examples, Sequence) else examples
    examples = examples if isinstance(examples, Sequence) else examples.examples
    if settings.shards % world:
        raise ConfigError(f"shards is {settings.shards}; it must be a multiple of the number of processes, {world}")
    epochs = Epochs.of(examples, settings.epochs)
    in_epoch = -(-epochs.size // settings.batch_size)
    total = in_epoch * settings.epochs
    every = settings.evaluate_every or in_epoch
    optimizer = paddle.optimizer.AdamW(
        learning_rate=settings.learning_rate,
        parameters=model.parameters(),
        weight_decay=settings.weight_decay,
        grad_clip=nn.ClipGradByGlobalNorm(settings.clip_norm),
        apply_decay_param_fun=set(_decayed(model)).__contains__,
    )
    average = Average(model, settings.average) if settings.average else None
    state = load_state(workspace, model, optimizer, average) or State()
    keep_freed_memory()
    model.train()
    order: list[np.ndarray] = []
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(Progress(title, total, initial=state.step, quiet=rank != 0))
        visualdl = stack.enter_context(VisualDlLog(workspace, state.log)) if rank == 0 else None
        while state.step < total and not state.stopped:
            epoch, in_this = divmod(state.step, in_epoch)
            if not order or in_this == 0:
                order = epochs.order(settings.batch_size, settings.seed, epoch)
                if answered:
                    answered.expect(order[in_this:])
            chosen, members = examples, order[in_this]
            if answered:
                chosen, members = answered.answered(members), np.arange(len(members))
            shards = make_shards(chosen, members, pad_id, settings.shards, columns)
            loss = 0.0
            for shard in range(rank, settings.shards, world):
                if len(shards[shard].ids):
                    batch = _with_random(shards[shard], settings, state.step, shard, unk_id)
                    if dropping and batch.found:
                        batch = _without_some(batch, columns, dropping, settings.seed, state.step, shard)
                    value = objective(model, batch)
                    value.backward()
                    loss += float(value)
            if world > 1:
                loss = _add_gradients(model, loss)
            if not np.isfinite(loss):
                raise SluError(f"step {state.step}: the loss is {loss}; lower learning_rate")
            optimizer.set_lr(learning_rate_at(state.step, total, settings))
            optimizer.step()
            optimizer.clear_grad()
            if average:
                average.update()
            state.step += 1
            progress.advance(loss)
            if state.step % every == 0 or state.step == total:
                if average:
                    average.swap()
                row = {"step": state.step, "epoch": state.step / in_epoch, "loss": progress.mean_loss(), **evaluate()}
                better = state.record(row, settings.measure, 0 if keep_last else settings.patience) or keep_last
                progress.measure(settings.measure, row[settings.measure], state.best)
                if visualdl:
                    visualdl.add(row)
                    if better:
                        save_state(workspace / "best.safetensors", State(state.step), model)
                if average:
                    average.swap()
                if rank == 0:
                    save_state(workspace / "state.safetensors", state, model, optimizer, average)
                distributed.barrier()
    load_state(workspace, model, name="best.safetensors")
    distributed.barrier()
    model.eval()
    return state.log


def learning_rate_at(step: int, total: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then linear decay to 0 after the last step."""
    warm = max(1, round(total * settings.warmup))
    factor = (step + 1) / warm if step < warm else (total - step) / max(1, total - warm)
    return settings.learning_rate * factor


def _decayed(model: nn.Layer) -> list[str]:
    """Matrices decay; biases, norms and embeddings do not (rows that a corpus lacks would fade away)."""
    return [p.name for n, p in model.named_parameters() if p.ndim == 2 and "embeddings" not in n]


def _with_random(batch: Batch, settings: TrainingSettings, step: int, shard: int, unk_id: int) -> Batch:
    """Seed dropout for this shard, and read some tokens as [UNK]."""
    random = np.random.default_rng([settings.seed, step, shard])
    paddle.seed(int(random.integers(1 << 31)))
    if not settings.unk_probability:
        return batch
    hidden = (random.random(batch.ids.shape) < settings.unk_probability) & batch.scored
    return replace(batch, ids=np.where(hidden, unk_id, batch.ids))


def _without_some(batch: Batch, columns: FlagColumns, dropping: Dropping, seed: int, step: int, shard: int) -> Batch:
    """The batch with some of its flags left out."""
    assert batch.found is not None
    random = np.random.default_rng([seed, step, shard, _DROPPING])
    found = dropping.apply(batch.found, columns, random)
    return replace(batch, flags=found.flags(columns, batch.ids.shape[1]), found=found)


def _add_gradients(model: nn.Layer, loss: float) -> float:
    """Sum gradients and loss over all processes, in one exchange."""
    parameters = [p for p in model.parameters() if not p.stop_gradient]
    parts = [(p.grad if p.grad is not None else paddle.zeros_like(p)).reshape([-1]) for p in parameters]
    flat = paddle.concat([*parts, paddle.to_tensor([loss], "float32")])
    paddle.distributed.all_reduce(flat)
    sizes = [p.size for p in parameters]
    for parameter, part in zip(parameters, paddle.split(flat[:-1], sizes)):
        if parameter.grad is None:
            (parameter.sum() * 0.0).backward()
        gradient: Any = parameter.grad
        gradient.set_value(part.reshape(parameter.shape))
    return float(flat[-1])


__all__ = [
    "Objective",
    "TrainingSettings",
    "fit",
    "inputs",
    "labelled_loss",
    "learning_rate_at",
    "loss_of",
]
