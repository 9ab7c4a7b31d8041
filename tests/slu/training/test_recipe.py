"""Recipes: what is written is what is used, and everything else is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from slu.errors import ConfigError
from slu.training.recipe import FROM_CORPUS, GENERIC, SCRATCH, WORDS, DataSettings, ModelSettings, load_recipe
from slu.training.start import model_settings

GOOD = """
[data]
corpus = "sub/corpus.txt"
dev_fraction = 0.25

[model]
hidden_size = 96
dropout = 0

[width]
ratios = [1, 0.75]
training = { epochs = 2 }
"""


@dataclass(frozen=True)
class Training:
    epochs: int = 1

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"epochs is {self.epochs}")


@dataclass(frozen=True)
class Width:
    ratios: tuple[float, ...] = (0.5,)
    training: Training = field(default_factory=Training)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    result = tmp_path / "recipe.toml"
    result.write_text(GOOD, encoding="utf-8")
    return result


def test_sections_become_settings(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.section("data", DataSettings) == DataSettings("sub/corpus.txt", dev_fraction=0.25)
    assert recipe.section("model", ModelSettings) == ModelSettings(hidden_size=96, dropout=0.0)
    assert isinstance(recipe.section("model", ModelSettings).dropout, float)
    assert recipe.section("width", Width) == Width((1.0, 0.75), Training(2))
    assert recipe.has("width")
    assert not recipe.has("qat")
    assert recipe.resolve("sub/corpus.txt") == path.parent / "sub/corpus.txt"
    assert recipe.resolve("/abs") == Path("/abs")


def test_settings_can_be_changed_from_outside(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path / "..")
    recipe = load_recipe(
        path, ["data.corpus=my=corpus.txt", "model.seed = 3", "width.training.epochs=5", "qat.x=1", "model.vocab='a b'"]
    )
    # A path from the command line is relative to where the command runs.
    assert recipe.resolve(recipe.section("data", DataSettings).corpus) == tmp_path.parent / "my=corpus.txt"
    assert recipe.section("model", ModelSettings) == ModelSettings(
        hidden_size=96, dropout=0.0, seed=3, vocab=str(tmp_path.parent / "a b")
    )
    assert recipe.section("width", Width).training.epochs == 5
    assert recipe.has("qat")
    for name in (GENERIC, FROM_CORPUS, WORDS):  # these are no files
        assert load_recipe(path, [f"model.vocab={name}"]).section("model", ModelSettings).vocab == name
    assert load_recipe(path, ["data.dev="]).section("data", DataSettings).dev == ""


PUBLISHED_NAME = "ernie-3.0-tiny-nano-v2-zh"


def test_the_model_to_start_from_is_relative_to_the_recipe(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def init(name: str, *changes: str) -> str:
        path.write_text(f"[data]\ncorpus = 'x'\n[model]\ninit = '{name}'\n", encoding="utf-8")
        return model_settings(load_recipe(path, changes)).init

    (tmp_path / "models").mkdir()
    assert init("models") == str(tmp_path / "models")
    assert init(str(here)) == str(here)
    assert init("nowhere") == str(tmp_path / "nowhere")  # so that the error says where it was looked for
    assert init(SCRATCH) == SCRATCH
    assert init(PUBLISHED_NAME) == PUBLISHED_NAME
    # What the command line gives is relative to where the command runs.
    assert init("models", "model.init=own") == str(here / "own")
    assert init("models", f"model.init={SCRATCH}") == SCRATCH
    assert init("models", f"model.init={PUBLISHED_NAME}") == PUBLISHED_NAME
    # A directory of a published name is what it says.
    (here / PUBLISHED_NAME).mkdir()
    assert init(PUBLISHED_NAME) == PUBLISHED_NAME
    assert init(SCRATCH, f"model.init={PUBLISHED_NAME}") == str(here / PUBLISHED_NAME)
    (tmp_path / PUBLISHED_NAME).mkdir()
    assert init(PUBLISHED_NAME) == str(tmp_path / PUBLISHED_NAME)
    with pytest.raises(ConfigError, match="init is empty; write 'scratch'"):
        init("")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.split=1", r"\[data\] split is 1; str is expected"),
        ("data.dev_fraction=true", r"dev_fraction is True; float"),
        ("model.seed=1.5", "seed is 1.5; int"),
        ("model.seed=true", "seed is True; int"),
        ("model.sizes=1", r"\[model\]: sizes is not a setting; the settings are init,"),
        ("width.ratios=0.5", r"\[width\] ratios is 0.5"),
        ("width.ratios=['x']", r"\[width\] ratios is 'x'; float"),
        ("width.training=3", "training must be a table"),
        ("width.training.epochs=0", r"training: epochs is 0"),
        ("network.x=1", r"\[network\] is not a section of a recipe; the sections are data, lexicon, speech"),
        ("model", "write it as section.name=value"),
        ("model.=1", "write it as section.name=value"),
        ("seed=1", "write it as section.name=value"),
        ("data.corpus.x=1", "corpus is not a section"),
    ],
)
def test_a_setting_that_cannot_be_is_named(override: str, words: str, path: Path) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        recipe = load_recipe(path, [override])
        recipe.section("data", DataSettings)
        recipe.section("model", ModelSettings)
        recipe.section("width", Width)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"[data", "not a TOML file"),
        (b"[data]\ncorpus = '\xff'", "not a TOML file"),
        (b"data = 1", r"\[data\] must be a table"),
        (b"", r"\[data\]: corpus is missing"),
        (b"[data]\nseed = " + b"9" * 5000, "not a TOML file"),
        (b"[data]\nseed = " + b"[" * 100_000, "not a TOML file"),
    ],
)
def test_what_is_no_recipe_is_refused(content: bytes | None, words: str, path: Path) -> None:
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words) as caught:
        load_recipe(path).section("data", DataSettings)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
