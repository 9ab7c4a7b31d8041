"""The parts of an analysis that need no network."""

from __future__ import annotations

import numpy as np
import pytest

from slu.analysis.classes import NOTHING, class_tables, level_tables
from slu.analysis.dirty import find_conflicts, find_dirty
from slu.analysis.examples import Similar, class_names, class_table, nearest, representers, unit
from slu.analysis.page import coloured
from slu.analysis.quick import held_out_classes
from slu.analysis.sparse import NEIGHBOURS, label_next, support
from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.heads.measures import OTHER_BORDERS, class_row
from slu.heads.table import HEADS


def labelled(text: str, *labels: str) -> Utterance:
    return Utterance(text, "", (), "1", labels)


def spoken(text: str, intent: str, session: str = "1", *slots: Slot) -> Utterance:
    return Utterance(text, intent, slots, session)


def test_classes_are_taken_for_others_of_their_level() -> None:
    dev = [labelled("一", "a", "a##x"), labelled("二", "a", "a##x"), labelled("三", "b")]
    got = [labelled("一", "a", "a##y"), labelled("二"), labelled("三", "b")]
    measured = {"labels": {"a": class_row(1, 1, 2), "a##x": class_row(0, 0, 2), "b": class_row(1, 1, 1)}}
    rows = {row["name"]: row for row in class_tables(measured, dev, got, [*dev, labelled("四", "b")])["labels"]}
    assert rows["a##x"]["taken_for"] == [["a##y", 1], [NOTHING, 1]]
    assert rows["a"]["taken_for"] == [[NOTHING, 1]] and rows["b"]["taken_for"] == []
    assert (rows["b"]["train"], rows["a##x"]["level"]) == (2, 2)
    [level] = level_tables(list(rows.values()), [{"level": 2, "exact": 1.0}])
    assert level == {"level": 2, "exact": 1.0, "classes": 1, "labelled": 2, "train": 2}


def test_slots_are_taken_for_others_that_overlap_them() -> None:
    dev = [spoken("播放花心", "play", "1", Slot("song", "花心", 2, 4)) for _ in range(3)]
    got = [
        spoken("播放花心", "play", "1", Slot("singer", "花心", 2, 4)),
        spoken("播放花心", "play", "1", Slot("song", "心", 3, 4)),
        spoken("播放花心", "play"),
    ]
    [row] = class_tables({"slots": {"song": class_row(0, 1, 3)}}, dev, got, None)["slots"]
    assert sorted(name for name, _ in row["taken_for"]) == sorted(["singer", OTHER_BORDERS, NOTHING])
    assert row["train"] is None


def test_conflicts_that_the_previous_intent_explains_are_told_from_others() -> None:
    corpus = [
        spoken("导航", "navigate", "1"), spoken("取消", "stop_navigation", "1"),
        spoken("打电话", "call", "2"), spoken("取消", "stop_call", "2"),
        spoken("你好", "OTHERS", "3"), spoken("你好", "greet", "4"),
    ]  # fmt: skip
    found = {conflict.text: conflict for conflict in find_conflicts(corpus)}
    assert set(found) == {"取消", "你好"}
    assert found["取消"].explained and not found["你好"].explained
    assert found["取消"].previous == {"stop_navigation": ["navigate"], "stop_call": ["call"]}
    assert (found["取消"].best, found["取消"].best_after, found["取消"].lines) == (1, 2, 2)
    assert found["你好"].variants == {"OTHERS": [4], "greet": [5]}
    assert not find_conflicts([labelled("一样", "a"), labelled("一样", "b")])[0].explained


def test_nearest_are_found_as_by_trying_all() -> None:
    random = np.random.default_rng(0)
    own, others = random.normal(size=(7, 5)), random.normal(size=(30, 5))
    found = nearest(own, others, 4)
    cosines = (own @ others.T) / np.linalg.norm(own, axis=1)[:, None] / np.linalg.norm(others, axis=1)
    assert found.indices.tolist() == np.argsort(-cosines, 1)[:, :4].tolist()
    np.testing.assert_allclose(found.cosines, -np.sort(-cosines, 1)[:, :4])
    assert nearest(own, others[:2], 4).indices.shape == (7, 2)


@pytest.mark.parametrize("single", [True, False])
def test_representer_points_add_up_to_the_logits(single: bool) -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(80, 6))
    classes = np.eye(3)[features[:, :3].argmax(1)]
    if not single:
        classes[:, 0] = features[:, 0] > 0
    found = representers(features, classes, single)
    asked = random.normal(size=6)
    sums = [found.contributions(asked, name).sum() for name in range(3)]
    np.testing.assert_allclose(sums, found.logits(asked[None])[0], rtol=1e-3, atol=1e-3)
    assert found.error < 1e-3
    assert (found.logits(features).argmax(1) == features[:, :3].argmax(1)).mean() > 0.9 or not single
    own = found.contributions(features[0], int(classes[0].argmax()))
    assert own[0] > 0  # a text speaks for its own class


