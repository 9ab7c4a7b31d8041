"""``slu compress``: the steps one by one and all together, what they note down, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compress.steps import settings_of
from slu import cli
from slu.corpus.labels import Labels
from slu.corpus.tagged import write_corpus
from slu.inputs.pins import PINS
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.runtime.loading import load
from slu.training.data import Data
from slu.training.recipe import Recipe, load_recipe
from slu.training.stage import workspace_of

STEPS = ("vocab", "width", "qat", "embeddings")
RECIPE = """\
[data]
corpus = "corpus.txt"
[vocab]
positions = 24
[width]
ratio = "1/2"
[width.training]
epochs = 1
batch_size = 32
learning_rate = 3e-3
[qat]
[qat.training]
epochs = 1
batch_size = 32
[embeddings]
"""


@pytest.fixture
def recipe(tmp_path: Path, data: Data) -> Path:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    write_corpus(data.train[:300], inputs / "corpus.txt")
    (inputs / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return inputs / "recipe.toml"


@pytest.fixture
def fp32(trained: Checkpoint, tmp_path: Path) -> Path:
    """The trained model in a directory."""
    metrics = {"exact": 50.0, "size_bytes": trained.size_bytes}
    trained.manifest = Manifest(stage="fp32", inputs={"corpus": "0"}, metrics=metrics, threshold=0.5)
    save_checkpoint(trained, tmp_path / "inputs" / "fp32")
    return tmp_path / "inputs" / "fp32"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def slu(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Lines of errors; there is never a traceback among them."""
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return [line for line in text.splitlines() if line.startswith("slu")]


def test_all_steps_of_a_recipe(recipe: Path, fp32: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "small"
    assert slu("compress", "--config", recipe, fp32, "--out", out) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if " MB (was " in line]  # not what cannot be learned
    assert [line.split(":")[0] for line in said] == list(STEPS)
    assert all(" MB (was " in line and "exact " in line and " s" in line for line in said)
    assert sorted(path.name for path in out.iterdir()) == sorted(STEPS)
    made = [load_checkpoint(fp32), *(load_checkpoint(out / step) for step in STEPS)]
    sizes = [checkpoint.size_bytes for checkpoint in made]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 5 and sizes[-1] < sizes[0] / 3
    for i, checkpoint in enumerate(made[1:]):
        manifest = checkpoint.manifest
        assert manifest.stage == STEPS[i] and manifest.inputs.keys() == {"corpus", "split", "checkpoint"}
        assert [entry["stage"] for entry in manifest.history] == ["fp32", *STEPS[:i]]
        assert manifest.metrics["size_bytes"] == checkpoint.size_bytes and 0 <= manifest.metrics["exact"] <= 100
    reports = dict(zip(STEPS, (checkpoint.manifest.metrics for checkpoint in made[1:])))
    assert reports["vocab"].keys() >= {"tokens", "tokens_before", "positions", "unk_percent_dev"}
    assert (reports["width"]["heads"], reports["width"]["neurons"]) == (2, 24)
    assert reports["qat"]["epochs"] == 1.0 and reports["embeddings"]["largest_error"] > 0
    for step in ("width", "qat"):
        assert json.loads((out / step / "training.json").read_text()) and (out / step / "visualdl").is_dir()
    final = load(out / "embeddings")
    assert final.threshold == made[-1].manifest.threshold and final.parse("你好").text == "你好"

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert slu("compress", "--config", recipe, fp32, "--out", out) == 0
    assert [line.split(" in ")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"{s}: up to date" for s in STEPS
    ]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before

    assert slu("compress", "--config", recipe, fp32, "--out", out, "--set", "qat.training.epochs=2") == 0
    again = [line.split(":")[1][:11] == " up to date" for line in capsys.readouterr().out.splitlines()]
    assert again == [True, True, False, False]  # a changed step, and what is made from it


