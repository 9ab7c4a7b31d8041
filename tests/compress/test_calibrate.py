"""Temperature: decisions stay, scores become probabilities, and INT8 heads are divided as well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from computing import decisions, logits_of

from compress.calibration import calibrate, divide_head, fit_temperature
from slu import cli
from slu.corpus.tagged import write_corpus
from slu.evaluation.evaluate import evaluate
from slu.evaluation.evidence import collect_evidence
from slu.evaluation.reliability import expected_calibration_error, log_loss
from slu.heads.head import Scorer
from slu.heads.joint_measures import compare
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, check_tensors, load_checkpoint, save_checkpoint
from slu.model.quantization import quantise
from slu.runtime.loading import checkpoint_parser
from slu.training.data import Data


def evidence_of(checkpoint: Checkpoint, data: Data) -> tuple[Scorer, np.ndarray, list[float]]:
    """Scorer, whether each answer is right, and the scores that the answers have."""
    parser = checkpoint_parser(checkpoint)
    answers, evidence = collect_evidence(parser, lambda: evaluate(parser, data.dev)[1])
    assert answers == evaluate(parser, data.dev)[1]  # recording changes nothing
    right = np.array([compare(u, a, checkpoint.labels).exact for u, a in zip(data.dev, answers)])
    return checkpoint.head.scorer(evidence, checkpoint.labels), right, [answer.score for answer in answers]


def test_scores_become_probabilities_and_decisions_stay(trained: Checkpoint, data: Data) -> None:
    sure = divide_head(trained, 0.6)  # far too sure of itself
    calibrated, report = calibrate(sure, data.dev)
    assert decisions(calibrated, data.dev) == decisions(sure, data.dev)
    changed = {name for name, tensor in sure.tensors.items() if tensor is not calibrated.tensors[name]}
    assert changed == {
        f"{head}.{part}" for head in ("intent_classifier", "slot_classifier") for part in ("weight", "bias")
    }

    scorer, right, before = evidence_of(sure, data)
    np.testing.assert_allclose(scorer.scores(), before, rtol=1e-5)
    _, _, after = evidence_of(calibrated, data)
    temperature = report["temperature"]
    np.testing.assert_allclose(scorer.scores(temperature), after, rtol=1e-3)
    losses = [log_loss(scorer.scores(temperature * step), right) for step in (0.98, 1.0, 1.02)]
    assert losses[1] == min(losses) and temperature > 1.5
    assert report["ece_before"] == pytest.approx(expected_calibration_error(np.array(before), right))
    assert report["ece_cross_fitted"] < report["ece_before"]
    assert losses[1] <= report["log_loss_cross_fitted"] < report["log_loss_before"]
    assert all(0.6 < one / temperature < 1.6 for one in report["temperatures_of_halves"])

    again, second = calibrate(calibrated, data.dev)
    assert second["temperature"] == pytest.approx(1.0, abs=5e-3)


def test_the_temperature_does_not_depend_on_where_one_starts(trained: Checkpoint, data: Data) -> None:
    one, two = (calibrate(divide_head(trained, t), data.dev)[1]["temperature"] * t for t in (1.0, 0.5))
    assert one == pytest.approx(two, rel=5e-3)


def test_int8_heads(trained: Checkpoint, data: Data) -> None:
    for head in ("intent_classifier", "slot_classifier"):
        steps, scale = quantise(trained.tensors[f"{head}.weight"], axis=1)
        trained.tensors |= {
            f"{head}.weight": steps,
            f"{head}.weight_scale": scale,
            f"{head}.input_scale": np.full(1, 0.05, np.float32),
        }
    divided = divide_head(trained, 1.7)
    check_tensors(divided.tensors, divided.config, divided.labels, "divided")
    assert divided.tensors["slot_classifier.weight"] is trained.tensors["slot_classifier.weight"]
    for before, after in zip(logits_of(trained, data.dev[:20]), logits_of(divided, data.dev[:20])):
        for one, two in zip(before, after):
            np.testing.assert_allclose(one / 1.7, two, rtol=1e-4, atol=1e-5)


def test_where_every_answer_is_right_nothing_is_learned(trained: Checkpoint, data: Data) -> None:
    scorer, right, _ = evidence_of(trained, data)
    assert fit_temperature(scorer, np.full(len(right), True), np.full(len(right), True)) == 1.0
    known = replace(data, dev=[u for u, good in zip(data.dev, right) if good])
    assert len(known.dev) > 10
    calibrated, report = calibrate(trained, known.dev)
    assert report["temperature"] == 1.0
    assert all(np.array_equal(tensor, calibrated.tensors[name]) for name, tensor in trained.tensors.items())


def test_the_step_of_a_recipe(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    """The last step, whatever a recipe's order; alone, it is also called what it does."""
    save_checkpoint(replace(trained, manifest=Manifest(stage="fp32", threshold=0.5)), tmp_path / "fp32")
    write_corpus(data.dev, tmp_path / "corpus.txt")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[data]\ncorpus = "corpus.txt"\ndev_fraction = 0.5\n[calibration]\n[embeddings]\n')
    command = ["--config", str(recipe), "--out"]
    assert cli.main(["compress", str(tmp_path / "fp32"), *command, str(tmp_path / "small")]) == 0
    before, after = (load_checkpoint(tmp_path / "small" / step) for step in ("embeddings", "calibration"))
    manifest = after.manifest
    assert [entry["stage"] for entry in manifest.history] == ["fp32", "embeddings"] and manifest.config == {}
    assert manifest.metrics["exact"] == before.manifest.metrics["exact"]
    assert manifest.metrics["size_bytes"] == before.manifest.metrics["size_bytes"]
    assert manifest.metrics["temperature"] != 1.0 and manifest.threshold != before.manifest.threshold
    alone = ["compress", "calibrate", str(tmp_path / "small" / "embeddings"), *command, str(tmp_path / "alone")]
    assert cli.main(alone) == 0
    weights = [
        (path / "model.safetensors").read_bytes() for path in (tmp_path / "small/calibration", tmp_path / "alone")
    ]
    assert weights[0] == weights[1]
