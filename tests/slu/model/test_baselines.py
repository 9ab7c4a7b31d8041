"""The baselines: padding changes nothing, they learn, and what is for the encoder alone refuses them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest

from compress.steps import run_step
from export_lite.export import export_bundle
from slu.cli import main
from slu.errors import CheckpointError, ConfigError
from slu.model.checkpoint import load_checkpoint
from slu.model.config import BOW, LSTM, ModelConfig
from slu.model.network import load_model, tensors_of
from slu.runtime.loading import load
from slu.training.data import load_data
from slu.training.recipe import Recipe, load_recipe
from slu.training.train import train_stage

GOOD, BAD = ("很好", "喜欢", "满意", "舒服"), ("太差", "难看", "失望", "太吵")
RECIPE = """\
[data]
corpus = "corpus.txt"
dev = "corpus.txt"
[model]
task = "sequence"
vocab = "corpus"
hidden_size = 16
num_hidden_layers = 1
max_position_embeddings = 32
[training]
epochs = 4
batch_size = 8
learning_rate = 2e-2
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    lines = [f"{before}{word}{after}\t{label}" for label, words in ((1, GOOD), (0, BAD)) for word in words
             for before in ("房间", "书", "这个电脑真的") for after in ("", "了", "，下次再说吧")]  # fmt: skip
    (tmp_path / "corpus.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return load_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize("encoder", [BOW, LSTM])
def test_a_baseline_learns_and_reads_nothing_of_padding(encoder: str, recipe: Recipe, tmp_path: Path) -> None:
    # Baselines read tokens only: a recipe with [ngrams] trains them without.
    own = load_recipe(recipe.path, [f"model.encoder={encoder}", "ngrams.rows=50"])
    train_stage(own, load_data(own), tmp_path / "fp32", resume=False)
    made = load_checkpoint(tmp_path / "fp32")
    assert made.ngrams is None and made.config.encoder == encoder and made.manifest.metrics["exact"] > 90
    assert set(tensors_of(load_model(made))) == set(made.tensors)
    assert load(tmp_path / "fp32").parse("这个电脑真的太差").labels[0].name == "0"  # type: ignore[index]

    model, pad = load_model(made), made.config.pad_token_id
    ids = np.array([[2, 9, 8, 7, 3], [2, 6, 3, pad, pad]])
    [together] = model(paddle.to_tensor(ids))
    [alone] = model(paddle.to_tensor(ids[1:, :3]))
    np.testing.assert_allclose(together.numpy()[1:], alone.numpy(), atol=1e-6)

    with pytest.raises(ConfigError, match="baseline for comparisons that Paddle alone runs"):
        export_bundle(tmp_path / "fp32", tmp_path / "bundle")
    with pytest.raises(ConfigError, match=f"width: .* has the encoder '{encoder}'; this step is for 'ernie'"):
        run_step("width", own, load_data(own), tmp_path / "fp32", tmp_path / "width")


def test_a_student_of_another_encoder(recipe: Recipe, tmp_path: Path) -> None:
    """A bag of tokens learns from an LSTM, of unlabelled texts as well."""
    own = load_recipe(recipe.path, [f"model.encoder={LSTM}", "training.epochs=8"])
    train_stage(own, load_data(own), tmp_path / "teacher", resume=False)
    (tmp_path / "more.txt").write_text("房间舒服，书太差\n电脑难看\n", encoding="utf-8")
    settings = [f"student.encoder={BOW}", "student.labels=0.0", "student.augment.words=0", "student.augment.runs=0"]
    settings += ["student.training.epochs=6", "student.training.batch_size=8", "student.training.learning_rate=0.02"]
    taught = load_recipe(
        recipe.path,
        [*settings, f"student.ask=['{tmp_path}/teacher']", f"student.unlabelled={tmp_path}/more.txt"],
    )
    run_step("student", taught, load_data(taught), tmp_path / "teacher", tmp_path / "student")
    made = load_checkpoint(tmp_path / "student")
    assert made.config.encoder == BOW and made.manifest.metrics["unlabelled"] == 2
    assert made.manifest.metrics["exact"] > 90


def test_what_cannot_be(recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--config", str(recipe.path), "--out", str(tmp_path / "none")]
    for setting, said in (
        ("model.encoder=gru", "encoder is 'gru'; choose one of ernie, bow, lstm"),
        ("model.hidden_size=15", "half of hidden_size in each direction; 15 is odd"),
        (f"model.init={tmp_path}", "is trained from scratch"),
        ("model.task=joint", "task joint needs 'ernie'"),
    ):
        encoder = [] if "encoder" in setting else ["--set", f"model.encoder={LSTM}"]
        if "joint" in setting:
            (tmp_path / "corpus.txt").write_text("1\t取消\tOTHERS\t取消\n\n2\t听歌\tmusic.play\t听歌\n")
        assert main([*command, *encoder, "--set", setting]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="encoder is 'gru'"):
        ModelConfig.from_dict({"vocab_size": 9, "encoder": "gru"}, "config.json")
    with pytest.raises(CheckpointError, match="answers labels of whole texts"):
        ModelConfig.from_dict({"vocab_size": 9, "encoder": BOW}, "config.json")
