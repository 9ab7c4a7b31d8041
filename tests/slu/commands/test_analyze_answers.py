"""`slu analyze` of models that answer questions about passages, on a tiny one with random weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slu.analysis.analysis import answered
from slu.analysis.importance import COMPLETE, explain
from slu.analysis.inside import Path as Between
from slu.analysis.inside import features, float_network
from slu.analysis.passages import explained_windows
from slu.cli import main
from slu.commands.analyze import _NAMES
from slu.corpus.questions import read_questions, write_questions
from slu.corpus.sample.questions import generate_questions
from slu.corpus.utterance import Slot, Utterance
from slu.corpus.words import characters
from slu.heads.answer import ANSWER
from slu.heads.answer_windows import separator
from slu.inputs.tokenizer import SPECIAL_TOKENS
from slu.model.checkpoint import Checkpoint, parameter_shapes, save_checkpoint
from slu.model.config import ModelConfig
from slu.runtime.backends.dygraph import DygraphBackend
from slu.runtime.loading import checkpoint_parser

HOSTILE = '<script>alert("x")</script>\u202e'


@pytest.fixture(scope="module")
def questions() -> list[Utterance]:
    return generate_questions(16, 3)


@pytest.fixture(scope="module")
def model(questions: list[Utterance]) -> Checkpoint:
    """2 layers of 16 that read 40 tokens: the passages are read in several windows."""
    vocab = [*SPECIAL_TOKENS, *sorted({char for one in questions for char in one.text} - {"\t"})]
    config = ModelConfig(
        len(vocab), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, attention_head_size=8,
        intermediate_size=32, max_position_embeddings=40, max_seq_length=40, head="answer", pairs=True,
    )  # fmt: skip
    labels = ANSWER.corpus.labels([], None)
    random = np.random.default_rng(7)
    tensors = {
        name: (random.standard_normal(shape) * 0.5 + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        for name, shape in parameter_shapes(config, labels).items()
    }
    return Checkpoint(config, tensors, vocab, labels)


def short(utterance: Utterance, characters_of_passage: int = 12) -> str:
    question, _, passage = utterance.text.partition("\t")
    return f"{question}\t{passage[:characters_of_passage]}"


@pytest.mark.parametrize("most", [128, 3])
def test_all_answers_of_a_passage_share_one_probability(
    most: int, model: Checkpoint, questions: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score of each is the log odds of its part against all other parts and none: the parser's own probability."""
    for name in ("slu.heads.answer_reasons", "slu.heads.answer_targets", "slu.heads.answer_decoding"):
        monkeypatch.setattr(f"{name}.MOST_TOKENS", most)
    ideographs = [token for token in model.vocab if "\u4e00" <= token <= "\u9fff"]  # a token each
    text = f"谁出生在哪里\t{''.join(ideographs[:12])}"
    [window] = model.head.encodings(model.tokenizer(), text, 40)
    begin = text.index("\t") + 1
    reasons = list(model.head.explained(Utterance(text, "", (), ""), window, model.labels))
    for start in range(begin, len(text)):
        for end in range(start + 1, len(text) + 1):
            one = Utterance(text, "", (Slot("answer", text[start:end], start, end),), "")
            found = model.head.explained(one, window, model.labels)
            assert len(found) == (end - start <= most)
            reasons += found
    network = float_network(model)
    path = Between(network, model, text, window=window)
    shares = 1 / (1 + np.exp(-path.scores(path.end[None], reasons)[:, 0].astype(np.float64)))
    assert shares.sum() == pytest.approx(1, rel=1e-4)
    answer = checkpoint_parser(model).parse(text)
    [given] = model.head.explained(answered(answer), window, model.labels)
    assert shares[reasons.index(given)] == pytest.approx(answer.score, rel=1e-4)


