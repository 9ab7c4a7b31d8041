"""Calibration: one temperature for all outputs, so that of the answers with a score of 0.8, 80% are exact.

The temperature (Guo et al. 2017, https://arxiv.org/abs/1706.04599) is divided out of the weights and biases of the
head's outputs, so no runtime has to implement it. One for all of them keeps every decision: for a text, all answers'
log probabilities are a sum of logits minus the same number, and dividing all logits by a positive number keeps their
order.

It is fitted for what the score is used for: the score is the probability that the whole answer is right. Fitting the
outputs' own likelihoods, as is usual for one softmax, does not do that.

Before that, the labels' frequencies in the training part can be taken out of a model of one label a text, so that rare
labels are answered more often (logit adjustment, Menon et al. 2021, section 4.1, https://arxiv.org/abs/2007.07314).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np

from compress.steps import Made, Work
from slu.corpus.label_sets import one_label
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.evaluation.evaluate import parse_dialogues
from slu.evaluation.evidence import collect_evidence
from slu.evaluation.reliability import expected_calibration_error, log_loss
from slu.heads.head import Scorer
from slu.model.checkpoint import Checkpoint
from slu.model.quantization import WEIGHT_SCALE
from slu.runtime.loading import checkpoint_parser
from slu.training.identity import ADDED_LATER

BOUNDS = (0.2, 5.0)
"""The range in which the temperature is searched."""


@dataclass(frozen=True)
class CalibrationSettings:
    """``priors``: share of the log frequencies of the labels that is taken out of the outputs, of models of one label a
    text. 0: the answers stay as they are. 1: as if all labels were equally frequent."""

    priors: float = field(default=0.0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if not 0 <= self.priors <= 1:
            raise ConfigError(f"priors is {self.priors}; it must be 0 to 1")


def step(work: Work) -> Made:
    """See `calibrate`; the share of the frequencies that the settings ask for is taken out first."""
    settings: CalibrationSettings = work.settings
    before = work.before
    check_labels(settings, before.labels)
    if settings.priors:
        before = without_priors(before, work.data.train, settings.priors)
    return (*calibrate(before, work.data.dev), [])


def check_labels(settings: CalibrationSettings, labels: Labels) -> None:
    """Raise `ConfigError` where ``priors`` is set for a model that does not give a text exactly one label."""
    if settings.priors and labels.sets != one_label(len(labels.intents)):
        raise ConfigError("[calibration] priors is for models that give a text exactly one label; leave it out")


def without_priors(checkpoint: Checkpoint, train: Sequence[Utterance], share: float) -> Checkpoint:
    """The checkpoint with ``share`` of the log frequencies of the labels in ``train`` taken from the bias of its head.

    A label that is not in ``train`` counts as if it were there once. The model gives a text exactly one label.
    """
    counts = Counter(name for utterance in train for name in utterance.labels)
    frequencies = np.array([max(1, counts[name]) for name in checkpoint.labels.intents]) / max(1, len(train))
    [layer] = checkpoint.head.layers
    bias = checkpoint.tensors[f"{layer}.bias"] - np.float32(share) * np.log(frequencies).astype(np.float32)
    return replace(checkpoint, tensors={**checkpoint.tensors, f"{layer}.bias": bias})


def calibrate(checkpoint: Checkpoint, dev: Sequence[Utterance]) -> tuple[Checkpoint, dict[str, Any]]:
    """Divide the head by the temperature that fits the answers to ``dev``, the data that also measures the stages.

    Reports the temperature, and calibration error and log loss before and after. Those after are by cross-fitting:
    each half of ``dev`` is scored with the temperature of the other half, also reported, so that no answer is measured
    with a temperature that it helped to choose.
    """
    if len(dev) < 2:
        raise ConfigError("calibration: the development part has one utterance; raise [data] dev_fraction")
    parser = checkpoint_parser(checkpoint)
    answers, evidence = collect_evidence(parser, lambda: parse_dialogues(parser, dev))
    right = np.array([checkpoint.head.right(u, a, checkpoint.labels) for u, a in zip(dev, answers)])
    scorer = checkpoint.head.scorer(evidence, checkpoint.labels)
    temperature = fit_temperature(scorer, right, np.full(len(dev), True))
    half = _half(dev)
    temperatures = [fit_temperature(scorer, right, part) for part in (half, ~half)]
    before = scorer.scores()
    after = np.where(half, scorer.scores(temperatures[1]), scorer.scores(temperatures[0]))
    report = {
        "temperature": temperature,
        "temperatures_of_halves": temperatures,
        "ece_before": expected_calibration_error(before, right),
        "ece_cross_fitted": expected_calibration_error(after, right),
        "log_loss_before": log_loss(before, right),
        "log_loss_cross_fitted": log_loss(after, right),
    }
    return divide_head(checkpoint, temperature), report


def fit_temperature(scorer: Scorer, right: np.ndarray, part: np.ndarray) -> float:
    """The temperature of least log loss over the utterances of ``part`` (bool ``[n]``), to a thousandth.

    1 when all of them are right, or none is: then no temperature fits best.
    """
    if right[part].all() or not right[part].any():
        return 1.0

    def loss(exponent: float) -> float:
        return log_loss(scorer.scores(math.exp(exponent))[part], right[part])

    # Golden section search (Kiefer 1953) on the logarithm.
    golden = (math.sqrt(5) - 1) / 2
    low, high = map(math.log, BOUNDS)
    inner = [high - golden * (high - low), low + golden * (high - low)]
    losses = [loss(x) for x in inner]
    while high - low > 1e-3:
        if losses[0] < losses[1]:
            high, inner[1], losses[1] = inner[1], inner[0], losses[0]
            inner[0] = high - golden * (high - low)
            losses[0] = loss(inner[0])
        else:
            low, inner[0], losses[0] = inner[0], inner[1], losses[1]
            inner[1] = low + golden * (high - low)
            losses[1] = loss(inner[1])
    return math.exp((low + high) / 2)


def divide_head(checkpoint: Checkpoint, temperature: float) -> Checkpoint:
    """The checkpoint with all logits divided; of INT8 outputs the scale of their weights is."""
    tensors = dict(checkpoint.tensors)
    for layer in checkpoint.head.layers:
        weight = f"{layer}.{WEIGHT_SCALE}" if tensors[f"{layer}.weight"].dtype == np.int8 else f"{layer}.weight"
        for name in (weight, f"{layer}.bias"):
            tensors[name] = (tensors[name] / np.float32(temperature)).astype(np.float32)
    return replace(checkpoint, tensors=tensors)


def _half(dev: Sequence[Utterance]) -> np.ndarray:
    """Which half of the utterances each is in (bool ``[n]``), by chance."""
    rng = Random(0)
    drawn = np.array([rng.random() for _ in dev])
    return drawn < np.median(drawn)
