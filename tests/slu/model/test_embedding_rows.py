"""Rows of the embeddings: taken out and put back without changing what is left."""

from __future__ import annotations

import unicodedata

import numpy as np

from slu.corpus.utterance import Utterance
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer
from slu.inputs.vocab import count_tokens, ideograph_vocab, special_ids
from slu.model.checkpoint import Checkpoint, check_tensors
from slu.model.embedding_rows import POSITIONS, WORDS, restore_rows, select_rows, select_used


def test_tokens_are_counted() -> None:
    tokenizer = Tokenizer([*SPECIAL_TOKENS, "听", "a", "##a"])
    assert count_tokens(tokenizer, ["听听a", "", "aaa歌"]).tolist() == [0, 0, 0, 0, 1, 2, 2, 2]


def test_selected_rows_compute_the_same(checkpoint: Checkpoint, sample: list[Utterance]) -> None:
    few = sample[:200]
    small, rows = select_used(checkpoint, few)
    assert len(small.vocab) < len(checkpoint.vocab)
    assert rows == sorted(set(rows))
    check_tensors(small.tensors, small.config, small.labels, "small")
    old, new = checkpoint.tokenizer(), small.tokenizer()
    assert set(special_ids(old)) <= set(rows)
    for utterance in few:
        assert new.tokens(utterance.text) == old.tokens(utterance.text)
        ids = old.encode(utterance.text, 32).ids
        embedded = small.tensors[f"{WORDS}.weight"][new.encode(utterance.text, 32).ids]
        assert np.array_equal(embedded, checkpoint.tensors[f"{WORDS}.weight"][ids])


def test_what_was_learned_is_put_back(checkpoint: Checkpoint, sample: list[Utterance]) -> None:
    before = {name: tensor.copy() for name, tensor in checkpoint.tensors.items()}
    small, rows = select_used(checkpoint, sample[:50])
    trained = Checkpoint(
        small.config, {name: tensor + 1 for name, tensor in small.tensors.items()}, small.vocab, small.labels
    )
    whole = restore_rows(trained, checkpoint, rows)
    assert (whole.config, whole.vocab) == (checkpoint.config, checkpoint.vocab)
    check_tensors(whole.tensors, whole.config, whole.labels, "whole")
    for name, tensor in before.items():
        assert np.array_equal(checkpoint.tensors[name], tensor)  # neither call changes its arguments
        change = whole.tensors[name] - tensor
        if name == f"{WORDS}.weight":
            others = np.setdiff1d(np.arange(len(tensor)), rows)
            assert len(others) > 0
            assert not change[others].any()
            change = change[rows]
        assert np.allclose(change, 1, atol=1e-6)


def test_positions_and_scales_are_cut_too(checkpoint: Checkpoint) -> None:
    rows = [4, 3, 2, 1, 0, 9]
    checkpoint.tensors[f"{WORDS}.weight_scale"] = np.arange(len(checkpoint.vocab), dtype=np.float32)
    cut = select_rows(checkpoint, rows, 5)
    assert cut.tensors[f"{WORDS}.weight_scale"].tolist() == rows
    assert cut.tensors[f"{POSITIONS}.weight"].shape == (5, 48)
    assert (cut.config.vocab_size, cut.config.max_position_embeddings, cut.config.max_length) == (6, 5, 5)
    assert cut.config.pad_token_id == cut.vocab.index("[PAD]") == 4


def test_the_generic_vocabulary_fits_the_tokenizer() -> None:
    """Every token can come out of the tokenizer: none is upper case, a mark, or several words.

    Only the last ideographs of the block, which Python's version of Unicode may not have yet, cannot.
    """
    vocab = ideograph_vocab()
    assert len(set(vocab)) == len(vocab)
    assert vocab[:5] == list(SPECIAL_TOKENS)
    tokenizer = Tokenizer(vocab)
    assigned = [token for token in vocab[5:] if unicodedata.category(token[-1]) != "Cn"]
    assert set(vocab[5:]) - set(assigned) <= set("\u9ffd\u9ffe\u9fff")
    for token in assigned:
        if token.startswith("##") and len(token) > 2:
            assert tokenizer.tokens(f"{'0' if token[2].isdigit() else 'a'}{token[2:]}")[1:] == [token]
        else:
            assert tokenizer.tokens(token) == [token]
            assert unicodedata.category(token)[0] in "LNPS"
    assert "[UNK]" not in tokenizer.tokens("听（周杰伦）的Jay's 100首歌！《花心》")
