"""What exists is whole: directories and files appear complete, or what was there stays."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench_arm.report.inputs import TRAINING
from export_lite.labels_file import LABELS_FILE
from slu.errors import OutputError
from slu.files import (
    MARK,
    check_output_directory,
    new_directory,
    remove_leftovers,
    sha256,
    write_file,
    write_result,
)
from slu.inputs.pins import PINS
from slu.manifest import Manifest
from slu.model.checkpoint import CONFIG, LABELS, LEXICONS, NGRAMS, VOCAB, WEIGHTS
from slu.runtime.formats import FORMATS
from slu.training.stage import EVALUATION
from slu.training.visualdl_log import DIRECTORY as VISUALDL

EARLIER = b"what was there"


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def entries(directory: Path) -> list[str]:
    return sorted(p.name for p in directory.iterdir())


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A directory that this project made earlier."""
    path = tmp_path / "out"
    with new_directory(path) as directory:
        Manifest(stage="earlier").save(directory)
        (directory / "weights").write_bytes(EARLIER)
    return path


@contextlib.contextmanager
def small_disk() -> Iterator[None]:
    """Files of more than 4096 bytes cannot be written: not a fixture, as it would hold for pytest's own output too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_directory_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "a" / "out"
    with new_directory(target) as directory:
        (directory / "file").write_bytes(b"1")
        assert not target.exists()
    assert tree(tmp_path) == {"a/out/file": b"1"}
    assert entries(target.parent) == ["out"]
    assert target.stat().st_mode & 0o777 == 0o755


def test_our_own_directory_is_replaced(ours: Path) -> None:
    with new_directory(ours) as directory:
        (directory / "new").write_bytes(b"1")
        assert (ours / "weights").read_bytes() == EARLIER
    assert tree(ours.parent) == {"out/new": b"1"}
    assert entries(ours.parent) == ["out"]


def test_an_empty_directory_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_directory(tmp_path / "out") as directory:
        (directory / "new").write_bytes(b"1")
    assert tree(tmp_path) == {"out/new": b"1"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("x"), OSError(errno.EIO, "broken")])
@pytest.mark.parametrize("there", [True, False])
def test_a_failure_leaves_nothing_behind(error: BaseException, there: bool, ours: Path) -> None:
    target = ours if there else ours.with_name("other")
    before = tree(ours.parent)
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)), new_directory(target) as directory:
        (directory / "half").write_bytes(b"1")
        raise error
    assert tree(ours.parent) == before
    assert entries(ours.parent) == ["out"]


@pytest.mark.parametrize(
    "manifest",
    [None, '{"name": "a browser extension", "version": "1"}', "[]", "{", '{"format_version": 1}', "\xff"],
)
def test_what_others_made_is_left_alone(manifest: str | None, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_bytes(EARLIER)
    if manifest is not None:
        (tmp_path / MARK).write_text(manifest, encoding="latin-1")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="holds something else"), new_directory(tmp_path):
        raise AssertionError("must not be reached")
    assert tree(tmp_path) == before
    assert entries(tmp_path.parent).count(f".{tmp_path.name}") == 0


def test_a_directory_whose_manifest_is_damaged_is_still_ours(tmp_path: Path) -> None:
    """By the names of all that is in it."""
    names = {WEIGHTS, CONFIG, VOCAB, LABELS, LEXICONS, NGRAMS, PINS, EVALUATION, TRAINING, VISUALDL, LABELS_FILE}
    names |= {name.partition("/")[0] for form in FORMATS.values() for name in form.files}
    for name in (MARK, *names):
        (tmp_path / name).write_bytes(b"{")
    check_output_directory(tmp_path)
    (tmp_path / "thesis.txt").write_bytes(b"")
    with pytest.raises(OutputError, match="holds something else"):
        check_output_directory(tmp_path)


def test_what_another_run_is_writing_is_no_leftover(tmp_path: Path) -> None:
    """Into ``m.v2`` beside ``m``: only exactly the names that are made for ``m`` are removed, or come back."""
    others = [".m.v2.deadbeef.tmp", ".m.v2.abcdabcd.old", ".m.training", ".m.DEADBEEF.tmp", ".m.99999999.tmp"]
    for name in (*others[:4], ".m.0123abcd.tmp"):
        (tmp_path / name / "old").mkdir(parents=True)
    (tmp_path / others[4]).write_bytes(b"")
    remove_leftovers(tmp_path / "m")
    assert entries(tmp_path) == sorted(others)
    (tmp_path / ".m.0123abcd.old" / "old").mkdir(parents=True)
    remove_leftovers(tmp_path / "m")
    assert entries(tmp_path) == sorted([*others, "m"])
    (tmp_path / "m").rmdir()
    (tmp_path / ".m.v2.99999999.tmp").write_bytes(b"")
    (tmp_path / ".m.99999998.tmp").mkdir()
    write_file(tmp_path / "m", b"1")  # no process has these numbers
    assert entries(tmp_path) == sorted([*others[:4], ".m.99999998.tmp", ".m.v2.99999999.tmp", "m"])


def test_a_file_or_a_link_is_no_output_directory(ours: Path) -> None:
    (ours.parent / "link").symlink_to(ours)
    (ours.parent / "file").write_bytes(EARLIER)
    (ours.parent / "dangling").symlink_to(ours.parent / "nowhere")
    for name in ("link", "file", "dangling"):
        with pytest.raises(OutputError, match=f"{name}: exists and is not a directory"):
            check_output_directory(ours.parent / name)
    with pytest.raises(OutputError, match="cannot be written"), new_directory(ours.parent / "file" / "below"):
        raise AssertionError("must not be reached")


def test_a_full_disk_keeps_what_was_there(ours: Path) -> None:
    before = tree(ours.parent)
    with pytest.raises(OutputError, match="no space left") as caught, new_directory(ours) as directory:
        (directory / "half").write_bytes(b"1")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory / "half"))
    assert str(ours) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert tree(ours.parent) == before
    assert entries(ours.parent) == ["out"]


def test_a_directory_that_cannot_be_renamed_stays(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it is a mount point. First the old one cannot be moved away, then the new one not into its place."""
    before = tree(ours.parent)
    rename = os.rename
    for refused in (1, 2):
        calls = 0

        def failing(source: Path, target: Path, refused: int = refused) -> None:
            nonlocal calls
            calls += 1
            if calls == refused:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(source))
            rename(source, target)

        monkeypatch.setattr(os, "rename", failing)
        with pytest.raises(OutputError, match="cannot be written"), new_directory(ours) as directory:
            (directory / "new").write_bytes(b"1")
        monkeypatch.undo()
        assert calls == (1 if refused == 1 else 3)
        assert tree(ours.parent) == before
        assert entries(ours.parent) == ["out"]


