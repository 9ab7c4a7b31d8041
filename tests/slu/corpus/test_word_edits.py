"""Edited copies: labels and slots are carried on."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from slu.cli import main
from slu.corpus.classified import read_classified
from slu.corpus.tagged import check_corpus, read_corpus
from slu.corpus.utterance import Slot, Utterance
from slu.corpus.word_edits import EDITS, EditSettings, edited_copies
from slu.errors import ConfigError


@pytest.mark.parametrize("edit", EDITS)
def test_slots_keep_their_values_in_order(edit: str, sample: list[Utterance]) -> None:
    sessions = sorted({utterance.session for utterance in sample})[:60]
    corpus = [utterance for utterance in sample if utterance.session in sessions]
    found = edited_copies(corpus, EditSettings((edit,), share=0.5), seed=1)
    copies = [utterance for utterance in found if "~" in utterance.session]
    originals = {utterance.session: [] for utterance in corpus}
    for utterance in corpus:
        originals[utterance.session].append(utterance)
    assert [utterance for utterance in found if "~" not in utterance.session] == corpus
    changed = 0
    for session in dict.fromkeys(copy.session for copy in copies):
        own = [copy for copy in copies if copy.session == session]
        for copy, original in zip(own, originals[session.partition("~")[0]]):
            assert copy.intent == original.intent
            assert [(s.name, s.value, s.correction) for s in copy.slots] == [
                (s.name, s.value, s.correction) for s in original.slots
            ]
            assert all(copy.text[slot.start : slot.end] == slot.value for slot in copy.slots)
            changed += copy.text != original.text
    assert changed > 20
    assert found == edited_copies(corpus, EditSettings((edit,), share=0.5), seed=1)
    assert found != edited_copies(corpus, EditSettings((edit,), share=0.5), seed=2)


def test_pairs_short_texts_and_other_texts_stay_whole() -> None:
    corpus = [
        Utterance("怎么 办理\t如何 办理", "", (), "1", ("same",)),
        Utterance("好", "", (), "2", ("other",)),
        Utterance("周华健", "", (Slot("singer", "周华健", 0, 3),), "3"),
    ]
    for seed in range(30):
        found = edited_copies(corpus, EditSettings(share=1.0, copies=3), seed)
        texts = [utterance.text for utterance in found]
        assert texts.count("好") == 1 and texts.count("周华健") == 1
        assert all(text.count("\t") == 1 and all(part.strip() for part in text.split("\t")) for text in texts[:-2])
        assert len({utterance.session for utterance in found}) == len(found)


def test_copies_of_different_texts_are_no_same_text() -> None:
    corpus = [Utterance("打开灯", "", (), "1", ("on",)), Utterance("关闭灯", "", (), "2", ("off",))]
    for seed in range(10):
        texts = [utterance.text for utterance in edited_copies(corpus, EditSettings(("delete",), copies=3), seed)]
        assert len(texts) > 2 and len(set(texts)) == len(texts)


def test_nothing_is_glued_to_a_slot() -> None:
    slot = Slot("number", "10086", 2, 7)
    corpus = [Utterance("拨打10086", "call", (slot,), "1"), Utterance("拨3打a", "call", (), "2")]
    for seed in range(40):
        for copy in edited_copies(corpus, EditSettings(("swap", "insert", "replace"), share=1), seed):
            for own in copy.slots:
                around = copy.text[: own.start][-1:] + copy.text[own.end :][:1]
                assert not any(char.isascii() and char.isalnum() for char in around), copy.text


def test_of_the_generator_only_random_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Guaranteed(Random):
        def getrandbits(self, bits: int, /) -> int:
            raise AssertionError("what it gives may change between versions of Python")

    monkeypatch.setattr("slu.corpus.word_edits.Random", Guaranteed)
    corpus = [Utterance("我 想 听 歌", "", (), "1", ("a",)), Utterance("给 我 导 航", "", (), "2", ("b",))]
    assert len(edited_copies(corpus, EditSettings(share=1, copies=9))) > 2


def test_settings_that_cannot_work_are_refused() -> None:
    for wrong in ({"edits": ("shout",)}, {"edits": ()}, {"share": 0}, {"share": 1.5}, {"copies": 0}):
        with pytest.raises(ConfigError):
            EditSettings(**wrong)  # type: ignore[arg-type]


def test_the_command_writes_a_corpus_of_either_kind(
    tmp_path: Path, sample_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = tmp_path / "part.txt"
    part.write_text("".join(sample_path.read_text(encoding="utf-8").splitlines(True)[:80]), encoding="utf-8")
    assert main(["data", "augment", str(part), "--out", str(tmp_path / "more.txt"), "--count", "2"]) == 0
    assert len(read_corpus(tmp_path / "more.txt")) > 1.5 * len(read_corpus(part))
    assert not [p for p in check_corpus(tmp_path / "more.txt") if p.severity == "error"]

    labelled = tmp_path / "labels.txt"
    labelled.write_text("我想听花心的歌\tmusic,music##play\n导航去广场\tnavigation\n", encoding="utf-8")
    out = tmp_path / "more-labels.txt"
    assert main(["data", "augment", str(labelled), "--task", "labels", "--out", str(out), "--edits", "swap"]) == 0
    sets = {utterance.labels for utterance in read_classified(out, False)}
    assert sets == {("music", "music##play"), ("navigation",)}
    capsys.readouterr()
    names = tmp_path / "label.txt"
    names.write_text("music\nmusic##play\nnavigation\n", encoding="utf-8")
    arguments = ["data", "augment", str(labelled), "--task", "labels", "--labels", str(names)]
    for path in (labelled, names):
        assert main([*arguments, "--out", str(path)]) == 2
        assert "is read by this command; choose another name" in capsys.readouterr().err
    assert names.read_text(encoding="utf-8").startswith("music\n")
    assert main(["data", "augment", str(part), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err and len(read_classified(out, False)) > 2
    assert main(["data", "augment", str(part), "--out", str(out), "--edits", "replace,shout"]) == 2
    assert "shout" in capsys.readouterr().err
