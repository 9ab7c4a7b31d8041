"""A bundle for the native engine alone, without Paddle, and one with every format."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from export_lite.gguf import write_gguf
from slu.manifest import Manifest
from slu.model.checkpoint import write_checkpoint_files

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "golden"), str(ROOT / "export_lite")]  # as pytest does for the tests beside them


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of ``tests/golden/tiny.gguf`` as a bundle of the format gguf."""
    from make_golden import checkpoint

    model, directory = checkpoint(), tmp_path_factory.mktemp("small") / "bundle"
    directory.mkdir()
    write_checkpoint_files(model, directory)
    write_gguf(model, directory / "model.gguf")
    (directory / "model.safetensors").unlink()
    file = directory / "model.gguf"
    config = {
        "formats": ["gguf"],
        "length": model.config.max_length,
        "files": {file.name: {"bytes": file.stat().st_size, "sha256": digest(file)}},
    }
    inputs = {name: digest(directory / name) for name in ("vocab.txt", "labels.json", "config.json")}
    Manifest(stage="export", inputs=inputs, config=config, threshold=0.25).save(directory)
    return directory
