"""Vocabulary pruning: the same function of every text that needs nothing of what was cut."""

from __future__ import annotations

import string
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from computing import decisions, largest_difference, logits_of

from compress.embeddings import quantise_embeddings
from compress.vocab import VocabSettings, prune_vocab, unk_percent
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.inputs.tokenizer import SPECIAL_TOKENS
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.runtime.loading import load
from slu.training.data import Data

WORDS = "ernie.embeddings.word_embeddings.weight"
POSITIONS = "ernie.embeddings.position_embeddings.weight"


def tokens_of(checkpoint: Checkpoint, text: str) -> list[str]:
    """All tokens of a text, however long."""
    ids = checkpoint.tokenizer().encode(text, len(text) + 2).ids
    return [checkpoint.vocab[i] for i in ids[1:-1]]


def test_logits_are_the_same_without_pruned_tokens(trained: Checkpoint, data: Data) -> None:
    """Bit for bit: the same rows go through the same network."""
    pruned, _ = prune_vocab(trained, data.train, data.dev, VocabSettings(min_count=2, positions=20))
    kept = [
        u for u in (*data.train, *data.dev)
        if len(tokens_of(trained, u.text)) <= 18 and tokens_of(pruned, u.text) == tokens_of(trained, u.text)
    ]  # fmt: skip
    changed = [u for u in data.dev if tokens_of(pruned, u.text) != tokens_of(trained, u.text)]
    assert len(kept) > 300 and len(changed) > 10
    assert largest_difference(logits_of(trained, kept), logits_of(pruned, kept)) == 0
    assert decisions(trained, kept) == decisions(pruned, kept)
    for utterance in changed:
        want = [token if token in pruned.vocab else "[UNK]" for token in tokens_of(trained, utterance.text)]
        assert tokens_of(pruned, utterance.text) == want


def test_what_is_kept_and_what_goes(trained: Checkpoint, data: Data) -> None:
    counts = Counter(token for u in data.train for token in tokens_of(trained, u.text))
    for min_count in (1, 3):
        pruned, report = prune_vocab(trained, data.train, data.dev, VocabSettings(min_count=min_count))
        always = {*SPECIAL_TOKENS, *string.ascii_lowercase, *string.digits}
        always |= {f"##{c}" for c in string.ascii_lowercase + string.digits}
        always &= set(trained.vocab)
        assert {*SPECIAL_TOKENS, "a", "z", "0", "9", "##a"} <= always
        assert any(counts[token] == 0 for token in always)
        assert set(pruned.vocab) == always | {token for token, count in counts.items() if count >= min_count}
        assert [token for token in trained.vocab if token in set(pruned.vocab)] == pruned.vocab
        assert report["tokens"] == len(pruned.vocab) and report["tokens_before"] == len(trained.vocab)
        for token in pruned.vocab:
            row, old = pruned.tensors[WORDS][pruned.vocab.index(token)], trained.tensors[WORDS]
            assert np.array_equal(row, old[trained.vocab.index(token)])
    assert "[unused]" not in pruned.vocab and "##never" not in pruned.vocab


def test_unknown_share_is_reported(trained: Checkpoint, data: Data) -> None:
    pruned, report = prune_vocab(trained, data.train, data.dev, VocabSettings(min_count=3))
    for name, part in (("train", data.train), ("dev", data.dev)):
        tokens = [token for u in part for token in tokens_of(pruned, u.text)]
        want = 100 * tokens.count("[UNK]") / len(tokens)
        assert want > 0.5
        assert report[f"unk_percent_{name}"] == unk_percent(pruned, part) == pytest.approx(want, abs=1e-4)
    _, everything = prune_vocab(trained, data.train, data.dev, VocabSettings(min_count=1))
    assert everything["unk_percent_train"] == 0 < everything["unk_percent_dev"] < report["unk_percent_dev"]


