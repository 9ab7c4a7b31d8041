"""Which backend opens a directory, and what is said when none can."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import slu
from slu.errors import SluError
from slu.files import sha256
from slu.manifest import Manifest
from slu.runtime import loading
from slu.runtime.bundle import ModelDirectory
from slu.runtime.formats import BACKENDS, FORMATS, GRAPH, PARAMETERS


@pytest.fixture
def bundle(checkpoint_directory: Path) -> Path:
    """A bundle as far as its text files go; what the graphs hold is never looked at."""
    directory = checkpoint_directory.with_name("bundle")
    directory.mkdir()
    for name in ("config.json", "vocab.txt", "labels.json"):
        shutil.copyfile(checkpoint_directory / name, directory / name)
    for name in (GRAPH, PARAMETERS, FORMATS["lite-x86"].files[0]):
        (directory / name).touch()
    inputs = {name: sha256(directory / name) for name in ("config.json", "vocab.txt", "labels.json")}
    Manifest(stage="export", inputs=inputs, config={"length": 16, "files": {}}, threshold=0.5).save(directory)
    return directory


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the backends that were asked for, none of which is really opened."""
    names: list[str] = []

    def open_backend(model: ModelDirectory, name: str, threads: int) -> SimpleNamespace:
        names.append(name)
        return SimpleNamespace(name="nothing")

    monkeypatch.setattr(loading, "open_backend", open_backend)
    return names


def uninstall(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in modules else found(name))


def refused(path: Path, backend: str | None = None) -> str:
    with pytest.raises(SluError) as caught:
        slu.load(path, backend)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_default_is_what_the_directory_holds_and_the_machine_has(
    bundle: Path, checkpoint_directory: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slu.load(checkpoint_directory)
    slu.load(bundle)
    with monkeypatch.context() as patch:
        uninstall(patch, "paddle")
        slu.load(bundle)
    (bundle / PARAMETERS).unlink()
    slu.load(bundle)
    assert opened == ["dygraph", "paddle", "lite", "lite"]
    (bundle / FORMATS["lite-x86"].files[0]).unlink()
    assert "bundle: contains no model that this program can run" in refused(bundle)


def test_what_belongs_to_the_model_comes_from_its_directory(bundle: Path, opened: list[str]) -> None:
    parser = slu.load(bundle, "lite")
    assert opened == ["lite"]
    assert parser.threshold == 0.5
    assert parser.labels.to_json() == json.loads((bundle / "labels.json").read_text("utf-8"))
    assert "\n".join(parser.tokenizer.vocab) + "\n" == (bundle / "vocab.txt").read_text("utf-8")


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_that_cannot_be_says_what_to_do(
    name: str, bundle: Path, checkpoint_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = BACKENDS[name]
    good, other = (checkpoint_directory, bundle) if runner.format is None else (bundle, checkpoint_directory)
    wanted = "runs checkpoints only" if runner.format is None else f"--format {runner.format}`"
    assert f"{other}: contains no {runner.files[0]}" in refused(other, name)
    assert wanted in refused(other, name)
    for file in runner.files if runner.format else ():
        (good / file).touch()
    uninstall(monkeypatch, runner.module)
    monkeypatch.setattr("slu.runtime.backends.native_api.find_library", lambda: None)
    if name == "native":
        assert "`pip install .` builds it" in refused(good, name)
        return
    assert f'{runner.module} is not installed; pip install "slu[{runner.extra}]"' in refused(good, name)


def test_an_unknown_backend_names_those_that_there_are(bundle: Path) -> None:
    message = refused(bundle, "tensorrt")
    assert message.startswith("--backend tensorrt: unknown backend")
    assert all(name in message for name in BACKENDS)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("manifest.json", None, "bundle: contains no manifest.json; give a checkpoint or a bundle"),
        ("manifest.json", {"format_version": 7}, "format version 7, this program reads 1"),
        ("manifest.json", {"length": 2}, "length is 2"),
        ("manifest.json", {"length": 33}, "length is 33"),
        ("manifest.json", {"length": "16"}, "length is '16'"),
        ("manifest.json", {"files": []}, "files does not list the bundle's files"),
        ("manifest.json", {"files": {GRAPH: {"bytes": 0}}}, "files does not list the bundle's files"),
        ("config.json", None, "config.json: is missing; copy or export the bundle again"),
        ("labels.json", {}, "labels.json: not a labels file"),
        ("vocab.txt", {}, "vocab.txt: 1 tokens, but the model has"),
    ],
)
def test_a_bundle_that_does_not_fit_together(name: str, content: dict | None, words: str, bundle: Path) -> None:
    path = bundle / name
    if content is None:
        path.unlink()
    elif name != "manifest.json":
        path.write_text(json.dumps(content), encoding="utf-8")
        assert f"{name}: is not the one that manifest.json describes" in refused(bundle)
        manifest = Manifest.load(bundle)  # as if it had been exported so
        replace(manifest, inputs={**manifest.inputs, name: sha256(path)}).save(bundle)
    else:
        data = json.loads(path.read_text("utf-8"))
        target = data if "format_version" in content else data["config"]
        target.update(content)
        path.write_text(json.dumps(data), encoding="utf-8")
    assert re.match(rf"{re.escape(str(bundle))}[^ ]*: ", refused(bundle))
    assert words in refused(bundle)
