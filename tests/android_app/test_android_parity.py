"""Decisions through Java, here and as ARM64 code, against the C API: the same, bit for bit."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import pytest
from machines import GOLDEN, ROOT, Machine

from slu.corpus.utterance import Utterance


def golden_script() -> list[tuple[str, ...]]:
    """The texts of the tokenizer's golden file, the scenarios of the lexicon's, and texts that are no UTF-8."""
    texts = [case["text"] for case in json.loads((GOLDEN / "tokenizer.json").read_text("utf-8"))]
    lines: list[tuple[str, ...]] = [("parse", text) for text in texts]
    for scenario in json.loads((GOLDEN / "lexicon.json").read_text("utf-8"))["scenarios"]:
        for step in scenario["steps"]:
            if "text" in step:
                before = {-1: "restart", -2: "parse"}.get(step["previous"])
                text = step["text"]
                if before == "restart":
                    lines += [("restart",), ("turn", text), ("turn", text)]
                else:
                    lines.append(
                        ("parse", text) if before else ("after", ("call", "none", "play")[step["previous"]], text)
                    )
            elif step["error_line"] is None and step["change"] == "reset":
                lines.append((step["layer"], "reset", *filter(None, [step["slot"]])))
            elif step["slot"]:
                phrases = bytes.fromhex(step["hex"]).decode("utf-8", "replace").replace("\r", " ").split("\n")
                plain = [phrase for phrase in phrases if "#" not in phrase and "\ufeff" not in phrase]
                lines.append((step["layer"], step["change"], step["slot"], "\n".join(plain)))
        lines += [("model", "reset"), ("context", "reset")]
    return lines + [
        ("parse", text) for text in ("\ud800", "\udc00周华健\ud83d", "\ud800\ud800\udc00 play", "😀😀周华健的花心")
    ]


def corpus_script(sample: list[Utterance]) -> list[tuple[str, ...]]:
    """1,000 lines of the sample corpus as dialogues, with names added on the way."""
    lines: list[tuple[str, ...]] = []
    for i, utterance in enumerate(sample[:1000]):
        if i % 7 == 0:
            lines.append(("restart",))
        if i == 300:
            lines.append(("model", "add", "contact_name", "诸葛小明\n慕容青川"))
        if i == 600:
            lines.append(("context", "replace", "song", "花心\n忘情水"))
        if i == 800:
            lines.append(("pin-model", "add", "OTHERS", "\n".join(u.text for u in sample[800:820])))
            lines.append(("pin-context", "add", "music.play", "来一首<singer>周华健</singer>的<song>花心</song>"))
            lines.append(("pin-context", "remove", sample[801].text))
            lines.append(("turn", "来一首周华健的花心。"))
        lines.append(("turn", utterance.text))
    return lines


@pytest.fixture(scope="session")
def engine() -> ctypes.CDLL:
    from engine_build import build
    from native_api import load_library

    return load_library(build("host", targets=("slu",)) / "libslu.so")


def compare(
    machine: Machine,
    classpath: list[Path],
    engine: ctypes.CDLL,
    model: Path,
    lines: list,
    script: Path,
    kernel: str = "fastest",
) -> None:
    from scripts import answers, write_script

    write_script(script, lines)
    found = machine.run(classpath, "org.slu.tests.Script", model, script, kernel).splitlines()
    expected = answers(engine, model, lines)
    assert len(found) == len(expected) == len(lines)
    for call, is_, should in zip(lines, found, expected):
        assert is_ == should, call
    assert any(":" in line for line in found), "some slots are found"


@pytest.mark.parametrize(
    ("where", "kernel"),
    [
        ("host", "fastest"),
        ("x86_64", "fastest"),
        ("arm64", "fastest"),
        ("arm32", "neon"),
        pytest.param("arm32", "plain", marks=pytest.mark.slow),
    ],
)
def test_golden_files(
    where: str,
    kernel: str,
    request: pytest.FixtureRequest,
    test_classes: Path,
    classes: Path,
    engine: ctypes.CDLL,
    models: dict,
    tmp_path: Path,
) -> None:
    machine = request.getfixturevalue(where)
    lines = golden_script()
    assert len(lines) > 100
    compare(machine, [test_classes, classes], engine, models["flagged"], lines, tmp_path / "script", kernel)
    parses = [line for line in lines if line[0] == "parse"]
    compare(machine, [test_classes, classes], engine, models["tiny"], parses, tmp_path / "script", kernel)


@pytest.mark.parametrize("where", ["host", "arm64"])
def test_sample_corpus(
    where: str,
    request: pytest.FixtureRequest,
    test_classes: Path,
    classes: Path,
    engine: ctypes.CDLL,
    sample: list[Utterance],
    tmp_path: Path,
) -> None:
    machine = request.getfixturevalue(where)
    model = ROOT / "models/nlpcc2018-nano/model.gguf"
    lines = corpus_script(sample if where == "host" else sample[:150])  # an emulator takes its time
    assert sum(line[0] == "turn" for line in lines) == {"host": 1001, "arm64": 150}[where]
    compare(machine, [test_classes, classes], engine, model, lines, tmp_path / "script")
