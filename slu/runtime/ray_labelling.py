"""``slu label --ray``: the shards of a file computed by a Ray cluster, and written here.

Every machine of the cluster needs this package and the model, at the same path; the texts are sent, and what comes back
is the file of the shard. A task whose worker dies, or whose machine goes, is run again elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.errors import BundleError, ConfigError, SluError
from slu.files import sha256, write_file
from slu.runtime.labelling import Make, Part, asked_of, open_teacher, shard_data
from slu.runtime.soft_labels import Question, shard_name

if TYPE_CHECKING:
    from slu.runtime.python_parser import PythonParser

RETRIES = 2
"""How often a shard whose worker has died is tried again."""
_AHEAD = 2
"""Shards for each processor of the cluster that are handed out."""

_teachers: dict[tuple[str, str], PythonParser] = {}
"""Teachers that a worker process has opened, by the path of the model and the backend."""


@dataclass(frozen=True)
class RayCluster:
    """A cluster by its ``address``; for `slu.runtime.labelling.label`."""

    address: str

    def __call__(self, model: Path, backend: str) -> Make:
        """What makes the shards; it raises `ConfigError` without a cluster at the address."""

        def make(file: Path, out: Path, wanted: dict[str, Any], parts: list[Part]) -> Iterator[int]:
            ray = _connected(self.address)
            try:
                yield from _all(ray, (str(model.resolve()), backend), file, out, wanted, parts)
            finally:
                ray.shutdown()

        return make


def _all(
    ray: Any, model: tuple[str, str], file: Path, out: Path, wanted: dict[str, Any], parts: list[Part]
) -> Iterator[int]:
    compute = ray.remote(num_cpus=1, max_retries=RETRIES)(_shard)
    waiting, running = iter(parts), dict[Any, int]()
    most = max(1, int(ray.cluster_resources().get("CPU", 1))) * _AHEAD
    while True:
        while len(running) < most and (part := next(waiting, None)) is not None:
            running[compute.remote(*model, asked_of(file, part), wanted)] = part.number
        if not running:
            return
        [done], _ = ray.wait(list(running), num_returns=1)
        number = running.pop(done)
        write_file(out / shard_name(number), _result(ray, done, file, number))
        yield number


def _connected(address: str) -> Any:
    import ray

    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"--ray {address}: no cluster there ({reason}); `ray start --head` starts one") from error
    return ray


def _result(ray: Any, task: Any, file: Path, number: int) -> bytes:
    try:
        return bytes(ray.get(task))
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        raise cause if isinstance(cause, SluError) else SluError(f"{file}: shard {number}: {cause!r}") from error
    except ray.exceptions.RayError as error:
        raise SluError(
            f"{file}: shard {number} ended its worker {RETRIES + 1} times (memory?); give a smaller --shard, or look "
            "at its lines"
        ) from error


def _shard(model: str, backend: str, asked: list[Question], wanted: dict[str, Any]) -> bytes:
    """In a worker: the file of a shard."""
    from slu.platform import prepare_paddle

    parser = _teachers.get((model, wanted["model"]))
    if parser is None:
        if not Path(model).exists() or sha256(model) != wanted["model"]:
            raise BundleError(f"{model}: is missing on a machine of the cluster, or another model there; copy it again")
        prepare_paddle()
        parser = _teachers[model, wanted["model"]] = open_teacher(Path(model), backend)
    return shard_data(parser, asked, wanted)
