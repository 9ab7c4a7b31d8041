"""Models of labels through the whole pipeline: train, compress, export, evaluate, report, by the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from slu.cli import main
from slu.corpus.classified import read_classified, write_classified
from slu.corpus.sample.labelled import with_domains
from slu.corpus.tagged import read_corpus
from slu.corpus.utterance import Utterance
from slu.model.checkpoint import load_checkpoint

ROOT = Path(__file__).parents[1]
LABELS = ROOT / "data/labels"
SMALL = """
[model]
task = "{task}"
hidden_size = 48
num_hidden_layers = 1
num_attention_heads = 4
intermediate_size = 96
max_position_embeddings = 32
dropout = 0.0
[training]
epochs = 8
batch_size = 32
learning_rate = 1e-2
loss = "{loss}"
[vocab]
positions = 28
[width]
ratio = "1/2"
[width.training]
epochs = 1
batch_size = 32
learning_rate = 5e-3
loss = "{loss}"
[ptq]
algorithms = ["abs_max"]
utterances = [32]
[embeddings]
[calibration]
[export]
formats = ["gguf", "onnx"]
"""


def slu(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


def recipe(tmp_path: Path, task: str, loss: str, data: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(f"[data]\n{data}\n{SMALL.format(task=task, loss=loss)}", encoding="utf-8")
    return path


def measures(path: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_labels_in_a_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All steps; every backend gives the same measures; the answers never contradict the tree."""
    data = f'corpus = "{LABELS}/corpus.txt"\nlabels = "{LABELS}/label.txt"'
    config = recipe(tmp_path, "labels", "answers", data)
    slu("run", config, "--out", tmp_path / "run")
    rows = json.loads((tmp_path / "run/results.json").read_text(encoding="utf-8"))["rows"]
    assert [row["stage"] for row in rows] == ["fp32", "vocab", "width", "ptq", "embeddings", "calibration"]
    assert min(rows[0]["micro_f1"], rows[-1]["micro_f1"]) > 60, rows
    assert rows[-1]["size_bytes"] < rows[0]["size_bytes"] / 10
    assert "micro F1" in capsys.readouterr().out
    for backend in ("native", "onnxruntime"):
        bundle, out = tmp_path / "run/bundle", tmp_path / f"{backend}.json"
        slu("eval", bundle, "--data", tmp_path / "run/dev.txt", "--backend", backend, "--json", out,
            "--errors", tmp_path / "errors.tsv")  # fmt: skip
        # One text in a hundred may be answered otherwise: inputs are rounded to INT8.
        assert abs(measures(out)["exact"] - rows[-1]["exact"]) <= 1
        assert [level["level"] for level in json.loads(out.read_text(encoding="utf-8"))["levels"]] == [1, 2]
    told = capsys.readouterr().out
    assert "level 2 of the tree" in told and "music##play" in told
    assert (tmp_path / "errors.tsv").read_text(encoding="utf-8").startswith("text\tlabels\tanswered labels\tscore\n")
    slu("parse", tmp_path / "run/bundle", "我想听花心", "不需要了")
    for line in capsys.readouterr().out.splitlines():
        answer = json.loads(line)
        names = [label["name"] for label in answer["labels"]]
        assert set(answer) == {"text", "labels", "score", "understood"}
        assert all(name.rpartition("##")[0] in ("", *names) for name in names)
    slu("inspect", tmp_path / "run/bundle")
    assert "labels     13: music" in capsys.readouterr().out
    slu("report", tmp_path / "run", tmp_path / "native.json", "--out", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "macro F1" in page and "music##play" in page and "seed accuracy" not in page
    again = load_checkpoint(tmp_path / "run/width")
    assert again.head.name == "labels" and again.labels.sets is not None
    slu("train", "--config", config, "--out", tmp_path / "further", "--init", tmp_path / "run/width",
        "--set", "training.epochs=1", "--set", "model.max_length=28")  # fmt: skip
    assert "micro_f1" in capsys.readouterr().out


@pytest.mark.slow
def test_one_label_of_pairs_with_qat(tmp_path: Path, sample: list[Utterance]) -> None:
    """Whether two utterances are of the same domain: a task of pairs, trained with rounding."""
    texts = with_domains(sample[:1200])
    pairs = [
        Utterance(f"{a.text}\t{b.text}", "", (), str(i), ("same" if a.labels == b.labels else "other",))
        for i, (a, b) in enumerate(zip(texts, texts[7:]))
    ]
    write_classified(pairs, tmp_path / "pairs.txt")
    assert read_classified(tmp_path / "pairs.txt", single=True)[3].text == pairs[3].text
    config = recipe(tmp_path, "sequence", "heads", f'corpus = "{tmp_path}/pairs.txt"')
    text = config.read_text(encoding="utf-8").replace("[embeddings]", "[qat]\n[qat.training]\nepochs = 1\n[embeddings]")
    config.write_text(text.replace("max_position_embeddings = 32", "max_position_embeddings = 48"), encoding="utf-8")
    slu("run", config, "--out", tmp_path / "run", "--set", "vocab.positions=40")
    assert load_checkpoint(tmp_path / "run/fp32").config.pairs
    for backend in ("native", "onnxruntime"):
        out = tmp_path / f"{backend}.json"
        slu("eval", tmp_path / "run/bundle", "--data", tmp_path / "run/dev.txt", "--backend", backend, "--json", out)
        assert {"exact", "macro_f1", "confusion"} <= set(measures(out)) and "micro_f1" not in measures(out)
        assert measures(out)["exact"] > 50


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--set", "model.task=span"], "task is 'span'; choose one of joint, sequence, labels, tokens, answer"),
        (["--set", "speech.phrases=x"], r"\[speech\] is for intents and slots"),
        (["--set", "data.split=session"], "texts of task labels have no sessions"),
        (["--set", "model.task=joint"], "labels is for tasks without intents"),
        (["--set", "training.measure=slot_f1"], "measure is 'slot_f1'; for task labels choose one of exact"),
        (["--set", "data.corpus=nowhere.txt"], "nowhere.txt: cannot be read"),
    ],
)
def test_wrong_recipes(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: list[str], words: str) -> None:
    data = f'corpus = "{LABELS}/corpus.txt"\nlabels = "{LABELS}/label.txt"'
    config = recipe(tmp_path, "labels", "answers", data)
    assert main(["train", "--config", str(config), "--out", str(tmp_path / "out"), *changes]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and re.search(words, error), error


def test_checking_and_splitting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = ("--task", "labels", "--labels", LABELS / "label.txt")
    slu("data", "check", LABELS / "corpus.txt", *task)
    assert "0 errors" in capsys.readouterr().out
    slu("data", "split", LABELS / "corpus.txt", *task, "--out", tmp_path / "parts")
    parts = [read_classified(tmp_path / f"parts/{name}.txt", single=False) for name in ("train", "dev")]
    assert [len(part) for part in parts] == [1200, 300]
    (tmp_path / "wrong.txt").write_text("text\tmusic##dance\n", encoding="utf-8")
    assert main(["data", "check", str(tmp_path / "wrong.txt"), *map(str, task)]) == 1
    assert "wrong.txt:1: error: the label 'music##dance' is not among" in capsys.readouterr().out


def test_the_committed_sample_is_what_the_command_writes(tmp_path: Path) -> None:
    slu("data", "sample", "--task", "labels", "--count", 1500, "--seed", 0, "--out", tmp_path / "corpus.txt")
    assert (tmp_path / "corpus.txt").read_bytes() == (LABELS / "corpus.txt").read_bytes()
    assert read_corpus(ROOT / "data/sample/corpus.txt")
