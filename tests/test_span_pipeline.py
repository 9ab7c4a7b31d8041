"""Models of spans without an intent through the whole pipeline, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slu.cli import main
from slu.corpus.spans import read_spans
from slu.model.checkpoint import load_checkpoint

RECIPE = """
[data]
corpus = "{corpus}"
[model]
task = "tokens"
hidden_size = 48
num_hidden_layers = 1
num_attention_heads = 4
intermediate_size = 96
max_position_embeddings = 32
dropout = 0.0
[ngrams]
rows = 2000
width = 16
[training]
epochs = 6
batch_size = 32
learning_rate = 1e-2
loss = "answers"
measure = "slot_f1"
[vocab]
positions = 28
[width]
ratio = "1/2"
[width.training]
epochs = 1
batch_size = 32
learning_rate = 5e-3
loss = "answers"
[qat]
[qat.training]
epochs = 1
batch_size = 32
[embeddings]
[calibration]
[export]
formats = ["gguf", "onnx", "paddle", "lite-x86"]
"""


def slu(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


@pytest.mark.slow
def test_spans_through_the_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All steps; every backend answers alike; what is compressed can be trained further."""
    corpus, config, run = tmp_path / "corpus.jsonl", tmp_path / "recipe.toml", tmp_path / "run"
    slu("data", "sample", "--task", "tokens", "--count", 1200, "--out", corpus)
    config.write_text(RECIPE.format(corpus=corpus), encoding="utf-8")
    slu("data", "check", corpus, "--config", config)
    slu("data", "split", corpus, "--task", "tokens", "--out", tmp_path / "parts")
    assert len(read_spans(tmp_path / "parts/dev.txt")) == 240
    slu("data", "augment", corpus, "--task", "tokens", "--out", tmp_path / "more.jsonl")
    assert len(read_spans(tmp_path / "more.jsonl")) > 1800
    slu("run", config, "--out", run)
    rows = json.loads((run / "results.json").read_text(encoding="utf-8"))["rows"]
    assert [row["stage"] for row in rows] == ["fp32", "vocab", "width", "qat", "embeddings", "calibration"]
    assert rows[0]["slot_f1"] > 55 and rows[-1]["slot_f1"] > 40, rows
    assert not any("pooler" in name for name in load_checkpoint(run / "calibration").tensors)
    capsys.readouterr()
    for backend in ("native", "onnxruntime", "paddle", "lite"):
        out = tmp_path / f"{backend}.json"
        slu("eval", run / "bundle", "--data", run / "dev.txt", "--backend", backend, "--json", out,
            "--errors", tmp_path / "errors.tsv")  # fmt: skip
        found = json.loads(out.read_text(encoding="utf-8"))
        assert abs(found["slot_f1"] - rows[-1]["slot_f1"]) <= 1 and set(found["classes"]) == {"slots"}
    assert (tmp_path / "errors.tsv").read_text(encoding="utf-8").startswith("tagged\tanswered tagged\tscore\n")
    capsys.readouterr()
    slu("parse", run / "bundle", "我想听周华健的花心")
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["text", "score", "understood", "slots"] and answer["slots"]
    slu("inspect", run / "bundle")
    assert "intents" not in capsys.readouterr().out
    slu("report", run, tmp_path / "native.json", "--out", tmp_path / "report.html")
    assert "slot F1" in (tmp_path / "report.html").read_text(encoding="utf-8")
    slu(
        "bench",
        "host",
        run / "bundle",
        "--data",
        run / "dev.txt",
        "--limit",
        20,
        "--repeat",
        1,
        "--backend",
        "native,onnxruntime",
        "--json",
        tmp_path / "bench.json",
    )
    slu("analyze", run / "fp32", "--data", run / "dev.txt", "--train", corpus, "--examples", 2, "--bad",
        tmp_path / "bad.jsonl", "--json", tmp_path / "facts.json")  # fmt: skip
    assert read_spans(tmp_path / "bad.jsonl")
    slu("train", "--config", config, "--out", tmp_path / "further", "--init", run / "width", "--set",
        "training.epochs=1", "--set", "model.max_length=28")  # fmt: skip
    assert "slot_f1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--set", "lexicon.previous_intent=true"], "[lexicon] is for intents and slots; remove it for task tokens"),
        (["--set", "data.split=session"], "texts of task tokens have no sessions"),
        (["--set", "training.measure=macro_f1"], "for task tokens choose one of exact, slot_precision"),
        (["--set", "model.encoder=lstm"], "task tokens needs 'ernie'"),
        (["--set", "data.corpus=nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["--set", "model.task=labels"], "corpus.jsonl:1: no label"),
    ],
)
def test_wrong_recipes(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: list[str], words: str) -> None:
    corpus, config = tmp_path / "corpus.jsonl", tmp_path / "recipe.toml"
    slu("data", "sample", "--task", "tokens", "--count", 60, "--out", corpus)
    config.write_text(RECIPE.format(corpus=corpus), encoding="utf-8")
    capsys.readouterr()
    assert main(["train", "--config", str(config), "--out", str(tmp_path / "out"), *changes]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1, error
