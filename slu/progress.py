"""Progress bars: loss, measure and the time to go, on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Progress:
    """A bar over ``total`` steps; outside a terminal, a line every 30 s instead of a moving bar."""

    def __init__(self, title: str, total: int, initial: int = 0, unit: str = "step", quiet: bool = False):
        from tqdm import tqdm

        live = sys.stderr.isatty()
        self._bar: Any = tqdm(
            desc=title,
            total=total,
            initial=initial,
            unit=unit,
            disable=quiet,
            mininterval=0.2 if live else 30.0,
            maxinterval=30.0,
            dynamic_ncols=live,
            ascii=None if live else True,
        )
        self._losses: list[float] = []
        self._shown: dict[str, str] = {}

    def advance(self, loss: float | None = None, count: int = 1) -> None:
        if loss is not None:
            self._losses.append(loss)
            self._shown["loss"] = f"{sum(self._losses[-20:]) / len(self._losses[-20:]):.4f}"
            self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update(count)

    def mean_loss(self) -> float:
        """Mean loss since the last call (0 without steps)."""
        losses, self._losses = self._losses, []
        return sum(losses) / len(losses) if losses else 0.0

    def measure(self, name: str, value: float, best: float) -> None:
        self._shown[name] = f"{value:.2f} (best {best:.2f})"
        self._bar.set_postfix(self._shown, refresh=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
