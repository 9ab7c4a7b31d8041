"""`slu analyze` as a whole, on tiny models with random weights."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from slu.analysis.analysis import Question
from slu.analysis.importance import COMPLETE, explain, tokens_of
from slu.analysis.inside import Path as Between
from slu.analysis.inside import features, float_network
from slu.analysis.page import beginning
from slu.cli import main
from slu.commands.analyze import _NAMES
from slu.corpus.classified import read_classified
from slu.corpus.tagged import read_corpus
from slu.corpus.utterance import Slot, Utterance
from slu.corpus.words import characters, words
from slu.errors import ConfigError
from slu.files import check_result
from slu.heads.table import HEADS
from slu.inputs.lexicon import compile_lexicon
from slu.inputs.ngrams import frequent_keys
from slu.model.checkpoint import Checkpoint, parameter_shapes, save_checkpoint
from slu.model.config import ModelConfig

HOSTILE = '<script>alert("x")</script>花心'
TREE = "我想听花心\tmusic,music##play\n导航去广场\tnavigation\n打电话给张三\tphone,phone##call\n停\t\n"


def tiny(task: str, vocab: list[str], corpus: list[Utterance], flags: tuple[str, ...] = ()) -> Checkpoint:
    """A model of the task's head whose layers are normalised with weights far from 1."""
    labels = HEADS[task].corpus.labels(corpus, None)
    config = ModelConfig(
        len(vocab), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, attention_head_size=8,
        intermediate_size=32, max_position_embeddings=64, max_seq_length=64, flags=flags, head=task,
    )  # fmt: skip
    random = np.random.default_rng(3)
    tensors = {
        name: (random.standard_normal(shape) * 0.5 + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        for name, shape in parameter_shapes(config, labels).items()
    }
    lexicon = compile_lexicon({}, labels.slots, config.normalisation) if flags else None
    return Checkpoint(config, tensors, list(vocab), labels, lexicon=lexicon)


def test_contributions_are_complete_and_gradients_are_those_of_differences(
    vocab: list[str], sample: list[Utterance]
) -> None:
    checkpoint = tiny("joint", vocab, sample[:300], ("lexicon", "previous_intent"))
    network = float_network(checkpoint)
    text = "来一首周华健的花心"
    encoding = checkpoint.tokenizer().encode(text, 64)
    intent = checkpoint.labels.intents[0]
    slots = (Slot(checkpoint.labels.slots[0], "花心", 7, 9),)
    reasons = checkpoint.head.explained(Utterance(text, intent, slots, "1"), encoding, checkpoint.labels)
    assert [reason.name for reason in reasons] == [intent, f"{checkpoint.labels.slots[0]}=花心"]
    path = Between(network, checkpoint, text, intent)
    step = path.end - path.start
    assert np.abs(step[0]).max() > 0 and not step[-1].any()  # the previous intent, and [SEP]
    slope = (path.gradients(np.array([0.4]), np.array([1.0]), reasons) * step).sum((1, 2))
    around = path.scores(np.stack([path.start + (0.4 + d) * step for d in (-0.01, 0.01)]), reasons)
    np.testing.assert_allclose(slope, (around[:, 1] - around[:, 0]) / 0.02, rtol=0.02)
    found = explain(path, encoding, words(text), reasons)
    for one in found:
        assert one.error <= COMPLETE
        assert one.contributions.sum() + one.previous == pytest.approx(one.change, rel=COMPLETE)
        assert "".join(text[a:b] for a, b in one.units) == text
    alone = explain(path, encoding, characters(text), reasons)[0]
    assert sum(len(tokens_of(unit, encoding)) for unit in alone.units) == len(encoding.ids) - 2


def test_with_ngrams_a_character_that_is_left_out_is_unknown_to_its_neighbour_too(
    vocab: list[str], sample: list[Utterance]
) -> None:
    checkpoint = tiny("joint", vocab, sample[:300])
    texts = ("来一首周华健的花心", "来一首\U0002a6d6华健的花心", "来一首\U0002a6d6\U0002a6d6健的花心")
    tokenizer = checkpoint.tokenizer()
    assert (tokenizer.encode(texts[2], 64).ids[[4, 5]] == tokenizer.unk_id).all()
    keys = frequent_keys(texts, tokenizer, 64, 200, 1)  # all pairs have rows, those of unknown characters too
    config = checkpoint.config.replace(ngram_rows=len(keys) + 1, ngram_width=8)
    shapes = parameter_shapes(config, checkpoint.labels)
    random = np.random.default_rng(4)
    more = {
        name: random.standard_normal(shapes[name]).astype(np.float32) for name in set(shapes) - set(checkpoint.tensors)
    }
    checkpoint = replace(checkpoint, config=config, tensors=checkpoint.tensors | more, ngrams=keys)
    network = float_network(checkpoint)
    whole, one, two = (Between(network, checkpoint, text) for text in texts)
    assert np.abs(whole.end[5] - one.end[5]).max() > 0.01, "the pair of the next character"
    np.testing.assert_allclose(whole.without(np.array([4])), one.end, atol=1e-5)
    np.testing.assert_allclose(whole.without(np.array([4, 5])), two.end, atol=1e-5)


def test_a_baseline_cannot_be_looked_into(vocab: list[str], sample: list[Utterance]) -> None:
    checkpoint = tiny("joint", vocab, sample[:300])
    with pytest.raises(ConfigError, match="encoder 'ernie'; this one has 'bow'"):
        float_network(replace(checkpoint, config=checkpoint.config.replace(encoder="bow")))


def test_features_are_what_the_head_reads(vocab: list[str], sample: list[Utterance]) -> None:
    checkpoint = tiny("joint", vocab, sample[:300])
    network = float_network(checkpoint)
    texts = ["来一首歌", "导航去人民广场", "停"]
    found = features(network, checkpoint, texts)
    assert found.shape == (3, 16)
    for text, row in zip(texts, found):
        assert np.allclose(features(network, checkpoint, [text])[0], row, atol=1e-5)
    assert np.abs(found).max() <= 1  # the pooled output is a tanh


@pytest.mark.parametrize("task", ["joint", "sequence", "labels", "tokens"])
def test_every_head_is_analysed(
    task: str, tmp_path: Path, vocab: list[str], sample_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.txt"
    if task == "joint":
        data.write_text("".join(sample_path.read_text(encoding="utf-8").splitlines(True)[:40]), encoding="utf-8")
        corpus = read_corpus(data)
    elif task == "tokens":
        lines = [("我想听花心", [[3, 5, "song"]]), ("导航去广场", [[3, 5, "place"]]), (HOSTILE, []), ("\u202e倒", [])]
        records = ({"text": text, "entities": spans} for text, spans in lines)
        data.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
        corpus = HEADS[task].corpus.read(data, None)
    else:
        text = TREE if task == "labels" else "我想听花心\tmusic\n导航去广场\tnavigation\n我想听歌\tnavigation\n"
        data.write_text(text + f"{HOSTILE}\tmusic\n\u202e倒\tmusic\n", encoding="utf-8")
        corpus = read_classified(data, task == "sequence")
    save_checkpoint(tiny(task, vocab, corpus), tmp_path / "model")
    known = corpus[0].text
    (tmp_path / "lines.txt").write_text(f"{known}\n{HOSTILE}2\n\n听歌\n{HOSTILE}２\n", encoding="utf-8")
    page, facts, bad, suspects, following = (
        tmp_path / name for name in ("page.html", "facts.json", "bad.txt", "suspects.txt", "next.txt")
    )
    arguments = ["analyze", str(tmp_path / "model"), "--data", str(data), "--train", str(data), "--examples", "3"]
    arguments += ["--unlabelled", str(tmp_path / "lines.txt"), "--next", str(following), "--out", str(page)]
    arguments += ["--json", str(facts), "--bad", str(bad), "--suspects", str(suspects), "--share", "0.5"]
    assert main(arguments) == 0, capsys.readouterr().err
    found = json.loads(facts.read_text(encoding="utf-8"))
    assert found["importance"]["reasons"] == found["importance"]["complete"] > 0
    assert [row["line"] for row in found["next"]] in ([2, 4], [4, 2])
    assert found["dirty"]["named"] == round(0.5 * len(corpus)) and found["sparse"]["texts"] is not None
    kind = {"joint": "intents", "tokens": "slots"}.get(task, "labels")
    assert all(row["train"] == row["labelled"] for row in found["classes"][kind])
    html = page.read_text(encoding="utf-8")
    assert set(_NAMES) == set(found)
    for path, like in ((page, beginning()), (facts, json.dumps(dict.fromkeys(_NAMES)))):
        check_result(path, like)  # they are known again
    assert found["question"] == asdict(Question(examples=3, named=0.5))
    assert "--examples 3 --share 0.5</code>" in html
    assert "<script" not in html and "\u202e" not in html and "http" not in html.replace("http-equiv", "")
    read = HEADS[task].corpus.read
    kept = {(utterance.text, utterance.intent, utterance.labels) for utterance in corpus}
    for path in (bad, suspects):
        again = [(utterance.text, utterance.intent, utterance.labels) for utterance in read(path, None)]
        assert again and set(again) <= kept
    assert len(read(bad, None)) == len(found["bad"])
    assert sorted(following.read_text(encoding="utf-8").split()) == sorted([f"{HOSTILE}2", "听歌"])
    alone = tmp_path / "alone.html"  # the least that can be asked
    assert main(["analyze", str(tmp_path / "model"), "--data", str(data), "--out", str(alone)]) == 0
    assert "Training lines" not in alone.read_text(encoding="utf-8")


def test_lines_of_a_table_and_of_json_are_written_as_they_are(
    tmp_path: Path, vocab: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("label\ttext_a\n1\t我想听歌\n0\t导航\n1\t停\n", encoding="utf-8")
    save_checkpoint(tiny("sequence", vocab, read_classified(table, True)), tmp_path / "model")
    entries = tmp_path / "entries.json"
    entries.write_text(
        '{"label": 1, "sentence": "听  歌", "id": 7}\n\n{"label": 0, "sentence": "导航"}\n', encoding="utf-8"
    )
    for path in (table, entries):
        out = tmp_path / f"bad-{path.name}"
        arguments = ["analyze", str(tmp_path / "model"), "--data", str(path), "--json", str(tmp_path / "f.json")]
        assert main([*arguments, "--bad", str(out), "--examples", "0"]) == 0, capsys.readouterr().err
        lines = out.read_text(encoding="utf-8").splitlines()
        assert set(lines) <= set(path.read_text(encoding="utf-8").splitlines())
        assert lines[0] == "label\ttext_a" or path == entries
        (tmp_path / "f.json").unlink()


def test_a_text_without_labels_leaves_the_lines_as_they_are(
    tmp_path: Path, vocab: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    entries = tmp_path / "entries.json"
    entries.write_text('{"sentence": "听歌", "label": ["a"]}\n{"sentence": "导航", "label": []}\n', encoding="utf-8")
    save_checkpoint(tiny("labels", vocab, read_classified(entries, False)), tmp_path / "model")
    out = tmp_path / "suspects.json"
    arguments = ["--data", str(entries), "--train", str(entries), "--json", str(tmp_path / "f.json"), "--share", "1"]
    assert main(["analyze", str(tmp_path / "model"), *arguments, "--suspects", str(out)]) == 0, capsys.readouterr().err
    lines = out.read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == sorted(entries.read_text(encoding="utf-8").splitlines())


def test_what_is_not_written_is_said(tmp_path: Path, vocab: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data.txt"
    data.write_text("听歌\tmusic\n播放\tmusic\n", encoding="utf-8")  # one label: no answer can be wrong
    save_checkpoint(tiny("sequence", vocab, read_classified(data, True)), tmp_path / "model")
    bad, following = tmp_path / "bad.txt", tmp_path / "next.txt"
    arguments = ["analyze", str(tmp_path / "model"), "--data", str(data), "--train", str(data)]
    arguments += ["--json", str(tmp_path / "f.json"), "--bad", str(bad), "--next", str(following)]
    (tmp_path / "lines.txt").write_text("播放\n听歌\n", encoding="utf-8")
    assert main([*arguments, "--unlabelled", str(tmp_path / "lines.txt")]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert f"{bad} is not written" in said and f"{following} is not written" in said
    assert not bad.exists() and not following.exists()


@pytest.mark.parametrize("option", ["--out", "--json", "--bad", "--suspects", "--next"])
def test_files_of_others_are_refused_before_the_work(
    option: str,
    tmp_path: Path,
    checkpoint_directory: Path,
    sample_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr("slu.model.checkpoint.load_checkpoint", never)
    mine = tmp_path / "mine"
    mine.write_text("of somebody else\n", encoding="utf-8")
    data = str(sample_path)
    arguments = ["analyze", str(checkpoint_directory), "--data", data, "--train", data, "--unlabelled", data]
    arguments += ["--json", str(tmp_path / "f.json")] if option != "--json" else []
    for path, said in ((mine, "mine: "), (tmp_path, "is a directory"), (mine / "below", "no file can be made in")):
        assert main([*arguments, option, str(path)]) == 2
        error = capsys.readouterr().err.strip()
        assert said in error and error.count("\n") == 0
    assert mine.read_text(encoding="utf-8") == "of somebody else\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "{data}"], "nothing would be written"),
        (["--data", "missing.txt", "--out", "p.html"], "missing.txt: cannot be read"),
        (["--data", "{data}", "--out", "p.html", "--suspects", "s.txt"], "--suspects: needs --train"),
        (["--data", "{data}", "--out", "p.html", "--unlabelled", "u.txt"], "--unlabelled: needs --train"),
        (["--data", "{data}", "--out", "{data}"], "would be written over"),
        (["--data", "{data}", "--out", "p.html", "--share", "0"], "--share 0"),
        (["--data", "{data}", "--out", "p.html", "--examples", "-1"], "--examples -1"),
        (["--data", "{data}", "--out", "p.html", "--labels", "{data}"], "--labels: names labels"),
        (["--data", "{foreign}", "--out", "p.html"], "the model has none of its intents"),
        (
            ["--data", "{data}", "--train", "{data}", "--unlabelled", "{bytes}", "--out", "p.html"],
            "{bytes}:2: not UTF-8",
        ),
        (["--data", "{data}", "--train", "{one}", "--out", "p.html"], "{one}: one text; two texts at least are needed"),
        (["--data", "{data}", "--train", "{data}", "--unlabelled", "{empty}", "--out", "p.html"], "no texts"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    said: str,
    checkpoint_directory: Path,
    sample_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {"foreign": "1\t来\tstrange\t来\n".encode(), "bytes": b"one\n\xff\n", "empty": b"\n\n"}
    places = {name: tmp_path / name for name in files}
    for name, content in files.items():
        places[name].write_bytes(content)
    places["one"] = tmp_path / "one.txt"
    places["one"].write_bytes(sample_path.read_bytes().splitlines(True)[0])
    places["data"] = tmp_path / "data.txt"
    places["data"].write_bytes(b"".join(sample_path.read_bytes().splitlines(True)[:20]))
    filled = [argument.format(**places) for argument in arguments]
    assert main(["analyze", str(checkpoint_directory), *filled]) == 2
    error = capsys.readouterr().err.strip()
    assert said.format(**places) in error and error.count("\n") == 0


def test_a_bundle_without_a_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bundle").mkdir()
    assert main(["analyze", str(tmp_path / "bundle"), "--data", "x", "--out", "p.html"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_head_that_only_answers_tokens_has_features_and_reasons(vocab: list[str], sample: list[Utterance]) -> None:
    checkpoint = tiny("joint", vocab, sample[:300])
    joint = checkpoint.head
    tokens_only = replace(joint, outputs=joint.outputs[1:])
    encoding = checkpoint.tokenizer().encode("播放花心", 64)
    utterance = Utterance("播放花心", "", (Slot(checkpoint.labels.slots[1], "花心", 2, 4),), "1")
    [reason] = tokens_only.explained(utterance, encoding, checkpoint.labels)
    assert (reason.output, reason.tokens, reason.indices) == (0, (3, 4), (3, 4))
    assert len(reason.rivals[0]) == len(checkpoint.labels.tags) - 1
