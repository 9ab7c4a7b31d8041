"""slu-cli: the same JSON as `slu parse`, and errors on one line."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine_build import ROOT
from native_api import Engine

from compress.calibration import divide_head
from export_lite.gguf import write_gguf
from slu.runtime.parser import ParseResult
from slu.tables import json_line

sys.path.insert(0, str(ROOT / "tests/golden"))


def run(host_build: Path, *arguments: object, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [str(host_build / "slu-cli"), *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True)


def test_lines_are_those_of_slu_parse(host_build: Path, library: ctypes.CDLL, tiny: Path) -> None:
    texts = [
        "play abc",
        "",
        '周华健 "a" \\ \t\x01\x7f\u202e\u0085\u2066',
        "的" * 12,
        "caf\u00e9 \U0001f600",
        "一首花心 100ml",
    ]
    done = run(host_build, "parse", tiny, text="\n".join(texts).encode() + b"\n")
    assert done.returncode == 0, done.stderr
    with Engine(library, tiny) as engine:
        expected = []
        for text in texts:
            result = ParseResult.from_dict({"text": text, **engine.parse(text)})
            expected.append(json_line(result.to_dict()))
    assert done.stdout.decode().splitlines() == expected


def test_scores_are_written_as_python_does(host_build: Path, tmp_path: Path, library: ctypes.CDLL) -> None:
    from make_golden import checkpoint

    unsure = tmp_path / "unsure.gguf"
    write_gguf(divide_head(checkpoint(), 5.0), unsure)
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abc的来一首周华健 12"), 10)) for _ in range(300)]
    done = run(host_build, "parse", unsure, text="\n".join(texts).encode())
    with Engine(library, unsure) as engine:
        expected = [f'"score": {json.dumps(round(engine.parse(text)["score"], 6))},' for text in texts]
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(texts)
    assert all(score in line for score, line in zip(expected, lines))
    assert any("e-0" in score for score in expected), "small ones are among them"


def test_carriage_returns_end_lines_too(host_build: Path, tiny: Path) -> None:
    assert (
        run(host_build, "parse", tiny, text=b"a\r\nb\r\n").stdout == run(host_build, "parse", tiny, text=b"a\nb").stdout
    )


def test_info(host_build: Path, tiny: Path) -> None:
    about = json.loads(run(host_build, "info", tiny).stdout)
    assert (about["hidden_size"], about["heads"], about["head_size"], about["intermediate_size"]) == (20, 3, 6, 27)
    assert about["intents"] == ["call", "none", "play"]
    assert about["slots"] == ["name", "singer", "song"]
    assert about["quantised"]
    assert about["threshold"] == 0.25
    assert about["model_bytes"] == tiny.stat().st_size


def test_bench(host_build: Path, tiny: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("1\tplay abc\tplay\tplay abc\n\n来一首\n", encoding="utf-8")
    found = json.loads(run(host_build, "bench", tiny, corpus, "--repeat", 2).stdout)
    assert found["utterances"] == 2
    assert found["tokens"] == 2 * (4 + 5)
    for name in ("end_to_end_ms", "model_ms", "tokenize_ms"):
        assert 0 < found[name]["p50"] <= found[name]["p99"]
    assert found["rss_growth_bytes"] < tiny.stat().st_size + 1_000_000


def test_lists_and_dialogues(host_build: Path, library: ctypes.CDLL, flagged: Path, tmp_path: Path) -> None:
    (tmp_path / "song.txt").write_text("# songs\n来\n", encoding="utf-8")
    (tmp_path / "singer.txt").write_bytes(b"")
    turns = ["来一首", "a b", "", "来 a"]
    words = ["--lexicon", f"song={tmp_path}/song.txt", "--lexicon", f"singer={tmp_path}/singer.txt"]
    done = run(host_build, "parse", flagged, *words, "--session", text="\n".join(turns).encode() + b"\n")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.decode().splitlines()]
    with Engine(library, flagged) as engine:
        engine.change("model", "add", "song", "来".encode())
        expected, previous = [], -1
        for text in turns:
            engine.set_previous_intent(previous)
            previous = -1
            if text:
                expected.append(engine.parse(text))
                names = [engine.info.intents[i].decode() for i in range(engine.info.intent_count)]
                previous = names.index(expected[-1]["intent"])
    assert [turn["text"] for turn in found] == [text for text in turns if text]
    for turn, wanted in zip(found, expected):
        assert (turn["intent"], turn["slots"]) == (wanted["intent"], wanted["slots"])
        assert turn["score"] == pytest.approx(wanted["score"], abs=1e-6)
    plain = run(host_build, "parse", flagged, text="\n".join(turns).encode()).stdout
    alone = [json.loads(line) for line in plain.splitlines()]
    assert {turn["score"] for turn in found}.isdisjoint(turn["score"] for turn in alone)
    about = json.loads(run(host_build, "info", flagged).stdout)
    assert (about["flag_count"], about["lexicon_entries"]) == (16, 4)
    assert about["uses_lexicon"] and about["uses_previous_intent"]


def test_bench_with_lists(host_build: Path, flagged: Path, tmp_path: Path) -> None:
    for name, content in (("corpus.txt", "a b c\n周华健\n"), ("list.txt", "a b\n")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    command = "bench", flagged, tmp_path / "corpus.txt", "--lexicon", f"name={tmp_path}/list.txt"
    found = json.loads(run(host_build, *command).stdout)
    assert 0 < found["tokens_and_flags_ms"]["p50"] <= found["tokens_and_flags_ms"]["p99"]


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        (["parse", "missing.gguf"], b"", b"missing.gguf: cannot be opened"),
        (["parse", "MODEL", "--kernel", "abacus"], b"", b"kernel abacus"),
        (["parse", "MODEL"], b"a\n\xff\n", b"line 2: the text is not UTF-8 at byte 0"),
        (["bench", "MODEL", "missing.txt"], b"", b"missing.txt: cannot be opened"),
        (["bench", "MODEL", "EMPTY"], b"", b"no text in it"),
        *(([name, "MODEL", "/dev/zero"], b"", b"is a pipe or a device") for name in ("bench", "memory", "sustain")),
        (["bench", "MODEL", "PIPE"], b"", b"is a pipe or a device; write its content to a file"),
        (["evict", "PIPE"], b"", b"is no regular file"),
        (["memory", "MODEL", "."], b"", b"is a directory"),
        (["bench", "MODEL", "/dev/null", "--repeat", "0"], b"", b"--repeat"),
        (["parse", "MODEL", "--session"], b"", b"--session: this model was trained without the previous intent"),
        (["parse", "MODEL", "--lexicon", "name"], b"", b"--lexicon name: write SLOT=FILE"),
        (["parse", "MODEL", "--lexicon", "name=missing.txt"], b"", b"missing.txt: cannot be opened"),
        (["parse", "MODEL", "--lexicon", "name=/dev/null"], b"", b"trained without lexicons"),
        (["frobnicate"], b"", b"usage"),
        ([], b"", b"usage"),
    ],
)
def test_errors(
    host_build: Path, tiny: Path, arguments: list[str], text: bytes, message: bytes, tmp_path: Path
) -> None:
    files = {"MODEL": tiny, "PIPE": tmp_path / "pipe", "EMPTY": tmp_path / "empty"}
    os.mkfifo(files["PIPE"])
    files["EMPTY"].touch()
    done = run(host_build, *[files.get(word, word) for word in arguments], text=text)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ("< /", b"standard input: Is a directory"),
        ("<&-", b"standard input: Bad file descriptor"),
        ("< TEXTS >&-", b"standard output: Bad file descriptor"),
    ],
)
def test_streams_that_cannot_be_read_or_written(
    host_build: Path, tiny: Path, streams: str, message: bytes, tmp_path: Path
) -> None:
    """Neither is the model taken for one of them, as it would have its number."""
    (tmp_path / "texts").write_text("a\n")
    command = f'exec "{host_build}/slu-cli" parse "{tiny}" {streams.replace("TEXTS", f"{tmp_path}/texts")}'
    done = subprocess.run(["sh", "-c", command], capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"slu-cli: error: " + message + b"\n"


def test_pinned_texts(host_build: Path, tmp_path: Path) -> None:
    file, model = tmp_path / "pins.txt", ROOT / "tests/golden/speech.gguf"
    file.write_text("# ours\nplay\t来<song>花心</song>\n", encoding="utf-8")
    arguments = ("parse", model, "--pins", file, "--pin", "none=stop")
    done = run(host_build, *arguments, text="来《花心》。\nStop!\na\n".encode())
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    slot = {"name": "song", "value": "花心", "start": 2, "end": 4}
    assert first == {
        "text": "来《花心》。",
        "intent": "play",
        "score": 1.0,
        "understood": True,
        "slots": [slot],
        "pinned": True,
    }
    assert (second["intent"], second["pinned"]) == ("none", True) and "pinned" not in third
    for wrong, words in (("none", b"write INTENT=TEXT"), ("stop=a", b"no intent stop")):
        done = run(host_build, "parse", model, "--pin", wrong)
        assert done.returncode == 2 and words in done.stderr


def test_bench_with_lines(host_build: Path, tiny: Path, tmp_path: Path) -> None:
    texts = ["play abc", "周华健 的", "play abc"]
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    done = run(host_build, "bench", tiny, tmp_path / "texts.txt", "--repeat", "3", "--lines")
    *answers, summary = (json.loads(line) for line in done.stdout.splitlines())
    assert [answer["text"] for answer in answers] == texts
    parsed = run(host_build, "parse", tiny, text="\n".join(texts).encode()).stdout.splitlines()
    for answer, line in zip(answers, parsed):
        times = answer.pop("end_to_end_ms"), answer.pop("model_ms")
        assert answer == json.loads(line) and all(len(each) == 3 and min(each) > 0 for each in times)
    assert summary["opened_ns"] > summary["started_ns"] > 10**18 and summary["first_parse_ms"] > 0


def test_memory_and_sustain(host_build: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("play abc\n周华健\n", encoding="utf-8")
    found = json.loads(run(host_build, "memory", tiny, tmp_path / "texts.txt").stdout)
    assert 0 < found["pss_before_bytes"] <= found["pss_opened_bytes"] <= found["pss_peak_bytes"]
    assert found["pss_bytes"] <= found["pss_peak_bytes"] <= found["rss_peak_bytes"]
    found = json.loads(run(host_build, "sustain", tiny, tmp_path / "texts.txt", "--seconds", "2").stdout)
    assert len(found["seconds"]) == 2 and found["utterances"] == sum(row["utterances"] for row in found["seconds"])
    assert run(host_build, "sustain", tiny, tmp_path / "none.txt").stderr.decode().endswith("cannot be opened\n")


def test_evict(host_build: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(50_000))
    assert file.read_bytes()
    found = json.loads(run(host_build, "resident", file).stdout)
    assert found[0] | {"resident": 13} == {"file": str(file), "pages": 13, "resident": 13}
    found = json.loads(run(host_build, "evict", file).stdout)
    assert found[0] | {"resident": 0} == {"file": str(file), "pages": 13, "resident": 0}
    done = run(host_build, "evict", tmp_path / "none")
    assert done.returncode == 2 and b"none: cannot be opened" in done.stderr
