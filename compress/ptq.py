"""Post-training quantisation: INT8 without training, by PaddleSlim's observers.

Some utterances are run through the float network, and for each layer an observer chooses from its inputs the largest
absolute value that INT8 represents; larger values are clipped. Which algorithm chooses best, and from how many
utterances, depends on the model: every pair of a grid is tried on the development data, and the best is kept.

PaddleSlim's observers are given all inputs of a layer at once, as absolute values:

* Utterances are run one by one, so no padding is counted.
* The grid of INT8 is symmetric, so only absolute values matter. `KLObserver` reads a histogram of signed values as if
  it began at 0, and chose a limit twice the largest value there is.
* `MSEObserver` forgets its choice with every batch that it cannot serve better than the best batch before.

(``paddle.static.quantization.PostTrainingQuantization`` has the same algorithms. On the graph of this network with
Paddle 2.6.2 its ``avg`` fails on a tensor without dimensions, its ``mse`` keeps the limit of the batch that it served
best, and its ``KL`` takes minutes, as it searches the inputs and outputs of every operator.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from compress.distillation import check_float
from compress.steps import Made, Work
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.evaluation.evaluate import evaluate, parse_dialogues
from slu.heads.examples import Example, collate
from slu.inputs.flags import FlagColumns
from slu.model.checkpoint import Checkpoint
from slu.model.quantization import INPUT_SCALE, LEVELS, OUTPUT_SCALE, WEIGHT_SCALE, makes_scores, quantise
from slu.progress import Progress
from slu.runtime.loading import checkpoint_parser
from slu.runtime.parser import ParseResult
from slu.tables import markdown_table
from slu.training.batches import make_examples
from slu.training.data import Data
from slu.training.fit import CHOOSABLE, inputs
from slu.training.identity import ADDED_LATER

ALGORITHMS = ("hist", "KL", "mse", "avg", "abs_max", "min_max")
"""Algorithms by PaddleSlim's names; see `input_limit`."""
AGREEMENT = "agreement"
"""A measure that needs no labels: percentage of utterances with the same answer as that of the float model."""
TABLE = ("exact", "seed_accuracy", AGREEMENT)


