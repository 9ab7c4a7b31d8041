"""A run of every stage, killed at random moments and damaged file by file: the next one makes the same of it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm import Run, Starter, starter

STAGES = ("fp32", "student", "vocab", "width", "ptq", "qat", "embeddings", "calibration")
KILLS = int(os.environ.get("SLU_KILLS", "50"))
SMALL = """
[data]
corpus = "corpus.txt"
split = "utterance"
dev_fraction = 0.2
[model]
init = "scratch"
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 16
max_position_embeddings = 16
max_length = 16
[training]
epochs = 2
batch_size = 32
learning_rate = 4e-3
[vocab]
positions = 16
[embeddings]
"""
TWO_STEPS = """
[export]
formats = ["gguf"]
"""
EVERY_STEP = """
[student]
teachers = 1
[student.augment]
names = 1
words = 0
runs = 0
[student.training]
epochs = 1
[width]
ratio = "1/2"
[width.training]
epochs = 1
[ptq]
algorithms = ["abs_max"]
utterances = [8]
[qat]
[qat.training]
epochs = 1
[calibration]
[export]
formats = ["gguf"]
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    with starter(tmp_path_factory.mktemp("output")) as ready:
        yield ready


def write_recipe(place: Path, sample: Path, steps: str) -> Path:
    """The smallest that has a training, ``steps`` of compression and an export."""
    lines = [line for line in sample.read_text(encoding="utf-8").splitlines() if line][:80]
    (place / "corpus.txt").write_text("\n\n".join(lines) + "\n\n", encoding="utf-8")
    (place / "tiny.toml").write_text(SMALL + steps, encoding="utf-8")
    return place / "tiny.toml"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, sample_path: Path) -> Path:
    """With every step; a few seconds of work."""
    return write_recipe(tmp_path_factory.mktemp("recipe"), sample_path, EVERY_STEP)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, sample_path: Path) -> Path:
    """With two steps."""
    return write_recipe(tmp_path_factory.mktemp("short"), sample_path, TWO_STEPS)


def run(runs: Starter, recipe: Path, out: Path) -> str:
    """What a run says that goes to its end."""
    started = runs.start(["run", recipe, "--out", out])
    assert started.wait() == 0, started.errors.read_text(encoding="utf-8")
    return started.said.read_text(encoding="utf-8")


def processor_seconds(started: Run, most: float = float("inf")) -> float:
    """Wait until a run has used ``most``, or ends; returns what it had used when it was last looked at."""
    used = 0.0
    while used <= most and not started.ended.exists():
        used = max(used, started.processor_seconds())
        time.sleep(0.01)
    return used


def result_of(out: Path) -> dict[str, str]:
    """Hashes of what a run makes, but for the manifests and logs, which have times in them."""
    stages = [stage for stage in STAGES if (out / stage).is_dir()]
    assert {"fp32", "embeddings"} <= set(stages)
    names = [f"{stage}/{name}" for stage in stages for name in ("model.safetensors", "labels.json", "vocab.txt")]
    found = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in (*names, "dev.txt")}
    bundle = json.loads((out / "bundle/manifest.json").read_text())
    assert bundle["inputs"]["model.safetensors"] == found[f"{stages[-1]}/model.safetensors"]
    return found


def leftovers(out: Path) -> list[str]:
    """Hidden files and directories in the run's directory and beside it."""
    return [str(path) for place in (out.parent, out) for path in place.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def made(runs: Starter, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "run"
    run(runs, recipe, out)
    return out


@pytest.mark.slow
def test_killed_at_random_moments(runs: Starter, recipe: Path, made: Path, tmp_path: Path) -> None:
    """Each run goes on with what the one before it left, and may use up to half of the processor time of a whole one.

    Not the time as such: on a busy machine a run would be killed before it has begun.
    """
    wanted, rng, out = result_of(made), random.Random(0), tmp_path / "killed" / "run"
    out.parent.mkdir()
    whole = processor_seconds(runs.start(["run", recipe, "--out", tmp_path / "whole" / "run"]))
    kills = 0
    while kills < KILLS:
        started = runs.start(["run", recipe, "--out", out])
        processor_seconds(started, rng.uniform(0, whole / 2))
        started.kill()
        code = started.wait()
        assert code in (0, -signal.SIGKILL)
        kills += code != 0
        if code == 0:
            assert result_of(out) == wanted
            assert leftovers(out) == []
            shutil.rmtree(out)
    run(runs, recipe, out)
    assert result_of(out) == wanted
    assert leftovers(out) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["emptied", "cut", "flipped"])
def test_each_file_damaged(runs: Starter, short: Path, tmp_path: Path, how: str) -> None:
    run(runs, short, tmp_path / "run")
    made = Path(shutil.copytree(tmp_path / "run", tmp_path / "made"))
    wanted = result_of(made)
    names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert len(names) > 20
    for name in names:
        out = tmp_path / "run"
        data = (out / name).read_bytes()
        middle = len(data) // 2
        damaged = {"emptied": b"", "cut": data[:middle], "flipped": bytearray(data)}
        if how == "flipped" and data:
            damaged[how][middle] ^= 4  # type: ignore[index]
        (out / name).write_bytes(damaged[how])
        said = run(runs, short, out)
        assert result_of(out) == wanted, name
        if len(name.parts) > 1 and data:
            assert f"{out / name.parts[0]} is damaged (" in said and "it is made again" in said, name
        assert leftovers(out) == [], name
        shutil.rmtree(out)
        shutil.copytree(made, out)


@pytest.mark.slow
def test_two_runs_into_one_directory_exclude_each_other(
    runs: Starter, recipe: Path, made: Path, tmp_path: Path
) -> None:
    both = [runs.start(["run", recipe, "--out", tmp_path / "run"]) for _ in range(2)]
    codes = [started.wait() for started in both]
    assert sorted(codes) in ([0, 2], [0, 0])  # the second one may find everything up to date
    for started, code in zip(both, codes):
        lines = [line for line in started.errors.read_text(encoding="utf-8").splitlines() if line.startswith("slu: ")]
        assert (len(lines) == 1 and "another run is writing it" in lines[0]) if code else not lines
    assert result_of(tmp_path / "run") == result_of(made)
