"""Tagging, and batches that hold every example once, whatever the number of shards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import bare_model
from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CorpusError
from slu.heads.examples import IGNORED, Example, collate
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer
from slu.training.batches import Epochs, epoch_order, make_examples, make_shards

LABELS = Labels(("play",), ("singer", "song"), {"play": ("singer", "song")})
TOKENIZER = Tokenizer([*SPECIAL_TOKENS, "听", "的", "歌", "jay", "##chou", "z"])


def tags(text: str, *slots: tuple[str, int, int], max_length: int = 32) -> list[str]:
    utterance = Utterance(text, "play", tuple(Slot(n, text[a:b], a, b) for n, a, b in slots), "1")
    [example] = make_examples([utterance], bare_model(TOKENIZER, LABELS, max_length=max_length))
    assert example.targets[1][0] == example.targets[1][-1] == IGNORED
    return [LABELS.tags[tag] for tag in example.targets[1][1:-1]]


def test_tokens_inside_a_slot_are_tagged() -> None:
    assert tags("听JayChou的歌", ("singer", 1, 8)) == ["O", "B-singer", "I-singer", "O", "O"]
    assert tags("听 Jay z歌歌", ("singer", 2, 7), ("song", 7, 8)) == ["O", "B-singer", "I-singer", "B-song", "O"]
    # A token that reaches beyond the slot is none of it: the decoder could not give its span back.
    assert tags("听JayChou", ("singer", 1, 2)) == ["O", "O", "O"]
    assert tags("听JayChou的歌", ("singer", 1, 8), ("song", 9, 10), max_length=4) == ["O", "B-singer"]


@pytest.mark.parametrize(("intent", "slot", "words"), [("sing", "song", "intent 'sing'"), ("play", "x", "slot 'x'")])
def test_a_label_that_the_model_lacks_is_named(intent: str, slot: str, words: str) -> None:
    with pytest.raises(CorpusError, match=f"'听歌': the model has no {words}"):
        make_examples([Utterance("听歌", intent, (Slot(slot, "歌", 1, 2),), "1")], bare_model(TOKENIZER, LABELS))


@given(
    lengths=st.lists(st.integers(2, 40), min_size=1, max_size=400),
    batch_size=st.integers(1, 64),
    seed=st.integers(0, 1000),
)
def test_an_epoch_has_every_example_once(lengths: list[int], batch_size: int, seed: int) -> None:
    order = epoch_order(np.array(lengths), batch_size, seed, 3)
    assert sorted(i for batch in order for i in batch) == list(range(len(lengths)))
    assert all(0 < len(batch) <= batch_size for batch in order)
    assert len(order) == -(-len(lengths) // batch_size)
    again = epoch_order(np.array(lengths), batch_size, seed, 3)
    assert [batch.tolist() for batch in order] == [batch.tolist() for batch in again]


def test_epochs_differ_and_batches_are_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(3, 33, 5000)
    first, second = (epoch_order(lengths, 32, 0, epoch) for epoch in (0, 1))
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in second]
    padding = sum(len(batch) * lengths[batch].max() - lengths[batch].sum() for batch in first)
    assert padding < 0.05 * lengths.sum()  # taken as they come, it would be 80 %
    # Short and long batches alternate at random: training must not see all short ones first.
    means = np.array([lengths[batch].mean() for batch in first])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_an_epoch_has_the_examples_whose_turn_it_is() -> None:
    turns = [(0, 1)] * 10 + [(0, 3)] * 5 + [(1, 3)] * 4 + [(2, 3)] * 6 + [(0, 2)] * 3 + [(1, 2)] * 3
    given = [Example(np.zeros(4), (), turn=turn) for turn in turns]
    epochs = Epochs.of(given, 6)
    assert epochs.size == 10 + 4 + 3
    for epoch in range(6):
        drawn = [int(i) for batch in epochs.order(4, 7, epoch) for i in batch]
        assert len(drawn) == len(set(drawn)) == epochs.size
        assert {turns[i] for i in drawn} <= {(0, 1), (epoch % 3, 3), (epoch % 2, 2)}
    assert Epochs.of(given, 1).size == 10 + 5 + 3
    always = Epochs.of(given[:10], 4)
    plain = epoch_order(np.full(10, 4), 3, 0, 2)
    assert [batch.tolist() for batch in always.order(3, 0, 2)] == [batch.tolist() for batch in plain]


def examples(lengths: list[int]) -> list[Example]:
    return [Example(np.full(n, i + 1), (np.array(i), np.full(n, -i))) for i, n in enumerate(lengths)]


@given(lengths=st.lists(st.integers(2, 9), min_size=1, max_size=9), shards=st.integers(1, 4))
def test_shards_add_up_to_the_batch(lengths: list[int], shards: int) -> None:
    whole = examples(lengths)
    indices = np.arange(len(lengths))[::-1]
    [batch] = make_shards(whole, indices, 0, 1)
    parts = make_shards(whole, indices, 0, shards)
    assert {(part.utterances, part.tokens) for part in parts} == {(len(lengths), sum(lengths) - 2 * len(lengths))}
    assert (
        sorted(i for part in parts if len(part.ids) for i in part.targets[0])
        == sorted(batch.targets[0])
        == list(range(len(lengths)))
    )
    for part in parts:
        if not len(part.ids):  # more shards than examples
            continue
        for row, intent in enumerate(part.targets[0]):
            length = lengths[intent]
            assert part.ids[row].tolist() == [intent + 1] * length + [0] * (part.ids.shape[1] - length)
            assert part.targets[1][row].tolist() == [-intent] * length + [IGNORED] * (part.ids.shape[1] - length)
        assert part.padded == ((part.ids == 0).any())


def test_a_batch_is_as_long_as_its_longest() -> None:
    batch = collate(examples([3, 5]), 9)
    assert batch.ids.tolist() == [[1, 1, 1, 9, 9], [2] * 5]
    assert (batch.padded, batch.utterances, batch.tokens) == (True, 2, 4)
    assert not collate(examples([4, 4]), 9).padded