@dataclass(frozen=True)
class PtqSettings:
    """``algorithms`` and ``utterances`` (how many to calibrate with): the grid.

    ``hist_percent``: share of the inputs, 0 to 1, that ``hist`` does not clip. ``measure``: what chooses, on the
    development data; "agreement" compares with the answers of the float model. ``seed``: which utterances are drawn.
    ``scores``: whether queries and keys are rounded as well, so that attention scores are products of INT8: faster for
    long texts.
    """

    algorithms: tuple[str, ...] = ALGORITHMS
    utterances: tuple[int, ...] = (16, 64, 256, 1024)
    hist_percent: float = 0.9999
    measure: str = "exact"
    seed: int = 0
    scores: bool = field(default=False, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        for name in ("algorithms", "utterances"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ConfigError(f"{name} is {list(values)}; it must name at least one, each once")
        for algorithm in self.algorithms:
            if algorithm not in ALGORITHMS:
                raise ConfigError(f"algorithms has {algorithm!r}; choose of {', '.join(ALGORITHMS)}")
        if min(self.utterances) < 1:
            raise ConfigError(f"utterances has {min(self.utterances)}; it must be at least 1")
        if not 0 < self.hist_percent < 1:
            raise ConfigError(f"hist_percent is {self.hist_percent}; it must be above 0 and below 1")
        if self.measure not in (*CHOOSABLE, AGREEMENT):
            raise ConfigError(f"measure is {self.measure!r}; choose one of {', '.join((*CHOOSABLE, AGREEMENT))}")
        if self.seed < 0:
            raise ConfigError("seed must not be negative")


@dataclass(frozen=True)
class Candidate:
    """A pair of the grid: the INT8 checkpoint it makes, and what that measures on the development data, percent."""

    algorithm: str
    utterances: int
    checkpoint: Checkpoint
    measured: dict[str, float]


def step(work: Work) -> Made:
    """See `quantise_after_training`."""
    return quantise_after_training(work.before, work.data, work.settings, work.say)


def quantise_after_training(
    checkpoint: Checkpoint, data: Data, settings: PtqSettings, say: Callable[[str], None] = print
) -> tuple[Checkpoint, dict[str, Any], list[Path]]:
    """Quantise a float checkpoint in every way of the grid and return the best.

    Reports which one it is, and as ``grid`` what each measured: algorithm, number of utterances, measure. Of equal ones
    the one that agrees best with the float model is kept, then the first of the grid.
    """
    check_float(checkpoint, "ptq")
    known = (*checkpoint.head.chosen_by, AGREEMENT)
    if settings.measure not in known:
        raise ConfigError(
            f"ptq: measure is {settings.measure!r}; for task {checkpoint.head.name} choose one of {', '.join(known)}"
        )
    largest = max(settings.utterances)
    if largest > len(data.train):
        raise ConfigError(
            f"ptq: {largest} utterances are needed, but the training part has {len(data.train)}; lower ptq.utterances"
        )
    drawn = np.random.default_rng(settings.seed).permutation(len(data.train))[:largest]
    examples = make_examples(data.train, checkpoint)
    some = [examples[i] for i in drawn]
    read, outputs = layer_inputs(checkpoint, some), score_inputs(checkpoint, some) if settings.scores else {}
    wanted = parse_dialogues(checkpoint_parser(checkpoint), data.dev)
    weights = _int8_weights(checkpoint, list(read))
    tried: list[Candidate] = []
    with Progress("ptq", len(settings.algorithms) * len(settings.utterances), unit="candidate") as progress:
        for count in settings.utterances:
            for algorithm in settings.algorithms:
                percent = settings.hist_percent
                steps = {f"{n}.{INPUT_SCALE}": x for n, x in _limits(algorithm, read, count, percent).items()}
                for name, values in outputs.items():
                    steps[f"{name}.{OUTPUT_SCALE}"] = input_limit(algorithm, values[:count], percent)
                made = _with_limits(checkpoint, weights, steps)
                measured = next((c.measured for c in tried if _same(c.checkpoint, made)), None)
                tried.append(Candidate(algorithm, count, made, measured or _measure(made, data.dev, wanted)))
                reached = [candidate.measured[settings.measure] for candidate in tried]
                progress.measure(settings.measure, reached[-1], max(reached))
                progress.advance()
    tried.sort(key=lambda c: settings.algorithms.index(c.algorithm))  # stable: utterances stay in their order
    best = max(tried, key=lambda c: (c.measured[settings.measure], c.measured[AGREEMENT]))
    for line in _table(tried, best, settings.measure):
        say(line)
    report = {
        "algorithm": best.algorithm,
        "calibration_utterances": best.utterances,
        AGREEMENT: best.measured[AGREEMENT],
        "grid": {
            name: {str(c.utterances): c.measured for c in tried if c.algorithm == name} for name in settings.algorithms
        },
    }
    return best.checkpoint, report, []


def layer_inputs(checkpoint: Checkpoint, examples: Sequence[Example]) -> dict[str, list[np.ndarray]]:
    """The inputs of every linear layer that is quantised: by its name, float32 ``[tokens, in]`` for each utterance.

    Key and value projections read what the query's does, and share its arrays. (A nano model of 3/4 width makes 0.25 MB
    of an utterance of the mean length.)
    """
    import paddle

    from slu.model.network import load_model

    model = load_model(checkpoint)
    names = {
        name: layer
        for name, layer in model.named_sublayers()
        if isinstance(layer, paddle.nn.Linear) and name not in checkpoint.head.layers
    }
    found: dict[str, list[np.ndarray]] = {}
    for name, layer in names.items():
        query = _query(name)
        found[name] = found.setdefault(query, [])
        if name == query:
            layer.register_forward_pre_hook(lambda _, read, to=found[name]: to.append(_rows(read[0].numpy())))
    _run(model, checkpoint, examples, "ptq: calibration")
    return found


def score_inputs(checkpoint: Checkpoint, examples: Sequence[Example]) -> dict[str, list[np.ndarray]]:
    """The queries and keys of every layer: by the name of their projection, float32 ``[tokens, heads * size]`` for each
    utterance."""
    from slu.model.network import load_model

    model = load_model(checkpoint)
    found: dict[str, list[np.ndarray]] = {}
    for name, layer in model.named_sublayers():
        if makes_scores(name):
            found[name] = []
            layer.register_forward_post_hook(lambda _, read, made, to=found[name]: to.append(_rows(made.numpy())))
    _run(model, checkpoint, examples, "ptq: calibration of scores")
    return found


def _run(model: Any, checkpoint: Checkpoint, examples: Sequence[Example], what: str) -> None:
    """Show the network the examples, one by one."""
    import paddle

    columns = FlagColumns.of(checkpoint.config.flags, checkpoint.labels)
    with Progress(what, len(examples), unit="utterance") as progress, paddle.no_grad():
        for example in examples:
            model(*inputs(collate([example], checkpoint.config.pad_token_id, columns=columns)))
            progress.advance()


def input_limit(algorithm: str, read: Sequence[np.ndarray], percent: float) -> float:
    """The largest absolute value that INT8 represents, always positive. ``read``: float32 ``[tokens, in]`` each.

    * ``hist``: ``percent`` of the values are below it.
    * ``KL``: the histograms before and after rounding differ least.
    * ``mse``: the mean squared error of rounding and clipping is least.
    * ``avg``: mean over the utterances of their largest absolute values.
    * ``abs_max``: the largest absolute value.
    * ``min_max``: smallest and largest value, the range between them widened to one that is symmetric around 0, which
      is PaddleSlim's rule where there is no zero point (`UniformObserver.cal_scales_zero_points`). It clips nothing,
      and so is ``abs_max`` by another way. (Half the range would clip much of what GELU gives: -0.17 to 5.6.)
    """
    import paddle
    from paddleslim.quant import observers

    together = np.concatenate([_rows(values) for values in read])
    smallest, largest = float(together.min()), float(together.max())
    together = np.abs(together)
    if algorithm == "min_max" or together.min() == together.max():  # a single value has no histogram
        return max(-smallest, largest) or 1.0
    batches = [values[None] for values in read] if algorithm == "avg" else [together[None]]
    observer = {
        "hist": observers.HistObserver(percent=percent),
        "KL": observers.KLObserver(),
        "mse": observers.MSEObserver(),
        "avg": observers.AVGObserver(),
        "abs_max": observers.AbsmaxObserver(),
    }[algorithm]._instance(None)
    for batch in batches:
        observer(paddle.to_tensor(batch))
    return float(observer.scales())


def _limits(algorithm: str, read: dict[str, list[np.ndarray]], count: int, percent: float) -> dict[str, float]:
    """The limits of all layers from the first ``count`` utterances. Layers with the same input have the same limit."""
    limits: dict[str, float] = {}
    for name, values in read.items():
        query = _query(name)
        limits[name] = limits[query] if query in limits else input_limit(algorithm, values[:count], percent)
    return limits


def _query(name: str) -> str:
    """The query projection in place of the key's and the value's."""
    return name.replace(".k_proj", ".q_proj").replace(".v_proj", ".q_proj")


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _int8_weights(checkpoint: Checkpoint, names: Sequence[str]) -> dict[str, np.ndarray]:
    weights = {}
    for name in names:
        weights[f"{name}.weight"], weights[f"{name}.{WEIGHT_SCALE}"] = quantise(
            checkpoint.tensors[f"{name}.weight"], axis=1
        )
    return weights


def _with_limits(checkpoint: Checkpoint, weights: dict[str, np.ndarray], limits: dict[str, float]) -> Checkpoint:
    steps = {name: np.array([limit / LEVELS], np.float32) for name, limit in limits.items()}
    tensors = {**checkpoint.tensors, **weights, **steps}
    return replace(checkpoint, tensors=tensors)


def _same(one: Checkpoint, two: Checkpoint) -> bool:
    return all(
        np.array_equal(tensor, two.tensors[name])
        for name, tensor in one.tensors.items()
        if name.endswith((INPUT_SCALE, OUTPUT_SCALE))
    )


def _measure(candidate: Checkpoint, dev: Sequence[Utterance], wanted: Sequence[ParseResult]) -> dict[str, float]:
    measured, answers = evaluate(checkpoint_parser(candidate), dev)
    same = sum(a.answer == b.answer for a, b in zip(answers, wanted))
    return {**{name: measured[name] for name in candidate.head.chosen_by}, AGREEMENT: 100.0 * same / len(dev)}


def _table(tried: Sequence[Candidate], best: Candidate, chosen_by: str) -> list[str]:
    columns = [name for name in dict.fromkeys((*TABLE, chosen_by)) if name in best.measured]
    rows = [
        [c.algorithm, str(c.utterances), *(f"{c.measured[name]:.2f}" for name in columns), "kept" if c is best else ""]
        for c in tried
    ]
    return markdown_table([["algorithm", "utterances", *columns, ""], *rows])
