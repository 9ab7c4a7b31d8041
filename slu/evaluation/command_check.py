"""Everyday commands, one by one: which of them a model answers, and understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slu.corpus.everyday_commands import Command, read_commands
from slu.corpus.phrase_files import CHECK, PARTS
from slu.corpus.tagged import shown_tagged
from slu.corpus.utterance import Utterance
from slu.heads.measures import percent
from slu.runtime.parser import Parser, ParseResult


@dataclass(frozen=True)
class AnsweredCommand:
    """``right``: intent and slots are. ``done``: right, and understood."""

    command: Command
    answer: ParseResult
    right: bool

    @property
    def done(self) -> bool:
        return self.right and self.answer.understood


def answer_commands(parser: Parser, directory: Path) -> list[AnsweredCommand]:
    """Ask about every command of a directory (`slu.corpus.everyday_commands`), each by itself: nothing is said before
    it."""
    commands = read_commands(directory, parser.labels)
    answers = parser.parse_batch([command.utterance.text for command in commands])
    return [AnsweredCommand(c, a, parser.head.right(c.utterance, a, parser.labels)) for c, a in zip(commands, answers)]


def command_shares(answered: Sequence[AnsweredCommand]) -> dict[str, Any]:
    """Percentages by part of the files, and every command that is not right and understood."""
    shares: dict[str, Any] = {}
    for part in PARTS:
        of_part = [one for one in answered if one.command.part == part]
        if of_part:
            shares[part] = {
                "commands": len(of_part),
                "right": percent(sum(one.right for one in of_part), len(of_part)),
                "right_and_understood": percent(sum(one.done for one in of_part), len(of_part)),
            }
    wrong = [one for one in answered if not one.done]
    return {
        "parts": shares,
        "not_done": [
            {
                "part": one.command.part,
                "command": shown_tagged(one.command.utterance),
                "intent": one.command.utterance.intent,
                "answer": one.answer.to_dict(),
            }
            for one in wrong
        ],
    }


def command_lines(answered: Sequence[AnsweredCommand], only_wrong: bool = False) -> list[str]:
    """A line a command with its answer, and a line a part. ``only_wrong``: of those right and understood, none."""
    lines = []
    for one in answered:
        if not only_wrong or not one.done:
            verdict = "right" if one.done else "not understood" if one.right else "wrong"
            got = Utterance(one.answer.text, one.answer.intent, one.answer.slots, "")
            seen = "" if one.command.part == CHECK else "trained with, "
            answer = f"{got.intent} {shown_tagged(got)} ({one.answer.score:.2f})"
            asked = one.command.utterance
            lines.append(f"{verdict:<14} {asked.intent:<30} {shown_tagged(asked)}: {seen}{answer}")
    for part, row in command_shares(answered)["parts"].items():
        what = "commands that are not for training" if part == CHECK else "commands for training"
        lines.append(
            f"{row['commands']} {what}: {row['right']:.2f} % right, "
            f"{row['right_and_understood']:.2f} % right and understood"
        )
    return lines
