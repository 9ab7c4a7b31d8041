"""The labels that are flipped to look for them."""

from __future__ import annotations

from bench_arm.host.flipped_labels import flip
from slu.corpus.utterance import Utterance


def test_as_many_labels_are_flipped_as_asked_for_and_each_set_stays_one_of_the_tree() -> None:
    names = ["a", "a##x", "a##y", "b", "b##z"]
    train = [
        Utterance(str(i), "", (), str(i), ("a", "a##x") if i % 2 else ("a", "a##y", "b", "b##z")) for i in range(40)
    ]
    flipped, chosen = flip(train, names, 0.25, 3)
    assert len(chosen) == 10 and flip(train, names, 0.25, 3) == (flipped, chosen)
    assert [i for i in range(40) if flipped[i] != train[i]] == chosen
    for utterance in flipped:
        lowest = {name for name in utterance.labels if "##" in name}
        assert set(utterance.labels) == lowest | {name.partition("##")[0] for name in lowest}


def test_one_label_becomes_another() -> None:
    train = [Utterance(str(i), "", (), str(i), ("a",)) for i in range(30)]
    flipped, chosen = flip(train, ["a", "b", "c"], 0.5, 0)
    assert len(chosen) == 15
    assert {utterance.labels for i, utterance in enumerate(flipped) if i in chosen} == {("b",), ("c",)}
