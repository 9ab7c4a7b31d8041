"""Models that answer questions about a passage through the whole pipeline, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slu.cli import main
from slu.corpus.questions import read_questions
from slu.model.checkpoint import load_checkpoint

RECIPE = """
[data]
corpus = "{corpus}"
[model]
task = "answer"
hidden_size = 48
num_hidden_layers = 2
num_attention_heads = 4
intermediate_size = 96
max_position_embeddings = 80
max_length = 80
dropout = 0.0
initializer_range = 0.08
[training]
epochs = 6
batch_size = 32
learning_rate = 4e-3
loss = "answers"
average = 0.98
measure = "answer_f1"
[student]
teachers = 1
hidden_size = 40
[student.augment]
names = 0
words = 0
runs = 0
[student.training]
epochs = 1
batch_size = 32
learning_rate = 2e-3
loss = "answers"
[vocab]
positions = 64
[width]
ratio = "3/4"
[width.training]
epochs = 1
batch_size = 32
learning_rate = 1e-3
loss = "answers"
[qat]
[qat.training]
epochs = 1
batch_size = 32
learning_rate = 1e-3
loss = "answers"
[embeddings]
[calibration]
[export]
formats = ["gguf", "onnx", "paddle", "lite-x86"]
"""


def slu(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


@pytest.mark.slow
def test_answers_through_the_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All steps; every backend answers alike; what is compressed can be trained further."""
    corpus, config, run = tmp_path / "corpus.jsonl", tmp_path / "recipe.toml", tmp_path / "run"
    slu("data", "sample", "--task", "answer", "--count", 1200, "--out", corpus)
    config.write_text(RECIPE.format(corpus=corpus), encoding="utf-8")
    slu("data", "check", corpus, "--config", config)
    slu("run", config, "--out", run)
    rows = json.loads((run / "results.json").read_text(encoding="utf-8"))["rows"]
    assert [row["stage"] for row in rows] == ["fp32", "student", "vocab", "width", "qat", "embeddings", "calibration"]
    assert all(0 <= row["exact"] <= row["answer_f1"] <= 100 for row in rows) and rows[0]["answer_f1"] > 20, rows
    assert not any("pooler" in name for name in load_checkpoint(run / "calibration").tensors)
    capsys.readouterr()
    for backend in ("native", "onnxruntime", "paddle", "lite"):
        out = tmp_path / f"{backend}.json"
        slu("eval", run / "bundle", "--data", run / "dev.txt", "--backend", backend, "--json", out,
            "--errors", tmp_path / "errors.tsv")  # fmt: skip
        found = json.loads(out.read_text(encoding="utf-8"))
        assert abs(found["answer_f1"] - rows[-1]["answer_f1"]) <= 1 and set(found["classes"]) == {"answers"}
    assert (tmp_path / "errors.tsv").read_text(encoding="utf-8").startswith("question\tanswers\tanswered\tscore\n")
    capsys.readouterr()
    [first, *_] = read_questions(run / "dev.txt")
    slu("parse", run / "bundle", first.text)
    assert list(json.loads(capsys.readouterr().out)) == ["text", "score", "understood", "slots"]
    slu("inspect", run / "bundle")
    assert "intents" not in capsys.readouterr().out
    slu("report", run, tmp_path / "native.json", "--out", tmp_path / "report.html")
    assert "answer F1" in (tmp_path / "report.html").read_text(encoding="utf-8")
    slu("analyze", run / "calibration", "--data", run / "dev.txt", "--train", corpus, "--json", tmp_path / "analysis",
        "--examples", 5)  # fmt: skip
    told = json.loads((tmp_path / "analysis").read_text(encoding="utf-8"))
    assert told["importance"]["reasons"] == told["importance"]["complete"] == 10
    capsys.readouterr()
    assert main(["eval", str(run / "bundle"), "--data", str(run / "dev.txt"), "--noise", "filler=10%"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    slu("train", "--config", config, "--out", tmp_path / "further", "--init", run / "width", "--set",
        "training.epochs=1", "--set", "model.max_length=64")  # fmt: skip
    assert "answer_f1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--set", "lexicon.previous_intent=true"], "[lexicon] is for intents and slots; remove it for task answer"),
        (["--set", "training.measure=slot_f1"], "for task answer choose one of exact, answer_f1"),
        (["--set", "model.encoder=bow"], "task answer needs 'ernie'"),
        (["--set", "data.corpus=nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["--set", "model.task=tokens"], "corpus.jsonl"),
    ],
)
def test_wrong_recipes(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: list[str], words: str) -> None:
    corpus, config = tmp_path / "corpus.jsonl", tmp_path / "recipe.toml"
    slu("data", "sample", "--task", "answer", "--count", 20, "--out", corpus)
    config.write_text(RECIPE.format(corpus=corpus), encoding="utf-8")
    capsys.readouterr()
    assert main(["train", "--config", str(config), "--out", str(tmp_path / "out"), *changes]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1, error