def test_steps_alone_and_in_another_order(recipe: Path, fp32: Path, place: Path) -> None:
    (fp32 / PINS).write_text("OTHERS\t停\n", encoding="utf-8")
    assert slu("compress", "embeddings", fp32, "--config", recipe, "--out", place / "a") == 0
    assert slu("compress", "vocab", place / "a", "--config", recipe, "--out", place / "b") == 0
    assert slu("compress", "vocab", fp32, "--config", recipe, "--out", place / "c") == 0
    assert slu("compress", "embeddings", place / "c", "--config", recipe, "--out", place / "d") == 0
    one, two = load_checkpoint(place / "b"), load_checkpoint(place / "d")
    assert one.vocab == two.vocab and one.config == two.config
    assert (place / "d" / PINS).read_bytes() == (fp32 / PINS).read_bytes(), "pinned texts go with the model"
    assert all((one.tensors[name] == two.tensors[name]).all() for name in two.tensors)
    assert [entry["stage"] for entry in one.manifest.history] == ["fp32", "embeddings"]
    assert sorted(path.name for path in place.iterdir()) == list("abcd")


def test_a_recipe_may_leave_steps_out(recipe: Path, fp32: Path, place: Path) -> None:
    recipe.write_text('[data]\ncorpus = "corpus.txt"\n[embeddings]\n')
    assert slu("compress", fp32, "--config", recipe, "--out", place / "small") == 0
    assert [path.name for path in (place / "small").iterdir()] == ["embeddings"]


