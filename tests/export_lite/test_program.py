"""``python -m export_lite.gguf`` and ``export_lite.labels_file``: a usage and errors in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from exporting import random_checkpoint

from export_lite.gguf import write_beside
from export_lite.labels_file import add_to_bundle
from export_lite.program import run_program
from slu.corpus.labels import Labels
from slu.model.checkpoint import save_checkpoint
from slu.runtime.formats import GGUF

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_a_wrong_call_is_told_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program("export_lite.gguf", "CHECKPOINT", lambda directory: None, arguments) == 2
    assert capsys.readouterr().err == "usage: python -m export_lite.gguf CHECKPOINT\n"


def test_errors_are_one_line(
    vocab: list[str], labels: Labels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(random_checkpoint(vocab, labels, False), tmp_path / "checkpoint")
    assert run_program("export_lite.gguf", "CHECKPOINT", write_beside, [str(tmp_path / "checkpoint")]) == 0
    assert (tmp_path / "checkpoint" / GGUF.files[0]).is_file() and capsys.readouterr().err == ""

    for work, directory, words in (
        (write_beside, tmp_path / "none", "none"),
        (add_to_bundle, tmp_path / "none", "none"),
        (add_to_bundle, tmp_path / "checkpoint", "not a bundle with a network beside model.gguf; export its"),
    ):
        assert run_program("export_lite.x", "DIR", work, [str(directory)]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("export_lite.x: error: ") and words in line


def test_the_program_itself_has_the_exit_code() -> None:
    command = [sys.executable, "-m", "export_lite.labels_file"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "usage: python -m export_lite.labels_file BUNDLE\n")
