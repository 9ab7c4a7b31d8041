"""What a run writes: nothing but into --out and beside it, not even for a moment, and nothing in the home directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """
[data]
corpus = "corpus.txt"
[model]
init = "scratch"
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 16
max_position_embeddings = 16
max_length = 16
[training]
epochs = 1
[vocab]
positions = 16
[ptq]
algorithms = ["abs_max"]
utterances = [8]
[qat]
[qat.training]
epochs = 1
[embeddings]
[export]
formats = ["gguf", "paddle", "paddle-int8", "lite-x86", "onnx"]
"""
WATCHED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from slu.platform import prepare_paddle
prepare_paddle()
import paddle, paddlenlp.transformers, paddleslim, visualdl  # what they write when they are imported is theirs
from slu.cli import main
written = []
def watch(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        written.append(arguments[0])
    if event == "os.mkdir":
        written.append(arguments[0])
sys.addaudithook(watch)
code = main(sys.argv[2:])
print("written:", *sorted({os.path.abspath(os.fsdecode(one)) for one in written if not isinstance(one, int)}), sep="\\n")
sys.exit(code)
"""


@pytest.mark.slow
def test_a_run_writes_into_its_directory_and_beside_it(sample_path: Path, tmp_path: Path) -> None:
    home, elsewhere, out = tmp_path / "home", tmp_path / "elsewhere", tmp_path / "out" / "run"
    for place in (home, elsewhere):
        place.mkdir()
    lines = [line for line in sample_path.read_text(encoding="utf-8").splitlines() if line][:80]
    (tmp_path / "corpus.txt").write_text("\n\n".join(lines) + "\n\n", encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(root), "run", str(tmp_path / "tiny.toml"), "--out", str(out)],
        cwd=elsewhere, env={**os.environ, "HOME": str(home)}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = done.stdout.partition("written:\n")[2].splitlines()
    assert len(written) > 40
    others = [path for path in written if not path.startswith((f"{out.parent}{os.sep}", "/dev/"))]
    assert [path for path in others if path != str(out.parent)] == []
    assert list(elsewhere.iterdir()) == []
    assert not (home / ".cache/paddle/to_static_tmp").exists()
    assert [path for path in out.parent.iterdir() if path != out] == []
