"""Post-training quantisation: what the algorithms choose, and that the best of the grid is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from computing import decisions

from compress.ptq import ALGORITHMS, PtqSettings, input_limit, layer_inputs, quantise_after_training, score_inputs
from compress.steps import chain
from slu import cli
from slu.corpus.tagged import write_corpus
from slu.errors import ConfigError
from slu.evaluation.evaluate import evaluate
from slu.inputs.flags import FlagColumns
from slu.model.checkpoint import Checkpoint, check_tensors, load_checkpoint, save_checkpoint
from slu.model.quantization import (
    LEVELS,
    OUTPUT_SCALE,
    integer_scores,
    makes_scores,
    quantise,
    without_integer_scores,
)
from slu.runtime.loading import checkpoint_parser
from slu.training.batches import make_examples
from slu.training.data import Data
from slu.training.recipe import Recipe

LINEAR = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "linear1", "linear2")
QUANTISED = [f"ernie.encoder.layers.{layer}.{name}" for layer in range(2) for name in LINEAR] + ["ernie.pooler.dense"]
QUICK = tuple(name for name in ALGORITHMS if name != "KL")
"""KL searches in Python: two seconds a layer."""


@pytest.fixture(scope="module")
def inputs() -> list[np.ndarray]:
    """Of five utterances: mostly small, skewed to one side, and a few outliers, as a layer's inputs are."""
    random = np.random.default_rng(3)
    made = [random.standard_t(4, (length, 40)).astype(np.float32) for length in (3, 8, 5, 13, 1)]
    return [np.where(values < 0, values * np.float32(0.6), values) for values in made]


def everything(inputs: list[np.ndarray]) -> np.ndarray:
    return np.abs(np.concatenate([values.ravel() for values in inputs]))


def test_maxima_and_their_mean(inputs: list[np.ndarray]) -> None:
    for sign in (1, -1):
        turned = [sign * values for values in inputs]
        for algorithm in ("abs_max", "min_max"):
            assert input_limit(algorithm, turned, 0.9) == everything(inputs).max()
        mean = np.mean([np.abs(values).max() for values in inputs])
        assert input_limit("avg", turned, 0.9) == pytest.approx(mean, rel=1e-6)


def test_hist_leaves_a_share_out(inputs: list[np.ndarray]) -> None:
    magnitudes = everything(inputs)
    width = magnitudes.max() / 2048
    for percent in (0.5, 0.9, 0.99, 0.9999):
        limit = input_limit("hist", inputs, percent)
        below = [(magnitudes < limit + bins * width).mean() for bins in (-1, 2)]
        assert below[0] <= percent <= below[1], percent


def test_mse_is_the_least_error_of_rounding(inputs: list[np.ndarray]) -> None:
    magnitudes = everything(inputs)

    def error(limit: float) -> float:
        step = limit / LEVELS
        return float(((np.clip(np.rint(magnitudes / step), -LEVELS, LEVELS) * step - magnitudes) ** 2).mean())

    best = min(error(share * magnitudes.max()) for share in np.arange(0.3, 1.0, 0.02))
    assert error(input_limit("mse", inputs, 0.9)) == pytest.approx(best, rel=1e-4)


def test_kl_clips_outliers_and_ignores_signs(inputs: list[np.ndarray]) -> None:
    limit = input_limit("KL", inputs, 0.9)
    assert 0.5 * everything(inputs).max() <= limit < everything(inputs).max()
    assert input_limit("KL", [-values for values in inputs], 0.9) == limit


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_inputs_without_a_spread_have_a_limit_too(algorithm: str) -> None:
    assert input_limit(algorithm, [np.zeros((2, 3), np.float32)], 0.9) > 0
    assert input_limit(algorithm, [np.full((2, 3), -2, np.float32)], 0.9) == 2
    assert input_limit(algorithm, [np.full((1, 3), 1e-30, np.float32)], 0.9) > 0