def test_support_counts_only_texts_with_all_labels() -> None:
    train = [labelled("x", "a")] * NEIGHBOURS + [labelled("y", "a", "b")]
    features = np.array([[1.0, 0.0]] * NEIGHBOURS + [[0.0, 1.0]])
    found = support([labelled("1", "a"), labelled("2", "b"), labelled("3", "c")], np.eye(2)[[0, 1, 1]], train, features)
    np.testing.assert_allclose(found, [1, 1 / NEIGHBOURS, 0])


def test_lines_to_label_next_are_shared_out() -> None:
    own = np.array([[1.0, 0.0], [0.0, 1.0]])
    lines = np.array([[0.9, 0.1], [1.0, 0.0], [0.1, 0.9]])
    found = label_next([1, 0], own, lines, 3)
    assert [(wanted.line, wanted.thin) for wanted in found] == [(2, 1), (1, 0), (0, 1)]
    assert len(label_next([1, 0], own, lines, 2)) == 2
    assert label_next([], own, lines, 2) == [] and label_next([0], own, lines[:0], 2) == []


def test_lines_to_label_next_are_found_part_by_part_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    own, lines = random.normal(size=(9, 4)), random.normal(size=(50, 4))
    thin, sizes = [7, 2, 5], []

    def watched(features: np.ndarray, among: np.ndarray, count: int) -> Similar:
        sizes.append(len(among))
        return nearest(features, among, count)

    monkeypatch.setattr("slu.analysis.sparse.nearest", watched)
    monkeypatch.setattr("slu.analysis.sparse.PART", 7)
    for count in (1, 7, 20, 50, 60):
        alike = unit(own[thin]) @ unit(lines).T
        wanted = []
        for i in range(min(count, 50)):
            row = i % 3
            line = int(alike[row].argmax())
            wanted.append((line, thin[row], pytest.approx(alike[row, line])))
            alike[:, line] = -np.inf
        assert [(w.line, w.thin, w.cosine) for w in label_next(thin, own, lines, count)] == wanted
    assert max(sizes) == 7


def test_flipped_labels_are_found_among_the_first() -> None:
    random = np.random.default_rng(2)
    words = {"play": "唱歌曲音乐播放", "call": "电话号码拨打联系", "drive": "导航路线地图开车"}
    train = [spoken("".join(random.choice(list(words[name]), 6)), name, str(i)) for i, name in enumerate([*words] * 60)]
    wrong = [5, 50, 100, 150]
    for i in wrong:
        train[i] = Utterance(train[i].text, "call" if train[i].intent != "call" else "play", (), train[i].session)
    found = find_dirty(train, Labels.from_corpus(train))
    assert set(found.order[:4].tolist()) == set(wrong)
    assert found.confident[wrong].all() and found.confident.sum() < 8
    assert "+ " in found.hints[5]


def test_wrong_slots_are_found() -> None:
    train = []
    for i in range(60):
        name = "甲乙丙丁戊己庚辛壬癸"[i % 10] + "子丑寅卯辰巳"[i // 10]
        train.append(spoken(f"打电话给{name}", "call", str(i), Slot("contact", name, 4, 6)))
    train[7] = spoken(train[7].text, "call", "7", Slot("contact", "电话", 1, 3))
    found = find_dirty(train, Labels.from_corpus(train))
    assert found.order[0] == 7 and found.confident[7]


def test_a_class_of_one_text_and_a_corpus_of_two_lines_are_no_errors() -> None:
    train = [labelled("甲", "a"), labelled("乙", "b")]
    held = held_out_classes(train, ["a", "b"])
    assert held.single and np.isfinite(held.shares).all()
    several = held_out_classes([labelled("甲", "a", "b"), labelled("乙", "b"), labelled("丙")], ["a", "b", "c"])
    assert several.shares.shape == (3, 3) and np.isfinite(several.shares).all()
    assert class_table(train, ["b"]).tolist() == [[0], [1]]


def test_labels_that_the_model_lacks_are_judged_as_well() -> None:
    train = [labelled("唱歌听歌", "music"), labelled("打电话", "call"), labelled("导航", "new")] * 20
    labels = HEADS["sequence"].corpus.labels(train[:2], None)
    held = held_out_classes(train, class_names(train, labels.intents))
    assert held.names == ("call", "music", "new") and held.single
    train[2] = labelled("导航", "music")
    found = find_dirty(train, labels)
    assert found.order[0] == 2 and found.hints[2].startswith("+ new ")


def test_slots_that_the_model_lacks_are_judged_as_well() -> None:
    train = [spoken(f"打给{name}吧", "call", name, Slot("new", name, 2, 3)) for name in "甲乙丙丁戊己庚辛壬癸" * 6]
    train[7] = spoken(train[7].text, "call", "7")
    assert find_dirty(train, Labels.from_corpus([spoken("一", "call")])).order[0] == 7


def test_coloured_text_has_all_characters_once() -> None:
    pieces = coloured("来 一首<歌>", [[0, 1, 2.0, 1.0], [2, 4, -4.0, 0.0]])
    assert "".join(piece[0] for piece in pieces) == "来 一首<歌>"
    assert [piece[1] for piece in pieces] == [0.5, 0.0, -1.0, 0.0]
