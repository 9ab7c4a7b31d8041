"""What a model cannot learn of a corpus: counted, compared with a version that tries every pair of tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slu.cli import main
from slu.corpus.utterance import Slot, Utterance
from slu.inputs.coverage import coverage
from slu.inputs.normalisation import PLAIN, SPEECH
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer

VOCAB = [*SPECIAL_TOKENS, *"abc花心0", "##a", "##b", "abc", "ab", "cab", "00"]


def learnable(utterance: Utterance, tokenizer: Tokenizer, max_length: int) -> list[bool]:
    """Whether some run of tokens stands for each slot exactly."""
    encoding = tokenizer.encode(utterance.text, max_length)
    starts, ends = encoding.starts[1:-1].tolist(), encoding.ends[1:-1].tolist()
    pairs = {(start, end) for i, start in enumerate(starts) for end in ends[i:]}
    return [(slot.start, slot.end) in pairs for slot in utterance.slots]


@st.composite
def utterances(draw: st.DrawFn) -> Utterance:
    text = draw(st.text("abc花心0 。x", min_size=1, max_size=14))
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pairs = [(a, b) for a, b in zip(borders[::2], borders[1::2]) if text[a:b].strip() == text[a:b]]
    return Utterance(text, "x", tuple(Slot("s", text[a:b], a, b) for a, b in pairs), "1")


@pytest.mark.parametrize("normalisation", [PLAIN, SPEECH])
@given(corpus=st.lists(utterances(), min_size=1, max_size=4), max_length=st.integers(3, 12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_counts_are_those_of_trying_all(normalisation: str, corpus: list[Utterance], max_length: int) -> None:
    tokenizer = Tokenizer(VOCAB, normalisation=normalisation)
    found = coverage(corpus, tokenizer, max_length)
    wanted = [one for utterance in corpus for one in learnable(utterance, tokenizer, max_length)]
    assert (found.slots, found.unlearnable) == (len(wanted), wanted.count(False))
    encodings = [tokenizer.encode(utterance.text, max_length) for utterance in corpus]
    assert found.texts_truncated == sum(encoding.truncated for encoding in encodings)
    assert found.longest == max(len(tokenizer.encode(utterance.text, 99).ids) for utterance in corpus)


def test_each_kind_has_its_setting() -> None:
    corpus = [
        Utterance("花心花心花心", "x", (Slot("s", "花心", 4, 6),), "1"),
        Utterance("花 abc", "x", (Slot("s", "ab", 2, 4),), "1"),
        Utterance("花心。", "x", (Slot("s", "心。", 1, 3),), "1"),
        Utterance("花 xyz", "x", (), "1"),
    ]
    found = coverage(corpus, Tokenizer(VOCAB, normalisation=SPEECH), 6)
    assert (found.slots_behind, found.slots_inside_token, found.slots_uncovered) == (1, 1, 1)
    assert (found.texts_truncated, found.characters_unknown, found.characters_dropped) == (1, 3, 1)
    summary, *warnings = found.lines()
    assert "4 texts with 3 slots" in summary
    settings_named = [
        "model.max_length to 8",
        "model.max_length to 8",
        "model.vocab",
        "model.normalisation",
        "model.vocab",
    ]
    assert len(warnings) == len(settings_named)
    for warning, setting in zip(warnings, settings_named):
        assert setting in warning
    assert "example" not in found.to_json()
    assert coverage(corpus[3:], Tokenizer([*VOCAB, "xyz"]), 6).lines()[1:] == []


def test_check_counts_for_a_model_and_for_a_recipe(
    checkpoint_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, recipe = tmp_path / "corpus.txt", tmp_path / "recipe.toml"
    data.write_text(f"1\t{'请' * 40}花心\tmusic.play\t{'请' * 40}<song>花心</song>\n", "utf-8")
    recipe.write_text('[data]\ncorpus = "corpus.txt"\n[model]\nmax_length = 32\n', "utf-8")
    report = tmp_path / "report.json"
    for option, value in (("--model", checkpoint_directory), ("--config", recipe)):
        assert main(["data", "check", str(data), option, str(value), "--json", str(report)]) == 0
        assert "100.0 % of the slots are behind the last token" in capsys.readouterr().out
        assert '"slots_behind": 1' in report.read_text("utf-8")
    assert main(["data", "check", str(data), "--config", str(recipe), "--set", "model.max_length=64"]) == 0
    assert "warning: " not in capsys.readouterr().out
