"""What a student learns from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compress.augment import AugmentSettings
from compress.lessons import Texts, lessons
from slu.corpus.utterance import Utterance
from slu.model.checkpoint import Checkpoint
from slu.training.added import Added, turns
from slu.training.data import Data


@pytest.mark.parametrize(("epochs", "drawn"), [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_texts_of_epochs_that_never_come_are_left_out(
    checkpoint: Checkpoint, sample: list[Utterance], epochs: int, drawn: int
) -> None:
    train, copies, more = sample[:4], sample[10:13], sample[20:23]
    data = Data(train, [], {})
    data = replace(data, added=[Added(copy, 0, turn=turn) for copy, turn in zip(copies, turns(3))])
    texts = Texts(
        more=[Added(one, 1, turn=turn) for one, turn in zip(more, turns(3))], augment=AugmentSettings(0, 0, 0)
    )
    labelled, new, questions = lessons(checkpoint, data, texts, epochs)
    assert [one.turn for one in labelled] == [*[(0, 1)] * 4, *turns(3)[:drawn]]
    assert [one.turn for one in new] == turns(3)[:drawn]
    expected = [*train, *copies[:drawn], *more[:drawn]]
    assert [question.text for question in questions] == [utterance.text for utterance in expected]
    tokenizer = checkpoint.tokenizer()
    for utterance, example in zip(expected, [*labelled, *new]):
        assert example.ids.tolist() == tokenizer.encode(utterance.text, checkpoint.config.max_length).ids.tolist()
