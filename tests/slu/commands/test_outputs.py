"""Files of other people stay as they are, and what is written is there before anything is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slu.cli import main

MINE = b"what was there\n"
RECORD = '{"text": "play jazz", "cats": ["play"], "entities": [[5, 9, "genre"]]}\n'


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A file of doccano's."""
    path = tmp_path / "d.jsonl"
    path.write_text(RECORD, "utf-8")
    return path


def convert(*arguments: object) -> int:
    return main(["data", "convert", *map(str, arguments)])


def test_conversion_replaces_nothing_of_somebody_else(
    foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thesis, corpus = tmp_path / "thesis.txt", tmp_path / "corpus.txt"
    thesis.write_bytes(MINE)
    assert convert(foreign, "--out", thesis) == 2
    assert "thesis.txt: exists already; choose another --out" in capsys.readouterr().err
    assert convert(foreign, "--out", corpus, "--json", thesis) == 2
    assert convert(foreign, "--out", corpus, "--json", corpus) == 2
    assert not corpus.exists()
    for _ in range(2):  # the same again is no loss
        assert convert(foreign, "--out", corpus, "--json", tmp_path / "found.json") == 0
    (tmp_path / "jb").mkdir()
    (tmp_path / "jb" / "label").write_bytes(MINE)
    assert convert(corpus, "--to", "jointbert", "--out", tmp_path / "jb") == 2
    assert os.listdir(tmp_path / "jb") == ["label"]
    assert thesis.read_bytes() == (tmp_path / "jb" / "label").read_bytes() == MINE
    (tmp_path / "jb" / "label").unlink()
    assert convert(corpus, "--to", "jointbert", "--out", tmp_path / "jb") == 0
    capsys.readouterr()
    for name in ("label", "corpus.txt"):
        assert convert(tmp_path / "jb", "--out", tmp_path / "jb" / name) == 2
        assert f"jb/{name}: is inside {tmp_path}/jb, which is to be converted" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path / "jb")) == ["label", "seq.in", "seq.out"]


RUN = """
import os, sys
from slu.cli import main
closed = sys.argv.pop(1) == "closed"
full = os.open("/dev/full", os.O_WRONLY)
if closed:
    sys.stdin = sys.stdout = None
    os.close(0), os.close(1)
else:
    os.dup2(full, 1), os.dup2(full, 2)
codes = [main(line.split()) for line in sys.argv[1:]]
assert not closed or os.fstat(0).st_rdev == os.fstat(1).st_rdev == os.stat("/dev/null").st_rdev
os._exit(0 if codes == [2] * len(codes) else 1)
"""


def test_what_cannot_be_printed_is_in_the_files(foreign: Path, tmp_path: Path) -> None:
    """And a wrong call is one wherever standard error goes."""
    commands = [f"data convert {foreign} --out {tmp_path}/o.txt --json {tmp_path}/o.json", "parse nope x"]
    assert subprocess.run([sys.executable, "-c", RUN, "full", *commands]).returncode == 0
    assert json.loads((tmp_path / "o.json").read_bytes())["utterances"] == 1
    assert (tmp_path / "o.txt").stat().st_size


def test_a_result_that_nobody_can_see_is_an_error() -> None:
    commands = ["parse nope", "eval nope --data nope"]
    done = subprocess.run([sys.executable, "-c", RUN, "closed", *commands], capture_output=True, text=True)
    assert done.stderr == "".join(
        f"slu: error: standard output is closed; slu {name} needs it for its result\n" for name in ("parse", "eval")
    )
    assert done.returncode == 0


def test_standard_input_that_is_closed(
    checkpoint_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["parse", str(checkpoint_directory)]) == 2
    assert "standard input is closed" in capsys.readouterr().err
