"""A student of one teacher that is asked in three ways: in this process, by files, and by a service that goes away."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench_arm.host.serving import Served, free_port, running
from compress.ahead import Asker, open_any
from compress.lessons import write_questions
from compress.steps import run_step
from slu.cli import main
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError, OutputError
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.runtime import remote
from slu.runtime.labelling import label
from slu.runtime.soft_labels import Question, SoftLabels
from slu.runtime.teachers import Logits, ModelTeacher
from slu.training import fit
from slu.training.data import load_data
from slu.training.recipe import load_recipe
from slu.training.train import train_stage

RECIPE = """\
[data]
corpus = "corpus.txt"
split = "session"
[lexicon]
lists = "{lists}"
own = ["destination"]
new_names = ["song"]
previous_intent = true
[model]
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 16
max_position_embeddings = 32
normalisation = "speech-1"
[training]
epochs = 2
batch_size = 16
learning_rate = 1e-2
[student]
hidden_size = 8
intermediate_size = 8
[student.augment]
words = 0
runs = 0
[student.training]
epochs = 2
batch_size = 16
learning_rate = 1e-2
loss = "answers"
"""


@pytest.fixture(scope="module")
def place(sample: list[Utterance], sample_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe and its teacher, the checkpoint ``fp32``."""
    from slu.corpus.tagged import write_corpus

    directory = tmp_path_factory.mktemp("asked")
    write_corpus(sample[:200], directory / "corpus.txt")
    lists = sample_path.parent / "lexicon"
    (directory / "recipe.toml").write_text(RECIPE.format(lists=lists), encoding="utf-8")
    (directory / "own.txt").write_text("随便听点什么\n\n我想去看海\n取消", encoding="utf-8")
    recipe = load_recipe(directory / "recipe.toml")
    train_stage(recipe, load_data(recipe), directory / "fp32", resume=False)
    return directory


def student(place: Path, out: Path, *where: str, more: tuple[str, ...] = ()) -> Checkpoint:
    """The student of the teachers at ``where``."""
    given = [f'student.ask=[{", ".join(map(repr, where))}]', f"student.unlabelled='{place}/own.txt'", *more]
    recipe = load_recipe(place / "recipe.toml", given)
    run_step("student", recipe, load_data(recipe), place / "fp32", out, lambda line: None)
    return load_checkpoint(out)


def test_questions_replace_no_other_file(tmp_path: Path) -> None:
    path, questions = tmp_path / "texts.jsonl", [Question("a"), Question("a"), Question("b", "play")]
    for _ in range(2):  # the same again is no loss
        assert write_questions(path, questions) == 2
    path.write_text("mine\n", encoding="utf-8")
    with pytest.raises(OutputError, match="choose another --texts"):
        write_questions(path, questions)


def assert_same(one: Checkpoint, two: Checkpoint) -> None:
    for name, tensor in one.tensors.items():
        np.testing.assert_array_equal(tensor, two.tensors[name], err_msg=name)


