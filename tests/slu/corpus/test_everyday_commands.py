"""Everyday commands: those that the project ships, and files that are wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from slu.corpus.everyday_commands import read_commands
from slu.corpus.labels import Labels
from slu.corpus.phrase_files import PARTS
from slu.errors import ConfigError

COMMANDS = Path(__file__).parents[3] / "data/commands"


def test_thirty_an_intent_half_of_them_for_the_check(labels: Labels) -> None:
    commands = read_commands(COMMANDS, labels)
    assert Counter((c.utterance.intent, c.part) for c in commands) == {
        (i, p): 15 for i in labels.intents for p in PARTS
    }
    assert len({command.utterance.text for command in commands}) == len(commands)
    for command in commands:
        names = {slot.name for slot in command.utterance.slots}
        assert names <= set(labels.slots_of_intent[command.utterance.intent])


def test_files_of_other_intents_are_left_out(tmp_path: Path, labels: Labels) -> None:
    (tmp_path / "music.play.txt").write_text("放<song>花心</song>\n[check]\n放歌\n", encoding="utf-8")
    (tmp_path / "window.open.txt").write_text("开窗\n", encoding="utf-8")
    found = read_commands(tmp_path, labels)
    assert [(c.utterance.text, c.utterance.intent, c.part) for c in found] == [
        ("放花心", "music.play", "training"),
        ("放歌", "music.play", "check"),
    ]
    assert found[0].utterance.slots[0].value == "花心" and len(read_commands(tmp_path)) == 3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("readme.md", "放歌", "holds no commands"),
        ("window.open.txt", "开窗", "no command is of an intent of the model"),
        ("music.play.txt", "放歌\n放<song>花心", r"music.play.txt:2: .*never closed"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, labels: Labels, name: str, content: str, says: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        read_commands(tmp_path, labels)
