"""The tokenizers that are compared read the same texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_arm.host import tokenization
from export_lite.gguf import write_gguf
from slu.corpus.utterance import Utterance
from slu.model.checkpoint import VOCAB, Checkpoint


def test_both_are_measured(
    checkpoint: Checkpoint,
    sample: list[Utterance],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_gguf(checkpoint, tmp_path / "model.gguf")
    (tmp_path / VOCAB).write_text("".join(f"{token}\n" for token in checkpoint.vocab), encoding="utf-8")
    texts = [utterance.text for utterance in sample[:100]]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    out = tmp_path / "tokenization.json"
    words = [str(tmp_path), str(tmp_path / "texts.txt"), "--rounds", "2", "--json", str(out)]
    monkeypatch.setattr("sys.argv", ["tokenization", *words])
    assert tokenization.main() == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == result
    assert result["texts"] == result["same_tokens"]["slu"] == 100
    # Letters beside digits, which few of the texts have, are one word for the other one.
    assert result["same_tokens"]["tokenizers"] >= 97
    assert result["ratio"]["slu"] == 1 and result["microseconds"]["slu"] > 0
