"""``slu eval --noise --reject``: what is printed and written, and one line for a wrong option."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slu.cli import main
from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance


@pytest.fixture
def few(sample: list[Utterance], tmp_path: Path) -> Path:
    write_corpus(sample[:60], tmp_path / "few.txt")
    return tmp_path / "few.txt"


def test_robustness_is_measured(
    checkpoint_directory: Path, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--noise",
        "homophone=0.2",
        "--noise",
        "drop=0.1,homophone=0.1",
        "--reject",
        "--keep",
        "90",
        "--seed",
        "7",
    ]
    command = ["eval", str(checkpoint_directory), "--data", str(few), "--backend", "dygraph"]
    assert main([*command, *options, "--json", str(tmp_path / "r.json")]) == 0
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "r.json").read_text("utf-8"))
    calibration = result["calibration"]
    assert sum(row["count"] for row in calibration["bins"]) == 60
    assert calibration["risk_coverage"][-1]["risk"] == pytest.approx(100 - result["exact"])
    assert f"calibration error {calibration['ece']:.2f} %" in printed

    one, two = result["noise"]
    assert (one["noise"], two["noise"], one["seed"]) == ("homophone=0.2", "homophone=0.1,drop=0.1", 7)
    assert one["dropped_characters"] == 0 < min(one["replaced_characters"], two["dropped_characters"])
    assert 0 < one["changed_utterances"] <= 60 == one["utterances"]
    row = next(line for line in printed.splitlines() if line.startswith("homophone=0.2 "))
    assert row.split()[1:3] == [str(one["changed_utterances"]), f"{one['exact']:.2f}"]

    rejection = result["rejection"]
    assert [t["name"] for t in rejection["thresholds"]] == ["model", "kept"] and rejection["keep"] == 90
    own, kept = rejection["thresholds"]
    assert own["threshold"] == 0.25 and own["kept"] == pytest.approx(result["understood"])
    assert kept["kept"] >= 90 and kept["kinds"]["other_domain"]["utterances"] == 150
    assert f"keeps 90 % of the utterances: understood {kept['kept']:.2f} %" in printed


def test_without_the_options_only_the_score_is_judged(
    checkpoint_directory: Path, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.json"
    command = ["eval", str(checkpoint_directory), "--data", str(few), "--backend", "dygraph", "--json", str(out)]
    assert main(command) == 0
    result = json.loads(out.read_text("utf-8"))
    assert "calibration" in result and not {"noise", "rejection"} & set(result)
    assert "noise" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--noise", "echo=0.1"], "--noise echo=0.1: write KIND=RATE"),
        (["--noise", "polite", "--speech", "nowhere"], "polite.txt: cannot be read"),
        (["--commands", "nowhere"], "nowhere: holds no commands"),
        (["--keep", "0"], "--keep 0: must be a percentage"),
        (["--reject", "nowhere.txt"], "nowhere.txt: cannot be read"),
    ],
)
def test_a_wrong_option_is_one_line(
    checkpoint_directory: Path, few: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert main(["eval", str(checkpoint_directory), "--data", str(few), "--backend", "dygraph", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("slu: error: ") and error.count("\n") == 1 and says in error


def test_commands_are_listed_without_a_corpus(
    checkpoint_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands/music.next.txt").write_text("下一首\n[check]\n切歌\n", encoding="utf-8")
    command = ["eval", str(checkpoint_directory), "--commands", str(tmp_path / "commands"), "--backend", "dygraph"]
    assert main([*command, "--json", str(tmp_path / "r.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "下一首: trained with, " in lines[0] and lines[-1].startswith("1 commands that are not")
    parts = json.loads((tmp_path / "r.json").read_text("utf-8"))["commands"]["parts"]
    assert parts["training"]["commands"] == parts["check"]["commands"] == 1


def test_there_must_be_something_to_measure(checkpoint_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(checkpoint_directory)]) == 2
    assert "give --data FILE, --commands DIR, or both" in capsys.readouterr().err
