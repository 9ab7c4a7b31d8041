"""What should not be understood: how it is made, and how its rejection is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slu.corpus.speech import read_phrases
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.evaluation.evaluate import evaluate
from slu.evaluation.rejection import JOINERS, OTHER_DOMAINS, keep_threshold, measure_rejection, negatives
from slu.runtime.parser import Parser


def test_nonsense_is_made_of_the_utterances(sample: list[Utterance]) -> None:
    utterances = sample[:200]
    groups = negatives(utterances, OTHER_DOMAINS, seed=1)
    assert list(groups) == ["random", "shuffled", "other_domain", "empty", "two_commands", "rubbish"]
    assert groups == negatives(utterances, OTHER_DOMAINS, seed=1) != negatives(utterances, OTHER_DOMAINS, seed=2)
    assert [len(text) for text in groups["random"]] == [len(utterance.text) for utterance in utterances]
    assert set("".join(groups["random"])) <= {char for utterance in utterances for char in utterance.text}
    long = [u.text for u in utterances if len(u.text) >= 4]
    assert [sorted(text) for text in groups["shuffled"]] == [sorted(text) for text in long]
    assert all(text != before for text, before in zip(groups["shuffled"], long))
    assert "" in groups["empty"] and not any(char.isalnum() for text in groups["empty"] for char in text)


def test_the_sentences_of_other_domains(sample: list[Utterance]) -> None:
    lines = OTHER_DOMAINS.read_text(encoding="utf-8").splitlines()
    domains, sentences = zip(*(line.split("\t") for line in lines))
    assert len(set(sentences)) == len(lines) == 150 and all(4 <= len(sentence) <= 20 for sentence in sentences)
    assert {domains.count(domain) for domain in domains} == {15}
    assert not {utterance.text for utterance in sample} & set(sentences)
    assert negatives(sample[:1], OTHER_DOMAINS)["other_domain"] == list(sentences)


def test_shares_are_counted(knowing: Parser, settled: list[Utterance], tmp_path: Path) -> None:
    """The parser knows every utterance and is sure of it; of other texts it knows nothing."""
    utterances = settled[:300]
    others = [utterance for utterance in utterances if utterance.intent == "OTHERS"]
    assert others
    (tmp_path / "mine.txt").write_text(f"天气\t明天会下雨吗\n\n{others[0].text}\n今天几号开学\n", encoding="utf-8")
    groups = negatives(utterances, tmp_path / "mine.txt")
    assert groups["other_domain"] == ["明天会下雨吗", others[0].text, "今天几号开学"]
    result = measure_rejection(knowing, utterances, evaluate(knowing, utterances)[1], groups, keep=95)
    assert result["out_of_domain"] == "OTHERS"
    own, kept = result["thresholds"]
    assert (own["name"], own["threshold"], own["kept"], own["kept_of_right"]) == ("model", 0.5, 100, 100)
    assert own["kinds"]["real"] == {
        "utterances": 300 - len(others),
        "not_understood": 0.0,
        "rejected": 0.0,
    }
    assert own["kinds"]["real_others"] == {"utterances": len(others), "not_understood": 0.0, "rejected": 100.0}
    known = own["kinds"]["other_domain"]  # one of the three is an utterance, and answered OTHERS
    assert known["not_understood"] == pytest.approx(200 / 3) and known["rejected"] == pytest.approx(100)
    unknown = [text not in {utterance.text for utterance in settled} for text in groups["empty"]]
    assert own["kinds"]["empty"]["not_understood"] == pytest.approx(100 * sum(unknown) / len(unknown))
    assert 80 < result["auroc"]["other_domain"] < result["auroc"]["empty"]
    assert kept["name"] == "kept" and kept["kept"] >= 95 and kept["threshold"] > own["threshold"]


def test_the_threshold_keeps_as_many_as_it_says() -> None:
    scores = np.random.default_rng(0).choice(np.random.default_rng(1).random(50), 333)
    for share in (0.5, 0.9, 0.95, 1.0):
        threshold = keep_threshold(scores, share)
        assert (scores >= threshold).mean() >= share > (scores > threshold).mean() - 1e-9
    assert keep_threshold(scores, 1.0) == scores.min()


@pytest.mark.parametrize(("content", "says"), [(None, "cannot be read"), (b"\xff", "not UTF-8"), (b"\n \n", "no sent")])
def test_a_file_without_sentences(sample: list[Utterance], tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(CorpusError, match=says):
        negatives(sample[:5], tmp_path / "mine.txt")


def test_half_of_it_is_a_command(sample: list[Utterance]) -> None:
    utterances = sample[:300]
    commands = [utterance for utterance in utterances if utterance.intent != "OTHERS"]
    groups = negatives(utterances, OTHER_DOMAINS, seed=1)
    assert len(groups["rubbish"]) == len(commands) > len(groups["two_commands"]) > len(commands) / 2
    assert all(text.startswith(u.text) and len(text) > len(u.text) for text, u in zip(groups["rubbish"], commands))
    intents = {}
    for utterance in commands:
        intents.setdefault(utterance.text, set()).add(utterance.intent)
    for text in groups["two_commands"]:
        halves = [(text[: text.index(j)], text[text.index(j) + len(j) :]) for j in JOINERS if j in text]
        assert any(a in intents and b in intents for a, b in halves) or len(halves) != 1


def test_the_words_between_two_commands_are_not_those_of_training() -> None:
    phrases = read_phrases(OTHER_DOMAINS.parents[2] / "data/speech", "training")
    assert not set(JOINERS) & set(phrases.joiners)
