"""Training goes on after a kill at any moment, in one process or in several, and ends as an unbroken run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from staging import assert_same_result, make_recipe, slu, train

from slu.corpus.utterance import Utterance
from slu.model.checkpoint import load_checkpoint
from slu.training.stage import workspace_of


@pytest.fixture
def recipe_path(tmp_path: Path, sample: list[Utterance], vocab: list[str]) -> Path:
    return make_recipe(tmp_path / "inputs", sample, vocab)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where results go, with nothing else in it."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


# --- killed at any moment ---------------------------------------------------------------------------------------------


def killed(task: Callable[[], Any], at: int) -> bool:
    """Do ``task`` in a process that is killed before its ``at``-th renaming or deleting; False when there are fewer.

    Everything that lasts becomes visible by a renaming, so these are all the moments that a later process can tell
    apart, but for how far a file under a temporary name has come.
    """
    child = os.fork()
    if child == 0:
        calls = 0

        def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*arguments: Any, **options: Any) -> Any:
                nonlocal calls
                if calls == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                calls += 1
                return function(*arguments, **options)

            return wrapped

        try:
            for owner, name in ((os, "replace"), (os, "rename"), (Path, "rename"), (shutil, "rmtree")):
                setattr(owner, name, wrap(getattr(owner, name)))
            task()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_moment_and_resumed_it_ends_as_unbroken(recipe_path: Path, place: Path, every: int) -> None:
    """With dropout, unknown tokens, averaged weights and two shards: everything that a state must hold."""
    changes = ("training.batch_size=12", "training.learning_rate=2e-2", "training.evaluate_every=9")
    whole = place / "whole"
    train(recipe_path, whole, *changes)
    log = [row["exact"] for row in json.loads((whole / "training.json").read_text())]
    assert len(log) == 3 and log[0] < log[1]  # the best weights are replaced once
    at = 0
    while killed(lambda: train(recipe_path, place / "fp32", *changes), at):
        if (place / "fp32").exists():
            load_checkpoint(place / "fp32")  # whole, if it is there
        train(recipe_path, place / "fp32", *changes, resume=True)
        assert_same_result(whole, place / "fp32")
        assert not workspace_of(place / "fp32").exists()
        shutil.rmtree(place / "fp32")
        at += every
    # stage.json, the curves, best and state, the log, labels, manifest, files kept, the directory, tidying up
    assert at >= 15
    assert_same_result(whole, place / "fp32")


SCRIPT = """\
import os, sys
from pathlib import Path
place, log = sys.argv[1:3]
written = open(f"{log}.{os.environ.get('PADDLE_TRAINER_ID', '0')}", "w", buffering=1)
def watch(event, arguments):
    writes = event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "tempfile.mkdtemp")
    writes |= event == "open" and bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    if writes and str(arguments[0]).startswith(place):
        written.write(f"{event} {arguments[0]}\\n")
sys.addaudithook(watch)
from slu.cli import main
sys.exit(main(sys.argv[3:]))
"""
"""`slu`, with a note in LOG.RANK of everything that is written below PLACE."""


def started(place: Path, *arguments: str | Path, processes: int = 1) -> subprocess.Popen[str]:
    """`slu` in processes of its own, as many as asked for."""
    script = place.parent / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    launcher = [
        "-m",
        "paddle.distributed.launch",
        "--nproc_per_node",
        str(processes),
        "--log_dir",
        place.parent / "log",
    ]
    command = [
        sys.executable,
        *(launcher if processes > 1 else []),
        script,
        place,
        place.parent / "written",
        *arguments,
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PADDLE_", "FLAGS_"))}
    return subprocess.Popen(
        [str(part) for part in command], env=clean, cwd=place.parent, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    return output


def kill_when(process: subprocess.Popen[str], there: Callable[[], bool]) -> None:
    """Kill the process and its children as soon as ``there`` says so."""
    end = time.monotonic() + 240
    while not there():
        assert process.poll() is None and time.monotonic() < end, process.communicate()[0]
        time.sleep(0.002)
    children = children_of(process.pid)  # the launcher gives each of them a session of its own
    os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    process.communicate()


def children_of(parent: int) -> list[int]:
    """Processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


LONG = ("--set", "training.epochs=12", "--set", "training.evaluate_every=2")
"""48 steps: long enough to be killed in the middle."""


def states_saved(workspace: Path) -> Iterator[bool]:
    """Each time it is asked: whether another state has been saved since the last time."""
    seen = 0
    while True:
        try:
            now = (workspace / "state.safetensors").stat().st_mtime_ns
        except OSError:
            now = 0
        yield now > seen
        seen = max(seen, now)


