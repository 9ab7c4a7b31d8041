"""The manifest: round trip, refusals, and the history of stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slu.errors import BundleError, CheckpointError
from slu.manifest import FORMAT_VERSION, Manifest, library_versions

FULL = Manifest(
    stage="width",
    inputs={"corpus": "ab12"},
    config={"ratio": 0.75, "names": ["听"]},
    versions={"numpy": "1.26.4"},
    metrics={"exact": 81.25},
    threshold=0.5,
    history=[{"stage": "fp32"}],
)


def test_round_trip(tmp_path: Path) -> None:
    FULL.save(tmp_path)
    assert Manifest.load(tmp_path) == FULL
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


def test_history_grows_by_one_stage() -> None:
    first = Manifest(stage="fp32", metrics={"exact": 82.0})
    second = Manifest(stage="vocab", history=first.as_history())
    assert [h["stage"] for h in second.as_history()] == ["fp32", "vocab"]
    assert second.as_history()[0]["metrics"] == {"exact": 82.0}
    assert all("history" not in h for h in second.as_history())
    assert Manifest().as_history() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 7}, f"format version 7, this program reads {FORMAT_VERSION}"),
        ({"format_version": None}, "format version None"),
        ({"author": "x"}, "unknown field 'author'"),
        ({"metrics": []}, "metrics must be an object"),
        ({"history": {}}, "history must be a list"),
        ({"threshold": "high"}, "threshold is 'high'"),
        ({"threshold": True}, "threshold is True"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"stage": 3}, "stage must be"),
        ({"history": [{"stage": 5}]}, "history must be a list of objects, each of a stage"),
        ({"files": {"vocab.txt": 5}}, "files must be names with texts"),
        ({"config": {"files": []}}, "files does not list the bundle's files"),
        ({"config": {"files": {"model.gguf": 5}}}, "files does not list the bundle's files"),
        ({"config": {"files": {"../a": {"bytes": 1, "sha256": ""}}}}, "files does not list the bundle's files"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    FULL.save(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=words) as caught:
        Manifest.load(tmp_path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "not JSON"),
        (b'{"stage": "x"', "not JSON"),
        (b"\xff{}", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"threshold": ' + b"9" * 5000 + b"}", "not JSON"),
        # What Python reads and would not write into the manifest of the next stage.
        (b'{"metrics": ' + b"[" * 150 + b"]" * 150 + b"}", "not JSON .nested deeper than 100 levels"),
        (b'{"versions": {"\\ud800": "1"}}', "not JSON .*surrogates not allowed"),
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=words) as caught:
        Manifest.load(tmp_path, BundleError)
    assert "manifest.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_versions_are_those_installed() -> None:
    import numpy as np

    assert library_versions()["numpy"] == np.__version__
