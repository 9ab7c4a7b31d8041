"""Stages: made once, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from staging import UTTERANCES, assert_same_result, count_steps, interrupted, make_recipe, slu, train

from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError, OutputError
from slu.files import MARK, damage_of
from slu.manifest import Manifest
from slu.model.checkpoint import load_checkpoint
from slu.training.data import Data
from slu.training.recipe import DataSettings
from slu.training.stage import BEING_MADE, run_stage, workspace_of


@pytest.fixture
def recipe_path(tmp_path: Path, sample: list[Utterance], vocab: list[str]) -> Path:
    return make_recipe(tmp_path / "inputs", sample, vocab)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where results go, with nothing else in it."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, sample: list[Utterance], vocab: list[str]) -> Path:
    """What the recipe makes."""
    directory = tmp_path_factory.mktemp("unbroken")
    train(make_recipe(directory / "inputs", sample, vocab), directory / "fp32")
    return directory / "fp32"


# --- done once --------------------------------------------------------------------------------------------------------


def test_a_stage_is_made_once(recipe_path: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "fp32"
    train(recipe_path, out)
    assert "fp32: 0." in capsys.readouterr().out
    made = load_checkpoint(out)
    manifest = made.manifest
    assert manifest.stage == "fp32" and manifest.inputs.keys() == {"corpus", "split", "vocab"}
    assert manifest.config["training"]["epochs"] == 2 and manifest.config["model"]["hidden_size"] == 32
    assert {"exact", "slot_f1", "size_bytes", "seconds", "epochs"} <= manifest.metrics.keys()
    assert manifest.versions["paddlepaddle"] and manifest.history == []
    assert manifest.metrics["size_bytes"] == made.size_bytes
    assert len(json.loads((out / "training.json").read_text())) == 3
    assert [p.name for p in place.iterdir()] == ["fp32"]

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    train(recipe_path, out)
    assert "fp32: up to date in " in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_workspace_that_was_half_removed_is_removed_by_the_next_run(
    recipe_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed after the result was complete, while the state of the training was being removed, first of all the file
    that says what it was."""
    remove = shutil.rmtree

    def is_killed(directory: Path, **options: Any) -> None:
        if Path(directory).name.startswith(".fp32.") and (directory / BEING_MADE).is_file():
            (directory / BEING_MADE).unlink()
            raise KeyboardInterrupt
        remove(directory, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", is_killed)
        train(recipe_path, place / "fp32")
    assert damage_of(place / "fp32") == "" and len(list(place.iterdir())) == 2
    train(recipe_path, place / "fp32")
    assert "fp32: up to date in " in capsys.readouterr().out
    assert [p.name for p in place.iterdir()] == ["fp32"]


@pytest.mark.parametrize("what", ["setting", "corpus", "split", "vocab", "no manifest"])
def test_a_change_makes_it_again(recipe_path: Path, place: Path, what: str, sample: list[Utterance]) -> None:
    train(recipe_path, place / "fp32", "training.epochs=1")
    first = Manifest.load(place / "fp32")
    changes = ["training.epochs=1"]
    if what == "setting":
        changes.append("training.weight_decay=0.02")
    elif what == "corpus":
        write_corpus(sample[1 : UTTERANCES + 1], recipe_path.with_name("corpus.txt"))
    elif what == "split":
        changes.append("data.seed=1")
    elif what == "vocab":
        with recipe_path.with_name("vocab.txt").open("a") as stream:
            stream.write("more\n")
    else:
        shutil.rmtree(place / "fp32")
    train(recipe_path, place / "fp32", *changes)
    second = Manifest.load(place / "fp32")
    same = first.inputs == second.inputs and first.config == second.config
    assert same == (what == "no manifest")
    assert [p.name for p in place.iterdir()] == ["fp32"]


def test_a_changed_initial_checkpoint_makes_it_again(
    recipe_path: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = "training.epochs=1"
    train(recipe_path, place / "first", short)
    after = [short, f"model.init='{place / 'first'}'"]
    train(recipe_path, place / "second", *after)
    capsys.readouterr()
    train(recipe_path, place / "second", *after)
    assert "up to date" in capsys.readouterr().out
    train(recipe_path, place / "first", short, "model.seed=5")
    train(recipe_path, place / "second", *after)
    assert "up to date" not in capsys.readouterr().out


def test_a_state_of_other_settings_is_not_gone_on_with(recipe_path: Path, place: Path) -> None:
    interrupted(recipe_path, place / "a", stop=5)
    assert workspace_of(place / "a").is_dir()
    train(recipe_path, place / "a", "training.learning_rate=4e-3", resume=True)
    train(recipe_path, place / "b", "training.learning_rate=4e-3")
    assert_same_result(place / "a", place / "b")


def test_without_resume_training_starts_again(recipe_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(recipe_path, place / "a", stop=5)
    steps = count_steps(monkeypatch)
    train(recipe_path, place / "a")
    assert len(steps) == 8
    interrupted(recipe_path, place / "b", stop=5)
    steps.clear()
    train(recipe_path, place / "b", resume=True)
    assert len(steps) == 5  # steps 4 and 5 again, as the last state was saved after step 3
    assert_same_result(place / "a", place / "b")


# --- what cannot be written -------------------------------------------------------------------------------------------


def no_space(monkeypatch: pytest.MonkeyPatch, below: Path, file: str, after: int = 0) -> list[str]:
    """Let the disk be full when ``file`` is written below ``below`` for the ``after + 1``-th time, and from then on."""
    writes: list[str] = []
    whole = Path.write_bytes

    def write_bytes(self: Path, data: bytes) -> int:
        if self.is_relative_to(below) and file in self.name:
            writes.append(self.name)
            if len(writes) > after:
                whole(self, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return whole(self, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    return writes


@pytest.mark.parametrize(
    ("file", "after", "steps"),
    [
        ("stage.json", 0, 8),
        ("best.safetensors", 0, 8),
        ("state.safetensors", 0, 8),
        ("state.safetensors", 2, 2),
        ("training.json", 0, 0),
        ("model.safetensors", 0, 0),
        ("labels.json", 0, 0),
        ("manifest.json", 0, 0),
    ],
)
def test_a_full_disk_is_one_line_and_training_goes_on_later(
    recipe_path: Path, place: Path, unbroken: Path, capsys: pytest.CaptureFixture[str],
    file: str, after: int, steps: int,
) -> None:  # fmt: skip
    """``steps``: how many are left to do afterwards."""
    out = place / "fp32"
    arguments = ("train", "--config", recipe_path, "--out", out, "--resume")
    with pytest.MonkeyPatch.context() as patch:
        assert len(no_space(patch, place, file, after)) == 0
        assert slu(*arguments) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("slu: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"slu: error: {place}") and "no space left" in errors[0]
    assert not out.exists()
    nothing_yet = file in ("stage.json", "best.safetensors")
    assert [p.name for p in place.iterdir()] == ([] if nothing_yet else [".fp32.training"])
    assert not list(place.rglob("*.tmp"))
    with pytest.MonkeyPatch.context() as patch:
        done = count_steps(patch)
        assert slu(*arguments) == 0
        assert len(done) == steps
    assert_same_result(unbroken, out)


def test_a_result_stays_when_its_replacement_cannot_be_written(
    recipe_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(recipe_path, place / "fp32")
    before = (place / "fp32" / "model.safetensors").read_bytes()
    no_space(monkeypatch, place, "model.safetensors")
    with pytest.raises(OutputError, match="no space left"):
        train(recipe_path, place / "fp32", "model.seed=1")
    load_checkpoint(place / "fp32")
    assert (place / "fp32" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("what", ["files", "file", "link", "other stage", "other manifest", "other version"])
def test_what_is_not_ours_stays(
    recipe_path: Path, place: Path, checkpoint_directory: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    out = place / "fp32"
    if what == "file":
        out.write_text("mine")
    elif what == "link":
        (place / "else").mkdir()
        out.symlink_to(place / "else")
    elif what == "other stage":
        shutil.copytree(checkpoint_directory, out)
    else:
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
        if what == "other manifest":
            (out / MARK).write_text('{"manifest_version": 3, "name": "an extension of a browser"}')
        if what == "other version":
            (out / MARK).write_text('{"format_version": 99, "stage": "fp32"}')
    before = {p: p.read_bytes() if p.is_file() else None for p in place.rglob("*")}
    assert slu("train", "--config", recipe_path, "--out", out) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and errors[0].startswith(f"slu: error: {out}")
    assert {p: p.read_bytes() if p.is_file() else None for p in place.rglob("*")} == before


def test_the_current_directory_can_be_the_result(
    recipe_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    train(recipe_path, Path())
    monkeypatch.chdir(place.parent)
    load_checkpoint(place)
    assert not workspace_of(place).exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("data.corpus=/nowhere/corpus.txt", "/nowhere/corpus.txt"),
        ("data.dev_fraction=0.001", "corpus.txt: one side of the split is empty"),
        ("data.split=word", "split"),
        ("training.epochs=0", "epochs"),
        ("training.epochs=1.5", "epochs"),
        ("training.epoch=1", "epoch is no"),
        ("training.measure=accuracy", "measure"),
        ("model.vocab=/nowhere/vocab.txt", "/nowhere/vocab.txt"),
        ("model.vocab=corpus.txt", "corpus.txt"),
        ("model.init=nowhere", "neither a directory nor a published name"),
        ("model.hidden_size=30", None),
        ("model.num_attention_heads=5", "is not a multiple"),
        ("model.max_length=41", "max_length"),
        ("model.max_length=2", "max_length"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    recipe_path: Path, place: Path, capsys: pytest.CaptureFixture[str], change: str, says: str | None
) -> None:
    code = slu(
        "train", "--config", recipe_path, "--out", place / "a", "--set", change, "--set", "model.num_hidden_layers=1"
    )
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("slu: ")]
    if says is None:
        assert (code, errors) == (0, [])
        return
    assert code == 2 and len(errors) == 1 and says in errors[0]
    assert list(place.iterdir()) == []


def test_an_empty_corpus_is_an_error(recipe_path: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe_path.with_name("corpus.txt").write_text("")
    assert slu("train", "--config", recipe_path, "--out", place / "a") == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and "corpus.txt" in errors[0]
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("how", ["emptied", "cut", "flipped"])
@pytest.mark.parametrize("name", ["model.safetensors", "manifest.json", "labels.json", "evaluation.json"])
def test_a_damaged_result_is_made_again(
    recipe_path: Path, place: Path, unbroken: Path, capsys: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    out = Path(shutil.copytree(unbroken, place / "fp32"))
    data = (out / name).read_bytes()
    damaged = {"emptied": b"", "cut": data[:-100], "flipped": data[:40] + bytes([data[40] ^ 1]) + data[41:]}
    (out / name).write_bytes(damaged[how])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slu.training.train.train", lambda *_: (load_checkpoint(unbroken), {}, []))  # the training itself
        train(recipe_path, out)
    assert f"fp32: {out} is damaged ({name}" in capsys.readouterr().out
    for file in ("model.safetensors", "labels.json", "vocab.txt", "config.json"):
        assert (out / file).read_bytes() == (unbroken / file).read_bytes()
    assert damage_of(out) == "" and [path.name for path in place.iterdir()] == ["fp32"]


def test_what_a_stage_raises_leaves_no_result(sample: list[Utterance], place: Path) -> None:
    def make(workspace: Path) -> Any:
        raise ConfigError("no")

    data = Data(sample[:10], sample[10:20], {"corpus": "sample"})
    with pytest.raises(ConfigError, match="^no$"):
        run_stage("made", place / "a", DataSettings("corpus.txt"), {}, data, make)
    assert list(place.iterdir()) == []
