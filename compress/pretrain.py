"""An encoder that has read texts which nobody labelled, whatever they will be asked: a training starts from it.

Two things can be learned from such texts: which token stands where [UNK] was read (the masked language model of Devlin
et al. 2018, https://arxiv.org/abs/1810.04805), for which nothing else is needed; and how a teacher relates their tokens
to each other (`compress.relations`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from compress.distillation import check_float
from compress.lessons import read_texts
from compress.relations import RelationLoss
from compress.steps import Made, Work
from compress.student import SIZES, StudentSettings, new_student
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.files import sha256
from slu.heads.examples import Batch, Example
from slu.inputs.flags import FlagColumns
from slu.model.checkpoint import Checkpoint
from slu.training.batches import epoch_order, make_shards, unlabelled_examples
from slu.training.fit import MINUS_LOSS, Objective, TrainingSettings, inputs
from slu.training.recipe import A_PATH, Recipe
from slu.training.train import Select, run_training

if TYPE_CHECKING:
    import paddle
    from paddle import nn

MEASURED = 512
"""Texts of the development part on which an epoch is measured."""
RANDOM, KEPT = 0.1, 0.1
"""Shares of the tokens to guess that are read as any other token, and as they are; the rest is read as [UNK]."""


@dataclass(frozen=True)
class PretrainSettings:
    """``unlabelled``: a file of texts, one a line, that are read beside those of the training part.

    The sizes are the encoder's; 0: as the checkpoint's. ``masked``: weight of the loss of the tokens that are to be
    guessed, a share ``guessed`` of all; ``relations``: of the distance from the checkpoint's last layer, if it teaches.
    """

    unlabelled: str = field(default="", metadata=A_PATH)
    hidden_size: int = 0
    num_hidden_layers: int = 0
    num_attention_heads: int = 0
    intermediate_size: int = 0
    masked: float = 1.0
    relations: float = 0.0
    guessed: float = 0.15
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        for name in (*SIZES, "masked", "relations"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must not be negative")
        if not self.masked and not self.relations:
            raise ConfigError("masked and relations are both 0; then nothing is learned: set one of them")
        if not 0 < self.guessed < 1:
            raise ConfigError(f"guessed is {self.guessed}; it must be above 0 and below 1")
        if self.training.unk_probability:
            raise ConfigError("training.unk_probability must be 0: guessed is the share of tokens that are hidden")


def step(work: Work) -> Made:
    """A new encoder of the settings' sizes that has read the texts. Its head has learned nothing."""
    settings = work.settings
    check_float(work.before, "pretrain")
    own = read_texts(work.recipe.resolve(settings.unlabelled)) if settings.unlabelled else []
    texts = [one.text for one in [*work.data.learned, *own]]
    new = new_student(work.before, _sizes(settings))

    def plan(small: Checkpoint, select: Select) -> tuple[Objective, Sequence[Example]]:
        relations = RelationLoss(select(work.before)) if settings.relations else None
        unknown = small.tokenizer().unk_id
        return _objective(settings, unknown, relations), unlabelled_examples(texts, small)

    def prepare(network: Any) -> Any:
        return _guesser(network) if settings.masked else network

    def finish(trained: Any, small: Checkpoint) -> Checkpoint:
        from slu.model.network import to_checkpoint

        return to_checkpoint(trained.network if settings.masked else trained, small)

    made, report, keep = run_training(
        new, work.data, replace(settings.training, measure=MINUS_LOSS), plan, work.workspace, "pretrain",
        prepare, finish, own, _measured,
    )  # fmt: skip
    return made, {**report, "texts": len(texts)}, keep


def identity(recipe: Recipe, settings: PretrainSettings) -> tuple[PretrainSettings, dict[str, str]]:
    """The settings without the path of the texts, and their hash."""
    if not settings.unlabelled:
        return settings, {}
    path = recipe.resolve(settings.unlabelled)
    read_texts(path)  # says what is wrong with it
    return replace(settings, unlabelled=""), {"unlabelled": sha256(path)}


def _sizes(settings: PretrainSettings) -> StudentSettings:
    sizes = {name: getattr(settings, name) for name in SIZES}
    return StudentSettings(**sizes, relations=settings.relations, training=settings.training)


