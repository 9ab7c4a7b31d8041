"""The JSON files of a bundle with any content at all: one line of an error, or a model; never a traceback."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import mutate_json

import slu
from slu.errors import BundleError, SluError
from slu.files import MARK
from slu.manifest import Manifest
from slu.runtime.inspection import inspect_model

odd = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
patient = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def forge(directory: Path, name: str, content: str) -> None:
    """Put ``content`` into a file of a bundle, and its hash into the manifest."""
    raw = content.encode("utf-8", "surrogatepass")
    (directory / name).write_bytes(raw)
    if name != MARK:
        manifest = json.loads((directory / MARK).read_text(encoding="utf-8"))
        manifest["inputs"][name] = hashlib.sha256(raw).hexdigest()
        (directory / MARK).write_text(json.dumps(manifest), encoding="utf-8")


def open_it(directory: Path) -> None:
    """Open and look at a bundle; an error has one line."""
    for action in (lambda: slu.load(directory).parse("打开 abc"), lambda: inspect_model(directory)):
        try:
            action()
        except SluError as error:
            assert "\n" not in str(error).strip()


@pytest.fixture
def bundle(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


@pytest.mark.parametrize("name", [MARK, "labels.json", "config.json"])
@patient
@given(data=st.data())
def test_one_field_of_another_type(bundle: Path, small_bundle: Path, name: str, data: st.DataObject) -> None:
    for file in small_bundle.iterdir():
        shutil.copyfile(file, bundle / file.name)
    content: dict[str, Any] = json.loads((small_bundle / name).read_text(encoding="utf-8"))
    content[data.draw(st.sampled_from(sorted(content)))] = data.draw(odd)
    forge(bundle, name, json.dumps(content))
    open_it(bundle)


@pytest.mark.parametrize("name", [MARK, "labels.json", "config.json"])
def test_mutants(bundle: Path, small_bundle: Path, name: str) -> None:
    content = json.loads((small_bundle / name).read_text(encoding="utf-8"))
    for seed in range(120):
        shutil.copyfile(small_bundle / MARK, bundle / MARK)
        forge(bundle, name, mutate_json(content, seed))
        open_it(bundle)
        shutil.copyfile(small_bundle / name, bundle / name)


@patient
@given(data=st.data())
def test_the_manifest_of_a_checkpoint_beside_its_gguf(bundle: Path, data: st.DataObject) -> None:
    """As those of ``models/``: no stage but the export checks its settings."""
    content = Manifest(stage="calibration", history=[{"stage": "fp32"}]).to_json()
    name = data.draw(st.sampled_from(["files", "history", "config", "stage", "files of config"]))
    if name == "files of config":
        content["config"] = {"files": data.draw(odd | st.dictionaries(st.just("model.gguf"), odd))}
    else:
        content[name] = [{"stage": data.draw(odd)}] if name == "history" else data.draw(odd)
    forge(bundle, MARK, json.dumps(content))
    open_it(bundle)


@pytest.mark.parametrize("name", ["labels.json", "config.json", "vocab.txt"])
def test_a_file_of_another_model_is_refused(bundle: Path, name: str) -> None:
    """Labels in another order would give confident wrong answers."""
    text = (bundle / name).read_text(encoding="utf-8")
    (bundle / name).write_text(text.replace("\n", " \n", 1) if name != "vocab.txt" else text + "x\n", encoding="utf-8")
    with pytest.raises(BundleError, match=rf"{name}: (is not the one that manifest.json describes|\d+ tokens)"):
        slu.load(bundle)
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: is missing"):
        slu.load(bundle)


def test_a_lexicon_that_the_manifest_does_not_know_is_refused(bundle: Path) -> None:
    (bundle / "lexicon.safetensors").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"is not in manifest\.json"):
        slu.load(bundle)
