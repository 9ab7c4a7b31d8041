"""Two models, exported once: a float one, and one with a head cut, INT8 linear layers and INT8 embeddings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from exporting import FORMATS, Exported, random_checkpoint

from export_lite.bundle import export_bundle
from slu.checkpoint import save_checkpoint
from slu.labels import Labels


@pytest.fixture(scope="session", params=["float", "compressed"])
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vocab: list[str], labels: Labels
) -> Exported:
    place = tmp_path_factory.mktemp("exported")
    save_checkpoint(random_checkpoint(vocab, labels, request.param == "compressed"), place / "checkpoint")
    said: list[str] = []
    export_bundle(place / "checkpoint", place / "bundle", FORMATS, say=said.append)
    return Exported(place / "checkpoint", place / "bundle", said)


@pytest.fixture
def copied(exported: Exported, tmp_path: Path) -> Exported:
    """A model and its bundle, where a test may break them."""
    return Exported(
        Path(shutil.copytree(exported.checkpoint, tmp_path / "checkpoint")),
        Path(shutil.copytree(exported.bundle, tmp_path / "bundle")),
        exported.said,
    )
