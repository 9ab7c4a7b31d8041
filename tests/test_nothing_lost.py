"""A run of every stage, killed at random moments and damaged file by file: the next one makes the same of it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SLU = Path(sys.executable).parent / "slu"
STAGES = ("fp32", "vocab", "embeddings")
KILLS = int(os.environ.get("SLU_KILLS", "50"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, sample_path: Path) -> Path:
    """The smallest that has a training, two steps of compression and an export; a second or two of work."""
    place = tmp_path_factory.mktemp("recipe")
    lines = [line for line in sample_path.read_text(encoding="utf-8").splitlines() if line][:120]
    (place / "corpus.txt").write_text("\n\n".join(lines) + "\n\n", encoding="utf-8")
    (place / "tiny.toml").write_text(
        """
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
[export]
formats = ["gguf"]
""",
        encoding="utf-8",
    )
    return place / "tiny.toml"


def start(recipe: Path, out: Path) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    return subprocess.Popen([SLU, "run", recipe, "--out", out], **pipes)


def run(recipe: Path, out: Path) -> str:
    """What a run says that goes to its end."""
    process = start(recipe, out)
    said, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return said


def result_of(out: Path) -> dict[str, str]:
    """Hashes of what a run makes, but for the manifests and logs, which have times in them."""
    names = [f"{stage}/{name}" for stage in STAGES for name in ("model.safetensors", "labels.json", "vocab.txt")]
    found = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in (*names, "dev.txt")}
    bundle = json.loads((out / "bundle/manifest.json").read_text())
    assert bundle["inputs"]["model.safetensors"] == found[f"{STAGES[-1]}/model.safetensors"]
    return found


def leftovers(out: Path) -> list[str]:
    """Hidden files and directories in the run's directory and beside it."""
    return [str(path) for place in (out.parent, out) for path in place.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def made(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "run"
    run(recipe, out)
    return out


@pytest.mark.slow
def test_killed_at_random_moments(recipe: Path, made: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    wanted = result_of(made)
    run(recipe, tmp_path / "whole" / "run")
    whole = time.monotonic() - began
    rng, out = random.Random(0), tmp_path / "killed" / "run"
    out.parent.mkdir()
    for _ in range(KILLS):
        process = start(recipe, out)
        time.sleep(rng.uniform(0, whole))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if rng.random() < 0.3:  # otherwise the next one continues what this one left
            shutil.rmtree(out, ignore_errors=True)
    run(recipe, out)
    assert result_of(out) == wanted
    assert leftovers(out) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["emptied", "cut", "flipped"])
def test_each_file_damaged(recipe: Path, made: Path, tmp_path: Path, how: str) -> None:
    wanted = result_of(made)
    names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert len(names) > 20
    for name in names:
        out = Path(shutil.copytree(made, tmp_path / "run"))
        data = (out / name).read_bytes()
        middle = len(data) // 2
        damaged = {"emptied": b"", "cut": data[:middle], "flipped": bytearray(data)}
        if how == "flipped" and data:
            damaged[how][middle] ^= 4  # type: ignore[index]
        (out / name).write_bytes(damaged[how])
        said = run(recipe, out)
        assert result_of(out) == wanted, name
        if len(name.parts) > 1 and data:
            assert f"{out / name.parts[0]} is damaged (" in said and "it is made again" in said, name
        assert leftovers(out) == [], name
        shutil.rmtree(out)


@pytest.mark.slow
def test_two_runs_into_one_directory_exclude_each_other(recipe: Path, made: Path, tmp_path: Path) -> None:
    both = [start(recipe, tmp_path / "run") for _ in range(2)]
    ended = [(process.communicate(timeout=600)[1], process.returncode) for process in both]
    codes = sorted(code for _, code in ended)
    assert codes in ([0, 2], [0, 0])  # the second one may find everything up to date
    for errors, code in ended:
        lines = [line for line in errors.splitlines() if line.startswith("slu: ")]
        assert (len(lines) == 1 and "another run is writing it" in lines[0]) if code else not lines
    assert result_of(tmp_path / "run") == result_of(made)
