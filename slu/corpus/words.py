"""Words of a text: where a segmenter is installed, those of Chinese text; else runs of letters or digits, and single
characters."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec

Span = tuple[int, int]
"""Code points ``[start, end)`` of a text."""
_PIECE = re.compile(r"[A-Za-z]+|[0-9]+|\S", re.ASCII)
_SPACE = re.compile(r"\s")


def characters(text: str) -> list[Span]:
    """Runs of ASCII letters or digits, and every other character that is not white space."""
    return [found.span() for found in _PIECE.finditer(text)]


def words(text: str) -> list[Span]:
    """The words of a text, by jieba if it is installed; otherwise `characters`."""
    cut = _segmenter()
    if cut is None:
        return characters(text)
    found, position = [], 0
    for word in cut(text):
        end = position + len(word)
        if not _SPACE.match(word):
            found.append((position, end))
        position = end
    return found


def has_segmenter() -> bool:
    """Whether `words` knows Chinese words."""
    return find_spec("jieba") is not None


@lru_cache(maxsize=1)
def _segmenter() -> Callable[[str], list[str]] | None:
    if not has_segmenter():
        return None
    import logging

    import jieba

    jieba.setLogLevel(logging.ERROR)
    tokenizer = jieba.Tokenizer()
    with tempfile.TemporaryDirectory() as own:  # its cache would otherwise be read from a directory of everybody's
        tokenizer.tmp_dir = own
        tokenizer.initialize()
    cut: Callable[[str], list[str]] = lambda text: tokenizer.lcut(text)  # noqa: E731
    return cut
