"""The label set and its file."""

import json
from pathlib import Path

import pytest

from slu.corpus.labels import Labels
from slu.corpus.tagged import read_corpus
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CheckpointError, ConfigError

SAMPLE = Path(__file__).parents[3] / "data/sample/corpus.txt"

GOOD = {
    "intents": ["OTHERS", "music.play"],
    "slots": ["singer", "song"],
    "slots_of_intent": {"OTHERS": [], "music.play": ["singer", "song"]},
}


def test_labels_come_sorted_from_a_corpus() -> None:
    song, singer = Slot("song", "海", 0, 1), Slot("singer", "海", 0, 1)
    labels = Labels.from_corpus(
        [
            Utterance("海", "music.play", (song,), "1"),
            Utterance("海", "OTHERS", (), "1"),
            Utterance("海", "music.play", (singer,), "2"),
        ]
    )
    assert labels.to_json() == GOOD
    assert labels.tags == ("O", "B-singer", "I-singer", "B-song", "I-song")
    with pytest.raises(ValueError, match="no intents"):
        Labels.from_corpus([])


def test_a_file_of_labels_gives_them_back(tmp_path: Path) -> None:
    labels = Labels.from_corpus(read_corpus(SAMPLE))
    labels.save(tmp_path / "labels.json")
    assert Labels.load(tmp_path / "labels.json") == labels
    # The order belongs to the weights: a file made elsewhere keeps its own.
    foreign = {"intents": ["b", "a"], "slots": ["z", "y"], "slots_of_intent": {"b": ["z", "y"], "a": ["y"]}}
    assert Labels.from_json(foreign).to_json() == foreign
    assert Labels.from_json(foreign).tags == ("O", "B-z", "I-z", "B-y", "I-y")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"intents": "OTHERS"}, "intents must be a list of names"),
        ({"intents": []}, "no intents"),
        ({"slots": ["song", "singer", "song"]}, "slot song occurs twice"),
        ({"slots": ["singer", ""]}, "a slot name is empty"),
        ({"slots_of_intent": None}, "the fields must be"),
        ({"slots_of_intent": {"OTHERS": []}}, "disagree on music.play"),
        ({"slots_of_intent": {"OTHERS": ["hill"], "music.play": []}}, "slots of OTHERS"),
        ({"slots_of_intent": {"OTHERS": [], "music.play": ["song", "singer"]}}, "in their order"),
        ({"slots_of_intent": {"OTHERS": [], "music.play": [1]}}, "a list of names"),
    ],
)
def test_a_broken_file_of_labels_is_refused(change: dict[str, object], words: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(CheckpointError, match=words) as caught:
        Labels.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(ConfigError, match="labels.json"):
        Labels.load(path, ConfigError)
