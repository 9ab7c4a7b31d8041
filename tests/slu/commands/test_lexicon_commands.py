"""Lists on the command line: checked, added, thinned out; and dialogues."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slu import cli
from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance
from slu.inputs.flags import KINDS
from slu.inputs.lexicon import compile_lexicon
from slu.inputs.normalisation import SPEECH
from slu.model.checkpoint import FLAG_EMBEDDINGS, Checkpoint, load_checkpoint, parameter_shapes, save_checkpoint
from slu.runtime.loading import load

TEXT = "来一首周华健的花心"


@pytest.fixture
def model(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """Random weights, but large ones for the flags: each changes the score."""
    config = checkpoint.config.replace(flags=KINDS)
    shape = parameter_shapes(config, checkpoint.labels)[FLAG_EMBEDDINGS]
    table = np.random.default_rng(8).normal(0, 1, shape).astype(np.float32)
    lexicon = compile_lexicon({"song": ["花心"], "contact_name": ["健的"]}, checkpoint.labels.slots)
    tensors = {**checkpoint.tensors, FLAG_EMBEDDINGS: table}
    save_checkpoint(replace(checkpoint, config=config, tensors=tensors, lexicon=lexicon), tmp_path / "model")
    return tmp_path / "model"


def slu(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, object]]:
    assert slu("parse", *arguments) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_problems_of_lists_are_named(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("花心\n周\n花 心\n", encoding="utf-8")
    bad.write_bytes(b"a\n\xff\n" + b"b" * 63)
    assert slu("lexicon", "check", f"song={good}", "--model", model) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{good}:3: warning: '花 心': the same as line 1",
        f"{good}: 0 errors, 1 warnings",
    ]
    assert slu("lexicon", "check", f"song={good}", f"x={bad}") == 1
    assert capsys.readouterr().out.splitlines()[2:] == [
        f"{bad}:2: error: not UTF-8 at byte 0 of the entry",
        f"{bad}:3: error: 63 characters, at most 62 fit; shorten it",
        f"{bad}: 2 errors, 0 warnings",
    ]
    good.write_text("🐷\n。。\n花心\n《花心》\n周華健\n周华健\n", encoding="utf-8")
    assert slu("lexicon", "check", f"song={good}", "--model", model) == 0
    assert capsys.readouterr().out.splitlines() == [f"{good}: 0 errors, 0 warnings"]
    checkpoint = load_checkpoint(model)
    config = checkpoint.config.replace(normalisation=SPEECH)
    save_checkpoint(replace(checkpoint, config=config), tmp_path / "speech")
    assert slu("lexicon", "check", f"song={good}", "--model", tmp_path / "speech") == 0
    assert [line.removeprefix(f"{good}:") for line in capsys.readouterr().out.splitlines()] == [
        "1: warning: '🐷': has no character that can be matched, so it is ignored",
        "2: warning: '。。': has no character that can be matched, so it is ignored",
        "4: warning: '《花心》': the same as line 3",
        "6: warning: '周华健': the same as line 5",
        " 0 errors, 4 warnings",
    ]
    for arguments, words in (
        ((f"x={good}", "--model", model), "the model has no slot 'x'; it has age, "),
        ((f"{good}",), "write it as SLOT=FILE"),
        ((f"song={tmp_path / 'none'}",), "none: cannot be read"),
    ):
        assert slu("lexicon", "check", *arguments) == 2
        assert words in capsys.readouterr().err


def test_parse_with_lists_and_dialogues(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "names.txt").write_text("周华健\n", encoding="utf-8")
    [plain] = parsed(capsys, model, TEXT)
    [more] = parsed(capsys, model, "--lexicon", f"singer={tmp_path / 'names.txt'}", TEXT)
    parser = load(model)
    assert plain == parser.parse(TEXT).to_dict() != more
    parser.lexicon.add("singer", ["周华健"])
    assert more == parser.parse(TEXT).to_dict()

    session = load(model).session()
    want = [session.parse(text) for text in (TEXT, "停", TEXT)]
    session.restart()
    want.append(session.parse(TEXT))
    lines = f"{TEXT}\n停\n{TEXT}\n\n{TEXT}\n".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert parsed(capsys, model, "--session") == [answer.to_dict() for answer in want]
    assert want[0] == want[3] and len({answer.score for answer in (*want[:3], load(model).parse(TEXT))}) == 4

    assert slu("parse", model, "--lexicon", f"town={tmp_path / 'names.txt'}", TEXT) == 2
    assert "the model has no slot 'town'" in capsys.readouterr().err


def test_a_model_without_lists_says_so(
    checkpoint_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.txt").write_text("周华健\n", encoding="utf-8")
    assert slu("parse", checkpoint_directory, "--lexicon", f"singer={tmp_path / 'names.txt'}", TEXT) == 2
    assert "trained without lexicons" in capsys.readouterr().err
    assert len(parsed(capsys, checkpoint_directory, "--session", TEXT, "", TEXT)) == 2


def test_eval_with_a_part_of_the_lists(
    model: Path, sample: list[Utterance], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_corpus(sample[:60], tmp_path / "dev.txt")
    songs = sorted({slot.value for u in sample[:60] for slot in u.slots if slot.name == "song"})
    (tmp_path / "songs.txt").write_text("\n".join(songs), encoding="utf-8")

    def errors(*arguments: str, model: Path = model) -> str:
        files = "--errors", tmp_path / "errors.txt", "--json", tmp_path / "result.json"
        assert slu("eval", model, "--data", tmp_path / "dev.txt", *files, *arguments) == 0
        return (tmp_path / "errors.txt").read_text(encoding="utf-8")

    added = "--lexicon", f"song={tmp_path / 'songs.txt'}"
    results = [errors(*added), errors(*added, "--lexicon-share", "0.5"), errors(), errors("--lexicon-share", "0")]
    assert len(set(results)) >= 3 and results[0] != results[1] != results[2] != results[0]
    assert json.loads((tmp_path / "result.json").read_text())["lexicon"] == {"added": [], "share": 0.0}
    assert errors(*added, "--lexicon-share", "0") == results[3]

    # The same of the native engine, but for the last digit of a score.
    assert slu("export", model, "--out", tmp_path / "bundle", "--format", "gguf") == 0
    native = errors(*added, "--lexicon-share", "0.5", model=tmp_path / "bundle")
    assert [line.rsplit("\t", 1)[0] for line in native.splitlines()] == [
        line.rsplit("\t", 1)[0] for line in results[1].splitlines()
    ]

    for model_, share, words in (
        (model, "2", "--lexicon-share 2: must be 0 to 1"),
        (tmp_path / "bundle/model.gguf", "0.5", "model.gguf cannot be divided; give the directory"),
    ):
        assert slu("eval", model_, "--data", tmp_path / "dev.txt", "--lexicon-share", share) == 2
        assert words in capsys.readouterr().err
