"""Soft labels: the teacher's logits, the same files by any number of processes, also when these die or are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from export_lite.gguf import write_gguf
from slu.cli import main
from slu.corpus.utterance import Utterance
from slu.errors import BundleError, SluError
from slu.model.checkpoint import load_checkpoint
from slu.runtime import labelling
from slu.runtime.labelling import label, open_teacher, parts_of
from slu.runtime.soft_labels import DESCRIPTION, SoftLabels, shard_name


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, _whole_checkpoint: Path) -> Path:
    directory = Path(shutil.copytree(_whole_checkpoint, tmp_path_factory.mktemp("label") / "teacher"))
    write_gguf(load_checkpoint(directory), directory / "model.gguf")
    return directory


@pytest.fixture(scope="module")
def texts(sample: list[Utterance]) -> list[str]:
    return [*sorted({utterance.text for utterance in sample})[:500], "", "取消", "听花" * 40, "取消"]


@pytest.fixture(scope="module")
def file(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("label") / "texts.txt"
    path.write_text("\n".join(texts[:3]) + "\r\n" + "\n".join(texts[3:]), encoding="utf-8", newline="")
    return path


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_labels_are_the_logits_of_each_text(model: Path, file: Path, texts: list[str], tmp_path: Path) -> None:
    done = label(model, file, tmp_path / "out", lines=100)
    assert done["shards"] == 6 and done["backend"] == "native"
    labels, teacher = SoftLabels(tmp_path / "out"), open_teacher(model, None)
    assert len(labels) == len(set(texts)) and "never seen" not in labels
    for text in [*texts[::17], *texts[-4:]]:
        [expected] = teacher.logits([text])
        found = labels.logits(text)
        assert list(found) == list(teacher.head.logits)
        for name, wanted in zip(teacher.head.logits, expected):
            np.testing.assert_array_equal(found[name], wanted)
    with pytest.raises(KeyError):
        labels.logits("never seen")


def test_parts_are_the_file(file: Path, texts: list[str], tmp_path: Path) -> None:
    raw = file.read_bytes()
    for lines in (1, 7, 1000):
        parts = list(parts_of(file, lines))
        assert b"".join(raw[part.start : part.end] for part in parts) == raw
        found = [text for part in parts for text in labelling._texts(file, part)]
        assert found == texts
    (tmp_path / "empty").write_bytes(b"")
    assert list(parts_of(tmp_path / "empty", 5)) == []
    (tmp_path / "ends").write_bytes(b"a\n\n")
    [part] = parts_of(tmp_path / "ends", 5)
    assert labelling._texts(tmp_path / "ends", part) == ["a", ""]


def test_what_is_there_is_kept_and_what_is_damaged_is_made_again(model: Path, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    label(model, file, out, lines=100)
    whole = files_of(out)
    (out / shard_name(1)).unlink()
    (out / shard_name(2)).write_bytes(whole[shard_name(2)][:500])
    kept = (out / shard_name(0)).stat().st_mtime_ns
    (out / DESCRIPTION).write_bytes(whole[DESCRIPTION].replace(b'"complete": true', b'"complete": false'))
    label(model, file, out, lines=100)
    assert files_of(out) == whole and (out / shard_name(0)).stat().st_mtime_ns == kept


def test_two_processes_of_which_one_dies(model: Path, file: Path, tmp_path: Path) -> None:
    label(model, file, tmp_path / "one", lines=20)
    command = [sys.executable, "-m", "slu.cli", "label", model, file, "--out", tmp_path / "two"]
    process = subprocess.Popen([*command, "--shard", "20", "--workers", "2"], stderr=subprocess.PIPE)
    until, killed = time.monotonic() + 60, 0
    while process.poll() is None and not killed and time.monotonic() < until:
        if list((tmp_path / "two").glob("soft-labels-*.safetensors")):
            found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
            workers = [int(pid) for pid in found.stdout.split() if b"spawn_main" in cmdline(int(pid))]
            if workers:
                os.kill(workers[-1], signal.SIGKILL)
                killed += 1
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said.decode()
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_killed_at_random_moments(model: Path, file: Path, tmp_path: Path) -> None:
    label(model, file, tmp_path / "one", lines=20)
    command = [sys.executable, "-m", "slu.cli", "label", model, file, "--out", tmp_path / "two", "--shard", "20"]
    random = np.random.default_rng(0)
    for workers in ("1", "2") * 4:
        process = subprocess.Popen([*command, "--workers", workers], stderr=subprocess.PIPE)
        time.sleep(random.uniform(0.3, 4))
        process.kill()
        process.communicate()
    assert subprocess.run([*command, "--workers", "2"], check=False).returncode == 0
    two = files_of(tmp_path / "two")
    assert {name: data for name, data in two.items() if not name.startswith(".")} == files_of(tmp_path / "one")


def test_a_shard_that_ends_every_process(
    model: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_: object) -> None:
        from concurrent.futures.process import BrokenProcessPool

        begun: set[int] = _[-1]  # type: ignore[assignment]
        begun.add(4)
        raise BrokenProcessPool
        yield

    monkeypatch.setattr(labelling, "_one_pool", dead)
    with pytest.raises(SluError, match="shard 4 ended its process 3 times"):
        label(model, file, tmp_path / "out", workers=2, lines=100)


def test_what_cannot_be(model: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, other, bad = tmp_path / "out", tmp_path / "other.txt", tmp_path / "bad.txt"
    label(model, file, out, lines=300)
    other.write_text("a\n")
    bad.write_bytes(b"a\nb\xff\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("")
    for arguments, words in (
        ([file, "--out", out], "lines differs"),
        ([other, "--out", out, "--shard", "300"], "file differs"),
        ([bad, "--out", tmp_path / "b", "--shard", "1"], "bad.txt:2: not UTF-8 at byte 2 of the line"),
        ([file, "--out", tmp_path / "full"], "holds other files"),
        ([file, "--out", tmp_path / "w", "--workers", "0"], "at least 1"),
        ([tmp_path / "none", "--out", tmp_path / "n"], "cannot be read"),
    ):
        assert main(["label", str(model), *map(str, arguments)]) == 2
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert words in said, said
    with pytest.raises(BundleError, match="is not complete"):
        SoftLabels(tmp_path / "b")
    with pytest.raises(BundleError, match="slu label makes such"):
        SoftLabels(tmp_path / "full")