def test_contributions_are_complete_and_gradients_are_those_of_differences(
    model: Checkpoint, questions: list[Utterance]
) -> None:
    network, parser = float_network(model), checkpoint_parser(model)
    several = 0
    for utterance in questions[:3]:
        answer = answered(parser.parse(utterance.text))
        for window, given, wanted in explained_windows(network, model, answer, utterance):
            path = Between(network, model, utterance.text, window=window)
            reasons = [*given, *wanted]
            step = path.end - path.start
            slope = (path.gradients(np.array([0.4]), np.array([1.0]), reasons) * step).sum((1, 2))
            around = path.scores(np.stack([path.start + (0.4 + d) * step for d in (-0.01, 0.01)]), reasons)
            np.testing.assert_allclose(slope, (around[:, 1] - around[:, 0]) / 0.02, rtol=0.05, atol=0.01)
            first, last = window.starts[separator(window) + 1], window.ends[-2]
            for one in explain(path, window, characters(utterance.text), reasons):
                assert one.error <= COMPLETE and one.previous == 0
                assert one.contributions.sum() == pytest.approx(one.change, rel=COMPLETE)
                read = [utterance.text[a:b] for a, b in one.units]
                assert "".join(read) == utterance.text.partition("\t")[0] + utterance.text[first:last]
            several += 1
    assert several > 3, "not all are explained in one window"


def test_a_character_that_is_left_out_is_unknown_in_its_window(model: Checkpoint, questions: list[Utterance]) -> None:
    network, tokenizer = float_network(model), model.tokenizer()
    text = questions[0].text
    window = model.head.encodings(tokenizer, text, 40)[1]
    place = separator(window) + 5
    at = int(window.starts[place])
    other = f"{text[:at]}\U0002a6d6{text[at + 1 :]}"
    path, unknown = (
        Between(network, model, one, window=model.head.encodings(tokenizer, one, 40)[1]) for one in (text, other)
    )
    assert np.abs(path.end[place] - unknown.end[place]).max() > 0.01
    np.testing.assert_allclose(path.without(np.array([place])), unknown.end, atol=1e-5)


def test_an_answer_is_explained_in_the_window_that_decided(model: Checkpoint, questions: list[Utterance]) -> None:
    network, parser = float_network(model), checkpoint_parser(model)
    decoder = model.head.decoder(model.labels)
    shared = 0
    for utterance in questions:
        result = parser.parse(utterance.text)
        windows = model.head.encodings(model.tokenizer(), utterance.text, 40)
        odds = []
        for window in windows:
            [logits] = DygraphBackend(network).run(window.ids[None])
            [decision] = decoder.decode(logits[:, 1:-1], encodings=[window])
            odds.append(decision.odds)
        found = explained_windows(network, model, answered(result), utterance)
        homes = [window for window, given, _ in found if given]
        assert [window.starts.tolist() for window in homes] == [windows[int(np.argmax(odds))].starts.tolist()]
        [[reason]] = [given for _, given, _ in found if given]
        assert reason.name == f"answer={result.slots[0].value}"
        wanted = [(window, reason) for window, _, right in found for reason in right]
        assert [reason.name for _, reason in wanted] == [
            f"answer={utterance.slots[0].value}" if utterance.slots else "no answer"
        ]
        shared += not utterance.slots
        assert utterance.slots or wanted[0][0] is homes[0], "none competes where the answer was found"
    assert shared


def test_answers_that_cannot_be_explained(model: Checkpoint, questions: list[Utterance]) -> None:
    """One that no window has as a whole, of which the second right answer is taken; a text without a passage."""
    network = float_network(model)
    text = questions[0].text
    begin = text.index("\t") + 1
    whole, part = (Slot("answer", text[begin:end], begin, end) for end in (len(text), begin + 2))
    none = Utterance(text, "", (), "")
    for slots, names in (((whole,), []), ((whole, part), [f"answer={part.value}"])):
        found = explained_windows(network, model, none, Utterance(text, "", slots, ""))
        assert [reason.name for _, _, wanted in found for reason in wanted] == names
        assert [reason.name for _, given, _ in found for reason in given] == ["no answer"]
    alone = Utterance("谁", "", (), "")
    [(_, given, wanted)] = explained_windows(network, model, alone, alone)
    assert given == wanted == ()


