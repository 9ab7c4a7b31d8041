"""The state of a training run on disk: one safetensors file, replaced in one go, so that a kill leaves a whole one."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open  # type: ignore[attr-defined]
from safetensors.numpy import save

from slu.errors import CheckpointError
from slu.files import write_file

if TYPE_CHECKING:
    from paddle import nn
    from paddle.optimizer import Optimizer

    from slu.training.average import Average


class StateError(CheckpointError):
    """A saved state is damaged, or of another run; a training can begin again without it."""


@dataclass
class State:
    """``step``: steps done. ``best``: best measure so far; ``waited``: evaluations since. ``log``: its rows."""

    step: int = 0
    best: float = float("-inf")
    waited: int = 0
    stopped: bool = False
    log: list[dict[str, Any]] = field(default_factory=list)

    def record(self, row: dict[str, Any], measure: str, patience: int) -> bool:
        """Add an evaluation to the log; returns whether it is the best so far."""
        self.log.append(row)
        better = row[measure] > self.best
        self.best = max(self.best, row[measure])
        self.waited = 0 if better else self.waited + 1
        self.stopped = patience > 0 and self.waited >= patience
        return better


def save_state(
    path: Path, state: State, model: nn.Layer, optimizer: Optimizer | None = None, average: Average | None = None
) -> None:
    """Write parameters and buffers, and with an optimizer its moments as well."""
    tensors = {f"model.{name}": tensor.numpy() for name, tensor in model.state_dict().items()}
    if optimizer is not None:
        moments = optimizer.state_dict()
        for name, parameter in model.named_parameters():
            prefix = f"{parameter.name}_"
            for key in moments:
                if key.startswith(prefix) and not hasattr(moments[key], "items"):
                    tensors[f"optimizer.{name}/{key.removeprefix(prefix)}"] = np.asarray(moments[key])
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.values.items()}
        tensors["average_steps"] = np.array([average.steps])
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_file(path, save(contiguous, {"state": json.dumps(asdict(state))}))


def load_state(
    workspace: Path,
    model: nn.Layer,
    optimizer: Optimizer | None = None,
    average: Average | None = None,
    name: str = "state.safetensors",
) -> State | None:
    """Restore what `save_state` wrote; None when nothing was saved yet."""
    path = workspace / name
    if not path.is_file():
        return None
    try:
        with safe_open(path, "numpy") as stored:  # type: ignore[attr-defined]
            state = State(**json.loads(stored.metadata()["state"]))
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (not a dict)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tensors that do not fit are an error here
            missing, unexpected = model.set_state_dict(
                {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
            )
        if missing or unexpected:
            raise KeyError((missing + unexpected)[0])
        if optimizer is not None:
            names = {n: parameter.name for n, parameter in model.named_parameters()}
            keys = [key for key in tensors if key.startswith("optimizer.")]
            split = [key.removeprefix("optimizer.").rsplit("/", 1) for key in keys]
            optimizer.set_state_dict({f"{names[n]}_{what}": tensors[key] for key, (n, what) in zip(keys, split)})
        if average is not None:
            for key, value in average.values.items():
                if value.shape != tensors[f"average.{key}"].shape:
                    raise ValueError(f"average.{key} has another shape")
                value[...] = tensors[f"average.{key}"]
            average.steps = int(tensors["average_steps"][0])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise StateError(f"{path}: not a state of this training run ({error}); train without --resume") from error
    return state
