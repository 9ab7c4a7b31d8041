"""N-grams: their rows against an obvious search, the golden file that the engine is held to too, and their files."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import pytest

from slu.corpus.utterance import Utterance
from slu.errors import CheckpointError, ConfigError
from slu.inputs.ngrams import FACTOR, Ngrams, code_of, frequent_keys
from slu.inputs.tokenizer import Tokenizer
from slu.model.checkpoint import NGRAMS, Checkpoint, load_checkpoint, parameter_shapes, save_checkpoint
from slu.model.config import ModelConfig
from slu.model.network import load_model
from slu.runtime.bundle import open_directory
from slu.training.recipe import ModelSettings, NgramSettings
from slu.training.start import initial_checkpoint

GOLDEN = Path(__file__).parents[2] / "golden"
LENGTH = 16


def with_ngrams(checkpoint: Checkpoint, texts: list[str]) -> Checkpoint:
    """The checkpoint with the pairs of ``texts`` that occur twice, and random rows of 10 numbers for them."""
    keys = frequent_keys(texts, checkpoint.tokenizer(), LENGTH, 1000, 2)
    config = checkpoint.config.replace(ngram_rows=len(keys) + 1, ngram_width=10)
    random = np.random.default_rng(3)
    more = {
        name: random.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in parameter_shapes(config, checkpoint.labels).items()
        if name not in checkpoint.tensors
    }
    return replace(checkpoint, config=config, tensors=checkpoint.tensors | more, ngrams=keys)


def test_rows_are_those_of_an_obvious_search() -> None:
    random = np.random.default_rng(0)
    vocab = [chr(0x4E00 + i) for i in range(20)]
    ids = random.integers(0, 20, (30, 9))
    pairs = sorted({(a, b) for row in ids[:20] for a, b in zip(row[:-1].tolist(), row[1:].tolist())})
    keys = {(code_of(vocab[a]) * FACTOR + code_of(vocab[b])) % 2**32: (a, b) for a, b in pairs}
    order = [keys[key] for key in sorted(keys)]
    rows = Ngrams(np.array(sorted(keys), np.uint32), vocab).rows(ids)
    for found, row in zip(rows.tolist(), ids.tolist()):
        wanted = [order.index(pair) + 1 if pair in order else 0 for pair in zip(row[:-1], row[1:])]
        assert found == [0, *wanted]
    assert not Ngrams(np.zeros(0, np.uint32), vocab).rows(ids).any()


def test_the_code_is_fnv_1a() -> None:
    assert [code_of(text) for text in ("", "a", "foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]


def test_frequent_keys(vocab: list[str], sample: list[Utterance]) -> None:
    texts = [utterance.text for utterance in sample[:300]]
    tokenizer = Tokenizer(vocab)
    counts: Counter[tuple[str, str]] = Counter()
    for text in texts:
        tokens = [vocab[i] for i in tokenizer.encode(text, LENGTH).ids]
        counts.update(zip(tokens[:-1], tokens[1:]))
    every = frequent_keys(texts, tokenizer, LENGTH, 100_000, 3)
    key = {pair: (code_of(pair[0]) * FACTOR + code_of(pair[1])) % 2**32 for pair in counts}
    assert every.tolist() == sorted(key[pair] for pair, count in counts.items() if count >= 3)
    few = frequent_keys(texts, tokenizer, LENGTH, 21, 3)
    assert few.tolist() == sorted(sorted(key.values(), key=lambda k: (-counts[_of(key, k)], k))[:20])


def _of(key: dict[tuple[str, str], int], wanted: int) -> tuple[str, str]:
    return next(pair for pair, one in key.items() if one == wanted)


def test_the_golden_file(monkeypatch: pytest.MonkeyPatch) -> None:
    golden = json.loads((GOLDEN / "ngrams.json").read_text(encoding="utf-8"))
    monkeypatch.syspath_prepend(str(GOLDEN))
    vocab = importlib.import_module("make_golden").vocabulary()
    assert golden == importlib.import_module("make_ngrams").content()
    assert golden["codes"] == [code_of(token) for token in vocab]
    finder = Ngrams(np.array(golden["keys"], np.uint32), vocab)
    for case in golden["cases"]:
        assert finder.rows(np.array(case["ids"])).tolist() == case["rows"]


def test_a_checkpoint_keeps_them(checkpoint: Checkpoint, sample: list[Utterance], tmp_path: Path) -> None:
    made = with_ngrams(checkpoint, [utterance.text for utterance in sample[:200]])
    save_checkpoint(made, tmp_path / "model")
    again = load_checkpoint(tmp_path / "model")
    assert again.config == made.config and np.array_equal(again.ngrams, made.ngrams)
    assert again.size_bytes == sum(t.nbytes for t in made.tensors.values()) + made.ngrams.nbytes  # type: ignore[union-attr]
    opened = open_directory(tmp_path / "model").ngrams
    assert opened is not None and np.array_equal(opened.keys, made.ngrams)
    save_checkpoint(checkpoint, tmp_path / "without")
    assert not (tmp_path / "without" / NGRAMS).exists()
    assert "ngram" not in (tmp_path / "without" / "config.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (np.array([3, 3], np.uint32), "not in ascending order"),
        (np.array([3], np.uint32), r"shape \[1\], uint32 \[2\] was expected"),
        (np.array([1, 2], np.int64), "int64 of shape"),
        (None, "no such file"),
    ],
)
def test_damaged_keys(checkpoint: Checkpoint, tmp_path: Path, keys: np.ndarray | None, words: str) -> None:
    from safetensors.numpy import save

    made = with_ngrams(checkpoint, ["来一首歌", "来一首歌"])
    made.config = made.config.replace(ngram_rows=3)
    for name, shape in parameter_shapes(made.config, made.labels).items():
        made.tensors[name] = np.zeros(shape, np.float32)
    made.ngrams = np.array([1, 2], np.uint32)
    save_checkpoint(made, tmp_path / "model")
    (tmp_path / "model" / NGRAMS).unlink()
    if keys is not None:
        (tmp_path / "model" / NGRAMS).write_bytes(save({"keys": keys}))
    with pytest.raises(CheckpointError, match=f"{NGRAMS}: .*{words}"):
        load_checkpoint(tmp_path / "model")


def test_a_file_of_another_model(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(checkpoint, tmp_path / "model")
    (tmp_path / "model" / NGRAMS).write_bytes(b"")
    with pytest.raises(CheckpointError, match="belongs to another model"):
        load_checkpoint(tmp_path / "model")


def test_dropout_reads_pairs_as_unknown_ones_in_training_alone(checkpoint: Checkpoint) -> None:
    texts = ["来一首歌", "来一首歌"]
    made = with_ngrams(checkpoint, texts)
    made.config = made.config.replace(ngram_dropout_prob=0.5)
    network = load_model(made)
    ids = paddle.to_tensor(np.stack([made.tokenizer().encode(texts[0], 12).ids] * 200).astype(np.int64))
    whole = network._ngram_rows(ids).numpy()
    assert (whole == whole[0]).all() and (whole[0] > 0).any()
    network.train()
    paddle.seed(0)
    rows = network._ngram_rows(ids).numpy()
    known = whole > 0
    assert set(np.unique(rows[known] == whole[known])) == {False, True} and not rows[~known].any()
    assert (rows[rows > 0] == whole[rows > 0]).all()
    assert abs((rows[known] == 0).mean() - 0.5) < 0.1  # of hundreds, with this seed


@pytest.mark.parametrize("fields", [{"ngram_rows": 1, "ngram_width": 3}, {"ngram_rows": 5}, {"ngram_width": 5}])
def test_sizes_that_do_not_agree(checkpoint: Checkpoint, fields: dict[str, int]) -> None:
    with pytest.raises(CheckpointError, match="here: ngram_rows is"):
        ModelConfig.from_dict({**checkpoint.config.to_dict(), **fields}, "here")


@pytest.mark.parametrize("settings", [{"rows": 1}, {"width": 0}, {"min_count": 0}, {"drop": 1.0}])
def test_settings_that_make_no_sense(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))} is"):
        NgramSettings(**settings)  # type: ignore[arg-type]


def test_training_starts_with_pairs_of_the_texts(
    checkpoint: Checkpoint, sample: list[Utterance], tmp_path: Path
) -> None:
    texts = [utterance.text for utterance in sample[:200]]
    sizes = ModelSettings(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, max_position_embeddings=20,
        max_length=20, vocab="corpus", vocab_size=600,
    )  # fmt: skip
    made = initial_checkpoint(sizes, checkpoint.labels, None, texts=texts, ngrams=NgramSettings(101, 8, 2, 0.3))
    assert made.ngrams is not None and len(made.ngrams) == 100 and made.config.ngram_dropout_prob == 0.3
    save_checkpoint(made, tmp_path / "first")
    further = replace(sizes, init=str(tmp_path / "first"))
    # A model to start from keeps its own, with and without the section.
    again = initial_checkpoint(further, checkpoint.labels, None, texts=[], ngrams=NgramSettings(50, 4, 2, 0.1))
    assert np.array_equal(again.ngrams, made.ngrams) and again.config.ngram_dropout_prob == 0.1
    kept = initial_checkpoint(further, checkpoint.labels, None, texts=[])
    assert np.array_equal(kept.ngrams, made.ngrams) and kept.config.ngram_dropout_prob == 0.3
    with pytest.raises(ConfigError, match="no pair of characters occurs 9 times"):
        initial_checkpoint(sizes, checkpoint.labels, None, texts=texts[:2], ngrams=NgramSettings(min_count=9))