def test_no_padding_is_counted(trained: Checkpoint, data: Data) -> None:
    """Every layer has a row a token of every utterance, the pooler one, whatever stands beside it."""
    some = make_examples(data.train[:12], trained)
    tokens = [len(example.ids) for example in some]
    assert len(set(tokens)) > 2
    together = layer_inputs(trained, some)
    assert sorted(together) == sorted(QUANTISED)
    for name, values in together.items():
        rows = [1] * len(some) if name == "ernie.pooler.dense" else tokens
        assert [v.shape for v in values] == [(n, trained.tensors[f"{name}.weight"].shape[0]) for n in rows], name
    alone = layer_inputs(trained, some[5:6])
    assert all(np.array_equal(alone[name][0], together[name][5]) for name in QUANTISED)
    attention = "ernie.encoder.layers.1.self_attn"
    assert together[f"{attention}.q_proj"] is together[f"{attention}.k_proj"] is together[f"{attention}.v_proj"]


Made = tuple[Checkpoint, dict[str, Any], list[str]]


def quantise_with(checkpoint: Checkpoint, data: Data, settings: PtqSettings) -> Made:
    said: list[str] = []
    result, report, keep = quantise_after_training(checkpoint, data, settings, said.append)
    assert keep == []
    return result, report, said


@pytest.fixture(scope="module")
def made(_trained: Checkpoint, data: Data) -> Made:
    """By a percentile so low that one algorithm is bad."""
    return quantise_with(_trained, data, PtqSettings(QUICK, (4, 32), hist_percent=0.5))


def test_the_best_of_the_grid_is_kept(made: Made, data: Data) -> None:
    kept, report, said = made
    grid = report["grid"]
    assert {name: list(rows) for name, rows in grid.items()} == {name: ["4", "32"] for name in QUICK}
    exact = [row["exact"] for rows in grid.values() for row in rows.values()]
    chosen = grid[report["algorithm"]][str(report["calibration_utterances"])]
    assert chosen["exact"] == max(exact) > grid["hist"]["32"]["exact"]
    assert chosen["agreement"] == report["agreement"]
    assert grid["abs_max"] == grid["min_max"]
    measured, _ = evaluate(checkpoint_parser(kept), data.dev)
    assert {name: measured[name] for name in chosen if name != "agreement"} == {
        name: value for name, value in chosen.items() if name != "agreement"
    }
    assert len(said) == 2 + len(exact) and sum("kept" in line for line in said) == 1
    line = next(line for line in said if "kept" in line).split()
    assert line[1] == report["algorithm"] and line[3] == str(report["calibration_utterances"])
    assert f"{chosen['exact']:.2f}" in line


def test_it_answers_as_the_float_model(made: Made, trained: Checkpoint, data: Data) -> None:
    kept, report, _ = made
    pairs = list(zip(decisions(trained, data.dev), decisions(kept, data.dev)))
    assert 100 * sum(a == b for a, b in pairs) / len(pairs) == pytest.approx(report["agreement"])
    assert report["agreement"] >= 95


