"""Dialogues: the previous utterance of each one. A session is a run of utterances with the same session id."""

from __future__ import annotations

from collections.abc import Sequence

from slu.corpus.utterance import Utterance


def turns_before(utterances: Sequence[Utterance]) -> list[int | None]:
    """For each utterance the index of the previous one in its session; None for the first."""
    sessions = [None, *(utterance.session for utterance in utterances)]
    return [i - 1 if sessions[i] == utterance.session else None for i, utterance in enumerate(utterances)]


def by_turn(before: Sequence[int | None]) -> list[list[int]]:
    """Indices of the first utterances of all sessions, then of all second ones, and so on."""
    numbers: list[int] = []
    for i in before:
        numbers.append(0 if i is None else numbers[i] + 1)
    groups: list[list[int]] = [[] for _ in range(max(numbers, default=-1) + 1)]
    for i, number in enumerate(numbers):
        groups[number].append(i)
    return groups
