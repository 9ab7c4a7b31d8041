"""WebAssembly: kernels against the oracle, decisions against the native engine, and the tests in JavaScript."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from web_build import ROOT, run

from slu.corpus.tagged import read_corpus

TESTS = ROOT / "web/test"
RELAXED = "--experimental-wasm-relaxed-simd"
"""Node 20 has relaxed SIMD behind this flag; newer ones have it as it comes."""
MODELS = ["nlpcc2018-pico", "nlpcc2018-nano"]
LINES = 1000


def relaxed_flag(node: str) -> list[str]:
    major = int(re.match(r"v(\d+)", run(node, "--version"))[1])  # type: ignore[index]
    return [RELAXED] if major < 22 else []


@pytest.fixture(scope="session")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 5 MB whose working memory is 12 GB: counted in 32 bits it would fit, and be written past its end."""
    from export_lite.gguf import write_gguf
    from slu.corpus.labels import Labels
    from slu.inputs.tokenizer import SPECIAL_TOKENS
    from slu.manifest import Manifest
    from slu.model.checkpoint import Checkpoint, parameter_shapes
    from slu.model.config import ModelConfig

    config = ModelConfig(len(SPECIAL_TOKENS), 1, 1, 21845, 3, 65536, max_position_embeddings=8192, max_seq_length=8192)
    labels = Labels(("a", "b"), ("s",), {"a": ("s",), "b": ()})
    tensors = {name: np.ones(shape, np.float32) for name, shape in parameter_shapes(config, labels).items()}
    path = tmp_path_factory.mktemp("wide") / "wide.gguf"
    write_gguf(Checkpoint(config, tensors, list(SPECIAL_TOKENS), labels, Manifest("test", threshold=0.5)), path)
    return path


@pytest.mark.parametrize("variant", ["simd128", "relaxed"])
def test_products_are_exact(node: str, check_module: dict[str, Path], variant: str) -> None:
    lines = run(node, *relaxed_flag(node), TESTS / "wasi.mjs", check_module[variant], "products").splitlines()
    kernels = [line.split()[1] for line in lines]
    assert [line.split()[2] for line in lines] == ["616"] * len(lines)
    # At the end, what processors with such a dot product would run, over one that is computed without it.
    emulated = ["relaxed-signed", "relaxed-unsigned"] if variant == "relaxed" else []
    assert kernels[-2 - len(emulated) :] == [variant, "plain", *emulated]


@pytest.mark.parametrize("scores", ["floats", "integers"])
def test_logits_are_the_same_bits_where_there_is_a_fused_multiply_add(
    node: str, check_module: dict[str, Path], host_check: Path, scores: str
) -> None:
    model = "tests/golden/tiny.gguf"
    if scores == "integers":
        from scored import write_scored

        model = "build/scored-below-zero.gguf"  # Node is let into this directory only
        write_scored(ROOT / model, below_zero=True)
    native = {line.split()[2] for line in run(host_check, "digest", model).splitlines()}
    assert len(native) == 1
    for variant, kernels in {
        "relaxed": ["relaxed", "plain", "relaxed-signed", "relaxed-unsigned"],
        "simd128": ["plain"],
    }.items():
        lines = run(node, *relaxed_flag(node), TESTS / "wasi.mjs", check_module[variant], "digest", model).splitlines()
        digests = {line.split()[1]: line.split()[2] for line in lines}
        assert {digests[kernel] for kernel in kernels} == native


@pytest.mark.parametrize("model", MODELS)
def test_decisions_are_those_of_the_native_engine(
    node: str, web: Path, host_cli: Path, model: str, tmp_path: Path
) -> None:
    texts = [utterance.text for utterance in read_corpus(ROOT / "data/sample/corpus.txt")]
    chosen = texts[:: len(texts) // LINES][:LINES]
    assert len(chosen) == LINES
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(chosen) + "\n", encoding="utf-8")
    path = ROOT / "models" / model / "model.gguf"
    native = [json.loads(line) for line in run("sh", "-c", f"'{host_cli}' parse '{path}' < '{file}'").splitlines()]
    # Without a fused multiply-add a number may be rounded to another INT8 now and then.
    for variant, bound in {"simd128": 0.01, "relaxed": 1e-6}.items():
        lines = run(node, *relaxed_flag(node), TESTS / "parse.mjs", path, file, variant).splitlines()
        assert len(lines) == len(native) == LINES
        for mine, other in zip(map(json.loads, lines), native):
            assert abs(mine.pop("score") - other["score"]) <= bound
            assert mine == {key: other[key] for key in mine}


def test_package_and_page(node: str, web: Path, wide_model: Path, tmp_path: Path) -> None:
    from other_heads import write_other_heads

    write_other_heads(tmp_path)
    run(node, "--test", *sorted(TESTS.glob("*.test.mjs")), SLU_WIDE_MODEL=str(wide_model), SLU_HEADS=str(tmp_path))


@pytest.mark.slow
def test_memory_does_not_grow_with_a_million_parses(node: str, web: Path) -> None:
    run(node, "--test", TESTS / "engine.test.mjs", SLU_PARSES="1000000")