def test_features_are_those_of_the_question(model: Checkpoint, questions: list[Utterance]) -> None:
    network = float_network(model)
    texts = [*(one.text for one in questions[:3]), short(questions[3]), "\t没有问题"]
    found = features(network, model, texts)
    read: list[np.ndarray] = []
    tokenizer = model.tokenizer()
    hook = network.answer_classifier.register_forward_pre_hook(lambda _, given: read.append(given[0].numpy()[0]))
    for text in texts:
        DygraphBackend(network).run(tokenizer.encode(text, 40).ids[None])
    hook.remove()
    for text, row, tokens in zip(texts, found, read):
        count = separator(tokenizer.encode(text, 40)) - 1
        np.testing.assert_allclose(row, tokens[1 : 1 + count].mean(0) if count else tokens[0], atol=1e-5)


def test_a_model_of_answers_is_analysed(
    tmp_path: Path, model: Checkpoint, questions: list[Utterance], capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = Utterance(f"{HOSTILE}\t{HOSTILE}花心", "", (Slot("answer", "花心", 57, 59),), "99")
    assert hostile.text[57:59] == "花心"
    corpus = [*questions, hostile, replace(hostile, slots=())]
    data, lines = tmp_path / "data.jsonl", tmp_path / "lines.txt"
    write_questions(corpus, data)
    lines.write_text(f"{corpus[0].text}\n谁{corpus[0].text}\n没有文章\n", encoding="utf-8")
    save_checkpoint(model, tmp_path / "model")
    page, facts, bad, following = (tmp_path / name for name in ("page.html", "facts.json", "bad.jsonl", "next.txt"))
    arguments = ["analyze", str(tmp_path / "model"), "--data", str(data)]
    more = ["--train", str(data), "--unlabelled", str(lines), "--next", str(following), "--json", str(facts)]
    more += ["--out", str(page), "--bad", str(bad), "--examples", "2", "--characters"]
    assert main([*arguments, *more]) == 0, capsys.readouterr().err
    found = json.loads(facts.read_text(encoding="utf-8"))
    assert set(found) == set(_NAMES) and set(found["measures"]) == {"utterances", "exact", "answer_f1", "understood"}
    assert found["importance"]["reasons"] == found["importance"]["complete"] > 2
    rows = {row["name"]: row for row in found["classes"]["answers"]}
    assert all(row["train"] == row["labelled"] for row in rows.values()) and len(rows) == 2
    assert sum(row["labelled"] for row in rows.values()) == len(corpus)
    assert list(found["dirty"]) == ["left_out"] and len(found["conflicts"]["train"]) == 1
    assert sorted(row["line"] for row in found["next"]) == [2, 3]
    assert len(following.read_text(encoding="utf-8").splitlines()) == 2
    assert [row["number"] for row in found["behind"]["texts"]] == [one["number"] for one in found["bad"][:2]]
    assert found["behind"]["texts"][0]["nearest"][0]["number"] == found["bad"][0]["number"], "its own text"
    shown = [*found["bad"], *found["sparse"]["texts"], *found["next"], *found["conflicts"]["data"]]
    assert all(row["text"].startswith(row["question"]) for row in shown)
    for one in found["bad"]:
        value = one["answered"].removeprefix("answer=")
        assert value in one["excerpt"], one
    scores = [one["score"] for one in found["bad"]]
    assert scores == sorted(scores, reverse=True)
    again = read_questions(bad)
    assert len(again) == len(found["bad"]) and {one.text for one in again} <= {one.text for one in corpus}
    html = page.read_text(encoding="utf-8")
    assert found["dirty"]["left_out"] in html and "confidently something else" not in html
    assert "<script" not in html and "\u202e" not in html and 'class="coloured lines"' in html
    assert main([*arguments, "--out", str(page), "--examples", "0"]) == 0, "its own page is known again"
    assert "Wrong labels" not in page.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main([*arguments, "--train", str(data), "--out", str(page), "--suspects", str(tmp_path / "s")]) == 2
    error = capsys.readouterr().err
    assert "--suspects: wrong labels are not looked for" in error and error.count("\n") == 1