def test_bound_on_the_number_of_tokens(trained: Checkpoint, data: Data) -> None:
    """The frequent ones stay; of equally frequent ones the earlier."""
    counts = Counter(token for u in data.train for token in tokens_of(trained, u.text))
    base = len(prune_vocab(trained, [], data.dev, VocabSettings())[0].vocab)
    pruned, _ = prune_vocab(trained, data.train, data.dev, VocabSettings(max_tokens=base + 50))
    assert len(pruned.vocab) == base + 50
    gone = [counts[token] for token in set(counts) - set(pruned.vocab)]
    others = {token for token in pruned.vocab if token not in prune_vocab(trained, [], [], VocabSettings())[0].vocab}
    assert len(others) == 50 and min(counts[token] for token in others) >= max(gone)
    assert len(prune_vocab(trained, data.train, data.dev, VocabSettings(max_tokens=base))[0].vocab) == base
    assert len(prune_vocab(trained, data.train, data.dev, VocabSettings(max_tokens=10**6))[0].vocab) < 10**6


@pytest.mark.parametrize("positions", [3, 16, 36, 40])
def test_positions(trained: Checkpoint, data: Data, positions: int, tmp_path: Path) -> None:
    """36 of the 40 positions were trained: more are kept if asked for, but not used."""
    pruned, report = prune_vocab(trained, data.train, data.dev, VocabSettings(positions=positions))
    assert report["positions"] == pruned.config.max_position_embeddings == positions
    np.testing.assert_array_equal(pruned.tensors[POSITIONS], trained.tensors[POSITIONS][:positions])
    assert pruned.config.max_length == min(positions, 36)
    save_checkpoint(pruned, tmp_path / "pruned")
    parser = load(tmp_path / "pruned")
    long = data.dev[0].text * 20
    assert parser.parse(long).truncated
    assert not parser.parse("放").truncated


def test_a_pruned_model_loads_everywhere(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    pruned, _ = prune_vocab(trained, data.train, data.dev, VocabSettings(positions=24))
    save_checkpoint(pruned, tmp_path / "pruned")
    again = load_checkpoint(tmp_path / "pruned")
    assert again.vocab == pruned.vocab and again.config == pruned.config
    assert again.size_bytes == pruned.size_bytes < trained.size_bytes
    texts = [u.text for u in data.dev]
    parser = load(tmp_path / "pruned")
    assert [(r.intent, r.slots, r.truncated) for r in parser.parse_batch(texts)] == decisions(pruned, data.dev)
    twice, report = prune_vocab(again, data.train, data.dev, VocabSettings(positions=16))
    assert twice.vocab == pruned.vocab and report["tokens_before"] == report["tokens"]


def test_quantised_embeddings_can_be_pruned(trained: Checkpoint, data: Data, tmp_path: Path) -> None:
    quantised, _ = quantise_embeddings(trained)
    settings = VocabSettings(positions=24)
    one, _ = quantise_embeddings(prune_vocab(trained, data.train, data.dev, settings)[0])
    two, _ = prune_vocab(quantised, data.train, data.dev, settings)
    assert one.tensors.keys() == two.tensors.keys()
    assert all(np.array_equal(one.tensors[name], two.tensors[name]) for name in one.tensors)
    save_checkpoint(two, tmp_path / "both")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (VocabSettings(positions=2), r"^positions is 2; it must be 3 to 40$"),
        (VocabSettings(positions=41), r"^positions is 41; it must be 3 to 40$"),
        (
            VocabSettings(max_tokens=10),
            r"^max_tokens is 10; \d+ special tokens, letters and digits are always kept, so raise it$",
        ),
        (VocabSettings(max_tokens=-1), r"^max_tokens is -1"),
    ],
)
def test_bounds_that_cannot_be_kept(trained: Checkpoint, data: Data, settings: VocabSettings, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        prune_vocab(trained, data.train, data.dev, settings)


def test_the_original_is_left_as_it_was(trained: Checkpoint, data: Data) -> None:
    before = {name: tensor.copy() for name, tensor in trained.tensors.items()}
    config, vocab = trained.config, list(trained.vocab)
    pruned, _ = prune_vocab(trained, data.train, data.dev, VocabSettings(positions=16))
    pruned.tensors[WORDS] += 1
    assert all(np.array_equal(before[name], trained.tensors[name]) for name in before)
    assert trained.config == config and trained.vocab == vocab


def test_texts_of_one_unknown_character_count(trained: Checkpoint, data: Data) -> None:
    stranger: Utterance = replace(data.dev[0], text="龘", slots=())
    assert unk_percent(trained, [stranger]) == 100.0
    assert unk_percent(trained, []) == 0.0
