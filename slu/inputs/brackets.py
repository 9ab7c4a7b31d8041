"""Brackets that belong to a slot though no token has them: those whose partner is inside it.

Brackets separate words (`slu.inputs.normalisation`), so the span of ``肯德基（西单店）`` ends before the last one. What
a slot has one half of, it takes in the other half of, where that stands right beside it.
"""

from __future__ import annotations

_PAIRS = ("()", "（）", "[]", "［］", "{}", "｛｝", "《》", "〈〉", "「」", "『』", "【】", "〖〗", "〔〕", "“”")
_OPENING = {pair[0]: pair[1] for pair in _PAIRS}
_CLOSING = {pair[1]: pair[0] for pair in _PAIRS}
MOST = 8
"""Halves without a partner that a slot may have; one with more stays as it is."""


def with_partners(text: str, start: int, end: int) -> tuple[int, int]:
    """The span ``[start, end)`` of ``text``, with the partners that stand beside it of the brackets inside it."""
    opened: list[str] = []  # inside, without a partner there
    closed: list[str] = []
    for char in text[start:end]:
        if char in _OPENING:
            opened.append(char)
        elif char in _CLOSING and opened:
            if opened.pop() != _CLOSING[char]:
                return start, end
        elif char in _CLOSING:
            closed.append(char)
        if len(opened) + len(closed) > MOST:
            return start, end
    while opened and end < len(text) and text[end] == _OPENING[opened[-1]]:
        opened.pop()
        end += 1
    for char in closed:
        if not start or text[start - 1] != _CLOSING[char]:
            break
        start -= 1
    return start, end