@pytest.mark.parametrize("step", ["width", "qat"])
def test_an_interrupted_step_goes_on(
    recipe: Path, fp32: Path, place: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after the fifth of 8 steps, the third having been saved: exit code 130, and the same result later."""
    import paddle

    every = ("--set", f"{step}.training.evaluate_every=3")
    assert slu("compress", step, fp32, "--config", recipe, *every, "--out", place / "whole") == 0
    done: list[int] = []
    whole = paddle.optimizer.AdamW.step

    def breaks(self: Any) -> None:
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(1)
        whole(self)

    with monkeypatch.context() as patch:
        patch.setattr(paddle.optimizer.AdamW, "step", breaks)
        assert slu("compress", step, fp32, "--config", recipe, *every, "--out", place / "parts") == 130
    assert not (place / "parts").exists() and workspace_of(place / "parts").is_dir()
    done.clear()
    with monkeypatch.context() as patch:
        patch.setattr(paddle.optimizer.AdamW, "step", lambda self: (done.append(1), whole(self))[1])
        assert slu("compress", step, fp32, "--config", recipe, *every, "--out", place / "parts") == 0
    assert len(done) == 5
    assert (place / "parts" / "model.safetensors").read_bytes() == (place / "whole" / "model.safetensors").read_bytes()
    assert not workspace_of(place / "parts").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("width", "FP32", "--set", "width.ratio=2/3"), "width ratio 2/3: 4 heads would become"),
        (("width", "FP32", "--set", "width.ratio=9/8"), "width ratio 9/8"),
        (("vocab", "FP32", "--set", "vocab.positions=50"), "positions is 50; it must be 3 to 40"),
        (("vocab", "FP32", "--set", "vocab.max_token=5"), "max_token is not a setting"),
        (("embeddings", "/nowhere"), "/nowhere: no such directory"),
        (("/nowhere",), "/nowhere: no such directory"),
        (("qat", "FP32", "--set", "data.corpus=/nowhere.txt"), "/nowhere.txt"),
        (("qat", "FP32", "--set", "qat.training.measure=loss"), "measure is 'loss'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    recipe: Path, fp32: Path, place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    given = [str(fp32) if argument == "FP32" else argument for argument in arguments]
    assert slu("compress", *given, "--config", recipe, "--out", place / "a") == 2
    lines = errors(capsys)
    assert len(lines) == 1 and lines[0].startswith("slu: error: ") and says in lines[0]
    assert list(place.iterdir()) == []


def test_unknown_steps_are_named(recipe: Path, fp32: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        slu("compress", "depth", fp32, "--config", recipe, "--out", place / "a")
    lines = errors(capsys)
    assert caught.value.code == 2 and len(lines) == 1 and "vocab" in lines[0]


def test_a_model_that_does_not_know_the_labels(
    recipe: Path, place: Path, trained: Checkpoint, data: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = trained.labels
    names = {name: f"other.{name}" if name.startswith("music") else name for name in labels.intents}
    taken = {names[name]: slots for name, slots in labels.slots_of_intent.items()}
    trained.labels = Labels(tuple(names.values()), labels.slots, taken)
    save_checkpoint(trained, recipe.with_name("other"))
    assert slu("compress", "width", recipe.with_name("other"), "--config", recipe, "--out", place / "a") == 2
    lines = errors(capsys)
    assert len(lines) == 1 and "the model has no intent 'music." in lines[0]
    assert list(place.iterdir()) == []


def test_quantised_checkpoints_cannot_be_trained(
    recipe: Path, fp32: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert slu("compress", "embeddings", fp32, "--config", recipe, "--out", place / "a") == 0
    capsys.readouterr()
    for step in ("width", "qat"):
        assert slu("compress", step, place / "a", "--config", recipe, "--out", place / "b") == 2
        lines = errors(capsys)
        assert len(lines) == 1 and f"{step}: the checkpoint is quantised already" in lines[0]
    assert [path.name for path in place.iterdir()] == ["a"]


def test_a_checkpoint_is_not_replaced_by_what_is_made_of_it(
    recipe: Path, fp32: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (fp32 / "model.safetensors").read_bytes()
    for out in (fp32, fp32.parent / "." / "fp32" / ".." / "fp32"):
        assert slu("compress", "embeddings", fp32, "--config", recipe, "--out", out) == 2
        lines = errors(capsys)
        assert len(lines) == 1 and "is the input checkpoint itself" in lines[0]
    assert slu("compress", "embeddings", fp32, "--config", recipe, "--out", fp32.parent) == 2
    assert "holds something else" in errors(capsys)[0]
    assert (fp32 / "model.safetensors").read_bytes() == before


def test_it_runs_in_one_process_only(
    recipe: Path, fp32: Path, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    assert slu("compress", "embeddings", fp32, "--config", recipe, "--out", place / "a") == 2
    assert "compression runs in one process" in errors(capsys)[0]


def test_paths_after_set_are_relative_to_where_the_command_runs(
    recipe: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    here = str(place)
    service, soft = "http://127.0.0.1:8080/joint", f"{here}/soft"
    changed = load_recipe(
        recipe, ["pretrain.unlabelled=own.txt", "student.unlabelled=own.txt", f'student.ask=["{service}", "soft"]']
    )
    assert settings_of("pretrain", changed).unlabelled == f"{here}/own.txt"
    student = settings_of("student", changed)
    assert (student.unlabelled, student.ask, student.token_file) == (f"{here}/own.txt", (service, soft), "")
    assert settings_of("student", load_recipe(recipe, ["student.token_file=/run/token"])).token_file == "/run/token"
    own = Recipe(recipe, {"pretrain": {"unlabelled": "own.txt"}})
    assert settings_of("pretrain", own).unlabelled == "own.txt", "of the recipe's directory, see Recipe.resolve"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('width.ratio="9/4"', "must be above 0 and at most 1"),
        ('width.ratio="5/7"', "choose one that gives a whole number"),
        ("vocab.positions=9000", "positions is 9000; it must be 3 to 2048"),
        ("export.length=25", "--length 25: must be 3 to 24"),
    ],
)
def test_a_later_step_is_checked_before_the_first_training(
    setting: str, words: str, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(RECIPE + '[export]\nformats = ["gguf"]\n', encoding="utf-8")
    assert cli.main(["run", str(recipe), "--out", str(tmp_path / "out"), "--set", setting]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out/fp32/model.safetensors").exists()
