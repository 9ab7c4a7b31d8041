"""``slu eval`` and ``slu parse``: what they print and write, and one line for whatever cannot be."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slu.cli import main
from slu.corpus.tagged import read_corpus, write_corpus
from slu.corpus.utterance import Slot, Utterance

TEXTS = ["来一首周华健的花心", "Jay Chou 100ml 🎵", "", "听" * 50]


@pytest.fixture
def few(sample: list[Utterance], tmp_path: Path) -> Path:
    """A corpus of the first 60 utterances."""
    write_corpus(sample[:60], tmp_path / "few.txt")
    return tmp_path / "few.txt"


def one_line(stderr: str, *words: str) -> None:
    assert stderr.startswith("slu: error: ")
    assert stderr.count("\n") == 1
    assert all(word in stderr for word in words)


def test_parse_prints_a_json_line_an_utterance(
    checkpoint_directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["parse", str(checkpoint_directory), *TEXTS]) == 0
    lines = capsys.readouterr().out.splitlines()
    answers = [json.loads(line) for line in lines]
    assert [answer["text"] for answer in answers] == TEXTS
    assert "周华健" in lines[0]  # readable, not escaped
    for answer in answers:
        assert list(answer)[:5] == ["text", "intent", "score", "understood", "slots"]
        assert answer["understood"] == (answer["score"] >= 0.25)  # the checkpoint's threshold
        for slot in answer["slots"]:
            assert slot["value"] == answer["text"][slot["start"] : slot["end"]]
    assert [answer.get("truncated") for answer in answers] == [None, None, None, True]

    from slu.runtime.loading import load

    parser = load(checkpoint_directory)
    assert [parser.parse(text).to_dict() for text in TEXTS] == answers

    standard_input = io.BytesIO("\r\n".join(TEXTS).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(standard_input, encoding="ascii"))
    assert main(["parse", str(checkpoint_directory)]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_eval_measures_and_lists_errors(
    checkpoint_directory: Path, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = {"--json": tmp_path / "r.json", "--errors": tmp_path / "e.txt"}
    options = [str(word) for pair in out.items() for word in pair]
    assert main(["eval", str(checkpoint_directory), "--data", str(few), *options]) == 0
    result = json.loads(out["--json"].read_text("utf-8"))
    assert list(result)[:12] == [
        *("model", "backend", "data", "utterances", "exact", "seed_accuracy", "intent_accuracy", "intent_macro_f1"),
        *("slot_precision", "slot_recall", "slot_f1", "understood"),
    ]
    assert (result["model"], result["backend"], result["utterances"]) == (str(checkpoint_directory), "dygraph", 60)
    utterances = read_corpus(few)
    head, *wrong = out["--errors"].read_text("utf-8").splitlines()
    assert all(line.count("\t") == head.count("\t") == 6 for line in wrong)
    assert len(wrong) == round(60 * (1 - result["exact"] / 100))
    assert {line.split("\t")[1] for line in wrong} <= {utterance.text for utterance in utterances}
    printed = capsys.readouterr().out
    assert f"  exact             {result['exact']:.2f} %" in printed
    for name in {u.intent for u in utterances} | {s.name for u in utterances for s in u.slots}:
        assert f"\n{name} " in printed


def test_labels_that_the_model_lacks_are_wrong_and_listed(
    checkpoint_directory: Path, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    utterances = read_corpus(few)
    known = tmp_path / "result.json"
    assert main(["eval", str(checkpoint_directory), "--data", str(few), "--json", str(known)]) == 0
    right = json.loads(known.read_text("utf-8"))
    assert "unknown_labels" not in right
    strange = [
        Utterance("几点了", "clock.ask", (), "n1"),
        Utterance("开灯", utterances[0].intent, (Slot("灯/具", "灯", 1, 2),), "n2"),
        Utterance("关灯", "clock.ask", (Slot("灯/具", "灯", 1, 2),), "n3"),
    ]
    write_corpus([*utterances, *strange], few)
    capsys.readouterr()
    assert main(["eval", str(checkpoint_directory), "--data", str(few), "--json", str(known)]) == 0
    result = json.loads(known.read_text("utf-8"))
    assert result["unknown_labels"] == {"utterances": 3, "intents": {"clock.ask": 2}, "slots": {"灯/具": 2}}
    assert result["exact"] == pytest.approx(right["exact"] * 60 / 63)
    assert result["classes"]["intents"]["clock.ask"]["recall"] == 0
    assert "3 of 63 utterances have a label that the model lacks" in capsys.readouterr().out


def spoil(name: str, content: bytes | None) -> Callable[[Path, Path], None]:
    def change(model: Path, data: Path) -> None:
        path = data if name == "data" else model / name
        path.unlink() if content is None else path.write_bytes(content)

    return change


def extra_word(model: Path, data: Path) -> None:
    with (model / "vocab.txt").open("a") as stream:
        stream.write("x\n")


def half_the_weights(model: Path, data: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoil("data", None), "few.txt: cannot be read (No such file"),
        (spoil("data", b""), "few.txt: no utterances"),
        (spoil("data", b"\n\n"), "few.txt: no utterances"),
        (spoil("data", b"1\t\xff\tOTHERS\t\xff\n"), "few.txt:1: not UTF-8"),
        (spoil("data", b"1\tx\tsing\tx\n"), "few.txt: the model has none of its intents (sing); give a file with"),
        (spoil("model.safetensors", None), "tiny"),
        (spoil("manifest.json", None), "manifest.json"),
        (spoil("manifest.json", b'{"format_version": 9}'), "manifest.json: format version 9, this program reads 1"),
        (spoil("labels.json", b"{"), "labels.json: not JSON"),
        (spoil("config.json", b"[]"), "config.json: not a JSON object"),
        (extra_word, "vocab.txt"),
        (half_the_weights, "model.safetensors: not a whole safetensors file"),
    ],
)
def test_bad_input_is_one_line(
    change: Callable[[Path, Path], None],
    words: str,
    checkpoint_directory: Path,
    few: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(checkpoint_directory, few)
    out = tmp_path / "result.json"
    assert main(["eval", str(checkpoint_directory), "--data", str(few), "--json", str(out)]) == 2
    one_line(capsys.readouterr().err, words)
    assert not out.exists()
    if few.exists() and few.stat().st_size > 1000:  # it is the model that was spoilt
        assert main(["parse", str(checkpoint_directory), "听"]) == 2
        captured = capsys.readouterr()
        one_line(captured.err, words)
        assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["parse", "NOWHERE", "听"], "NOWHERE: no such directory"),
        (["parse", "FILE", "听"], "not a GGUF file"),
        (["parse", "EMPTY", "听"], "EMPTY"),
        (["parse", "--backend", "abacus", "MODEL", "听"], "--backend abacus"),
        (["parse", "--backend", "paddle", "MODEL", "听"], "model.pdmodel"),
        (["parse", "MODEL", "听", "\udcff"], "TEXT 2: not UTF-8"),
        (["eval", "MODEL", "--data", "EMPTY"], "EMPTY: cannot be read (Is a directory)"),
        (["eval", "MODEL", "--data", "FILE", "--json", "EMPTY"], "EMPTY: cannot be written"),
        (["eval", "MODEL", "--data", "FILE", "--json", "FILE/x"], "x: cannot be written"),
        (["eval", "MODEL", "--data", "FILE", "--errors", "/dev/full"], "/dev/full: no space left"),
    ],
)
def test_a_wrong_argument_is_one_line(
    arguments: list[str],
    words: str,
    checkpoint_directory: Path,
    few: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "EMPTY").mkdir()
    names = {"MODEL": checkpoint_directory, "FILE": few, "EMPTY": tmp_path / "EMPTY", "FILE/x": few / "x"}
    assert main([str(names.get(argument, argument)) for argument in arguments]) == 2
    one_line(capsys.readouterr().err, words)


@pytest.mark.parametrize("arguments", [[], ["parse"], ["eval"], ["sing"], ["parse", "--loud", "x"]])
def test_a_wrong_call_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1
    assert stderr.startswith("slu")


def test_a_process_answers_line_by_line_until_one_is_not_text(checkpoint_directory: Path) -> None:
    command = [sys.executable, "-m", "slu.cli", "parse", str(checkpoint_directory)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.stdin and process.stdout and process.stderr
        for text in ("听花心", "下一首"):  # each answer comes before the next question
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == text
        process.stdin.write(b"\xff\n")
        process.stdin.close()
        assert process.stdout.read() == b""
        one_line(process.stderr.read().decode(), "standard input, line 3: not UTF-8")
        assert process.wait(60) == 2


def test_arguments_that_are_not_text(checkpoint_directory: Path) -> None:
    command = [sys.executable.encode(), b"-m", b"slu.cli", b"parse", os.fsencode(checkpoint_directory), b"\xff"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")
    one_line(done.stderr.decode(), "TEXT 1: not UTF-8")


@pytest.mark.parametrize("lines", [1, 60])
def test_output_that_nobody_takes(lines: int, few: Path) -> None:
    """A full disk is an error, a reader that has gone is none; also when all output fits into Python's buffer."""
    few.write_text("\n".join(["bad"] * lines), encoding="utf-8")
    check = [sys.executable, "-m", "slu.cli", "data", "check", str(few)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(check, stdout=full, stderr=subprocess.PIPE, env=environment, check=False, timeout=60)
    assert done.returncode == 2
    one_line(done.stderr.decode(), "no space left")

    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(check, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
