"""What a graph costs to compute, in time and in memory, found out from the shapes of its values and bounded.

All is counted for one text: whoever runs a graph chooses how many it is given at once. The largest model of this
project, ERNIE 3.0 base for 512 tokens, stays below a quarter of each bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from slu.formats.graph_values import BATCH, Value
from slu.formats.raw import Damaged

MOST_OPERATORS = 4_000
MOST_WORK = 3 * 10**11
"""Multiply-adds, and what counts as such: half a minute of an x86 core, or two where a library is slow."""
NUMBER = 16
"""Multiply-adds in the time of reading a number or making one: ONNX Runtime adds two numbers in 2 ns and does 15
multiply-adds in 1."""
POWER = 512
"""Multiply-adds in the time of a power, which takes 20 to 35 ns."""
MOST_ALIVE = 1 << 26
"""Numbers of 4 bytes that are needed at once: values that were computed and have still to be read."""
MOST_KEPT = 1 << 31
"""Numbers of 4 bytes of all values together: Paddle Lite on x86 keeps the memory of each."""
MOST_PREPARED = 1 << 29
"""Numbers that are computed of constants alone, such as the weights of INT8 models as floats: some libraries compute
them once and keep them."""


class Cost:
    """Counts what a graph costs, operator by operator in their order, and raises `Damaged` when it is too much."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._steps: list[tuple[str, set[str]]] = []
        self._operators = self._kept = 0
        self.work = self.prepared = 0

    def add_input(self, name: str, value: Value) -> None:
        """A value that the caller gives."""
        self._keep(name, value, set())

    def add(self, name: str, made: Value, reads: Mapping[str, Value], products: int = 0) -> None:
        """One operator that makes ``name`` of ``reads``, with ``products`` multiply-adds for each number that it makes.

        What it reads of other names than those that were added are constants.
        """
        self._operators += 1
        if self._operators > MOST_OPERATORS:
            raise Damaged(f"it has more than {MOST_OPERATORS:,} operators")
        if any(size < 1 for size in made.shape):
            raise Damaged(f"a value of the shape {list(made.shape)} is empty")
        given = {one for one in reads if one in self._numbers}
        size = math.prod(made.shape)
        if given:
            size = self._keep(name, made, given)
        else:
            self.prepared += size
            self._check(self.prepared, MOST_PREPARED)
        read = sum(self._numbers[one] if one in given else math.prod(value.shape) for one, value in reads.items())
        self.work += size * products + (size + read) * NUMBER
        if self.work > MOST_WORK:
            raise Damaged(
                f"it computes more than {MOST_WORK // 10**9} billion products for one text, far more than a model of "
                "this kind does"
            )

    def alive(self, outputs: Iterable[str]) -> int:
        """Most numbers that are needed at once; call it when all operators were added. Raises `Damaged`."""
        last = {name: at for at, (_, reads) in enumerate(self._steps) for name in reads}
        last |= dict.fromkeys(outputs, len(self._steps))
        now = most = 0
        for at, (name, reads) in enumerate(self._steps):
            now += self._numbers[name]
            most = max(most, now)
            now -= sum(self._numbers[one] for one in reads if last[one] == at)
            now -= 0 if name in last else self._numbers[name]
        self._check(most, MOST_ALIVE)
        return most

    @property
    def kept(self) -> int:
        """Numbers of all values together."""
        return self._kept

    def _keep(self, name: str, value: Value, reads: set[str]) -> int:
        """Remember a value that depends on the texts; returns its numbers for one."""
        if value.shape[:1] != (BATCH,):
            raise Damaged(f"the value {name} is not computed for each text by itself")
        numbers = math.prod(value.shape) // BATCH
        self._numbers[name] = numbers
        self._steps.append((name, reads))
        self._kept += numbers
        self._check(self._kept, MOST_KEPT)
        return numbers

    def _check(self, numbers: int, most: int) -> None:
        if numbers > most:
            raise Damaged(
                f"its values take more than {most >> 18:,} MiB of memory for one text, far more than those of a model "
                "of this kind do"
            )
