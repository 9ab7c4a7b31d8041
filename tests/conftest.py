"""What tests share: the sample corpus, a vocabulary and labels from it, and a tiny model with random weights."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from slu.corpus.labels import Labels
from slu.corpus.tagged import read_corpus
from slu.corpus.utterance import Utterance
from slu.inputs.normalisation import SPACE, normalise_character
from slu.inputs.tokenizer import SPECIAL_TOKENS
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes, save_checkpoint
from slu.model.config import ModelConfig
from slu.platform import prepare_paddle

TESTS = Path(__file__).parent
SAMPLE = TESTS.parent / "data/sample/corpus.txt"
TOGETHER = ("android_app", "web", "cpp_runtime", "export_lite", "compress")
"""Folders whose tests share what takes long to make; those that take longest first."""
BESIDE = {"test_pipeline.py": "export_lite", "web": "compress", "test_lint.py": "compress"}
"""Few tests that take long are put to many: pytest-xdist begins with the groups that have most tests."""
PROGRAMS = ("android_app", "bench_arm", "slu/serving", "web")
"""Folders whose tests drive servers, emulators, browsers and phones. One that fails is run once more, and pytest says
so (RERUN): on a machine that stands still for seconds such a program may be late, and nothing is wrong."""

hypothesis.settings.register_profile("slu", deadline=None)  # a busy machine may stand still for seconds
hypothesis.settings.load_profile("slu")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a processor each
prepare_paddle()  # before any test imports Paddle, which reads these variables once


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For pytest-xdist: a folder of `TOGETHER`, or else a file, is run by one worker; the largest begin."""
    for item in items:
        path = item.path.relative_to(TESTS)
        first = path.parts[0]
        item.add_marker(pytest.mark.xdist_group(BESIDE.get(first, first if first in TOGETHER else str(path))))
        if path.parts[0] in PROGRAMS or "/".join(path.parts[:2]) in PROGRAMS:
            item.add_marker(pytest.mark.flaky(reruns=1))
    order = {name: number for number, name in enumerate(("test_pipeline.py", "test_lint.py", *TOGETHER))}
    items.sort(key=lambda item: order.get(item.path.relative_to(TESTS).parts[0], len(order)))


@pytest.fixture(scope="session")
def sample_path() -> Path:
    """The corpus that the project ships."""
    return SAMPLE


@pytest.fixture(scope="session")
def sample() -> list[Utterance]:
    """Every utterance of the sample corpus."""
    return read_corpus(SAMPLE)


@pytest.fixture(scope="session")
def labels(sample: list[Utterance]) -> Labels:
    """All labels of the sample corpus."""
    return Labels.from_corpus(sample)


@pytest.fixture(scope="session")
def vocab(sample: list[Utterance]) -> list[str]:
    """The characters of the sample corpus, as words and (letters and digits) as continuations."""
    characters = {char for utterance in sample for char in utterance.text}
    single = sorted({text for kind, text in map(normalise_character, characters) if kind != SPACE and text})
    return [*SPECIAL_TOKENS, *single, *(f"##{char}" for char in single if char.isascii() and char.isalnum())]


def make_checkpoint(vocab: list[str], labels: Labels) -> Checkpoint:
    """2 layers of 48, 4 heads of 12, random weights from a fixed seed; made without Paddle."""
    config = ModelConfig(
        vocab_size=len(vocab),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        attention_head_size=12,
        intermediate_size=96,
        max_position_embeddings=32,
        max_seq_length=32,
    )
    rng = np.random.default_rng(7)
    tensors = {
        name: (rng.standard_normal(shape) * 0.1 + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        for name, shape in parameter_shapes(config, labels).items()
    }
    return Checkpoint(config, tensors, list(vocab), labels, Manifest(stage="test", threshold=0.25))


@pytest.fixture
def checkpoint(vocab: list[str], labels: Labels) -> Checkpoint:
    """The tiny model; a test may change it."""
    return make_checkpoint(vocab, labels)


@pytest.fixture(scope="session")
def _whole_checkpoint(tmp_path_factory: pytest.TempPathFactory, vocab: list[str], labels: Labels) -> Path:
    directory = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(make_checkpoint(vocab, labels), directory)
    return directory


@pytest.fixture
def checkpoint_directory(_whole_checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny model in a directory of the test's own; a test may break it."""
    return Path(shutil.copytree(_whole_checkpoint, tmp_path / "tiny"))
