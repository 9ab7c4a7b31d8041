"""Answers in a passage: windows, decisions and losses against every part of a passage, and the measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import paddle
import pytest

from slu.corpus.utterance import Slot, Utterance
from slu.heads import answer_decoding, answer_loss, answer_targets
from slu.heads.answer import ANSWER
from slu.heads.answer_decoding import AnswerDecoder, AnswerScorer, join
from slu.heads.answer_loss import AnswerLoss
from slu.heads.answer_measures import measure, units
from slu.heads.answer_windows import separator, windows
from slu.heads.examples import IGNORED, Batch, Example, collate
from slu.heads.head import Evidence
from slu.inputs.tokenizer import SPECIAL_TOKENS, Encoding, Tokenizer
from slu.runtime.parser import ParseResult

TOKENIZER = Tokenizer([*SPECIAL_TOKENS, *"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abc")], pairs=True)
LABELS = ANSWER.corpus.labels([], None)


def text_of(question: int, passage: int) -> str:
    letters = " ".join("abcdefghijklmnopqrstuvwxyz"[i % 26] for i in range(passage))
    return " ".join("q" * question) + "\t" + letters


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    """Answers of three tokens at most, so that all parts of a passage are few."""
    for module in (answer_decoding, answer_loss, answer_targets):
        monkeypatch.setattr(module, "MOST_TOKENS", 3)
    return 3


def every_part(tokens: int, most: int) -> list[tuple[int, int]]:
    return [(first, last) for first in range(tokens) for last in range(first, min(first + most, tokens))]


@pytest.mark.parametrize(
    ("question", "passage", "length"), [(2, 40, 12), (2, 7, 12), (0, 5, 4), (9, 30, 12), (3, 0, 8)]
)
def test_windows_cover_the_passage(question: int, passage: int, length: int) -> None:
    text = text_of(question, passage)
    found = windows(TOKENIZER, text, length)
    read: set[int] = set()
    for before, own in zip([None, *found], found):
        place = separator(own)
        assert len(own.ids) <= length and own.ids[place] == own.ids[-1] == TOKENIZER.sep_id
        assert place == min(question, (length - 3) // 2) + 1 and own.truncated == (place <= question)
        inside = set(own.starts[place + 1 : -1].tolist())
        assert all(text[a:b].strip() for a, b in zip(own.starts[place + 1 : -1], own.ends[place + 1 : -1]))
        room = length - 2 - place
        if before is not None:
            assert len(read & inside) == min(128, room // 2) and len(before.ids) == length
        read |= inside
    assert len(read) == passage
    assert windows(TOKENIZER, "a b c", 4)[0].truncated and len(windows(TOKENIZER, "a\tb", 3)) == 1


def test_windows_as_utterances() -> None:
    text = text_of(2, 40)
    slots = tuple(Slot("answer", text[a:b], a, b) for a, b in ((text.index("\t") + 1, 5), (len(text) - 3, len(text))))
    for max_length in (12, 60):
        parts = ANSWER.read_at_once([Utterance(text, "", slots, "1")], TOKENIZER, max_length)
        assert len({part.session for part in parts}) == len(parts)
        assert [slot.value for part in parts for slot in part.slots] == [slot.value for slot in slots]
        for part, own in zip(parts, windows(TOKENIZER, text, max_length)):
            assert TOKENIZER.encode(part.text, max_length).ids.tolist() == own.ids.tolist()
            assert all(part.text[slot.start : slot.end] == slot.value for slot in part.slots)


def test_windows_that_begin_inside_a_word() -> None:
    text = "q\td abc abc abc"  # d a ##b ##c ...
    whole = windows(TOKENIZER, text, 8)
    assert any(TOKENIZER.vocab[own.ids[separator(own) + 1]].startswith("##") for own in whole)
    for part, own in zip(ANSWER.read_at_once([Utterance(text, "", (), "1")], TOKENIZER, 8), whole):
        read, place = TOKENIZER.encode(part.text, 8).ids.tolist(), separator(own) + 1
        cut = next(i for i in range(place, len(own.ids)) if not TOKENIZER.vocab[own.ids[i]].startswith("##"))
        assert read == [*own.ids[:place].tolist(), *own.ids[cut:].tolist()]


def test_a_passage_without_tokens() -> None:
    utterance = Utterance("a b c d e f g\t\u200b", "", (), "1")
    assert [part.text for part in ANSWER.read_at_once([utterance], TOKENIZER, 8)] == ["a b\t"]


def test_an_answer_that_ends_in_a_character_without_token() -> None:
    text = "a\tb c\u200b"
    encoding = TOKENIZER.encode(text, 20)
    for value, wanted in (("c\u200b", [0, 0, 3]), ("\u200b", [IGNORED] * 3)):
        slot = Slot("answer", value, text.index(value), len(text))
        [found] = answer_targets.targets(Utterance(text, "", (slot,), ""), encoding, LABELS)
        assert found.tolist() == [IGNORED, IGNORED, *wanted, IGNORED]


def test_the_likeliest_answer_and_its_probability(short: int) -> None:
    """Over three windows, among all parts of three tokens at most and none."""
    random = np.random.default_rng(2)
    text = text_of(1, 9)
    own = windows(TOKENIZER, text, 9)
    assert len(own) == 3
    decoder = AnswerDecoder(LABELS)
    evidence, none = [], 0
    for round_ in range(20):
        decisions, odds = [], [(0.0, 0, 0)]
        for encoding in own:
            logits = random.normal(0, 2, (1, len(encoding.ids) - 2, 2)).astype(np.float32)
            place = separator(encoding) - 1
            logits[0, place] += 5 * (round_ % 2)  # no answer is likely
            decisions += decoder.decode(logits, encodings=[encoding])
            rows = logits[0, place + 1 :]
            for first, last in every_part(len(rows), short):
                sure = float(rows[first, 0] + rows[last, 1] - logits[0, place].sum())
                odds.append((sure, int(encoding.starts[place + 2 + first]), int(encoding.ends[place + 2 + last])))
        decision = join(decisions)
        best = max(odds)
        total = sum(np.exp(value) for value, _, _ in odds)
        assert (decision.start, decision.end) == best[1:]
        assert decision.score == pytest.approx(np.exp(best[0]) / total, rel=1e-4)
        answered = decoder.answer(decision, text, own[0])
        assert [slot.value for slot in answered.slots] == ([text[best[1] : best[2]]] if best[2] else [])
        none += not answered.slots
        evidence.append(Evidence(decision, ()))
    scorer = AnswerScorer(evidence, LABELS)
    assert scorer.scores() == pytest.approx([one.decision.score for one in evidence], rel=1e-6)
    assert (scorer.scores(3.0) != scorer.scores()).all() and 0 < none < 20
    assert all(len(values) == 20 for values in scorer.alternatives().values())


def test_no_passage_has_no_answer() -> None:
    for text in ("a b", "a b\t", "", "\t"):
        [encoding] = windows(TOKENIZER, text, 8)
        [decision] = AnswerDecoder(LABELS).decode(
            np.ones((1, len(encoding.ids) - 2, 2), np.float32), encodings=[encoding]
        )
        assert (decision.end, decision.score) == (0, 1.0)
        assert not AnswerDecoder(LABELS).answer(decision, text, encoding).slots


def batch() -> tuple[np.ndarray, Batch]:
    """An answer of two tokens, none, and a question that nobody has answered."""
    text = text_of(2, 6)
    encoding: Encoding = TOKENIZER.encode(text, 20)
    start = text.index("c")
    slot = Slot("answer", "c d", start, start + 3)
    targets = [
        ANSWER.targets(Utterance(text, "", (slot,), ""), encoding, LABELS),
        ANSWER.targets(Utterance(text, "", (), ""), encoding, LABELS),
        ANSWER.no_targets(len(encoding.ids), LABELS),
    ]
    assert targets[0][0].tolist() == [IGNORED] * 3 + [0, 0, 0, 1, 2, 0, 0, IGNORED]
    assert targets[1][0].tolist() == [IGNORED] * 3 + [3, 0, 0, 0, 0, 0, 0, IGNORED]
    shorter = TOKENIZER.encode(text_of(1, 2), 20)
    examples = [Example(encoding.ids.astype(np.int64), target) for target in targets]
    examples.append(Example(shorter.ids.astype(np.int64), ANSWER.no_targets(len(shorter.ids), LABELS)))
    logits = np.random.default_rng(3).normal(0, 1.5, (4, len(encoding.ids), 2)).astype(np.float32)
    return logits, collate(examples, 0)


@pytest.mark.parametrize("name", ["heads", "answers"])
def test_losses(short: int, name: str) -> None:
    logits, given = batch()
    loss = ANSWER.loss(name, LABELS, 0.0)
    begins, ends = logits[:2, 3:10, 0].astype(np.float64), logits[:2, 3:10, 1].astype(np.float64)
    if name == "heads":
        wanted = -sum(
            values[row, at] - np.log(np.exp(values[row]).sum())
            for values, places in ((begins, (3, 0)), (ends, (4, 0)))
            for row, at in enumerate(places)
        )
        wanted /= 2 * 4
    else:
        wanted = 0.0
        for row, chosen in enumerate([(2, 3), None]):
            odds = {part: begins[row, 1 + part[0]] + ends[row, 1 + part[1]] for part in every_part(6, short)}
            odds[None] = begins[row, 0] + ends[row, 0]  # type: ignore[index]
            wanted -= (odds[chosen] - np.log(sum(np.exp(v) for v in odds.values()))) / 4  # type: ignore[index]
    own = paddle.to_tensor(logits, stop_gradient=False)
    value = loss.of_labels([own], given)
    assert float(value) == pytest.approx(float(wanted), rel=1e-5)
    value.backward()
    gradient = own.grad.numpy()
    assert not gradient[2:].any() and not gradient[:, :3].any() and not gradient[:, 10:].any()
    for place in ((0, 3, 0), (0, 6, 0), (0, 7, 1), (1, 3, 1), (1, 9, 0)):
        moved = logits.astype(np.float64)
        moved[place] += 1e-3
        more = AnswerLoss(name == "answers").of_labels([paddle.to_tensor(moved.astype(np.float32))], given)
        assert gradient[place] == pytest.approx((float(more) - float(value)) / 1e-3, abs=2e-3)
    hidden = replace(given, ids=np.where(given.ids == TOKENIZER.sep_id, TOKENIZER.unk_id, given.ids))
    assert float(loss.of_labels([own], hidden)) == pytest.approx(float(value)), "[SEP] read as an unknown token"
    [shares] = loss.probabilities([own], given)
    assert shares[:3].sum(1) == pytest.approx(np.ones((3, 2)), abs=1e-5) and not shares[:3, :3].any()
    assert shares[3, 2:5].sum(0) == pytest.approx([1, 1], abs=1e-5) and not shares[3, 5:].any()
    again = paddle.to_tensor(logits, stop_gradient=False)
    taught = loss.of_teachers([again], (shares,), given)
    taught.backward()
    assert float(taught) > 0 and again.grad.numpy() == pytest.approx(np.zeros(logits.shape), abs=1e-6)


def test_what_cannot_be_learned(short: int) -> None:
    text = text_of(1, 8)
    encoding = TOKENIZER.encode(text, 8)

    def target(start: int, end: int) -> list[int]:
        [found] = ANSWER.targets(
            Utterance(text, "", (Slot("answer", text[start:end], start, end),), ""), encoding, LABELS
        )
        return found.tolist()

    assert set(target(2, 9)) == {IGNORED}, "longer than the decoder's answers"
    assert set(target(3, 4)) == {IGNORED}, "a blank, which is in no token"
    assert target(14, 15)[2] == 3, "behind what is read"


MEASURED = [
    ("范廷颂", ["范廷颂"], 1, 1),
    ("《范廷颂》。", ["范廷颂"], 1, 1),
    ("范廷颂主教", ["范廷颂", "主教"], 0, 6 / 8),
    ("ABC 12", ["abc  12！"], 1, 1),
    ("abc", ["abd"], 0, 0),
    ("颂范廷", ["范廷颂"], 0, 4 / 6),
    ("", ["范"], 0, 0),
    ("314", ["3.14"], 0, 0),
    ("3.14", ["3.14"], 1, 1),
    ("3%", ["3"], 0, 2 / 3),
    ("￥5", ["%5"], 0, 1 / 2),
    ("", [], 1, 1),
    ("范", [], 0, 0),
]


@pytest.mark.parametrize(("given", "wanted", "exact", "f1"), MEASURED)
def test_measures(given: str, wanted: list[str], exact: int, f1: float) -> None:
    utterance = Utterance("问\t文", "", tuple(Slot("answer", value, 0, len(value)) for value in wanted), "")
    slots = (Slot("answer", given, 0, len(given)),) if given else ()
    found = measure([utterance], [ParseResult("问\t文", "", 0.5, True, slots)], LABELS)
    assert (found["exact"], found["answer_f1"]) == (100 * exact, pytest.approx(100 * f1))
    row = found["classes"]["answers"]["answer" if wanted else "no answer"]
    assert (row["labelled"], row["right"]) == (1, exact)


def test_units() -> None:
    assert units("在1998年，GPU_卡 Naïve 1,200.5%") == ["在", "1998", "年", "gpu", "卡", "naïve", "1,200.5", "%"]