@pytest.mark.slow
def test_the_command_goes_on_after_a_kill(recipe_path: Path, place: Path) -> None:
    """Killed right after the first saved state, as the kernel would do it, in a process of its own."""
    arguments = ("train", "--config", recipe_path, "--set", "training.epochs=6", "--set", "training.evaluate_every=2")
    assert slu(*arguments, "--out", place / "whole") == 0
    out = place / "fp32"
    states = states_saved(workspace_of(out))
    kill_when(started(place, *arguments, "--out", out), lambda: next(states))
    assert not out.exists()
    assert slu(*arguments, "--out", out, "--resume") == 0
    assert_same_result(place / "whole", out)


@pytest.mark.slow
def test_the_command_goes_on_after_many_kills(recipe_path: Path, place: Path) -> None:
    """Killed again and again, 0 to 0.2 s after a state was saved: in the middle of steps, evaluations and writing."""
    arguments = ("train", "--config", recipe_path, *LONG)
    assert slu(*arguments, "--out", place / "whole") == 0
    rng = np.random.default_rng(0)
    out = place / "fp32"
    states = states_saved(workspace_of(out))
    for _ in range(6):
        kill_when(started(place, *arguments, "--out", out, "--resume"), lambda: next(states))
        time.sleep(float(rng.uniform(0, 0.2)))
    assert not out.exists()
    assert slu(*arguments, "--out", out, "--resume") == 0
    assert_same_result(place / "whole", out)


# --- several processes ------------------------------------------------------------------------------------------------


def test_two_processes_do_what_one_does(recipe_path: Path, place: Path) -> None:
    """Two shards: a sum of two gradients is the same either way, so the weights are equal to the last bit."""
    arguments = ("train", "--config", recipe_path)
    assert slu(*arguments, "--out", place / "one") == 0
    output = finish(started(place, *arguments, "--out", place / "two", processes=2))
    assert output.count("fp32: 0.") == 1
    assert_same_result(place / "one", place / "two")
    assert sorted(p.name for p in place.iterdir()) == ["one", "two"]
    assert (place.parent / "written.0").read_text().count(".two.training/") > 4
    assert (place.parent / "written.1").read_text() == ""


@pytest.mark.slow
def test_two_processes_with_four_shards(recipe_path: Path, place: Path) -> None:
    """((a + b) + c) + d is not (a + c) + (b + d) in floats: 40 steps later the weights differ by 1e-5 at most.

    But for the biases of the keys: they add the same to all scores, so that their gradients are nothing but roundings,
    which Adam makes large, and whatever they are changes no answer.
    """
    more = ("--set", "training.shards=4", "--set", "training.epochs=10", "--set", "training.average=0.0")
    arguments = ("train", "--config", recipe_path, *more)
    assert slu(*arguments, "--out", place / "one") == 0
    finish(started(place, *arguments, "--out", place / "two", processes=2))
    one, two = load_checkpoint(place / "one"), load_checkpoint(place / "two")
    for name in one.tensors:
        bound = 1e-2 if name.endswith("k_proj.bias") else 1e-5
        np.testing.assert_allclose(one.tensors[name], two.tensors[name], rtol=0, atol=bound, err_msg=name)
    measures = ("exact", "intent_accuracy", "slot_f1")
    assert [one.manifest.metrics[m] for m in measures] == [two.manifest.metrics[m] for m in measures]


@pytest.mark.slow
def test_two_processes_killed_and_resumed(recipe_path: Path, place: Path) -> None:
    """Also by one process: what was saved does not depend on how many there were."""
    arguments = ("train", "--config", recipe_path, *LONG)
    assert slu(*arguments, "--out", place / "whole") == 0
    for out, processes in ((place / "by two", 2), (place / "by one", 1)):
        states = states_saved(workspace_of(out))
        kill_when(started(place, *arguments, "--out", out, processes=2), lambda: next(states))  # noqa: B023
        assert not out.exists()
        finish(started(place, *arguments, "--out", out, "--resume", processes=processes))
        assert_same_result(place / "whole", out)


@pytest.mark.slow
def test_an_error_ends_all_processes(recipe_path: Path, place: Path) -> None:
    process = started(
        place, "train", "--config", recipe_path, "--out", place / "a", "--set", "training.shards=3", processes=2
    )
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "slu: error: shards is 3; it must be a multiple of the number of processes, 2" in output
    assert "Traceback" not in output and not (place / "a").exists()
