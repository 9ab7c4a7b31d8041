"""Names in manifests, and links in the place of files, that lead anywhere on the machine: nothing there is read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from slu.cli import main
from slu.errors import BundleError
from slu.files import DIGEST, FILES, MARK, _digest, damage_of, sha256
from slu.runtime.bundle import open_directory
from slu.runtime.inspection import inspect_model

SAMPLE = Path(__file__).parents[2] / "data" / "formats" / "columns-bio.txt"


@pytest.mark.parametrize("name", ["/", "/etc/hostname", "../beside", "a\0b", "\ud800", "link", "sub", "", "x" * 5000])
def test_a_manifest_names_files_of_its_own_directory(tmp_path: Path, name: str) -> None:
    """The hashes are public to make, so what a manifest says of them is as trustworthy as who wrote it."""
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "sub" / "file").write_text("x")
    (out / "link").symlink_to("/")
    (tmp_path / "beside").write_text("x")
    manifest = {"format_version": 1, "stage": "export", FILES: {name: sha256(tmp_path / "beside")}}
    manifest[DIGEST] = _digest(manifest)
    (out / MARK).write_text(json.dumps(manifest))
    damage = damage_of(out)
    assert damage.endswith(("was changed or is not whole", "is not whole")) or "cannot be read, " in damage


def test_a_manifest_that_is_hardly_not_too_deep(tmp_path: Path) -> None:
    for depth in range(500, 1000, 9):
        (tmp_path / MARK).write_text(f'{{"files": {{}}, "digest": "", "metrics": {"[" * depth}{"]" * depth}}}')
        assert damage_of(tmp_path) in (f"{MARK} was changed", f"{MARK} is empty or not whole", f"{MARK} is not whole")


@pytest.mark.parametrize("name", ["vocab.txt", "labels.json", "config.json"])
def test_a_link_to_a_directory_is_no_file_of_a_bundle(small_bundle: Path, tmp_path: Path, name: str) -> None:
    bundle = shutil.copytree(small_bundle, tmp_path / "bundle")
    (bundle / name).unlink()
    (bundle / name).symlink_to("/")
    with pytest.raises(BundleError, match=rf"^[^\n]*{name}: cannot be read \(Is a directory\)$"):
        open_directory(bundle)


def test_a_file_that_cannot_be_read_is_named(small_bundle: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(small_bundle, tmp_path / "bundle")
    with (bundle / "notes").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(BundleError, match=r"^[^\n]*notes: cannot be read \(larger than 4096 MiB\)$"):
        inspect_model(bundle)


def test_names_that_are_no_text_have_a_hash(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff")).write_text("x")
    (tmp_path / "é").write_text("x")
    assert sha256(tmp_path) != sha256(shutil.move(tmp_path / "é", tmp_path / "e") and tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        "data convert LOOP --out OUT",
        "data convert LOOP --from conll --out OUT",
        "data convert SAMPLE --intents LOOP --out OUT",
        "data split LOOP --out OUT",
        "data augment LOOP --out OUT",
        "data check LOOP",
        "export LOOP --out OUT",
        "parse LOOP x",
        "inspect LOOP",
        "train --config LOOP --out OUT",
    ],
)
def test_links_in_a_circle(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(loop)
    places = {"LOOP": str(loop), "SAMPLE": str(SAMPLE), "OUT": str(tmp_path / "out")}
    assert main([places.get(word, word) for word in command.split()]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and errors[0].startswith("slu: error: ")
    assert not (tmp_path / "out").exists()