def test_the_current_directory_stays_where_it_is(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(ours.parent)
    monkeypatch.chdir(ours)
    with pytest.raises(OutputError), new_directory("."):
        pass
    assert tree(ours.parent) == before


def test_a_real_write_that_fails_keeps_the_directory(ours: Path) -> None:
    before = tree(ours.parent)
    with pytest.raises(OutputError, match="File too large"), small_disk(), new_directory(ours) as directory:
        (directory / "weights").write_bytes(bytes(5000))
    assert tree(ours.parent) == before
    assert entries(ours.parent) == ["out"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "below" / "file"
    write_file(path, "听")
    assert path.read_bytes() == "听".encode()
    with pytest.raises(OutputError, match="File too large"), small_disk():
        write_file(path, bytes(5000))
    assert tree(tmp_path) == {"below/file": "听".encode()}
    with pytest.raises(OutputError, match="below: cannot be written"):
        write_file(path.parent, b"1")
    with pytest.raises(OutputError, match="cannot be written"):
        write_file(path / "x", b"1")
    assert entries(tmp_path) == ["below"]


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("kept")
    (tmp_path / f".a.{os.getpid()}.tmp").symlink_to(tmp_path / "theirs")
    (tmp_path / ".out.lock").symlink_to(tmp_path / "nothing")
    write_file(tmp_path / "a", "new")
    assert (tmp_path / "theirs").read_text() == "kept" and (tmp_path / "a").read_text() == "new"
    with pytest.raises(OutputError, match="out: cannot be written"), new_directory(tmp_path / "out"):
        pass
    assert entries(tmp_path) == [".out.lock", "a", "theirs"]
    (tmp_path / ".out.lock").unlink()
    (tmp_path / ".out.lock").write_text("somebody's")
    with new_directory(tmp_path / "out") as directory:
        (directory / "x").write_text("x")
    assert entries(tmp_path) == [".out.lock", "a", "out", "theirs"]


def test_devices_and_pipes_are_written_to_and_stay(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="/dev/full: no space left on the device"):
        write_file("/dev/full", b"1")
    assert Path("/dev/full").is_char_device()
    write_file("/dev/null", b"1")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, bytes(200_000))
    reader.join()
    assert received == [bytes(200_000)]
    assert pipe.is_fifo()


def test_a_hash_depends_on_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"abc")
    assert sha256(tmp_path / "a" / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    seen = {sha256(tmp_path / "a")}
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    seen.add(sha256(tmp_path / "a"))
    (tmp_path / "a" / "y").write_bytes(b"abd")
    seen.add(sha256(tmp_path / "a"))
    (tmp_path / "a").rename(tmp_path / "b")
    seen.add(sha256(tmp_path / "b"))
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("before", "after", "replaced"),
    [
        ('[{"name": "a", "bytes": 1}]', '[{"name": "b", "bytes": 2}, {"name": "c"}]', True),
        ('[{"text": "somebody\'s corpus", "slots": {}}]', '[{"name": "b", "bytes": 2}]', False),
        ('["a list of names"]', '[{"name": "b"}]', False),
        ('["a list of names"]', '["b"]', False),
        ("[]", '[{"name": "b"}]', False),
        ('{"name": "a", "bytes": 1}', '{"name": "b", "bytes": 2}', True),
        ('{"name": "a"}', '[{"name": "b"}]', False),
        ("", '[{"name": "b"}]', True),
    ],
)
def test_a_list_replaces_a_list_of_the_same_kind(tmp_path: Path, before: str, after: str, replaced: bool) -> None:
    target = tmp_path / "results.json"
    target.write_text(before)
    if replaced:
        write_result(target, after)
        assert target.read_text() == after
    else:
        with pytest.raises(OutputError, match="holds something else than this command writes"):
            write_result(target, after)
        assert target.read_text() == before
