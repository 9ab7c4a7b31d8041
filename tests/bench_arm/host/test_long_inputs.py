"""Long texts beside other engines: exact numbers of tokens, ratios, what is refused, and one whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench_arm.host.long_inputs import SIZES, main, ratios, texts_of, variants
from bench_arm.host.random_models import random_checkpoint
from slu.errors import ConfigError
from slu.heads.table import HEADS
from slu.model.checkpoint import check_tensors
from slu.model.quantization import dequantise, integer_scores

SHAPE = dict(zip(SIZES, (1, 32, 2, 48)))


@pytest.mark.parametrize("head", HEADS)
def test_texts_have_exactly_so_many_tokens(head: str) -> None:
    checkpoint = random_checkpoint(head, 40, True, **SHAPE)
    check_tensors(checkpoint.tensors, checkpoint.config, checkpoint.labels, head)
    tokenizer = checkpoint.tokenizer()
    for tokens in (5, 17, 40):
        texts = texts_of(checkpoint, tokens, 3)
        assert len(set(texts)) == 3 and all(("\t" in text) == (head == "answer") for text in texts)
        for text in texts:
            assert [len(one.ids) for one in checkpoint.head.encodings(tokenizer, text, tokens)] == [tokens]
    with pytest.raises(ConfigError, match="--tokens 3: no text can have so many"):
        texts_of(checkpoint, 3, 1)


def test_both_precisions_have_the_same_weights() -> None:
    quantised, floats = (random_checkpoint("answer", 24, int8, **SHAPE) for int8 in (True, False))
    again = dequantise(quantised.tensors)
    assert again.keys() == floats.tensors.keys()
    for name, tensor in floats.tensors.items():
        assert abs(again[name] - tensor).max() <= 0.51 / 127 * abs(tensor).max(), name


@pytest.mark.parametrize("scores", [False, True])
def test_integer_scores_are_measured_beside_those_in_floats(scores: bool) -> None:
    quantised, floats = (random_checkpoint("labels", 24, int8, scores=scores, **SHAPE) for int8 in (True, False))
    check_tensors(quantised.tensors, quantised.config, quantised.labels, "labels")
    made = variants(quantised, floats)
    assert [name for name, _, _ in made] == [*["int8-scores"] * scores, "int8", "fp32"]
    assert [integer_scores(one.tensors) for _, one, _ in made] == [*[True] * scores, False, False]
    assert made[0][1] is quantised and made[-1][1] is floats and "onnx-int8" in made[-2][2]


def row(backend: str, precision: str, whole: float, network: float) -> dict[str, Any]:
    times = {"end_to_end_ms": {"p50": whole, "p90": 9.0}, "model_ms": {"p50": network, "p90": 8.0}}
    names = {"backend": backend, "bundle": f"some/where/{precision}-model-24", "precision": precision, "setting": ""}
    return {**names, "load_ms": 1.0, "rss_growth_bytes": 5, **times}


def test_the_whole_of_ours_is_compared_with_the_network_of_others() -> None:
    rows = [row("native", "int8", 2.0, 1.0), row("native", "fp32", 3.0, 1.0)]
    rows += [row("onnxruntime", "fp32", 9.0, 5.0), row("onnxruntime-int8", "int8", 9.0, 3.0)]
    rest = dict.fromkeys(("timer", "threads", "rounds", "load_average", "warnings", "libraries", "left_out"))
    found = ratios({"measurements": rows, **rest})
    assert [one["ratio"] for one in found["measurements"]] == [1.0, 1.5, 2.5, 1.5]
    assert (found["fastest_other"], found["ratio"]) == ("onnxruntime-int8 int8", 1.5)
    assert [one["model"] for one in found["measurements"]] == ["int8-model", "fp32-model", "fp32-model", "int8-model"]
    assert ratios({"measurements": rows[:2], **rest})["fastest_other"] is None


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("--shape 4x312: layers, hidden size", ["--shape", "4x312"]),
        ("--shape 1x32x0x48: layers", ["--shape", "1x32x0x48"]),
        ("--shape 1x32x3x48: the hidden size is not", ["--shape", "1x32x3x48"]),
        ("--tokens 12,x: numbers with commas", ["--shape", "1x32x2x48", "--tokens", "12,x"]),
        ("no such directory", ["--checkpoint", "nowhere"]),
        ("--float: only beside --checkpoint", ["--shape", "1x32x2x48", "--float", "nowhere"]),
        ("--kernels abacus: ", ["--shape", "1x32x2x48", "--kernels", "abacus"]),
    ],
)
def test_wrong_arguments(capsys: pytest.CaptureFixture[str], words: str, arguments: list[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and words in said.err and said.err.count("\n") == 1


@pytest.mark.slow
def test_a_whole_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "long.json"
    arguments = ["--shape", "1x32x2x48", "--task", "tokens", "--tokens", "24", "--texts", "1", "--repeat", "2"]
    arguments += ["--scores", "int8"]
    assert main([*arguments, "--json", str(out)]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result == json.loads(capsys.readouterr().out) and result["sizes"] == SHAPE
    [length] = result["lengths"]
    found = {(one["backend"], one["precision"]) for one in length["measurements"]}
    assert {("native", "int8"), ("native", "fp32"), ("onnxruntime-int8", "int8"), ("onnxruntime", "fp32")} <= found
    assert {one["model"] for one in length["measurements"]} == {"int8-scores", "int8", "fp32"}
    assert length["tokens"] == 24 and "process_time_ns" in length["timer"] and length["ratio"] > 1
