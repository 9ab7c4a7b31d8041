"""The sample corpus: reproducible, sound, and of the shape that the demo counts on."""

import argparse
from collections import Counter
from pathlib import Path

import pytest

from slu.commands import data
from slu.corpus.labels import Labels
from slu.corpus.sample import generate_sample
from slu.corpus.tagged import check_corpus, read_corpus, split_corpus
from slu.errors import ConfigError
from slu.inputs.entries import check_lexicon, read_lexicon

SAMPLE = Path(__file__).parents[3] / "data/sample/corpus.txt"

INTENTS = """OTHERS music.next music.pause music.play music.prev navigation.cancel_navigation
navigation.navigation navigation.open navigation.start_navigation phone_call.cancel
phone_call.make_a_phone_call""".split()
SLOTS = """age contact_name custom_destination destination emotion instrument language origin phone_num scene
singer song style theme toplist""".split()


def test_the_committed_corpus_comes_from_the_grammar(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    data.register(parser.add_subparsers(required=True))
    args = parser.parse_args(["data", "sample", "--out", str(tmp_path / "corpus.txt"), "--lists", str(tmp_path)])
    assert args.func(args) == 0
    assert (tmp_path / "corpus.txt").read_bytes() == SAMPLE.read_bytes()
    committed = sorted((SAMPLE.parent / "lexicon").iterdir())
    assert [path.stem for path in committed] == ["contact_name", "singer", "song"]
    for path in committed:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
        assert not check_lexicon(path)


def test_its_lists_lack_some_names_and_have_others() -> None:
    corpus = read_corpus(SAMPLE)
    for path in (SAMPLE.parent / "lexicon").iterdir():
        listed = set(read_lexicon(path))
        spoken = {slot.correction or slot.value for u in corpus for slot in u.slots if slot.name == path.stem}
        assert 0.65 < len(listed & spoken) / len(spoken) < 0.85
        assert len(listed - spoken) > 40


def test_it_has_the_label_set_and_no_errors() -> None:
    corpus = read_corpus(SAMPLE)
    labels = Labels.from_corpus(corpus)
    assert (labels.intents, labels.slots) == (tuple(INTENTS), tuple(SLOTS))
    assert len(corpus) == 4000
    assert {problem.severity for problem in check_corpus(SAMPLE, labels)} == {"warning"}  # 取消 and its like
    sessions = Counter(utterance.session for utterance in corpus)
    assert set(sessions.values()) == set(range(1, 11))
    share = {intent: count / len(corpus) for intent, count in Counter(u.intent for u in corpus).items()}
    for intent, expected in (("OTHERS", 0.31), ("music.play", 0.30), ("navigation.navigation", 0.19)):
        assert abs(share[intent] - expected) < 0.02
    assert min(share.values()) * len(corpus) >= 20


def test_it_is_not_too_easy() -> None:
    """Unseen names, corrections, contradictions, and characters of every kind."""
    corpus = read_corpus(SAMPLE)
    train, dev = split_corpus(corpus)
    for name, unseen in (("destination", 0.5), ("contact_name", 0.5), ("song", 0.2)):
        known = {slot.value for u in train for slot in u.slots if slot.name == name}
        values = [slot.value for u in dev for slot in u.slots if slot.name == name]
        assert sum(value not in known for value in values) > unseen * len(values), name
    assert 30 <= sum(any(slot.correction for slot in u.slots) for u in corpus) <= 100
    assert len({u.intent for u in corpus if u.text == "取消"}) == 4
    text = "".join(u.text for u in corpus)
    for kind in ("a", "Z", "7", " ", "Ａ", "㵲", "𠮷", "😂"):
        assert kind in text, kind


@pytest.mark.parametrize("count", [1, 10, 999])
def test_any_count_and_seed_make_sound_utterances(count: int) -> None:
    corpus = generate_sample(count, seed=5)
    assert len(corpus) == count
    assert corpus == generate_sample(2000, seed=5)[:count]
    assert corpus != generate_sample(count, seed=6)
    for utterance in corpus:
        assert not set(utterance.text) & set("(){}<>|、[]"), utterance  # no syntax of the grammar is left
        assert all(utterance.text[slot.start : slot.end] == slot.value for slot in utterance.slots)


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        generate_sample(0)