def _guesser(network: nn.Layer) -> nn.Layer:
    """The network with what guesses tokens: a layer, and the embeddings of the words once more."""
    from paddle import nn
    from paddle.nn.functional import gelu

    class Guesser(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.network: Any = network
            hidden, words = network.config.hidden_size, network.config.vocab_size
            self.guess_dense, self.guess_norm = nn.Linear(hidden, hidden), nn.LayerNorm(hidden)
            self.guess_bias = self.create_parameter([words], is_bias=True)

        def forward(self, given: Any, places: paddle.Tensor) -> paddle.Tensor:
            """The logits of all tokens ``[places, words]`` at places of the batch, counted over ``n × length``."""
            import paddle

            _, states = self.network.run(*given, hidden=True)
            chosen = paddle.gather(states[-1].reshape([-1, states[-1].shape[-1]]), places)
            words = self.network.ernie.embeddings.word_embeddings.weight
            read = self.guess_norm(gelu(self.guess_dense(chosen)))
            return paddle.matmul(read, words, transpose_y=True) + self.guess_bias

    return Guesser()


def _objective(settings: PretrainSettings, unknown: int, relations: RelationLoss | None) -> Objective:
    def objective(model: Any, batch: Batch) -> Any:
        network = model.network if settings.masked else model
        if relations:
            relations.watch(network)
        if not settings.masked:
            given = inputs(batch)
            network(*given)
            loss = 0.0
        else:
            hidden, places = _hide(batch, settings.guessed, unknown, network.config.vocab_size)
            given = inputs(hidden)
            loss = settings.masked * _guess_loss(model(given, places), batch, places, settings.guessed)
        return loss + settings.relations * relations(network, batch, given) if relations else loss

    return objective


def _guess_loss(logits: paddle.Tensor, batch: Batch, places: paddle.Tensor, guessed: float) -> paddle.Tensor:
    import paddle
    from paddle.nn.functional import cross_entropy

    wanted = paddle.gather(paddle.to_tensor(batch.ids.reshape(-1)), places)
    return cross_entropy(logits, wanted, reduction="sum") / max(1.0, guessed * batch.tokens)


def _hide(batch: Batch, guessed: float, unknown: int, words: int) -> tuple[Batch, paddle.Tensor]:
    """The batch with some tokens hidden, by Paddle's random numbers, and the places to guess, int64 ``[places]``.

    At least one place, so that the loss is one.
    """
    import paddle

    chance, kind = (paddle.rand([batch.ids.size]).numpy() for _ in range(2))
    other = paddle.randint(0, words, [batch.ids.size]).numpy()
    scored = batch.scored.reshape(-1)
    chosen = scored & (chance < guessed)
    if not chosen.any():
        chosen[np.argmin(np.where(scored, chance, 2.0))] = True
    ids = batch.ids.reshape(-1)
    read = np.where(kind < RANDOM, other, np.where(kind < RANDOM + KEPT, ids, unknown))
    hidden = replace(batch, ids=np.where(chosen, read, ids).reshape(batch.ids.shape))
    return hidden, paddle.to_tensor(np.flatnonzero(chosen))


def _measured(
    model: Any, checkpoint: Checkpoint, objective: Objective, dev: Sequence[Utterance]
) -> Callable[[], dict[str, float]]:
    """What an epoch is measured by: the loss of texts that are not learned, negative, always with the same tokens
    hidden."""
    import paddle

    examples = unlabelled_examples([one.text for one in dev[:MEASURED]], checkpoint)
    columns = FlagColumns.of(checkpoint.config.flags, checkpoint.labels)
    order = epoch_order(np.array([len(example.ids) for example in examples]), 32, 0, 0)
    batches = [make_shards(examples, members, checkpoint.config.pad_token_id, 1, columns)[0] for members in order]

    def evaluate() -> dict[str, float]:
        model.eval()
        paddle.seed(0)
        with paddle.no_grad():
            total = sum(float(objective(model, batch)) * batch.tokens for batch in batches)
        model.train()
        return {MINUS_LOSS: -total / max(1, sum(batch.tokens for batch in batches))}

    return evaluate
