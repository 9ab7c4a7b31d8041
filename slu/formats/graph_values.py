"""Shapes of the values of a graph, before any library computes them: what operators make of what they read, and limits.

A graph of a stranger is run by libraries that trust it. So it is computed here first, in shapes alone: every operator
must be one that this project's exporter writes, with the attributes that it writes, and fit what it reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slu.formats.raw import Damaged

BATCH = 3
"""Stands for the number of utterances, which graphs leave open. Not 1, which would fit any other size."""
MOST_NUMBERS = BATCH << 26
"""Of a variable, for `BATCH` utterances. The attention of 12 heads over 512 tokens has 3 million for one."""
MOST_DIMENSIONS = 6


@dataclass(frozen=True)
class Value:
    """What a variable holds. ``shape``: with `BATCH` for the number of utterances. ``integers``: of a small constant.

    ``below``: of an input of rows of a table, such as the token ids, which alone may be looked up: what they are below.
    """

    precision: str
    shape: tuple[int, ...]
    integers: tuple[int, ...] | None = None
    below: int = 0


@dataclass(frozen=True)
class Expected:
    """What a graph has to take and give.

    ``inputs``: name to precision and shape without the number of utterances. ``outputs``: name to shape, likewise, in
    float32. ``below``: of each input of rows of a table, such as the token ids, what they are below.
    """

    inputs: Mapping[str, tuple[str, tuple[int, ...]]]
    outputs: Mapping[str, tuple[int, ...]]
    below: Mapping[str, int]

    def input_value(self, name: str) -> Value:
        """The value of an input; raises `Damaged` for one that is not expected."""
        if name not in self.inputs:
            raise Damaged(f"it takes an input {name}; {', '.join(self.inputs)} expected")
        precision, shape = self.inputs[name]
        return Value(precision, (BATCH, *shape), below=self.below.get(name, 0))

    def check_outputs(self, found: Mapping[str, Value]) -> None:
        """Raise `Damaged` unless the outputs are those that are expected."""
        if sorted(found) != sorted(self.outputs):
            raise Damaged(f"it has the outputs {', '.join(sorted(found))}; {', '.join(self.outputs)} expected")
        for name, shape in self.outputs.items():
            if (found[name].precision, found[name].shape[1:]) != ("float32", shape):
                raise Damaged(f"{name} has shape {list(found[name].shape[1:])}; {list(shape)} expected")


def require(truth: bool, what: str) -> None:
    """Raise `Damaged` with ``what`` unless ``truth``."""
    if not truth:
        raise Damaged(what)


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an operator on two values, number by number."""
    length = max(len(a), len(b))
    require(length <= MOST_DIMENSIONS, "a value has too many dimensions")
    padded = [(1,) * (length - len(shape)) + shape for shape in (a, b)]
    for x, y in zip(*padded):
        require(x == y or 1 in (x, y), f"values of the shapes {list(a)} and {list(b)} do not fit each other")
    return tuple(max(x, y) for x, y in zip(*padded))


def product(a: tuple[int, ...], b: tuple[int, ...], transpose_b: bool = False) -> tuple[int, ...]:
    """The shape of a product of matrices, ``a`` any number of them; ``b`` one or as many."""
    known = 2 <= len(a) <= MOST_DIMENSIONS and len(b) in (2, len(a))
    require(known, f"no product of the shapes {list(a)} and {list(b)}")
    rows, columns = (b[-1], b[-2]) if transpose_b else (b[-2], b[-1])
    fits = a[-1] == rows and (len(b) == 2 or a[:-2] == b[:-2])
    require(fits, f"no product of the shapes {list(a)} and {list(b)}")
    return (*a[:-1], columns)


def reshaped(shape: tuple[int, ...], wanted: Sequence[int]) -> tuple[int, ...]:
    """``wanted`` with its zeros, which stand for the size at the same place, and one -1, for what is left."""
    require(1 <= len(wanted) <= MOST_DIMENSIONS and wanted.count(-1) <= 1, f"no shape {list(wanted)}")
    require(all(size >= -1 for size in wanted), f"no shape {list(wanted)}")
    require(all(size or i < len(shape) for i, size in enumerate(wanted)), f"no shape {list(wanted)}")
    sizes = [size or shape[i] for i, size in enumerate(wanted)]
    if -1 in sizes:
        rest = math.prod(size for size in sizes if size != -1)
        require(rest > 0 and math.prod(shape) % rest == 0, f"{list(shape)} cannot become {list(wanted)}")
        sizes[sizes.index(-1)] = math.prod(shape) // rest
    require(math.prod(sizes) == math.prod(shape), f"{list(shape)} cannot become {list(wanted)}")
    # Otherwise it would fit this number of utterances only.
    require(sizes[0] == shape[0], f"{list(shape)} cannot become {list(wanted)}")
    return tuple(sizes)


def permuted(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape with its dimensions in another order; the first one stays."""
    require(sorted(axes) == list(range(len(shape))) and axes[0] == 0, f"{list(axes)} is no order of {list(shape)}")
    return tuple(shape[axis] for axis in axes)


def unsqueezed(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape with a 1 at each of ``axes``."""
    sizes = list(shape)
    for axis in axes:
        require(0 < axis <= len(sizes) < MOST_DIMENSIONS, f"no dimension {axis} of {list(shape)}")
        sizes.insert(axis, 1)
    return tuple(sizes)


def squeezed(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape without the dimensions ``axes``, which must be 1."""
    require(len(set(axes)) == len(axes) and len(axes) > 0, f"no dimensions {list(axes)} of {list(shape)}")
    for axis in axes:
        require(0 < axis < len(shape) and shape[axis] == 1, f"no dimension {axis} of {list(shape)} is 1")
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def first_rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the first token of every utterance."""
    require(len(shape) == 3, f"a value of the shape {list(shape)} has no tokens")
    return (shape[0], 1, shape[2])


def looked_up(table: Value, ids: Value) -> tuple[int, ...]:
    """The shape of the rows of a table for every token; ids must be below its number of rows."""
    require(ids.below > 0, "something else than the token ids is looked up in a table")
    require(len(table.shape) == 2 and table.shape[0] >= ids.below, "a table has fewer rows than there are tokens")
    return (*ids.shape, table.shape[1])
