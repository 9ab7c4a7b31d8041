"""Pipes, devices, directories and sparse files of a terabyte in the place of each kind of file: a line, at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench_arm.device.results import read_lines
from slu.errors import BundleError, SluError
from slu.model.checkpoint import read_tensors
from slu.runtime.soft_labels import description_of
from slu.serving.service import read_tokens

ROOT = Path(__file__).parents[2]
KINDS = ("pipe", "device", "directory", "sparse")


def make(kind: str, path: Path) -> Path:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as stream:
            stream.truncate(1 << 40)
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_one_line_for_each(small_bundle: Path, tmp_path: Path, kind: str) -> None:
    """All commands in one process, which would hang, use up the memory or show a traceback."""
    odd = make(kind, tmp_path / "odd")
    model = make(kind, tmp_path / "odd.gguf")
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("vocab.txt", "config.json", "labels.json"):
        (broken / name).write_bytes((small_bundle / name).read_bytes())
    make(kind, broken / "manifest.json")
    parts = tmp_path / "parts"
    parts.mkdir()
    for name in ("seq.in", "seq.out"):
        (parts / name).write_text("a\n")
    make(kind, parts / "label")
    make(kind, tmp_path / "soft-labels.json")
    corpus = ROOT / "tests" / "data" / "formats" / "columns-bio.txt"
    commands = [
        *(["data", "convert", odd, "--from", name, "--out", tmp_path / "out"] for name in ("doccano", "conll", "rasa")),
        ["data", "convert", corpus, "--intents", odd, "--out", tmp_path / "out"],
        ["data", "convert", parts, "--from", "jointbert", "--out", tmp_path / "out"],
        ["label", small_bundle, odd, "--out", tmp_path / "labels"],
        ["report", odd, "--out", tmp_path / "out.html"],
        ["parse", model, "x"],
        ["inspect", model],
        ["inspect", odd],
        ["parse", broken, "x"],
        ["parse", small_bundle, "--pins", odd, "x"],
        ["lexicon", "check", f"song={odd}"],
        ["data", "check", odd],
        ["eval", small_bundle, "--data", odd],
        ["train", "--config", odd, "--out", tmp_path / "out"],
    ]
    program = (
        "import sys; from slu.cli import main\n"
        "for line in sys.stdin.read().splitlines():\n"
        "    print('>', main(line.split('\\t')), flush=True)"
    )
    given = "\n".join("\t".join(map(str, command)) for command in commands)
    done = subprocess.run([sys.executable, "-c", program], input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    codes = [line for line in done.stdout.splitlines() if line.startswith(">")]
    errors = done.stderr.strip().splitlines()
    assert codes == ["> 2"] * len(commands) and len(errors) == len(commands), done.stderr
    assert all(line.startswith("slu: error: ") for line in errors)
    with pytest.raises(BundleError, match=r"soft-labels\.json: cannot be read"):
        description_of(tmp_path)
    for read in (read_lines, read_tokens, read_tensors):
        with pytest.raises(SluError, match="odd: (cannot be read|no such file)"):
            read(odd)
