"""Several students from one pass over a teacher: each is what it would be alone, and the teacher is asked once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from compress import lessons
from compress.students import variants
from export_lite.run import run_recipe
from slu.corpus.tagged import write_corpus
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError, OutputError
from slu.model.checkpoint import load_checkpoint
from slu.runtime.soft_labels import Question
from slu.runtime.teachers import Logits, ModelTeacher
from slu.training.recipe import Recipe, load_recipe

STUDENT = """
[{form}]
name = "{name}"
teachers = 1
hidden_size = {hidden}
num_hidden_layers = {layers}
num_attention_heads = 2
intermediate_size = 16
{more}
augment = {{ names = 1, words = 0, runs = 0 }}
training = {{ epochs = 1, batch_size = 16 }}
"""
BEFORE = """\
[data]
corpus = "corpus.txt"
[model]
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 16
max_position_embeddings = 32
[training]
epochs = 1
[vocab]
min_count = 1
"""


def write(place: Path, name: str, *students: str) -> Recipe:
    (place / name).write_text(BEFORE + "".join(students), encoding="utf-8")
    return load_recipe(place / name)


def student(name: str, hidden: int, layers: int = 1, form: str = "[student]", more: str = "") -> str:
    return STUDENT.format(name=name, hidden=hidden, layers=layers, form=form, more=more)


@pytest.fixture
def place(sample: list[Utterance], tmp_path: Path) -> Path:
    write_corpus(sample[:150], tmp_path / "corpus.txt")
    return tmp_path


def test_files_of_somebody_else_are_not_replaced(place: Path) -> None:
    """In a directory that no run has made: it is said before the training."""
    out = place / "out"
    out.mkdir()
    recipe = write(place, "recipe.toml")
    for name in ("dev.txt", "results.json", "evaluation.json"):
        (out / name).write_text("mine", encoding="utf-8")
        with pytest.raises(OutputError, match=name):
            run_recipe(recipe, out)
        assert [path.read_text() for path in out.iterdir()] == ["mine"]
        (out / name).unlink()
    (out / "dev.txt").write_bytes(b"\xef\xbb\xbf" + (place / "corpus.txt").read_bytes())
    (out / "fp32").mkdir()
    (out / "fp32" / "manifest.json").write_text("{}")  # a run of an earlier recipe was here
    with pytest.raises(OutputError, match=r"dev.txt: exists already"):
        run_recipe(load_recipe(place / "recipe.toml", [f"data.dev={out}/dev.txt"]), out)


def test_each_is_what_it_would_be_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = lessons.ask
    monkeypatch.setattr("compress.student.ask", lambda *given: asked.append(1) or real(*given))
    both = write(place, "both.toml", student("large", 16), student("small", 8, 2))
    rows = run_recipe(both, place / "both", lambda line: None)
    assert [row["stage"] for row in rows] == [
        "fp32",
        *(f"{n}/{s}" for n in ("large", "small") for s in ("student", "vocab")),
    ]
    assert (
        len(asked) == 1 and json.loads((place / "both/small/evaluation.json").read_text())["exact"] == rows[-1]["exact"]
    )

    alone = write(place, "alone.toml", student("", 8, 2, form="student"))
    run_recipe(alone, place / "alone", lambda line: None)
    assert len(asked) == 2
    one, two = (load_checkpoint(place / where) for where in ("both/small/vocab", "alone/vocab"))
    assert one.manifest.config == two.manifest.config and one.manifest.inputs == two.manifest.inputs
    for name, tensor in one.tensors.items():
        np.testing.assert_array_equal(tensor, two.tensors[name])
    said: list[str] = []
    run_recipe(both, place / "both", said.append)
    assert len(asked) == 2


def test_an_assistant_teaches_the_next_one_and_all_are_asked_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, list[Question]] = {}
    real = ModelTeacher.ask

    def counted(self: ModelTeacher, questions: list[Question]) -> list[Logits]:
        asked.setdefault(Path(self.where).parent.name, []).extend(questions)
        return real(self, questions)

    monkeypatch.setattr(ModelTeacher, "ask", counted)
    teacher = f'ask = ["{place}/out/fp32"]'
    recipe = write(
        place, "recipe.toml", student("first", 12, more=teacher), student("second", 8, more=teacher),
        student("third", 8, more='ask = ["first"]'),
    )  # fmt: skip
    run_recipe(recipe, place / "out", lambda line: None)
    assert set(asked) == {"out", "first"}
    for questions in asked.values():
        assert len(questions) == len(set(questions)) > 100
    second, third = (load_checkpoint(place / f"out/{name}/student") for name in ("second", "third"))
    assert any((tensor != third.tensors[name]).any() for name, tensor in second.tensors.items())
    assert list(third.manifest.inputs) == [*second.manifest.inputs]


def test_names_and_settings(place: Path) -> None:
    for students, match in (
        ([student("", 8), student("b", 8)], "name is ''; give each of them one"),
        ([student("a", 8), student("a", 8)], "name 'a' is taken"),
        ([student("vocab", 8)], "name 'vocab' is taken"),
        ([student("../a", 8)], "name is '../a'"),
    ):
        with pytest.raises(ConfigError, match=match):
            variants(write(place, "names.toml", *students), place)
    two = write(place, "two.toml", student("a", 8), student("b", 8))
    changed = load_recipe(two.path, ["student.training.epochs=7"])
    assert [one.recipe.raw["student"]["training"]["epochs"] for one in variants(changed, place)] == [7, 7]
    with pytest.raises(ConfigError, match="hidden_size 9 is not a multiple"):
        run_recipe(write(place, "odd.toml", student("a", 8), student("b", 9)), place / "odd", lambda line: None)
    assert not (place / "odd/a").exists()
