"""The engine's network against Paddle and NumPy, layer by layer; and its functions against mathematics."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import replace
from math import erf
from pathlib import Path

import numpy as np
import pytest
from engine_build import ROOT, golden
from native_api import Engine, kernel_names
from scored import with_integer_scores

from export_lite.gguf import write_gguf
from slu.corpus.labels import Labels
from slu.inputs.flags import KINDS, FlagColumns
from slu.inputs.ngrams import Ngrams
from slu.inputs.tokenizer import SPECIAL_TOKENS
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.model.quantization import quantise

sys.path.insert(0, str(ROOT / "tests/golden"))

SHAPES = {
    "odd": {"hidden_size": 50, "heads": 3, "head_size": 7, "inner": 33, "layers": 2, "quantised": "encoder"},
    "all int8": {"hidden_size": 47, "heads": 2, "head_size": 17, "inner": 65, "layers": 2, "quantised": "all"},
    "float": {"hidden_size": 50, "heads": 3, "head_size": 7, "inner": 33, "layers": 2, "quantised": "none"},
    "mixed": {"hidden_size": 36, "heads": 4, "head_size": 9, "inner": 70, "layers": 2, "quantised": "linear2"},
    "flags": {
        "hidden_size": 50,
        "heads": 3,
        "head_size": 7,
        "inner": 33,
        "layers": 2,
        "quantised": "none",
        "flags": KINDS,
    },
    "ngrams": {
        "hidden_size": 50,
        "heads": 3,
        "head_size": 7,
        "inner": 33,
        "layers": 2,
        "quantised": "encoder",
        "flags": KINDS,
        "ngrams": 37,
    },
    "pruned nano": {"hidden_size": 312, "heads": 9, "head_size": 26, "inner": 936, "layers": 1, "quantised": "encoder"},
    "pico": {"hidden_size": 48, "heads": 4, "head_size": 12, "inner": 192, "layers": 2, "quantised": "encoder"},
    "scores of one": {"hidden_size": 16, "heads": 5, "head_size": 1, "inner": 33, "layers": 2, "quantised": "encoder"},
    "base": {"hidden_size": 768, "heads": 12, "head_size": 64, "inner": 3072, "layers": 1, "quantised": "encoder"},
}
SHAPES |= {"scores": SHAPES["odd"], "scores of pruned nano": SHAPES["pruned nano"]}


def make_checkpoint(
    hidden_size: int,
    heads: int,
    head_size: int,
    inner: int,
    layers: int,
    quantised: str,
    slots: int = 4,
    flags: tuple[str, ...] = (),
    ngrams: int = 0,
) -> Checkpoint:
    """Random weights. ``ngrams``: numbers of a row of the table of n-grams. ``quantised``: a part of the names of the
    linear layers that are; embeddings always are."""
    vocab = [*SPECIAL_TOKENS, *(chr(0x4E00 + i) for i in range(195))]
    names = tuple(f"slot{i}" for i in range(slots))
    labels = Labels(("a", "b", "c"), names, {"a": names, "b": names[:2], "c": ()})
    config = ModelConfig(
        len(vocab), hidden_size, layers, heads, head_size, inner, max_position_embeddings=40, flags=flags
    )
    keys = None
    if ngrams:
        every = np.stack(np.meshgrid(np.arange(len(vocab)), np.arange(len(vocab))), -1).reshape(-1, 2)
        keys = np.unique(Ngrams(np.zeros(0, np.uint32), vocab).keys_of(every))[::2].copy()  # half of all pairs
        config = config.replace(ngram_rows=len(keys) + 1, ngram_width=ngrams)
    rng = np.random.default_rng(1)
    tensors: dict[str, np.ndarray] = {}
    for name, shape in parameter_shapes(config, labels).items():
        values = rng.standard_normal(shape) * (1.5 / np.sqrt(hidden_size)) + ("norm" in name and "weight" in name)
        layer, embedding = name.removesuffix(".weight"), name.endswith("_embeddings.weight")
        if len(shape) == 2 and (embedding or quantised == "all" or quantised in name):
            values, tensors[f"{layer}.weight_scale"] = quantise(values, 0 if embedding else 1)
            if not embedding:
                tensors[f"{layer}.input_scale"] = np.array([0.03], np.float32)
        tensors[name] = values if values.dtype == np.int8 else values.astype(np.float32)
    return Checkpoint(config, tensors, vocab, labels, Manifest(stage="test"), ngrams=keys)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tokens", [1, 8, 17])
def test_every_layer_computes_what_paddle_does(library: ctypes.CDLL, tmp_path: Path, shape: str, tokens: int) -> None:
    import paddle

    from slu.model.network import load_model

    checkpoint = make_checkpoint(**SHAPES[shape])  # type: ignore[arg-type]
    if shape.startswith("scores"):
        checkpoint = with_integer_scores(checkpoint)
    config = checkpoint.config
    write_gguf(checkpoint, tmp_path / "model.gguf")
    rng = np.random.default_rng(tokens)
    ids = rng.integers(0, config.vocab_size, tokens)
    columns = FlagColumns.of(config.flags, checkpoint.labels).count
    flags = rng.integers(0, 2, (tokens, columns)).astype(np.float32) if columns else None
    model = load_model(checkpoint)
    with Engine(library, tmp_path / "model.gguf") as engine, paddle.no_grad():
        states = engine.states(ids, config.num_hidden_layers, config.hidden_size, flags)
        intents, slots = engine.run(ids, flags)
        given = None if flags is None else paddle.to_tensor(flags[None])
        _, expected = model.run(paddle.to_tensor(ids[None]), given, padded=False, hidden=True)
        assert np.abs(states[0] - expected[0].numpy()[0]).max() < 2e-6
        # Each layer on the engine's own input, so that one rounding step of the layer before is not counted again.
        for i, layer in enumerate(model.ernie.encoder.layers):
            output = layer(paddle.to_tensor(states[i][None]), src_mask=paddle.zeros([1, 1, 1, 1])).numpy()[0]
            _assert_close(states[i + 1], output, SHAPES[shape]["quantised"] == "none")
        last = paddle.to_tensor(states[-1][None])
        pooled = model.ernie.pooler(last)
        exact = SHAPES[shape]["quantised"] != "all"
        _assert_close(intents, model.intent_classifier(pooled).numpy()[0], exact)
        _assert_close(slots, model.slot_classifier(last).numpy()[0], exact)


def _assert_close(found: np.ndarray, expected: np.ndarray, exact: bool) -> None:
    """Floats agree to rounding. INT8 may round a value the other way that lies between two steps, here and there."""
    difference = np.abs(found - expected)
    if exact:
        assert difference.max() < 1e-4
    else:
        assert difference.max() < 0.1
        assert np.median(difference) < 0.01


@pytest.mark.parametrize("case", golden("logits"), ids=lambda case: f"{len(case['ids'])} tokens")
def test_golden_logits_with_every_kernel(library: ctypes.CDLL, tiny: Path, case: dict) -> None:
    exact = set()
    for kernel in kernel_names(library):
        with Engine(library, tiny, kernel) as engine:
            intents, slots = engine.run(np.array(case["ids"]))
            np.testing.assert_allclose(intents, case["intents"], atol=1e-4)
            np.testing.assert_allclose(slots, case["slots"], atol=1e-4)
            exact.add(intents.tobytes() + slots.tobytes())
    assert len(exact) == 1


@pytest.mark.parametrize(("name", "bound"), [("gelu", 1e-5), ("tanh", 1e-5)])
def test_functions_are_good_to_1e_5(library: ctypes.CDLL, name: str, bound: float) -> None:
    x = np.concatenate([np.linspace(-12, 12, 48_000), np.geomspace(1e-30, 99, 800), -np.geomspace(1e-30, 99, 800)])
    expected = np.tanh(x) if name == "tanh" else x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))
    for kernel in kernel_names(library):
        values = x.astype(np.float32)
        done = library.hook_function(kernel.encode(), name.encode(), ctypes.c_void_p(values.ctypes.data), len(values))
        assert done == 1
        assert np.abs(values - expected).max() < bound


def test_attention_to_many_tokens_matches_numpy(library: ctypes.CDLL, tmp_path: Path) -> None:
    from numpy_network import run

    checkpoint = make_checkpoint(**SHAPES["float"])  # type: ignore[arg-type]
    write_gguf(checkpoint, tmp_path / "model.gguf")
    with Engine(library, tmp_path / "model.gguf") as engine:
        for tokens in range(1, 41):
            ids = np.random.default_rng(tokens).integers(0, 200, tokens)
            intents, slots = engine.run(ids)
            expected_intents, expected_slots, _ = run(checkpoint, ids)
            np.testing.assert_allclose(intents, expected_intents, atol=1e-4)
            np.testing.assert_allclose(slots, expected_slots, atol=1e-4)


@pytest.mark.parametrize("shape", ["scores", "scores of one", "scores of pruned nano"])
def test_integer_scores_of_many_tokens_match_numpy_and_not_those_of_floats(
    library: ctypes.CDLL, tmp_path: Path, shape: str
) -> None:
    """One layer: the oracle is given the engine's own embeddings only, and later layers round what differs by a bit."""
    from numpy_network import run

    floats = make_checkpoint(**{**SHAPES[shape], "layers": 1})  # type: ignore[arg-type]
    checkpoint = with_integer_scores(replace(floats, tensors=dict(floats.tensors)))
    write_gguf(checkpoint, tmp_path / "model.gguf")
    config, different = checkpoint.config, 0.0
    for kernel in kernel_names(library):
        with Engine(library, tmp_path / "model.gguf", kernel) as engine:
            for tokens in range(1, 41):
                ids = np.random.default_rng(tokens).integers(0, 200, tokens)
                state = engine.states(ids, 1, config.hidden_size)[1]
                expected, other = (run(model, ids)[2][1] for model in (checkpoint, floats))
                _assert_close(state, expected, False)
                assert np.abs(state - expected).mean() < 1e-3
                different = max(different, float(np.abs(expected - other).mean()))
    assert different > 1e-2


def test_a_model_without_slots(library: ctypes.CDLL, tmp_path: Path) -> None:
    checkpoint = make_checkpoint(**SHAPES["odd"], slots=0)  # type: ignore[arg-type]
    write_gguf(checkpoint, tmp_path / "model.gguf")
    with Engine(library, tmp_path / "model.gguf") as engine:
        result = engine.parse("一丁")
        assert result["slots"] == []
        assert result["intent"] in "abc"
