"""Servers over a tiny model with lexicons and the previous intent, for tests to ask."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Client, Serve, make_model

from bench_arm.host.serving import running
from slu.corpus.labels import Labels


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, vocab: list[str], labels: Labels) -> tuple[Path, Path]:
    """Two models with the same labels and other answers."""
    place = tmp_path_factory.mktemp("served")
    return make_model(place / "one", vocab, labels, 1), make_model(place / "two", vocab, labels, 7)


@pytest.fixture(scope="module")
def ask(models: tuple[Path, Path]) -> Iterator[Client]:
    """One worker, two models, short times."""
    one, two = models
    limits = ["--timeout", "1", "--max-body", "20000", "--max-texts", "50", "--drain", "0.1"]
    with running([f"one={one}", f"two={two}", *limits]) as served:
        yield Client(served)


@pytest.fixture
def live(models: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the first model, to be replaced."""
    return Path(shutil.copytree(models[0], tmp_path / "live"))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that end with the test."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str | Path) -> Client:
            return Client(stack.enter_context(running([*map(str, arguments), "--drain", "0.2"])))

        yield start