def test_what_is_stored(made: Made, trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    kept = made[0]
    save_checkpoint(kept, tmp_path / "int8")
    stored = load_checkpoint(tmp_path / "int8")
    check_tensors(stored.tensors, stored.config, stored.labels, "ptq")
    assert stored.vocab == trained.vocab and stored.config == trained.config
    for name in QUANTISED:
        steps, scale = quantise(trained.tensors[f"{name}.weight"], axis=1)
        np.testing.assert_array_equal(stored.tensors[f"{name}.weight"], steps)
        np.testing.assert_array_equal(stored.tensors[f"{name}.weight_scale"], scale)
        assert stored.tensors[f"{name}.input_scale"] > 0
    for layer in range(2):
        attention = f"ernie.encoder.layers.{layer}.self_attn"
        assert len({float(stored.tensors[f"{attention}.{kind}_proj.input_scale"][0]) for kind in "qkv"}) == 1
    changed = {name for name, tensor in stored.tensors.items() if tensor.dtype == np.int8}
    assert changed == {f"{name}.weight" for name in QUANTISED}
    rest = [name for name in trained.tensors if name not in changed]
    assert all(np.array_equal(stored.tensors[name], trained.tensors[name]) for name in rest)
    assert {f"{head}.weight" for head in trained.head.layers} <= set(rest)


def test_scores_are_rounded_too_where_it_is_asked_for(made: Made, trained: Checkpoint, data: Data) -> None:
    settings = PtqSettings(("abs_max", "hist"), (16,), hist_percent=0.5, measure="agreement", scores=True)
    kept, report, _ = quantise_with(trained, data, settings)
    assert report["algorithm"] == "abs_max" and report["agreement"] >= 95
    assert report["grid"]["hist"]["16"]["agreement"] < report["agreement"]
    examples = make_examples(data.train, trained)
    drawn = np.random.default_rng(settings.seed).permutation(len(data.train))[:16]
    seen = score_inputs(trained, [examples[i] for i in drawn])
    names = [name for name in QUANTISED if makes_scores(name)]
    assert list(seen) == names and len(names) == 4
    for name in names:
        assert [len(rows) for rows in seen[name]] == [len(examples[i].ids) for i in drawn]
        largest = max(float(np.abs(rows).max()) for rows in seen[name])
        assert float(kept.tensors[f"{name}.{OUTPUT_SCALE}"][0]) == pytest.approx(largest / LEVELS)
    check_tensors(kept.tensors, kept.config, kept.labels, "ptq")
    assert not integer_scores(made[0].tensors)
    alone = without_integer_scores(kept.tensors)
    assert set(kept.tensors) - set(alone) == {f"{name}.{OUTPUT_SCALE}" for name in names}


def test_the_seed_decides(trained: Checkpoint, data: Data) -> None:
    def steps(seed: int, counts: tuple[int, ...] = (8,)) -> list[float]:
        kept = quantise_with(trained, data, PtqSettings(("avg",), counts, seed=seed, measure="agreement"))[0]
        return [float(kept.tensors[f"{name}.input_scale"][0]) for name in QUANTISED]

    assert steps(1) == steps(1) != steps(2)


def test_a_model_that_takes_flags(trained: Checkpoint, data: Data) -> None:
    """They are there when the inputs are observed and when it is measured; their matrix stays as it is."""
    flags = ("previous_intent",)
    columns = FlagColumns.of(flags, trained.labels).count
    matrix = np.random.default_rng(0).normal(0, 2, (columns, trained.config.hidden_size)).astype(np.float32)
    name = "ernie.embeddings.flag_embeddings.weight"
    model = replace(trained, config=trained.config.replace(flags=flags), tensors={**trained.tensors, name: matrix})
    few = Data(data.train, data.dev[:40], data.identity)
    settings = PtqSettings(("abs_max",), (16,), measure="agreement")
    with_flags, report, _ = quantise_with(model, few, settings)
    without, _, _ = quantise_with(trained, few, settings)
    assert with_flags.config.flags == flags and with_flags.tensors[name] is matrix and report["agreement"] >= 90
    read = "ernie.pooler.dense.input_scale"  # of [CLS], which these flags are set on
    assert with_flags.tensors[read] != without.tensors[read]


def test_both_kinds_of_int8_start_from_the_float_checkpoint() -> None:
    def steps(*names: str) -> list[tuple[str, str | None]]:
        return chain(Recipe(Path("r.toml"), {name: {} for name in names}))

    every = ("embeddings", "qat", "ptq", "width", "vocab")
    assert steps(*every) == [
        ("vocab", None), ("width", "vocab"), ("ptq", "width"), ("qat", "width"), ("embeddings", "qat"),
    ]  # fmt: skip
    assert steps("width", "ptq", "embeddings") == [("width", None), ("ptq", "width"), ("embeddings", "ptq")]
    assert steps("ptq", "qat") == [("ptq", None), ("qat", None)]


Command = Callable[..., int]


@pytest.fixture
def slu(trained: Checkpoint, data: Data, tmp_path: Path) -> Command:
    """``slu compress`` with a recipe of [ptq] and [embeddings], in the directory of the test."""
    save_checkpoint(trained, tmp_path / "fp32")
    write_corpus(data.train[:100], tmp_path / "corpus.txt")
    (tmp_path / "recipe.toml").write_text('[data]\ncorpus = "corpus.txt"\n[ptq]\n[embeddings]\n', encoding="utf-8")

    def run(*arguments: str) -> int:
        return cli.main(["compress", *arguments, str(tmp_path / "fp32"), "--config", str(tmp_path / "recipe.toml")])

    return run


def test_without_qat_the_recipe_goes_on_from_it(
    slu: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--set", "ptq.utterances=[4, 8]", "--set", 'ptq.algorithms=["avg", "mse"]')
    assert slu("--out", str(tmp_path / "out"), *few) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in [said[0], *said[2:6]]] == ["algorithm", "avg", "avg", "mse", "mse"]
    assert [line.split(":")[0] for line in said[6:]] == ["ptq", "embeddings"]
    manifest = json.loads((tmp_path / "out/ptq/manifest.json").read_text())
    assert manifest["stage"] == "ptq" and manifest["metrics"]["grid"].keys() == {"avg", "mse"}
    assert manifest["config"]["utterances"] == [4, 8]
    end = load_checkpoint(tmp_path / "out/embeddings")
    assert [entry["stage"] for entry in end.manifest.history][-1] == "ptq" and end.quantised
    assert end.tensors["ernie.embeddings.word_embeddings.weight"].dtype == np.int8
    assert slu("--out", str(tmp_path / "out"), *few) == 0
    assert "ptq: up to date" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ('ptq.algorithms=["kl"]', "algorithms has 'kl'; choose of hist, KL"),
        ("ptq.algorithms=[]", "algorithms is []; it must name at least one"),
        ("ptq.utterances=[4, 4]", "utterances is [4, 4]; it must name at least one, each once"),
        ("ptq.utterances=[0]", "utterances has 0; it must be at least 1"),
        ("ptq.utterances=[81]", "81 utterances are needed, but the training part has 80; lower ptq.utterances"),
        ("ptq.utterances=8", "ptq] utterances is 8"),
        ("ptq.hist_percent=1.0", "hist_percent is 1.0; it must be above 0 and below 1"),
        ('ptq.measure="loss"', "measure is 'loss'; choose one of exact"),
        ("ptq.seed=-1", "seed must not be negative"),
        ("ptq.bits=4", "bits is not a setting"),
    ],
)
def test_a_wrong_setting_is_one_line(
    slu: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, says: str
) -> None:
    assert slu("ptq", "--out", str(tmp_path / "out"), "--set", setting) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("slu")]
    assert len(lines) == 1 and lines[0].startswith("slu: error: ") and says in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_quantised_checkpoint_is_refused(made: Made, data: Data) -> None:
    with pytest.raises(ConfigError, match=r"^ptq: the checkpoint is quantised already"):
        quantise_after_training(made[0], data, PtqSettings())


@pytest.mark.slow
def test_the_whole_grid(trained: Checkpoint, data: Data) -> None:
    _, report, _ = quantise_with(trained, data, PtqSettings(utterances=(16, 64), measure="agreement"))
    agreement = {
        (name, count): row["agreement"] for name, rows in report["grid"].items() for count, row in rows.items()
    }
    assert list(report["grid"]) == list(ALGORITHMS) and len(agreement) == 12
    assert report["agreement"] == max(agreement.values()) >= 95, agreement
    assert min(agreement.values()) >= 90, agreement
