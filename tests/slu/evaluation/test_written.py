"""The same utterances as others say and write them: what each kind of noise changes, and what it leaves."""

from __future__ import annotations

import sys
import types
import unicodedata
from pathlib import Path

import pytest

from slu.corpus.phrase_files import CHECK, TRAINING
from slu.corpus.speech import KINDS, read_phrases
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.evaluation import written
from slu.evaluation.noise import SHARES, Noise, add_noise, check_installed, parse_noise
from slu.evaluation.written import traditional_of, write_otherwise

SPEECH = Path(__file__).parents[3] / "data/speech"


@pytest.mark.parametrize("kind", SHARES)
def test_labels_follow(sample: list[Utterance], kind: str) -> None:
    utterances = sample[:400]
    noisy = write_otherwise(utterances, kind, seed=1, speech=SPEECH)
    assert noisy == write_otherwise(utterances, kind, seed=1, speech=SPEECH)
    for before, after in zip(utterances, noisy, strict=True):
        assert (before.intent, before.session) == (after.intent, after.session)
        assert [slot.name for slot in before.slots] == [slot.name for slot in after.slots]
        assert all(slot.value == after.text[slot.start : slot.end] for slot in after.slots)
    changed = sum(a.text != b.text for a, b in zip(utterances, noisy))
    assert changed > {"width": 20, "traditional": 200, "mixed": 250}.get(kind, 350)


@pytest.mark.parametrize("kind", KINDS)
def test_phrases_are_those_that_no_model_is_trained_with(sample: list[Utterance], kind: str) -> None:
    frames = {part: read_phrases(SPEECH, part).frames[kind] for part in (TRAINING, CHECK)}
    drawn = set()
    for before, after in zip(sample[:300], write_otherwise(sample[:300], kind, speech=SPEECH)):
        found = [frame for frame in frames[CHECK] if frame[0] + before.text + frame[1] == after.text]
        assert found
        drawn.add(found[0])
    assert len(drawn) > 30 and not drawn & set(frames[TRAINING])


def test_a_share_of_the_utterances(sample: list[Utterance]) -> None:
    noisy = add_noise(sample, parse_noise("filler=0.3"), seed=2, speech=SPEECH)
    assert noisy.changed == pytest.approx(0.3 * len(sample), rel=0.1)
    assert (noisy.replaced_characters, noisy.dropped_characters, noisy.vanished_slots) == (0, 0, 0)


def test_width_is_only_the_width(sample: list[Utterance]) -> None:
    for before, after in zip(sample, write_otherwise(sample, "width")):
        assert unicodedata.normalize("NFKC", after.text) == unicodedata.normalize("NFKC", before.text)


def test_opencc_chooses_by_phrase() -> None:
    assert traditional_of("头发") == "頭髮" and traditional_of("出发去电视台") == "出發去電視臺"


def test_a_conversion_of_another_length_goes_character_by_character(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = types.SimpleNamespace(convert=lambda text: {"发": "發", "a": "ab"}.get(text, text + "!"))
    monkeypatch.setattr(written, "_converter", lambda: longer)
    written._traditional_character.cache_clear()
    assert traditional_of("发ab") == "發ab"
    written._traditional_character.cache_clear()


def test_it_is_written_as_it_is_read() -> None:
    assert parse_noise("polite,drop=0.1,wake=0.5") == Noise(drop=0.1, shares=(("polite", 1.0), ("wake", 0.5)))
    assert str(parse_noise("wake=.5,polite,drop=.1")) == "polite,wake=0.5,drop=0.1"


@pytest.mark.parametrize("text", ["polite=", "polite=0", "polite,polite", "rude", "width=2"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write KIND=RATE"):
        parse_noise(text)


def test_phrases_are_needed(sample: list[Utterance]) -> None:
    with pytest.raises(ConfigError, match="--speech"):
        write_otherwise(sample[:1], "polite")


def test_traditional_needs_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    written._converter.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)
    check_installed(parse_noise("width"))
    with pytest.raises(ConfigError, match=r"slu\[noise\]"):
        check_installed(parse_noise("mixed"))
