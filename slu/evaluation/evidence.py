"""What the scores of a parser's answers are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from slu.heads.head import Decoder, Evidence
from slu.inputs.tokenizer import Encoding
from slu.runtime.parser import ParseResult
from slu.runtime.python_parser import PythonParser


def collect_evidence(
    parser: PythonParser, ask: Callable[[], Sequence[ParseResult]]
) -> tuple[list[ParseResult], list[Evidence]]:
    """Call ``ask``, which asks ``parser``; returns its answers, and the evidence of each.

    Not for a parser whose decisions are made elsewhere: that of the backend ``native``.
    """
    decoder = parser.decoder
    parser.decoder = recorder = _Recorder(decoder)
    try:
        answers = ask()
    finally:
        parser.decoder = decoder
    evidence = [recorder.kept[int(answer.score)] for answer in answers]
    scores = (kept.decision.score for kept in evidence)
    restored = [replace(a, score=s, understood=s >= parser.threshold) for a, s in zip(answers, scores)]
    return restored, evidence


class _Recorder:
    """Keeps what it decodes; in place of the score it gives the number of the record, by which to find it again."""

    def __init__(self, decoder: Decoder):
        self._decoder = decoder
        self.answer = decoder.answer
        self.kept: list[Evidence] = []

    def decode(self, *logits: np.ndarray, encodings: Sequence[Encoding] = ()) -> list[Any]:
        numbered = []
        for row, decision in enumerate(self._decoder.decode(*logits, encodings=encodings)):
            numbered.append(replace(decision, score=float(len(self.kept))))
            self.kept.append(Evidence(decision, tuple(np.array(array[row]) for array in logits)))
        return numbered

    def join(self, decisions: Sequence[Any]) -> Any:
        """The decision about a text from those about its windows; its record has no logits."""
        joined = cast(Any, self._decoder).join([self.kept[int(one.score)].decision for one in decisions])
        self.kept.append(Evidence(joined, ()))
        return replace(joined, score=float(len(self.kept) - 1))