@pytest.fixture(scope="module")
def in_process(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return student(place, tmp_path_factory.mktemp("student") / "in-process", str(place / "fp32"))


def test_files_give_the_same_student(place: Path, in_process: Checkpoint, tmp_path: Path) -> None:
    texts, soft = tmp_path / "texts.jsonl", tmp_path / "soft"
    command = ["compress", "student", str(place / "fp32"), "--config", str(place / "recipe.toml")]
    assert main([*command, "--set", f"student.unlabelled={place}/own.txt", "--texts", str(texts)]) == 0
    lines = texts.read_text(encoding="utf-8").splitlines()
    assert len(set(lines)) == len(lines) and any("lexicons" in line for line in lines)
    assert any('"previous_intent": ""' in line for line in lines) and '{"text": "我想去看海"}' in lines
    label(place / "fp32", texts, soft, lines=70)
    assert_same(student(place, tmp_path / "student", str(soft)), in_process)

    (tmp_path / "few.jsonl").write_text("\n".join(lines[:50]), encoding="utf-8")
    label(place / "fp32", tmp_path / "few.jsonl", tmp_path / "few")
    with pytest.raises(ConfigError, match=r"few: has no soft labels of \d+ of \d+ texts, such as .*--texts"):
        student(place, tmp_path / "none", str(tmp_path / "few"))


@pytest.fixture
def port() -> int:
    return int(free_port())


@pytest.mark.slow
def test_a_service_that_goes_away_gives_the_same_student(
    place: Path, in_process: Checkpoint, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not there at first, is killed twice in the middle of answers, and started again."""
    asked: list[Question] = []
    sent, servers, kills = remote.ServiceTeacher.ask, contextlib.ExitStack(), [60, 120]
    running_now: list[Served] = []
    failed: list[BaseException] = []
    lock = threading.Lock()

    def start() -> None:
        given = [f"other={place / 'fp32'}", f"teacher={place / 'fp32'}", "--port", str(port), "--drain", "0"]
        try:
            running_now.append(servers.enter_context(running(given)))
        except BaseException as error:  # nobody waits for this thread
            failed.append(error)
            raise

    def counted(self: remote.ServiceTeacher, questions: list[Question]) -> list[Logits]:
        with lock:
            if kills and len(asked) > kills[0] and len(running_now) == 3 - len(kills):
                kills.pop(0)
                running_now[-1].process.kill()
                threading.Timer(0.5, start).start()
        found = sent(self, questions)
        with lock:
            asked.extend(questions)
        if failed:
            raise failed[0]
        return found

    monkeypatch.setattr(remote.ServiceTeacher, "ask", counted)
    threading.Timer(0.5, start).start()
    with servers:
        address = f"http://127.0.0.1:{port}/teacher"
        made = student(place, tmp_path / "student", address, more=("student.in_flight=2",))
    assert not kills and len(asked) == len(set(asked))
    assert_same(made, in_process)


def test_the_mean_of_two_teachers(place: Path, in_process: Checkpoint, tmp_path: Path) -> None:
    shutil.copytree(place / "fp32", tmp_path / "copy")
    twice = student(place, tmp_path / "twice", str(place / "fp32"), str(tmp_path / "copy"))
    assert_same(twice, in_process)
    another = load_checkpoint(place / "fp32")
    another.tensors["slot_classifier.weight"] *= 2.0  # surer of its slots
    save_checkpoint(another, tmp_path / "other")
    other = student(place, tmp_path / "mean", str(place / "fp32"), str(tmp_path / "other"))
    assert any((other.tensors[name] != tensor).any() for name, tensor in in_process.tensors.items())


def test_an_asker_asks_once_and_hands_on_what_goes_wrong() -> None:
    class Slow:
        where, in_flight = "here", 2

        def __init__(self) -> None:
            self.asked: list[Question] = []

        def ask(self, questions: list[Question]) -> list[Logits]:
            self.asked += questions
            if Question("bad") in questions:
                raise ConfigError("here: refuses")
            return [(np.full(1, len(one.text), np.float32),) for one in questions]

        def close(self) -> None:
            pass

    for in_flight in (0, 2):
        teacher = Slow()
        teacher.in_flight = in_flight
        asker = Asker(teacher)  # type: ignore[arg-type]
        batches = [[Question("a" * n), Question("a" * (n + 1))] for n in range(1, 80)]
        asker.expect(batches)
        for batch in [*batches, *batches]:
            assert [float(one[0][0]) for one in asker.get(batch)] == [len(one.text) for one in batch]
        assert sorted(teacher.asked) == sorted({one for batch in batches for one in batch})
        assert asker.get([Question("aa")])[0][0] == 2
        asker.expect([[Question("bad")]])
        with pytest.raises(ConfigError, match="refuses"):
            asker.get([Question("bad")])
        asker.close()


@pytest.mark.slow
def test_teachers_that_do_not_fit(place: Path, checkpoint_directory: Path, tmp_path: Path, port: int) -> None:
    def refused(where: str, match: str, *more: str) -> None:
        with pytest.raises(ConfigError, match=match):
            student(place, tmp_path / "none", where, more=more)

    refused(str(checkpoint_directory), "its labels are not those of the student|its slots are not")
    refused("http://nowhere:99999", "out of range")
    refused("http://127.0.0.1:1?x", "write it as http://HOST:PORT")
    refused(f"http://127.0.0.1:{port}", "cannot be read", f"student.token_file='{tmp_path}/none'")
    with running([f"teacher={place / 'fp32'}", "--port", str(port), "--drain", "0", "--max-texts", "5"]):
        refused(f"http://127.0.0.1:{port}/other", "has no model 'other'; it has teacher")
        teacher = remote.ServiceTeacher(f"http://127.0.0.1:{port}", 1)
        own = load_checkpoint(place / "fp32")
        teacher.check(own.head, own.labels)
        questions = [Question(text) for text in ("取消", "来一首花心", "", "导航", "听歌", "下一首", "花心", "a")]
        with pytest.raises(ConfigError, match="refuses .422"):
            teacher.ask([Question("取消", "no.intent")])
        for one, two in zip(teacher.ask(questions), ModelTeacher(place / "fp32").ask(questions)):
            for found, wanted in zip(one, two):
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
def test_a_model_that_is_replaced_meanwhile(place: Path, tmp_path: Path, port: int) -> None:
    live = Path(shutil.copytree(place / "fp32", tmp_path / "live"))
    own = load_checkpoint(live)
    teacher = remote.ServiceTeacher(f"http://127.0.0.1:{port}/live", 1)
    with running([str(live), "--port", str(port), "--drain", "0"]):
        teacher.check(own.head, own.labels)
        teacher.ask([Question("取消")])
    shutil.rmtree(live)
    student(place, live, str(place / "fp32"))  # another model of the same name
    with running([str(live), "--port", str(port), "--drain", "0"]), pytest.raises(ConfigError, match="was replaced"):
        teacher.ask([Question("取消")])


def test_a_model_that_is_replaced_between_two_runs(
    place: Path, in_process: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Exception):
        pass

    def run(version: str) -> Checkpoint:
        teacher = ModelTeacher(place / "fp32")
        teacher.version = version
        with monkeypatch.context() as patched:
            patched.setattr("compress.student.open_any", lambda *_: teacher)
            return student(place, tmp_path / "student", "http://host:1")

    def save_and_stop(*given: object, save: Callable[..., None] = fit.save_state) -> None:
        save(*given)
        raise Interrupted

    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(fit, "save_state", save_and_stop)
        run("one")
    with pytest.raises(ConfigError, match=r"fp32: the model was replaced .version one, now two"):
        run("two")
    made = run("one")
    assert_same(made, in_process)
    assert made.manifest.metrics["versions"] == {str(place / "fp32"): "one"}


def test_answers_of_files_are_not_kept(place: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("取消\n听歌\n", encoding="utf-8")
    label(place / "fp32", tmp_path / "texts.txt", tmp_path / "out")
    asker, questions = Asker(open_any(str(tmp_path / "out"), 1, None, 1.0)), [Question("听歌"), Question("取消")]
    asker.expect([questions])
    found, wanted = asker.get(questions), ModelTeacher(place / "fp32").ask(questions)
    assert not asker.answers
    for one, two in zip(found, wanted):
        for array, other in zip(one, two):
            np.testing.assert_array_equal(array, other)
            assert other.base is None  # no view that keeps the logits of a whole run


def test_soft_labels_by_what_was_asked(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [
        Question("取消"),
        Question("取消", ""),
        Question("取消", "music.play"),
        Question("听花心", None, (("song", "花心"),)),
    ]
    file = tmp_path / "texts.jsonl"
    file.write_text("\n".join(one.to_json() for one in asked), encoding="utf-8")
    label(place / "fp32", file, tmp_path / "out")
    labels, teacher = SoftLabels(tmp_path / "out"), ModelTeacher(place / "fp32")
    assert len(labels) == 4
    for one, wanted in zip(asked, teacher.ask(asked)):
        for found, array in zip(labels.logits(one).values(), wanted):
            np.testing.assert_array_equal(found, array)
    assert not np.array_equal(labels.logits(asked[0])["intent_logits"], labels.logits(asked[1])["intent_logits"])
    capsys.readouterr()
    for line in (
        '{"texts": "a"}',
        "[]",
        '{"text": 1}',
        '{"text": "a", "lexicons": {"song": "b"}}',
        "{",
        '{"text": "a", "x": 1}',
    ):
        file.write_text(f"{asked[0].to_json()}\n{line}", encoding="utf-8")
        assert main(["label", str(place / "fp32"), str(file), "--out", str(tmp_path / "bad")]) == 2
        assert f"{file}:2: is not as in" in capsys.readouterr().err
    for known in ({"previous_intent": "none"}, {"lexicons": {"none": ["花心"]}}):
        line = json.dumps({"text": "听" * 50, **known})
        file.write_text(f"{asked[0].to_json()}\n{line}", encoding="utf-8")
        command = ["label", str(place / "fp32"), str(file), "--out", str(tmp_path / "bad"), "--shard", "1"]
        assert main(command) == 2
        assert f"{file}:2: '{'听' * 40}': the model has no" in capsys.readouterr().err
