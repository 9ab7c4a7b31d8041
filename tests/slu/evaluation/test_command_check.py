"""Everyday commands, one by one: what counts as done, and how it is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from slu.corpus.tagged import format_tagged
from slu.corpus.utterance import Utterance
from slu.evaluation.command_check import answer_commands, command_lines, command_shares
from slu.runtime.parser import Parser


def test_known_commands_are_done_and_others_are_listed(
    knowing: Parser, settled: list[Utterance], tmp_path: Path
) -> None:
    """The parser knows the corpus and is sure of it; of other texts it knows nothing."""
    known = [utterance for utterance in settled if utterance.intent == "music.play" and utterance.slots][:3]
    lines = [format_tagged(utterance) for utterance in known]
    (tmp_path / "music.play.txt").write_text("\n".join([*lines[:2], "[check]", lines[2], "没人知道"]), encoding="utf-8")
    answered = answer_commands(knowing, tmp_path)
    assert [one.done for one in answered] == [True, True, True, False]
    shares = command_shares(answered)
    assert shares["parts"]["training"] == {"commands": 2, "right": 100.0, "right_and_understood": 100.0}
    assert shares["parts"]["check"]["right_and_understood"] == 50.0
    assert [(row["part"], row["command"]) for row in shares["not_done"]] == [("check", "没人知道")]
    listed = command_lines(answered)
    assert len(listed) == 4 + 2 and listed[0].startswith("right ") and "trained with" in listed[0]
    assert "1 right" not in listed[-1] and "50.00 % right and understood" in listed[-1]
    assert command_lines(answered, only_wrong=True) == listed[3:]


def test_right_but_not_sure_is_not_done(knowing: Parser, settled: list[Utterance], tmp_path: Path) -> None:
    knowing.threshold = 1.1
    one = next(utterance for utterance in settled if utterance.intent == "music.next")
    (tmp_path / "music.next.txt").write_text(one.text, encoding="utf-8")
    answered = answer_commands(knowing, tmp_path)
    assert answered[0].right and not answered[0].done and command_lines(answered)[0].startswith("not understood")
    assert command_shares(answered)["parts"]["training"]["right"] == pytest.approx(100)
