"""Examples: texts as a network reads them, with what it should answer; and batches of them, for every head alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from slu.inputs.flags import NO_FLAGS, NO_SPANS, UNKNOWN, FlagColumns, Found

EVERY_EPOCH = (0, 1)
"""The turn of an example that each epoch has."""
IGNORED = -100
"""Target of what is not scored: padding, [CLS] and [SEP], and everything of a text that nobody has labelled."""


@dataclass(frozen=True)
class Example:
    """One text.

    ``ids``: int64 ``[tokens]``. ``targets``: one array an output of the head (see `slu.heads.head`). ``spans``: matches
    with the model's lexicons, see `slu.inputs.flags.Found`; ``previous``: number of the previous intent. ``soft``: what
    teachers say, float32, an array an output: ``[width]`` per text, ``[tokens - 2, width]`` per token; None if they
    were not asked. ``turn``: (i, n) stands for an example of epoch i and of every n-th one after it.
    """

    ids: np.ndarray
    targets: tuple[np.ndarray, ...]
    spans: np.ndarray = field(default_factory=lambda: NO_SPANS)
    previous: int = UNKNOWN
    soft: tuple[np.ndarray, ...] | None = None
    turn: tuple[int, int] = EVERY_EPOCH


@dataclass(frozen=True)
class Batch:
    """``ids``: int64 ``[n, length]``, ``lengths``: tokens of each, ``[n]``. ``targets``: an array an output, with ``n``
    as its first axis; per token ones are padded to ``length`` with `IGNORED`.

    ``padded``: whether any position is padding. ``utterances`` and ``tokens`` are counts over the whole global batch,
    so that the losses of its shards add up to the mean over it. ``flags``: float32 ``[n, length, columns]``, None for a
    model without; ``found``: what they are made of. ``soft``: what teachers say, float32, an array an output: ``[n,
    width]`` and, 0 for [CLS], [SEP] and padding, ``[n, length, width]``; None unless they were asked about all of them.
    """

    ids: np.ndarray
    targets: tuple[np.ndarray, ...]
    lengths: np.ndarray
    padded: bool
    utterances: int
    tokens: int
    flags: np.ndarray | None = None
    found: Found | None = None
    soft: tuple[np.ndarray, ...] | None = None

    @property
    def scored(self) -> np.ndarray:
        """Which positions are tokens of a text, bool ``[n, length]``: not [CLS], [SEP] or padding."""
        position = np.arange(self.ids.shape[1])
        return (position > 0) & (position < self.lengths[:, None] - 1)


def collate(
    examples: Sequence[Example], pad_id: int, utterances: int = 0, tokens: int = 0, columns: FlagColumns = NO_FLAGS
) -> Batch:
    """Pad to the longest example. ``columns``: the flags that the model takes."""
    lengths = [len(example.ids) for example in examples]
    longest = max(lengths, default=0)
    ids = _padded([example.ids for example in examples], longest, pad_id)
    found = None
    if columns.count:
        found = Found.of([example.spans for example in examples], [example.previous for example in examples])
    return Batch(
        ids,
        tuple(_stacked(of_one, longest) for of_one in zip(*(example.targets for example in examples))),
        np.array(lengths, np.int64),
        min(lengths, default=0) != longest,
        utterances or len(examples),
        tokens or sum(lengths) - 2 * len(examples),
        None if found is None else found.flags(columns, longest),
        found,
        _soft(examples, longest),
    )


def _padded(rows: Sequence[np.ndarray], longest: int, value: int) -> np.ndarray:
    result = np.full((len(rows), longest), value, np.int64)
    for row, values in enumerate(rows):
        result[row, : len(values)] = values
    return result


def _stacked(targets: Sequence[np.ndarray], longest: int) -> np.ndarray:
    """Targets of one output: ints of the tokens are padded, everything else has the same shape for every text."""
    first = targets[0]
    if first.ndim == 1 and first.dtype.kind == "i":
        return _padded(targets, longest, IGNORED)
    return np.stack(targets)


def _soft(examples: Sequence[Example], longest: int) -> tuple[np.ndarray, ...] | None:
    asked = [example.soft for example in examples if example.soft is not None]
    if not asked or len(asked) < len(examples):
        return None
    result = []
    for of_one in zip(*asked):
        if of_one[0].ndim == 1:
            result.append(np.stack(of_one))
            continue
        padded = np.zeros((len(asked), longest, of_one[0].shape[1]), np.float32)
        for row, values in enumerate(of_one):
            padded[row, 1 : 1 + len(values)] = values
        result.append(padded)
    return tuple(result)
