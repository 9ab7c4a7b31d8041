"""Models, exported once: a float one, one with a head cut, INT8 linear layers and INT8 embeddings, and that with
attention scores of INT8."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from exporting import FORMATS_OF, Exported, random_checkpoint

from export_lite.export import export_bundle
from slu.corpus.labels import Labels
from slu.model.checkpoint import save_checkpoint


@pytest.fixture(scope="session")
def _exports() -> dict[str, Exported]:
    """What was exported already. A session's fixture with parameters would be made again for every file of tests."""
    return {}


@pytest.fixture(params=["float", "compressed", "compressed-scores"])
def exported(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    vocab: list[str],
    labels: Labels,
    _exports: dict[str, Exported],
) -> Exported:
    kind = request.param
    if kind not in _exports:
        place = tmp_path_factory.mktemp(kind)
        save_checkpoint(
            random_checkpoint(vocab, labels, kind != "float", kind == "compressed-scores"), place / "checkpoint"
        )
        said: list[str] = []
        export_bundle(place / "checkpoint", place / "bundle", FORMATS_OF[kind], say=said.append)
        _exports[kind] = Exported(place / "checkpoint", place / "bundle", said)
    return _exports[kind]


@pytest.fixture
def copied(exported: Exported, tmp_path: Path) -> Exported:
    """A model and its bundle, where a test may break them."""
    place = tmp_path / exported.checkpoint.parent.name
    return Exported(
        Path(shutil.copytree(exported.checkpoint, place / "checkpoint")),
        Path(shutil.copytree(exported.bundle, place / "bundle")),
        exported.said,
    )
