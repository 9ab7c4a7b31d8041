"""The whole way, as a user goes it: the installed command on the sample corpus, with a tiny model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slu.cli import main

ROOT = Path(__file__).parent.parent
SLU = Path(sys.executable).parent / "slu"
STAGES = ["fp32", "vocab", "width", "ptq", "qat", "embeddings"]
TINY = (
    "model.hidden_size=48", "model.num_hidden_layers=2", "model.num_attention_heads=4", "model.intermediate_size=96",
    "model.max_position_embeddings=64", "training.epochs=3", "training.learning_rate=4e-3", "training.average=0.9",
    "width.training.epochs=1", "width.training.learning_rate=2e-3", "width.training.average=0.9",
    "ptq.utterances=[16]", "ptq.algorithms=[\"avg\"]",
    "qat.training.epochs=1", "qat.training.learning_rate=1e-3", "qat.training.average=0.9",
    "export.formats=[\"paddle\", \"lite-x86\"]", "speech.share=0.1",
)  # fmt: skip


def slu(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SLU, *arguments], input=stdin, capture_output=True, text=True, encoding="utf-8", timeout=300)


def arguments(out: Path, *more: str) -> list[str]:
    settings = [part for setting in (*TINY, *more) for part in ("--set", setting)]
    return ["run", str(ROOT / "configs/demo.toml"), "--out", str(out), *settings]


def run_tiny(out: Path) -> subprocess.CompletedProcess[str]:
    return slu(*arguments(out))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pipeline") / "run"
    done = run_tiny(out)
    assert done.returncode == 0, done.stderr
    assert "| embeddings" in done.stdout.splitlines()[-1]
    return out


def test_results_have_a_row_a_stage_and_each_is_what_eval_says(made: Path) -> None:
    rows = json.loads((made / "results.json").read_text())["rows"]
    assert [row["stage"] for row in rows] == STAGES
    sizes = [row["size_bytes"] for row in rows]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0] / 15
    assert rows[-1]["exact"] > 60  # a model that learned nothing answers fewer than 30 % right

    report = made.parent / "eval.json"
    wrong = made.parent / "wrong.tsv"
    done = slu("eval", made / "embeddings", "--data", made / "dev.txt", "--json", report, "--errors", wrong)
    assert done.returncode == 0, done.stderr
    result = json.loads(report.read_text())
    for name in ("utterances", "exact", "seed_accuracy", "intent_accuracy", "intent_macro_f1", "slot_f1", "understood"):
        assert result[name] == pytest.approx(rows[-1][name], abs=1e-6), name
    assert result == json.loads((made / "evaluation.json").read_text())
    missed = round(result["utterances"] * (100 - result["exact"]) / 100)
    assert len(wrong.read_text(encoding="utf-8").splitlines()) == missed + 1


def test_a_second_run_makes_nothing_again(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.name == "model.safetensors"}
    done = run_tiny(made)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("up to date") == len(STAGES) + 1
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("backend", ["paddle", "lite", "fastdeploy-onnxruntime"])
def test_a_bundle_answers_as_its_checkpoint(made: Path, backend: str) -> None:
    texts = ["来一首周华健的花心", "打电话给妈妈", "导航", "", "play 2pac 的 Ｃhanges 😀"]
    want = slu("parse", made / "embeddings", *texts)
    got = slu("parse", made / "bundle", "--backend", backend, stdin="\n".join(texts) + "\n")
    assert (want.returncode, got.returncode) == (0, 0), want.stderr + got.stderr
    pairs = list(zip(map(json.loads, want.stdout.splitlines()), map(json.loads, got.stdout.splitlines()), strict=True))
    assert [w["text"] for w, _ in pairs] == texts
    for wanted, answered in pairs:
        assert answered.pop("score") == pytest.approx(wanted.pop("score"), abs=2e-3)
        assert answered == wanted
        assert all(wanted["text"][s["start"] : s["end"]] == s["value"] for s in wanted["slots"])


def test_a_contact_that_no_text_has_is_found_when_it_is_in_the_list(made: Path, sample_path: Path) -> None:
    names = ["诸葛小明", "慕容青川", "丁一航", "高小琴", "罗辑", "章北海", "叶文洁", "史强", "程心", "欧阳春燕"]
    corpus = sample_path.read_text(encoding="utf-8")
    assert not any(name in corpus for name in names)
    contacts = made.parent / "contacts.txt"
    contacts.write_text("\n".join(names) + "\n", encoding="utf-8")
    texts = [form.format(name) for name in names for form in ("给{}打个电话", "呼叫{}")]

    def right(*options: str) -> int:
        done = slu("parse", made / "bundle", "--backend", "paddle", *options, *texts)
        assert done.returncode == 0, done.stderr
        answers = map(json.loads, done.stdout.splitlines())
        found = ([slot["value"] for slot in a["slots"] if slot["name"] == "contact_name"] for a in answers)
        return sum(values == [name] for values, name in zip(found, [name for name in names for _ in "12"]))

    without, with_list = right(), right("--lexicon", f"contact_name={contacts}")
    assert with_list >= 18 > without


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ('data.corpus="nowhere.txt"', "nowhere.txt"),
        ('width.ratio="5/7"', "5/7"),
        ("training.epochs=0", "epochs"),
        ("training.speed=1", "speed"),
        ('model.init="ernie"', "ernie"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    made: Path, setting: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(made, setting)) == 2
    line = capfd.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("slu: error: ") and says in line
    assert (made / "results.json").is_file() and not list(made.glob(".*.tmp"))


@pytest.mark.parametrize(
    "setting", ["qat.training.epochs=0", "ptq.utterances=[0]", "width.ration=1", 'export.formats=["tflite"]']
)
def test_a_wrong_setting_of_a_late_stage_is_said_before_the_training(
    tmp_path: Path, setting: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(tmp_path / "run", setting)) == 2
    assert capfd.readouterr().err.strip().splitlines()[-1].startswith("slu: error: ")
    assert not (tmp_path / "run").exists()


def test_help_is_quick_and_lists_every_command() -> None:
    code = "import sys, slu.cli; slu.cli.build_parser(); print(sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"paddle", "paddlenlp", "paddleslim", "matplotlib", "fastdeploy", "paddlelite", "numpy"}
    assert not heavy & set(json.loads(done.stdout.replace("'", '"')))
    listed = slu("--help").stdout
    for command in ("data", "train", "compress", "export", "eval", "parse", "run", "report"):
        assert f"    {command}" in listed
