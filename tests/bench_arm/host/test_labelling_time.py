"""What `slu label` gains from workers, measured on a few lines: every kind of run is timed, with the same files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench_arm.host import labelling

PICO = Path(__file__).parents[3] / "models/nlpcc2018-pico"
KINDS = ["one process", "two processes", "two nodes of Ray"]


@pytest.mark.slow
def test_every_kind_of_run_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, report = tmp_path / "texts.txt", tmp_path / "labelling.json"
    texts.write_text("".join(f"来一首花心{number}\n" for number in range(300)), "utf-8")
    command = ["labelling", str(PICO), str(texts), "--rounds", "2", "--shard", "60", "--json", str(report)]
    monkeypatch.setattr(sys, "argv", command)
    assert labelling.main() == 0
    found = json.loads(report.read_text("utf-8"))
    assert (found["lines"], found["lines_of_a_shard"], found["same_files"]) == (300, 60, True)
    assert list(found["seconds"]) == list(found["times_as_fast"]) == KINDS
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in found["seconds"].values())
    assert found["times_as_fast"]["one process"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none", "none.txt"], "none: no such file or directory"),
        ([str(PICO), __file__, "--rounds", "0"], "--rounds is 0; it must be at least 1"),
        ([str(PICO), __file__, "--shard", "0"], "--shard is 0; it must be at least 1"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["labelling", *arguments])
    with pytest.raises(SystemExit) as ended:
        labelling.main()
    assert ended.value.code == 2 and words in capsys.readouterr().err
